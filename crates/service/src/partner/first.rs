//! A first sign-in: the person is found by an address that is proven to be theirs, or becomes a new user, all in one
//! transaction. The database's constraints decide who is first; whoever is not starts over.

use std::collections::BTreeMap;

use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};

use super::super::audit::{About, record};
use super::super::condo_sessions::{PARTNER, SignedIn};
use super::super::{Parts, confirmations, endings, links};
use super::arrival::{Arrival, Step, parameter};
use super::enter;
use domain::account::{Account, Address, AddressKind, Claimed, Email, External, Phone};
use domain::confirmation::Purpose;
use domain::endings::Change;
use domain::event::Event;
use domain::ids::Subject;
use domain::link::Proof;
use domain::partner::{Holder, Holders, Placing, Plan, Profile, Trust, plan};
use domain::refusal::Refusal;
use domain::{Error, Result};
use store::accounts::hold;
use store::partner::{self as rows, Filling};
use store::{self, Conn, Tx, at};

/// What a partner tells is kept as it is up to this many bytes; of more, only what we have read in it.
const KEPT: usize = 16 * 1024;

/// Signs in somebody whose identity nobody has yet.
pub(super) async fn sign_in(parts: &Parts, arrival: &Arrival) -> Result<Step> {
    let mut told = Told::new(arrival);
    let mut tokens = Vec::new();
    for kind in
        [AddressKind::Phone, AddressKind::Email].into_iter().filter(|kind| arrival.client.wants_confirmed(*kind))
    {
        let Some(token) = arrival.confirmed(kind)? else { return Err(missing(arrival, kind)) };
        let purpose = Purpose::confirming(kind);
        match confirmations::find_verified(parts, purpose, token.expose_secret()).await? {
            Some(address) => told.confirm(arrival, address),
            None => return unconfirmed(parts, arrival, kind).await,
        }
        tokens.push((purpose, token));
    }
    let mut tx = parts.store.begin().await?;
    let Some(found) = hold_holders(tx.conn(), arrival, &told.profile).await? else { return Ok(Step::Again) };
    // An account that was found may be the one that the same identity has just become, and needs no linking.
    if rows::find_owner(tx.conn(), &arrival.key).await?.is_some() {
        return Ok(Step::Again);
    }
    // Accounts are held first, and confirmations after them, by whoever holds both, so nobody locks another out; but where both
    // were asked for by another account's id, what ends that one's may meet them the other way round, and Postgres refuses one of
    // the two. Who spent it meanwhile may be the very sign-in that this one repeats.
    for (purpose, token) in tokens {
        if !confirmations::spend(parts, &mut tx, purpose, token.expose_secret()).await? {
            return Ok(Step::Again);
        }
    }
    let plan = plan(&told.profile, told.trust, &found.holders());
    let Some(subject) = settle(parts, &mut tx, arrival, &Case { told: &told, found: &found, plan: &plan }).await?
    else {
        return Ok(Step::Again);
    };
    let changed = end_what_changed(parts, &mut tx, &plan).await?;
    let link = links::Making {
        subject: &subject,
        provider: &arrival.client.identity,
        sid: arrival.sid(),
        user_name: told.profile.name.clone(),
        proof: Proof::Proven,
        origin: Some(&arrival.client_id),
        created: parts.clock.now(),
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
        endings::carry_out(parts, tx, subject.as_str(), &[Change::Address], None).await?;
    }
    Ok(changed)
}

/// Nobody comes in for the first time without a confirmed address, where the settings want one.
fn missing(arrival: &Arrival, kind: AddressKind) -> Error {
    let Profile { phone, email, .. } = &arrival.profile;
    Error::refused(match kind {
        AddressKind::Email => {
            Refusal::EmailConfirmationRequired { email: email.as_ref().map(|own| own.as_str().to_owned()) }
        }
        AddressKind::Phone => {
            Refusal::PhoneConfirmationRequired { phone: phone.as_ref().map(|own| own.as_str().to_owned()) }
        }
    })
}

/// The answer to a token that confirms nothing, unless it was spent by the very sign-in that this one repeats.
async fn unconfirmed(parts: &Parts, arrival: &Arrival, kind: AddressKind) -> Result<Step> {
    if store::read!(parts.store, |conn| rows::find_owner(conn, &arrival.key))?.is_some() {
        return Ok(Step::Again);
    }
    Err(Error::refused(Refusal::InvalidParameter(parameter(kind))))
}

/// What is believed of a person, an address that was confirmed here above what the partner tells.
struct Told {
    profile: Profile,
    userinfo: Value,
    trust: Trust,
}

impl Told {
    fn new(arrival: &Arrival) -> Self {
        Self { profile: arrival.profile.clone(), userinfo: arrival.userinfo.clone(), trust: arrival.client.trust }
    }

    fn confirm(&mut self, arrival: &Arrival, address: Address) {
        self.userinfo = arrival.client.fields.with_confirmed(std::mem::take(&mut self.userinfo), &address);
        let Profile { phone, phone_verified, email, email_verified, .. } = &mut self.profile;
        match address {
            Address::Phone(own) => (*phone, *phone_verified, self.trust.phone) = (Some(own), true, true),
            Address::Email(own) => (*email, *email_verified, self.trust.email) = (Some(own), true, true),
        }
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
    phone: Option<Account>,
    email: Option<Account>,
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

    fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.phone.iter().chain(&self.email)
    }

    /// Whose they are, each once, in an order that is everybody's: two who hold several wait, and don't lock each other out.
    fn subjects(&self) -> Vec<&Subject> {
        let mut subjects: Vec<&Subject> = self.accounts().map(|account| &account.subject).collect();
        subjects.sort_unstable();
        subjects.dedup();
        subjects
    }

    fn account(&self, subject: &Subject) -> Option<&Account> {
        self.accounts().find(|account| account.subject == *subject)
    }

    fn holders(&self) -> Holders {
        let holder = |account: Option<&Account>| account.map(Holder::of);
        Holders { phone: holder(self.phone.as_ref()), email: holder(self.email.as_ref()) }
    }
}

/// Who has the profile's addresses, held until the transaction ends; `None` if that changed before they were held.
async fn hold_holders(conn: &mut Conn, arrival: &Arrival, profile: &Profile) -> Result<Option<Found>> {
    let seen = Found::look(conn, arrival, profile).await?;
    for subject in seen.subjects() {
        hold(conn, subject).await?;
    }
    let held = Found::look(conn, arrival, profile).await?;
    Ok((held.subjects() == seen.subjects()).then_some(held))
}

/// What the partner told, who was found by it, and what is to be done.
struct Case<'a> {
    told: &'a Told,
    found: &'a Found,
    plan: &'a Plan,
}

/// Carries the plan out; gives who the user is, or `None` if another was faster.
async fn settle(parts: &Parts, tx: &mut Tx, arrival: &Arrival, case: &Case<'_>) -> Result<Option<Subject>> {
    let Case { told, found, plan } = *case;
    // One account may lose both addresses, and its notes are to have both.
    let mut metas: BTreeMap<&Subject, String> =
        found.accounts().map(|account| (&account.subject, account.meta.clone())).collect();
    for (address, placing, kind) in [(told.phone(), &plan.phone, "phone"), (told.email(), &plan.email, "email")] {
        let Some((address, from)) = address.zip(placing.taken_from.as_ref()) else { continue };
        let meta = metas.entry(from).or_default();
        *meta = noted(meta, kind, address.as_str().into());
        if !rows::take(tx.conn(), from.as_str(), &address, meta, at(parts.clock.now())).await? {
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
    match plan.user.as_ref().and_then(|user| Some((user, found.account(user)?))) {
        Some((user, account)) => {
            let filling = filling(parts, arrival, told, plan, account);
            Ok(rows::fill(tx.conn(), user.as_str(), &filling).await?.then(|| user.clone()))
        }
        None => create(parts, tx, arrival, told, plan).await,
    }
}

/// What a user who was found gets.
fn filling(parts: &Parts, arrival: &Arrival, told: &Told, plan: &Plan, account: &Account) -> Filling {
    let mut meta = noted(&account.meta, arrival.client.identity.fp_name(), told.kept());
    let phone = account.phone.as_ref().map(|phone| phone.address.as_str());
    let email = account.email.as_ref().map(|email| email.address.as_str());
    let given = [(&plan.phone, phone, "phone"), (&plan.email, email, "email")];
    for (placing, old, kind) in given {
        // It never was verified, and is kept as that of others who lose theirs.
        if let (Some(_), Some(old)) = (placing.given, old) {
            meta = noted(&meta, kind, old.into());
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

async fn create(parts: &Parts, tx: &mut Tx, arrival: &Arrival, told: &Told, plan: &Plan) -> Result<Option<Subject>> {
    let subject = Subject::parse(parts.entropy.uuid().to_string())?;
    let (profile, system) = (&told.profile, arrival.client.identity.fp_name());
    let account = Account {
        name: profile.name.clone(),
        phone: given(&plan.phone, profile.phone.as_ref()),
        email: given(&plan.email, profile.email.as_ref()),
        meta: noted("{}", system, told.kept()),
        external: External {
            system: Some(system.to_owned()),
            phone: text(told.phone()),
            phone_verified: profile.phone.is_some() && profile.phone_verified,
            email: text(told.email()),
            email_verified: profile.email.is_some() && profile.email_verified,
        },
        ..Account::bare(subject.clone(), arrival.user_type, parts.clock.now())
    };
    if !rows::insert(tx.conn(), &account).await? {
        return Ok(None);
    }
    let about = About { subject: Some(subject.as_str()), detail: Some("partner"), ..About::default() };
    record(parts, tx, Event::AccountCreated, &arrival.actor(), about).await?;
    Ok(Some(subject))
}

/// The address that a new user gets by the plan.
fn given<A: Clone>(placing: &Placing, told: Option<&A>) -> Option<Claimed<A>> {
    let verified = placing.given?;
    told.cloned().map(|address| Claimed { address, verified })
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
