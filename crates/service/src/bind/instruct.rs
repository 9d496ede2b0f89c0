//! Stage one: an app asks for a link to send its user to.

use std::sync::Arc;

use chrono::TimeDelta;
use url::Url;

use super::{UNTOUCHED, instruction_url, seal};
use crate::meters::Limit;
use crate::{Parts, boxed};
use domain::account::Account;
use domain::caller::{Action, Caller};
use domain::flow::{Completer, Flow, FlowState, Stage};
use domain::ids::{ClientId, FlowId, ProviderId, Subject};
use domain::{Error, Result, pkce};
use settings::{Client, Subjects};
use vault::Table;

/// What an app asks for.
#[derive(Debug)]
pub struct Instruction {
    /// `type:name` of the provider.
    pub fp: String,
    /// Where the user is to come back to; on the app's list, letter for letter.
    pub callback: String,
    /// Whether it is opened in a popup, whose last page tells its opener.
    pub popup: bool,
    /// RFC 7636 §4.2, of the verifier that the app will complete with; none: the person who is signed in completes it.
    pub code_challenge: Option<String>,
    /// `S256`, or nothing, which means the same.
    pub code_challenge_method: Option<String>,
    /// Which account the provider is to offer.
    pub login_hint: Option<String>,
}

/// Unopened instructions of one application for one subject at once.
const UNOPENED: usize = 20;

/// Makes an instruction; gives the address to open in the user's browser within five minutes. [`Error::TooManyAttempts`] if the
/// application makes too many, or too many for this subject wait for a browser.
#[boxed]
pub async fn instruct(parts: &Arc<Parts>, caller: &Caller, instruction: Instruction) -> Result<Url> {
    caller.may_somewhere(Action::ChangeLinks)?;
    let provider = ProviderId::parse_pair(&instruction.fp)?;
    if !parts.settings.providers.contains_key(&provider) {
        return Err(Error::input("fp", format!("{provider} is no configured provider")));
    }
    let client = parts.settings.clients.get(&caller.client).ok_or(Error::Denied)?;
    is_callback(client, &instruction.callback)?;
    let challenge = Challenge {
        challenge: instruction.code_challenge.as_deref(),
        method: instruction.code_challenge_method.as_deref(),
    };
    let completer = completer(parts.settings.subjects, challenge)?;
    let hint = instruction.login_hint.map(|hint| login_hint(&hint)).transpose()?;
    if let Some(subject) = caller.subject().filter(|_| parts.settings.subjects == Subjects::Registered) {
        let account = store::read!(parts.store, |conn| store::accounts::find(conn, subject))?;
        account.filter(Account::may_sign_in).ok_or(Error::Denied)?;
    }
    parts.meters.within(Limit::Binds, parts.quotas.charge_bind(client, parts.clock.now()))?;
    let order = Order {
        client: caller.client.clone(),
        subject: caller.subject().cloned(),
        provider,
        callback: instruction.callback,
        completer,
        hint,
        popup: instruction.popup,
    };
    let id = parts.detached(async move |parts| place(&parts, order).await).await?;
    instruction_url(&parts.settings, id)
}

/// What an instruction is made of.
struct Order {
    client: ClientId,
    subject: Option<Subject>,
    provider: ProviderId,
    callback: String,
    completer: Completer,
    hint: Option<String>,
    popup: bool,
}

/// Writes it down, if no more than [`UNOPENED`] wait for its subject's browser.
async fn place(parts: &Parts, order: Order) -> Result<FlowId> {
    let flow = flow(parts, order)?;
    let Some(subject) = &flow.subject else {
        store::flows::insert(&mut parts.store.write().await?, &flow).await?;
        return Ok(flow.id);
    };
    let mut tx = parts.store.begin().await?;
    // Of calls for one subject that come together each sees the other's.
    store::accounts::hold(tx.conn(), subject).await?;
    let now = parts.clock.now();
    let waiting = store::flows::unopened(tx.conn(), &flow.client, subject, store::at(now), UNOPENED).await?;
    if let (Some(first), UNOPENED..) = (waiting.first(), waiting.len()) {
        let retry_after = (first.expires - now).to_std().unwrap_or_default();
        parts.meters.reached(Limit::Binds);
        return Err(Error::TooManyAttempts { retry_after });
    }
    store::flows::insert(tx.conn(), &flow).await?;
    tx.commit().await?;
    Ok(flow.id)
}

fn flow(parts: &Parts, order: Order) -> Result<Flow> {
    let id = parts.entropy.uuid();
    let (_, wrapped) = parts.vault.new_row_key(Table::Flows, id)?;
    let now = parts.clock.now();
    let mut flow = Flow {
        id: FlowId(id),
        client: order.client,
        subject: order.subject,
        provider: order.provider,
        callback: order.callback,
        completer: order.completer,
        key_id: wrapped.key_id,
        wrapped_key: wrapped.bytes,
        sealed: None,
        hint: order.hint,
        popup: order.popup,
        created: now,
        expires: FlowState::Instructed.runs_out(now, None),
        stage: Stage::Instructed,
    };
    flow.sealed = Some(seal(parts, &flow, None, &UNTOUCHED)?);
    Ok(flow)
}

/// How a user may come back who has to link again, as whoever asked for a token says.
#[derive(Debug)]
pub struct WayBack {
    /// As [`Instruction::callback`].
    pub callback: String,
    /// As [`Instruction::code_challenge`].
    pub code_challenge: Option<String>,
    /// As [`Instruction::code_challenge_method`].
    pub code_challenge_method: Option<String>,
}

impl WayBack {
    /// Refuses what no instruction could be made of.
    pub fn check(&self, client: &Client) -> Result<()> {
        is_callback(client, &self.callback)?;
        if self.code_challenge.is_some() || self.code_challenge_method.is_some() {
            self.completer(Subjects::Any)?;
        }
        // Whether both may be missing depends on whose link it is.
        Ok(())
    }

    fn completer(&self, subjects: Subjects) -> Result<Completer> {
        let (challenge, method) = (self.code_challenge.as_deref(), self.code_challenge_method.as_deref());
        completer(subjects, Challenge { challenge, method })
    }
}

/// Whose link is to be made anew.
pub(crate) struct Reconnect<'a> {
    /// Who asked.
    pub(crate) caller: &'a Caller,
    /// Whose link.
    pub(crate) subject: &'a Subject,
    /// Where.
    pub(crate) provider: &'a ProviderId,
    /// Which account to offer.
    pub(crate) hint: Option<&'a str>,
    /// How the user comes back.
    pub(crate) way: &'a WayBack,
}

/// An address for that, which may be one that was given before and that nobody has opened; `None` if the caller may not change the
/// subject's links, nobody could complete it, or too many wait already.
pub(crate) async fn reconnect(parts: &Arc<Parts>, wanted: Reconnect<'_>) -> Result<Option<Url>> {
    let Reconnect { caller, subject, provider, hint, way } = wanted;
    if caller.may(Action::ChangeLinks, subject).is_err() {
        return Ok(None);
    }
    let Some(completer) = completer_for(parts, subject, way).await? else { return Ok(None) };
    let order = Order {
        client: caller.client.clone(),
        subject: Some(subject.clone()),
        provider: provider.clone(),
        callback: way.callback.clone(),
        completer,
        hint: hint.map(str::to_owned),
        popup: false,
    };
    let placed = parts.detached(async move |parts| given_again_or_placed(&parts, order).await).await;
    match placed {
        Ok(id) => instruction_url(&parts.settings, id).map(Some),
        Err(Error::TooManyAttempts { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Who could complete it: the app with its challenge, or the person, if they sign in here.
async fn completer_for(parts: &Parts, subject: &Subject, way: &WayBack) -> Result<Option<Completer>> {
    if parts.settings.subjects == Subjects::Any {
        return Ok(way.completer(Subjects::Any).ok());
    }
    let account = store::read!(parts.store, |conn| store::accounts::find(conn, subject))?;
    let Some(account) = account.filter(Account::may_sign_in) else { return Ok(None) };
    let completer = way.completer(Subjects::Registered)?;
    // An issuer's user has no way to sign in at our own page.
    Ok((completer != Completer::Person || account.issuer.is_none()).then_some(completer))
}

/// How long an instruction has to be good still to be given again.
const GIVEN_AGAIN: TimeDelta = TimeDelta::minutes(1);

async fn given_again_or_placed(parts: &Parts, order: Order) -> Result<FlowId> {
    let now = parts.clock.now();
    if let Some(subject) = &order.subject {
        let waiting = store::read!(parts.store, |conn| store::flows::unopened(
            conn,
            &order.client,
            subject,
            store::at(now + GIVEN_AGAIN),
            UNOPENED
        ))?;
        let same = |flow: &&Flow| {
            (&flow.provider, &flow.callback, &flow.completer, &flow.hint, flow.popup)
                == (&order.provider, &order.callback, &order.completer, &order.hint, order.popup)
        };
        if let Some(flow) = waiting.iter().find(same) {
            return Ok(flow.id);
        }
    }
    parts.meters.within(Limit::Binds, parts.quotas.charge_reconnect(&order.client, now))?;
    place(parts, order).await
}

fn is_callback(client: &Client, callback: &String) -> Result<()> {
    if client.callbacks.contains(callback) {
        return Ok(());
    }
    Err(Error::input("callback", "is not on the application's list of callbacks (compared letter for letter)"))
}

/// A hint that a provider may be sent.
fn login_hint(text: &str) -> Result<String> {
    if text.is_empty() || text.chars().count() > HINT_LIMIT || text.chars().any(char::is_control) {
        return Err(Error::input(
            "login_hint",
            format!("must have 1 to {HINT_LIMIT} characters, none of them a control character"),
        ));
    }
    Ok(text.to_owned())
}

const HINT_LIMIT: usize = 255;

/// What an app sends of its challenge (RFC 7636 §4.3).
#[derive(Clone, Copy)]
struct Challenge<'a> {
    challenge: Option<&'a str>,
    method: Option<&'a str>,
}

/// Who completes the bind: the app, if it sends a challenge. Where the users live elsewhere nobody can sign in here, so it has to.
fn completer(subjects: Subjects, Challenge { challenge, method }: Challenge<'_>) -> Result<Completer> {
    if method.is_some_and(|method| method != pkce::S256) {
        return Err(Error::input("code_challenge_method", "must be S256"));
    }
    let Some(challenge) = challenge else {
        if subjects == Subjects::Registered && method.is_none() {
            return Ok(Completer::Person);
        }
        return Err(Error::input(
            "code_challenge",
            "is required: the app completes the bind, with its code_verifier, at fa/bind/complete",
        ));
    };
    if pkce::is_challenge(challenge) {
        return Ok(Completer::App { challenge: challenge.to_owned() });
    }
    Err(Error::input("code_challenge", "must be the base64url of a SHA-256, 43 characters (RFC 7636 §4.2)"))
}
