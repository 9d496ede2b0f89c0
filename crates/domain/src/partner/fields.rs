//! Where a partner's userinfo says what, and what it says: read strictly, since a wrong guess would be another person.

use serde_json::{Map, Value};

use crate::account::{Address, AddressKind, Email, Phone};
use crate::error::{Error, Result};
use crate::ids::Sid;
use crate::name;

/// Where a claim stands in what a partner or a provider says: members and places in lists, such as `contact.phones[0].number`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldPath {
    whole: String,
    steps: Vec<String>,
}

impl FieldPath {
    /// Reads a dotted path; a place in a list is `[0]` or `.0`.
    pub fn parse(text: &str) -> Result<Self> {
        let refused = || Error::input("path", "must be a path such as contact.phone or phones[0].number");
        let mut steps = Vec::new();
        for part in text.split('.') {
            let (name, places) = part.split_once('[').map_or((part, None), |(name, rest)| (name, Some(rest)));
            // `[0]` may begin the path, where userinfo itself is a list.
            let begins_list = name.is_empty() && places.is_some() && steps.is_empty();
            if !begins_list {
                if name.trim() != name || name.is_empty() || name.chars().any(|c| c.is_control() || c == ']') {
                    return Err(refused());
                }
                steps.push(name.to_owned());
            }
            let Some(places) = places else { continue };
            for place in places.split('[') {
                let digits = place.strip_suffix(']').ok_or_else(refused)?;
                if digits.is_empty() || digits.len() > 4 || !digits.chars().all(|c| c.is_ascii_digit()) {
                    return Err(refused());
                }
                steps.push(digits.to_owned());
            }
        }
        Ok(Self { whole: text.to_owned(), steps })
    }

    /// What stands there. A member whose own name has the dots wins over the path, as with namespaced claims.
    pub fn find<'v>(&self, userinfo: &'v Value) -> Option<&'v Value> {
        let whole = userinfo.as_object().and_then(|members| members.get(&self.whole));
        whole.or_else(|| {
            self.steps.iter().try_fold(userinfo, |value, step| match value {
                Value::Object(members) => members.get(step),
                Value::Array(items) => items.get(step.parse::<usize>().ok()?),
                _ => None,
            })
        })
    }

    /// Where to write so that [`FieldPath::find`] finds it: what is not there on the way is made.
    fn find_or_make<'v>(&self, userinfo: &'v mut Value) -> Option<&'v mut Value> {
        let whole = userinfo.as_object().is_some_and(|members| members.contains_key(&self.whole));
        if whole {
            return userinfo.as_object_mut()?.get_mut(&self.whole);
        }
        self.steps.iter().try_fold(userinfo, |value, step| {
            if let Value::Array(items) = value {
                return items.get_mut(step.parse::<usize>().ok()?);
            }
            if !value.is_object() {
                *value = Value::Object(Map::new());
            }
            Some(value.as_object_mut()?.entry(step.clone()).or_insert(Value::Null))
        })
    }
}

/// Where each claim stands in a partner's userinfo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// The account's id there.
    pub id: FieldPath,
    /// The person's name.
    pub name: FieldPath,
    /// Their phone number.
    pub phone: FieldPath,
    /// Whether the partner has verified it.
    pub phone_verified: FieldPath,
    /// Their e-mail address.
    pub email: FieldPath,
    /// Whether the partner has verified it.
    pub email_verified: FieldPath,
    /// Whether an address of which nothing is said counts as verified, as in the source.
    pub absent_means_verified: bool,
    /// Whether the partner writes true and false as texts, as AWS Cognito does.
    pub text_booleans: bool,
}

/// What a partner's userinfo says of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The account's id there.
    pub sid: Sid,
    /// The person's name, as names are kept.
    pub name: Option<String>,
    /// Their phone number, letter by letter as the partner has it.
    pub phone: Option<Phone>,
    /// Whether the partner has verified it; where it doesn't say, as [`Fields::absent_means_verified`] has it.
    pub phone_verified: bool,
    /// Their e-mail address.
    pub email: Option<Email>,
    /// Whether the partner has verified it; where it doesn't say, as [`Fields::absent_means_verified`] has it.
    pub email_verified: bool,
}

impl Fields {
    /// What userinfo says of its person; `None` if a claim is of a wrong type or shape, or there is no id.
    pub fn read(&self, userinfo: &Value) -> Option<Profile> {
        self.read_all(userinfo).ok()
    }

    fn read_all(&self, userinfo: &Value) -> std::result::Result<Profile, Wrong> {
        Ok(Profile {
            sid: id(self.id.find(userinfo)).ok_or(Wrong)?,
            name: text(self.name.find(userinfo))?.and_then(name::told),
            phone: text(self.phone.find(userinfo))?.map(exact_phone).transpose()?,
            phone_verified: self.flag(self.phone_verified.find(userinfo))?,
            email: text(self.email.find(userinfo))?.map(exact_email).transpose()?,
            email_verified: self.flag(self.email_verified.find(userinfo))?,
        })
    }

    /// True or false; here null is not as if it were absent.
    fn flag(&self, claim: Option<&Value>) -> std::result::Result<bool, Wrong> {
        match claim {
            None => Ok(self.absent_means_verified),
            Some(Value::Bool(told)) => Ok(*told),
            Some(Value::String(told)) if self.text_booleans => told.parse().map_err(|_neither| Wrong),
            Some(_) => Err(Wrong),
        }
    }

    /// The userinfo as if it had said, of its own, the address that its person has confirmed here.
    #[must_use]
    pub fn with_confirmed(&self, mut userinfo: Value, address: &Address) -> Value {
        let (own, verified) = match address.kind() {
            AddressKind::Email => (&self.email, &self.email_verified),
            AddressKind::Phone => (&self.phone, &self.phone_verified),
        };
        for (path, claim) in [(own, Value::from(address.as_str())), (verified, Value::Bool(true))] {
            if let Some(place) = path.find_or_make(&mut userinfo) {
                *place = claim;
            }
        }
        userinfo
    }
}

/// A claim is not what it must be.
struct Wrong;

/// A text, or a whole number that is not negative, in decimal.
fn id(claim: Option<&Value>) -> Option<Sid> {
    let text = match claim? {
        Value::String(text) => text.clone(),
        Value::Number(number) => match (number.as_u64(), number.as_f64()) {
            (Some(whole), _) => whole.to_string(),
            // 17.0 and 1.7e1 are whole numbers too, up to where a fraction can't be told from none (2^53).
            (None, Some(number)) if number.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(&number) => {
                format!("{:.0}", number.abs())
            }
            _ => return None,
        },
        _ => return None,
    };
    Sid::parse(text).ok().filter(|sid| is_whole(sid.as_str()))
}

/// Whether nothing of a text was lost on its way: what could not be read stands as U+FFFD, and two people could be one by it.
fn is_whole(text: &str) -> bool {
    !text.contains(char::REPLACEMENT_CHARACTER)
}

/// A text; null is as if it were absent.
fn text(claim: Option<&Value>) -> std::result::Result<Option<&str>, Wrong> {
    match claim {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Wrong),
    }
}

fn exact_phone(text: &str) -> std::result::Result<Phone, Wrong> {
    // What people write in between is no number of E.164, and two partners' ways to write one would be two.
    Phone::parse(text).ok().filter(|phone| phone.as_str() == text).ok_or(Wrong)
}

fn exact_email(text: &str) -> std::result::Result<Email, Wrong> {
    Email::parse(text).ok().filter(|_| text.trim() == text && is_whole(text)).ok_or(Wrong)
}
