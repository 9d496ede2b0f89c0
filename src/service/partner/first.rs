//! A first sign-in: the person is found by an address that is proven to be theirs, or becomes a new user, all in one
//! transaction. The database's constraints decide who is first; whoever is not starts over.

use std::collections::BTreeMap;

use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};

use super::super::audit::{About, record};
use super::super::condo_sessions::{PARTNER, SignedIn};
use super::super::{Parts, confirm_phone, endings, links};
use super::{Arrival, CONFIRMED, Step, enter};
use crate::domain::account::{Address, Email, Phone};
use crate::domain::endings::Change;
use crate::domain::event::Event;
use crate::domain::ids::Subject;
use crate::domain::link::Proof;
use crate::domain::partner::{Holder, Holders, Plan, Profile, Standing, Trust, plan};
use crate::domain::refusal::Refusal;
use crate::domain::{Error, Result};
use crate::store::accounts::{AccountRow, hold};
use crate::store::partner::{self as rows, Filling};
use crate::store::{self, Conn, Tx, at};

/// What a partner tells is kept as it is up to this many bytes; of more, only what we have read in it.
const KEPT: usize = 16 * 1024;

/// Signs in somebody whose identity nobody has yet.
pub(super) async fn sign_in(parts: &Parts, arrival: &Arrival) -> Result<Step> {
    let mut told = Told::new(arrival);
    let token = if arrival.client.require_confirmed_phone { arrival.confirmed()? } else { None };
    if let Some(token) = token {
        match confirm_phone::find_verified(parts, token.expose_secret()).await? {
            Some(phone) => told.confirm(arrival, phone),
            None => return unconfirmed(parts, arrival).await,
        }
    }
    let mut tx = parts.store.begin().await?;
    let Some(found) = hold_holders(tx.conn(), arrival, &told.profile).await? else { return Ok(Step::Again) };
    // An account that was found may be the one that the same identity has just become, and needs no linking.
    if rows::find_owner(tx.conn(), &arrival.key).await?.is_some() {
        return Ok(Step::Again);
    }
    // Accounts are held first, and confirmations after them, by whoever holds both: nobody locks another out. Who spent it
    // meanwhile may be the very sign-in that this one repeats.
    if let Some(token) = token
        && confirm_phone::spend(parts, &mut tx, token.expose_secret()).await?.is_none()
    {
        return Ok(Step::Again);
    }
    let plan = plan(&told.profile, told.trust, &found.holders());
    let Some(subject) = settle(parts, &mut tx, arrival, (&told, &found, &plan)).await? else { return Ok(Step::Again) };
    let changed = end_what_changed(parts, &mut tx, &plan).await?;
    let link = links::Making {
        subject: &subject,
        provider: &arrival.client.identity,
        sid: arrival.sid(),
        user_name: told.profile.name.clone(),
        proof: Proof::Proven,
        origin: Some(&arrival.client_id),
    };
    match links::make_own(parts, &mut tx, &arrival.actor(), link, Some(&arrival.key)).await {
        Ok(_) => {}
        Err(Error::AlreadyLinked) => return Ok(Step::Again),
        Err(error) => return Err(error),
    }
    let signed_in = SignedIn {
        subject: &subject,
        source: PARTNER,
        provider: arrival.client.identity.fp_name(),
        client_id: Some(arrival.client_id.as_str()),
    };
    let ticket = enter::open(parts, tx, arrival, signed_in).await?;
    for subject in &changed {
        parts.tokens_seen.forget_subject(subject);
    }
    Ok(Step::Done(ticket))
}

/// Ends what the plan's changes of addresses end, of whoever had or gets one; gives whose. The session that is about to be
/// opened comes after.
async fn end_what_changed(parts: &Parts, tx: &mut Tx, plan: &Plan) -> Result<Vec<Subject>> {
    let placings = [&plan.phone, &plan.email];
    let mut changed: Vec<Subject> = placings.iter().filter_map(|placing| placing.taken_from.clone()).collect();
    changed.extend(plan.user.clone().filter(|_| placings.iter().any(|placing| placing.given.is_some())));
    for subject in &changed {
        endings::carry_out(parts, tx, subject.as_str(), (&[Change::Address], None)).await?;
    }
    Ok(changed)
}

/// The answer to a token that confirms nothing, unless it was spent by the very sign-in that this one repeats.
async fn unconfirmed(parts: &Parts, arrival: &Arrival) -> Result<Step> {
    if store::read!(parts.store, |conn| rows::find_owner(conn, &arrival.key))?.is_some() {
        return Ok(Step::Again);
    }
    Err(Error::refused(Refusal::InvalidParameter(CONFIRMED)))
}

/// What is believed of a person, a phone number that was confirmed here above what the partner tells.
struct Told {
    profile: Profile,
    userinfo: Value,
    trust: Trust,
}

impl Told {
    fn new(arrival: &Arrival) -> Self {
        Self { profile: arrival.profile.clone(), userinfo: arrival.userinfo.clone(), trust: arrival.client.trust }
    }

    fn confirm(&mut self, arrival: &Arrival, phone: Phone) {
        self.userinfo = arrival.client.fields.with_confirmed(std::mem::take(&mut self.userinfo), &phone);
        self.profile.phone = Some(phone);
        self.profile.phone_verified = true;
        self.trust.phone = true;
    }

    fn phone(&self) -> Option<Address> {
        self.profile.phone.clone().map(Address::Phone)
    }

    fn email(&self) -> Option<Address> {
        self.profile.email.clone().map(Address::Email)
    }

    /// What is kept of it with the account.
    fn kept(&self) -> Value {
        if self.userinfo.to_string().len() <= KEPT {
            return self.userinfo.clone();
        }
        let Profile { sid, name, phone, phone_verified, email, email_verified } = &self.profile;
        json!({
            "sub": sid.as_str(), "name": name,
            "phone_number": phone.as_ref().map(Phone::as_str), "phone_number_verified": phone_verified,
            "email": email.as_ref().map(Email::as_str), "email_verified": email_verified,
        })
    }
}

/// The accounts that have the profile's addresses.
#[derive(Default)]
struct Found {
    phone: Option<AccountRow>,
    email: Option<AccountRow>,
}

impl Found {
    async fn look(conn: &mut Conn, arrival: &Arrival, profile: &Profile) -> Result<Self> {
        let mut found = Self::default();
        if let Some(phone) = profile.phone.clone() {
            found.phone = rows::find_holder(conn, arrival.user_type, &Address::Phone(phone)).await?;
        }
        if let Some(email) = profile.email.clone() {
            found.email = rows::find_holder(conn, arrival.user_type, &Address::Email(email)).await?;
        }
        Ok(found)
    }

    fn rows(&self) -> impl Iterator<Item = &AccountRow> {
        self.phone.iter().chain(&self.email)
    }

    /// Whose they are, each once, in an order that is everybody's: two who hold several wait, and don't lock each other out.
    fn subjects(&self) -> Vec<&str> {
        let mut subjects: Vec<&str> = self.rows().map(|row| row.subject.as_str()).collect();
        subjects.sort_unstable();
        subjects.dedup();
        subjects
    }

    fn row(&self, subject: &Subject) -> Option<&AccountRow> {
        self.rows().find(|row| row.subject == subject.as_str())
    }

    fn holders(&self) -> Holders {
        let holder = |row: Option<&AccountRow>| row.and_then(holder);
        Holders { phone: holder(self.phone.as_ref()), email: holder(self.email.as_ref()) }
    }
}

fn holder(row: &AccountRow) -> Option<Holder> {
    let standing = |address: &Option<String>, verified| match address {
        None => Standing::Absent,
        Some(_) if verified => Standing::Verified,
        Some(_) => Standing::Unverified,
    };
    Some(Holder {
        subject: Subject::parse(row.subject.clone()).ok()?,
        is_named: row.name.as_ref().is_some_and(|name| !name.trim().is_empty()),
        phone: standing(&row.phone, row.phone_verified),
        email: standing(&row.email, row.email_verified),
        opens_to_partners: row.standing().opens_to_partners(),
        is_deleted: row.disabled_at.is_some(),
    })
}

/// Who has the profile's addresses, held until the transaction ends; `None` if that changed before they were held.
async fn hold_holders(conn: &mut Conn, arrival: &Arrival, profile: &Profile) -> Result<Option<Found>> {
    let seen = Found::look(conn, arrival, profile).await?;
    for subject in seen.subjects() {
        hold(conn, &Subject::parse(subject).map_err(Error::internal)?).await?;
    }
    let held = Found::look(conn, arrival, profile).await?;
    Ok((held.subjects() == seen.subjects()).then_some(held))
}

/// Carries the plan out; gives who the user is, or `None` if another was faster.
async fn settle(
    parts: &Parts,
    tx: &mut Tx,
    arrival: &Arrival,
    (told, found, plan): (&Told, &Found, &Plan),
) -> Result<Option<Subject>> {
    // One account may lose both addresses, and its notes are to have both.
    let mut metas: BTreeMap<&str, String> = found.rows().map(|row| (row.subject.as_str(), row.meta.clone())).collect();
    for (address, placing, kind) in [(told.phone(), &plan.phone, "phone"), (told.email(), &plan.email, "email")] {
        let Some((address, from)) = address.zip(placing.taken_from.as_ref()) else { continue };
        let meta = metas.entry(from.as_str()).or_default();
        *meta = noted(meta, kind, address.as_str().into());
        if !rows::take(tx.conn(), from.as_str(), &address, (meta, at(parts.clock.now()))).await? {
            return Ok(None);
        }
        let about = About {
            subject: Some(from.as_str()),
            provider: Some(&arrival.client.identity),
            sid: Some(arrival.sid().as_str()),
            detail: Some(kind),
        };
        record(parts, tx, Event::AddressTaken, &arrival.actor(), about).await?;
    }
    match plan.user.as_ref().and_then(|user| Some((user, found.row(user)?))) {
        Some((user, row)) => {
            let filling = filling(parts, arrival, told, (plan, row));
            Ok(rows::fill(tx.conn(), user.as_str(), &filling).await?.then(|| user.clone()))
        }
        None => create(parts, tx, arrival, (told, plan)).await,
    }
}

/// What a user who was found gets.
fn filling(parts: &Parts, arrival: &Arrival, told: &Told, (plan, row): (&Plan, &AccountRow)) -> Filling {
    let mut meta = noted(&row.meta, arrival.client.identity.fp_name(), told.kept());
    let given = [(&plan.phone, &row.phone, "phone"), (&plan.email, &row.email, "email")];
    for (placing, old, kind) in given {
        // It never was verified, and is kept as that of others who lose theirs.
        if let (Some(_), Some(old)) = (placing.given, old) {
            meta = noted(&meta, kind, old.as_str().into());
        }
    }
    Filling {
        name: told.profile.name.clone().filter(|_| plan.takes_name),
        phone: text(plan.phone.given.and(told.phone())),
        phone_verified: plan.phone.given,
        email: text(plan.email.given.and(told.email())),
        email_verified: plan.email.given,
        meta,
        updated: Some(at(parts.clock.now())),
    }
}

async fn create(
    parts: &Parts,
    tx: &mut Tx,
    arrival: &Arrival,
    (told, plan): (&Told, &Plan),
) -> Result<Option<Subject>> {
    let subject = Subject::parse(parts.entropy.uuid().to_string())?;
    let (profile, system) = (&told.profile, arrival.client.identity.fp_name());
    let row = AccountRow {
        name: profile.name.clone(),
        phone: text(plan.phone.given.and(told.phone())),
        phone_verified: plan.phone.given == Some(true),
        email: text(plan.email.given.and(told.email())),
        email_verified: plan.email.given == Some(true),
        meta: noted("{}", system, told.kept()),
        external_system: Some(system.to_owned()),
        external_phone: text(told.phone()),
        external_phone_verified: profile.phone.is_some() && profile.phone_verified,
        external_email: text(told.email()),
        external_email_verified: profile.email.is_some() && profile.email_verified,
        ..AccountRow::bare(&subject, arrival.user_type, at(parts.clock.now()))
    };
    if !rows::insert(tx.conn(), &row).await? {
        return Ok(None);
    }
    let about = About { subject: Some(subject.as_str()), detail: Some("partner"), ..About::default() };
    record(parts, tx, Event::AccountCreated, &arrival.actor(), about).await?;
    Ok(Some(subject))
}

fn text(address: Option<Address>) -> Option<String> {
    address.map(|address| address.as_str().to_owned())
}

/// An account's notes with one more; what was there under the name is replaced.
fn noted(meta: &str, name: &str, value: Value) -> String {
    let mut notes: Map<String, Value> = serde_json::from_str(meta).unwrap_or_default();
    notes.insert(name.to_owned(), value);
    Value::Object(notes).to_string()
}
