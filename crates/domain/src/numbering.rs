//! Which numbers people's phones have, by country, as far as npm `phone` knows, which the Condo dialect's source goes by: a code
//! goes to no satellite, to nothing that nobody has, and to few premium services. Where a number has a digit too many that one
//! drops it, and here the number is none. The world's whole numbering plans (the crate `phonenumber`) would be 3 MB more of program
//! and 11 MB more of memory.

use std::sync::LazyLock;

use super::account::Phone;

/// The phones of a country.
struct Plan {
    code: &'static str,
    /// How many digits may stand behind the code.
    lengths: Vec<usize>,
    /// With what those begin; none: with anything.
    prefixes: Vec<&'static str>,
}

static PLANS: LazyLock<Vec<Plan>> = LazyLock::new(|| include_str!("numbering.txt").lines().filter_map(plan).collect());

fn plan(line: &'static str) -> Option<Plan> {
    if line.starts_with('#') {
        return None;
    }
    let mut parts = line.split(' ').skip(1);
    let (code, lengths) = (parts.next()?, parts.next()?);
    let lengths = lengths.split(',').filter_map(|length| length.parse().ok()).collect();
    let prefixes = parts.next().map(|prefixes| prefixes.split(',').collect()).unwrap_or_default();
    Some(Plan { code, lengths, prefixes })
}

impl Plan {
    fn has(&self, number: &str) -> bool {
        let Some(rest) = number.strip_prefix(self.code) else { return false };
        let begins = || self.prefixes.is_empty() || self.prefixes.iter().any(|prefix| rest.starts_with(prefix));
        self.lengths.contains(&rest.len()) && begins()
    }

    /// Whether a number may begin with these digits.
    fn may_begin(&self, digits: &str) -> bool {
        let both = |whole: &str| whole.starts_with(digits) || digits.starts_with(whole);
        if self.prefixes.is_empty() {
            return both(self.code);
        }
        self.prefixes.iter().any(|prefix| both(&format!("{}{prefix}", self.code)))
    }
}

/// Whether a person's phone may have this number.
pub fn is_a_phones(number: &Phone) -> bool {
    let number = number.as_str().trim_start_matches('+');
    PLANS.iter().any(|plan| plan.has(number))
}

/// What phones' numbers begin with, such as `+7`.
pub fn prefix(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix('+').unwrap_or_default();
    if !((1..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err("must be + and the first digits of numbers, such as \"+7\"".to_owned());
    }
    if !PLANS.iter().any(|plan| plan.may_begin(digits)) {
        return Err("is how no phone's number begins: no code would be sent there".to_owned());
    }
    Ok(text.to_owned())
}

/// Where messages go at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach(Vec<String>);

impl Reach {
    /// To numbers that begin with one of these; without any, to all.
    pub fn of(prefixes: Vec<String>) -> Self {
        Self(prefixes)
    }

    /// Whether a message to this number is sent.
    pub fn includes(&self, number: &Phone) -> bool {
        let is_within = |prefix: &String| number.as_str().starts_with(prefix.as_str());
        is_a_phones(number) && (self.0.is_empty() || self.0.iter().any(is_within))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone(number: &str) -> Phone {
        Phone::parse(number).unwrap()
    }

    #[test]
    fn every_line_of_the_table_is_read() {
        let lines = include_str!("numbering.txt").lines().filter(|line| !line.starts_with('#'));
        assert_eq!(lines.count(), PLANS.len());
        assert!(PLANS.len() > 200);
        for plan in PLANS.iter() {
            assert!(!plan.lengths.is_empty() && plan.code.bytes().all(|b| b.is_ascii_digit()), "{}", plan.code);
            assert!(plan.prefixes.iter().all(|prefix| !prefix.is_empty()), "{}", plan.code);
        }
    }

    #[test]
    fn a_code_goes_to_phones_alone() {
        for (number, expected) in [
            ("+79991234567", true),
            ("+77011234567", true),
            ("+447911123456", true),
            ("+12025550123", true),
            ("+14165550123", true),
            ("+4915112345678", true),
            ("+523312345678", true),
            ("+299221234", true),
            // Premium services.
            ("+78091234567", false),
            ("+19005550123", false),
            ("+19765550123", false),
            ("+449098790000", false),
            ("+33899123456", false),
            ("+49900123456", false),
            // Satellites and other services of no country.
            ("+870773123456", false),
            ("+881612345678", false),
            ("+88213123456", false),
            ("+883510012345", false),
            ("+979123456789", false),
            ("+80012345678", false),
            // Nobody's.
            ("+76001234567", false),
            ("+2101234567", false),
            ("+999123456789", false),
            ("+44791112345", false),
            ("+4479111234567", false),
            ("+7999123456", false),
        ] {
            assert_eq!(is_a_phones(&phone(number)), expected, "{number}");
        }
    }

    #[test]
    fn messages_go_where_they_may() {
        let reach = |prefixes: &[&str]| Reach::of(prefixes.iter().map(|&prefix| prefix.to_owned()).collect());
        for (prefixes, number, expected) in [
            (&[][..], "+79991234567", true),
            (&["+7"], "+79991234567", true),
            (&["+44", "+7999"], "+79991234567", true),
            (&["+44"], "+79991234567", false),
            (&["+7998"], "+79991234567", false),
            (&["+7"], "+78091234567", false),
            (&["+881"], "+881612345678", false),
        ] {
            assert_eq!(reach(prefixes).includes(&phone(number)), expected, "{prefixes:?} {number}");
        }
        for right in ["+7", "+7999", "+79991234", "+3", "+44", "+447", "+52", "+529", "+2"] {
            assert_eq!(prefix(right).as_deref(), Ok(right));
        }
        for (told, wrong) in [
            ("must be +", ["", "7", "+", "+7 9", "+a", "+1234567890123456"].as_slice()),
            ("is how no phone's", &["+0", "+881", "+1900", "+448", "+7809"]),
        ] {
            for wrong in wrong {
                assert!(prefix(wrong).expect_err(wrong).starts_with(told), "{wrong}");
            }
        }
    }
}
