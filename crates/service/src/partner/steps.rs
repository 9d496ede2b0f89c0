//! The two steps of a partner's sign-in: the browser begins, the callback brings the access token.

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::arrival::{Arrival, Confirmed, Param, Step};
use super::{enter, first};
use crate::attempts::sign_in_by;
use crate::condo_sessions::{self, CondoSession, Ticket};
use crate::door::{Origin, admit as admit_by, admit_from, too_many};
use crate::{Parts, boxed};
use domain::account::AccountType;
use domain::ids::ClientId;
use domain::refusal::Refusal;
use domain::{Error, Result};
use settings::{Partner, PartnerClient};
use store::{self, partner as rows};
use upstream::UserInfoError;

/// How often a sign-in starts over because another one changed what it had read. Each time another has got on.
const ROUNDS: usize = 8;

/// What kind of user wants in. Programs sign in with passwords of their own.
fn user_type(param: &Param) -> Result<Option<AccountType>> {
    let text = match param {
        Param::Absent => return Ok(None),
        Param::Repeated => return Err(Error::refused(Refusal::InvalidUserType)),
        Param::One(text) => text,
    };
    match AccountType::parse(text.expose_secret()) {
        Some(kind @ (AccountType::Resident | AccountType::Staff)) => Ok(Some(kind)),
        Some(AccountType::Service) | None => Err(Error::refused(Refusal::InvalidUserType)),
    }
}

fn known<'p>(parts: &'p Parts, name: &str) -> Result<&'p Partner> {
    let unknown = || Error::refused(Refusal::UnknownProvider { provider: name.to_owned() });
    parts.settings.partners.get(name).ok_or_else(unknown)
}

/// The way's first step: notes in the session as what kind of user somebody is about to sign in. Gives a new session, if
/// there was none.
#[boxed]
pub async fn begin(
    parts: &Arc<Parts>,
    partner: &str,
    asked: Param,
    session: Option<&CondoSession>,
) -> Result<Option<Ticket>> {
    let user_type = user_type(&asked)?.ok_or_else(|| Error::refused(Refusal::MissingQueryParameter("user_type")))?;
    // Before anything is written: whoever tries names has no use for a session.
    known(parts, partner)?;
    if let Some(session) = session
        && (session.user_type == Some(user_type)
            || condo_sessions::set_user_type(parts, &session.sid_hash, user_type).await?)
    {
        return Ok(None);
    }
    condo_sessions::anonymous(parts, Some(user_type)).map(Some)
}

/// What takes the place of a nobody's session where the callback says another kind of user than it has noted: it is all in its
/// id, and can't be written to.
pub fn noted(parts: &Parts, session: Option<&CondoSession>, asked: &Param) -> Result<Option<Ticket>> {
    let Some(nobodys) = session.filter(|session| session.user.is_none()) else { return Ok(None) };
    match user_type(asked) {
        Ok(Some(said)) if nobodys.user_type != Some(said) => condo_sessions::anonymous(parts, Some(said)).map(Some),
        Ok(_) | Err(_) => Ok(None),
    }
}

/// What comes back to the callback.
#[derive(Debug)]
pub struct Callback {
    /// The partner, as the path names it.
    pub partner: String,
    /// `user_type`; none: as the session says.
    pub user_type: Param,
    /// `access_token`
    pub access_token: Param,
    /// `client_id`
    pub client_id: Param,
    /// What was confirmed.
    pub confirmed: Confirmed,
    /// Where it comes from.
    pub origin: Origin,
    /// The session that the request brought.
    pub session: Option<CondoSession>,
}

/// The second step: signs in the owner of the access token; a first sign-in makes the user.
#[boxed]
pub async fn sign_in(parts: &Arc<Parts>, callback: Callback) -> Result<Ticket> {
    let Callback { partner: name, user_type: asked, access_token, client_id, confirmed, origin, session } = callback;
    let user_type = match user_type(&asked)? {
        Some(user_type) => {
            if let Some(session) = session.as_ref().filter(|session| session.user_type != Some(user_type)) {
                condo_sessions::set_user_type(parts, &session.sid_hash, user_type).await?;
            }
            user_type
        }
        None => session
            .as_ref()
            .and_then(|session| session.user_type)
            .ok_or_else(|| Error::refused(Refusal::NoUserTypeInCallback { provider: name.clone() }))?,
    };
    admit(parts, &origin, session.as_ref()).await?;
    let partner = known(parts, &name)?;
    let access_token = access_token.required("access_token")?;
    let client_id = client_id.required("client_id")?;
    let unknown_client = || Error::refused(Refusal::InvalidParameter("client_id"));
    let client_id = ClientId::parse(client_id.expose_secret()).map_err(|_no_id| unknown_client())?;
    let client = partner.clients.get(&client_id).ok_or_else(unknown_client)?.clone();
    let userinfo = ask(parts, &name, &client_id, client.clone(), access_token.clone()).await?;
    let Some(profile) = client.fields.read(&userinfo) else {
        tracing::warn!(partner = name, client = %client_id, "the partner's userinfo is not what it must be");
        return Err(Error::refused(Refusal::InvalidUserData));
    };
    let arrival = Arrival {
        key: rows::identity_key(user_type, &client.identity, &profile.sid),
        partner: name,
        client_id,
        client,
        user_type,
        profile,
        userinfo,
        confirmed,
        origin,
        old: session.map(|session| session.sid_hash),
    };
    arrive(parts, arrival).await
}

/// Counts the try with all others of this network, and of who is signed in already.
async fn admit(parts: &Arc<Parts>, origin: &Origin, session: Option<&CondoSession>) -> Result<()> {
    admit_from(parts, origin).await.map_err(too_many)?;
    match session.and_then(|session| session.user.as_ref()) {
        None => Ok(()),
        Some(user) => admit_by(parts, sign_in_by(&user.id), origin).await.map_err(too_many),
    }
}

/// Asks the partner whose the token is, where a caller who hangs up cancels nothing.
async fn ask(
    parts: &Arc<Parts>,
    partner: &str,
    client_id: &ClientId,
    client: PartnerClient,
    access_token: SecretString,
) -> Result<Value> {
    let asking = async move |parts: Arc<Parts>| Ok(parts.upstream.user_info(&client, &access_token).await);
    parts.detached(asking).await?.map_err(|error| {
        tracing::warn!(partner, client = %client_id, "no user is told by an access token: {error}");
        match error {
            UserInfoError::Token(_) => Error::refused(Refusal::InvalidParameter("access_token")),
            UserInfoError::Partner(_) => Error::refused(Refusal::AuthorizationFailed),
        }
    })
}

async fn arrive(parts: &Arc<Parts>, arrival: Arrival) -> Result<Ticket> {
    let arrival = Arc::new(arrival);
    for _round in 0..ROUNDS {
        let owner = store::read!(parts.store, |conn| rows::find_owner(conn, &arrival.key))?;
        let arrival = Arc::clone(&arrival);
        let step = parts.detached(async move |parts| match owner {
            Some(owner) => enter::enter(&parts, &arrival, owner).await,
            None => first::sign_in(&parts, &arrival).await,
        });
        if let Step::Done(ticket) = step.await? {
            return Ok(ticket);
        }
    }
    Err(Error::internal("a sign-in was overtaken time and again"))
}
