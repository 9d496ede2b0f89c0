//! Stage one: an app asks for a link to send its user to.

use std::sync::Arc;

use url::Url;

use super::{UNTOUCHED, instruction_url, seal};
use crate::service::Parts;
use domain::account::Account;
use domain::caller::{Action, Caller};
use domain::flow::{Completer, Flow, FlowState, Stage};
use domain::ids::{FlowId, ProviderId};
use domain::{Error, Result, pkce};
use settings::Subjects;
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
}

/// Makes an instruction; gives the address to open in the user's browser within five minutes.
pub async fn instruct(parts: &Arc<Parts>, caller: &Caller, instruction: Instruction) -> Result<Url> {
    caller.may_somewhere(Action::ChangeLinks)?;
    let provider = ProviderId::parse_pair(&instruction.fp)?;
    if !parts.settings.providers.contains_key(&provider) {
        return Err(Error::input("fp", format!("{provider} is no configured provider")));
    }
    let client = parts.settings.clients.get(&caller.client).ok_or(Error::Denied)?;
    if !client.callbacks.contains(&instruction.callback) {
        return Err(Error::input(
            "callback",
            "is not on the application's list of callbacks (compared letter for letter)",
        ));
    }
    let completer = completer(parts.settings.subjects, &instruction)?;
    if let Some(subject) = caller.subject().filter(|_| parts.settings.subjects == Subjects::Registered) {
        let account = store::read!(parts.store, |conn| store::accounts::find(conn, subject))?;
        account.filter(Account::may_sign_in).ok_or(Error::Denied)?;
    }
    let id = parts.entropy.uuid();
    let (_, wrapped) = parts.vault.new_row_key(Table::Flows, id)?;
    let now = parts.clock.now();
    let mut flow = Flow {
        id: FlowId(id),
        client: caller.client.clone(),
        subject: caller.subject().cloned(),
        provider,
        callback: instruction.callback,
        completer,
        key_id: wrapped.key_id,
        wrapped_key: wrapped.bytes,
        sealed: None,
        popup: instruction.popup,
        created: now,
        expires: FlowState::Instructed.runs_out(now, None),
        stage: Stage::Instructed,
    };
    flow.sealed = Some(seal(parts, &flow, None, &UNTOUCHED)?);
    parts.detached(async move |parts| store::flows::insert(&mut parts.store.write().await?, &flow).await).await?;
    instruction_url(&parts.settings, FlowId(id))
}

/// Who completes the bind: the app, if it sends a challenge. Where the users live elsewhere nobody can sign in here, so it has to.
fn completer(subjects: Subjects, instruction: &Instruction) -> Result<Completer> {
    if instruction.code_challenge_method.as_deref().is_some_and(|method| method != pkce::S256) {
        return Err(Error::input("code_challenge_method", "must be S256"));
    }
    let Some(challenge) = &instruction.code_challenge else {
        if subjects == Subjects::Registered && instruction.code_challenge_method.is_none() {
            return Ok(Completer::Person);
        }
        return Err(Error::input(
            "code_challenge",
            "is required: the app completes the bind, with its code_verifier, at fa/bind/complete",
        ));
    };
    if pkce::is_challenge(challenge) {
        return Ok(Completer::App { challenge: challenge.clone() });
    }
    Err(Error::input("code_challenge", "must be the base64url of a SHA-256, 43 characters (RFC 7636 §4.2)"))
}
