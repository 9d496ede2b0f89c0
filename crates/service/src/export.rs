//! All that is kept of a person, for themselves: never a token, a secret, the hash of one, or another person's address.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Parts;
use super::audit::{self, About};
use super::erasure::is_erased;
use crate::boxed;
use domain::account::{Account, AccountType, AddressKind};
use domain::audit::{Order, Place, Search, Span, shape};
use domain::event::{Actor, Event};
use domain::filter::{Filter, Page, Value as Wanted};
use domain::ids::{ClientId, ProviderId, Sid, Subject};
use domain::link::{LinkDetail, LinkSummary};
use domain::organization::{Employment, Organization, RightsSet, Role};
use domain::{Error, Result, scope};
use store::audit::{Page as Lines, Written};
use store::organizations::{Listed, list};
use store::{
    self, Conn, Until, condo_sessions, confirm_phone_actions, flows, known_places, links, oauth_codes,
    oauth_refresh_tokens, oauth_tokens, outbox, revocations, sessions,
};

/// Lines of the record that are in memory at once.
const PAGE: u16 = 500;

/// A part of the document: its name, and what it holds.
pub type Part = (&'static str, Value);

/// Everything but the record, in which a line is left of it; [`Error::UserNotFound`] if nothing at all is kept of the person.
#[boxed]
pub async fn kept(parts: &Parts, subject: &Subject) -> Result<Vec<Part>> {
    let account = store::read!(parts.store, |conn| store::accounts::find(conn, subject))?;
    let conn = &mut parts.store.read().await?;
    let account = match account {
        Some(account) => account_of(conn, account).await?,
        None => Value::Null,
    };
    let kept = vec![
        ("account", account),
        ("links", links_of(conn, subject).await?),
        ("organizations", organizations_of(conn, subject).await?),
        ("sessions", sessions_of(conn, subject).await?),
        ("knownPlaces", places_of(conn, subject).await?),
        ("applications", applications_of(conn, subject).await?),
        ("phoneConfirmations", confirmations_of(conn, subject, AddressKind::Phone).await?),
        ("emailConfirmations", confirmations_of(conn, subject, AddressKind::Email).await?),
        ("binds", binds_of(conn, subject).await?),
        ("revocations", revocations_of(conn, subject).await?),
        ("events", events_of(conn, subject).await?),
    ];
    let is_nothing = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    if kept.iter().all(|(_, value)| is_nothing(value)) && written(parts, subject, None, 1).await?.is_empty() {
        return Err(Error::UserNotFound { hint: None });
    }
    let is_here = kept.iter().any(|(part, value)| matches!(*part, "account" | "links") && !is_nothing(value));
    if is_here || !is_erased(parts, subject).await? {
        note(parts, subject).await?;
    }
    Ok(kept)
}

/// Leaves a line that all that is kept of the person is given out. Not of who is erased and not back, of whom only what waits for others
/// is left: it would bring their id into the record once more.
async fn note(parts: &Parts, subject: &Subject) -> Result<()> {
    let about = About { subject: Some(subject.as_str()), ..About::default() };
    audit::note(parts, Event::AccountExported, &Actor::default(), about).await
}

/// A page of the person's lines of the record as they may read them, oldest first, and the place from after which on there may be more.
#[boxed]
pub async fn recorded(parts: &Parts, subject: &Subject, after: Option<Place>) -> Result<(Vec<Value>, Option<Place>)> {
    let page = written(parts, subject, after, PAGE).await?;
    let next = page.last().filter(|_| page.len() >= usize::from(PAGE)).map(|last| last.place);
    let shown = page.into_iter().filter_map(|written| written.line?.for_its_subject());
    Ok((shown.map(|line| shape::json(&line)).collect(), next))
}

async fn written(parts: &Parts, subject: &Subject, after: Option<Place>, limit: u16) -> Result<Vec<Written>> {
    let (all, order) = (Span::new(None, None), Order::OldestFirst);
    let page = Lines { span: after.map_or(all, |place| all.behind(place, order)), order, limit };
    let mut lists = parts.store.lists(Until::within(parts.settings.limits.list_timeout)).await?;
    lists.list_written(&Search::of(subject.clone()), &page).await
}

/// An object of these members, those left out that are not there.
fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let there = members.into_iter().filter(|(_, value)| !value.is_null());
    there.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into()
}

fn all<T>(found: Vec<T>, shown: impl FnMut(T) -> Value) -> Value {
    found.into_iter().map(shown).collect()
}

fn provider(provider: &ProviderId) -> [(&'static str, Value); 2] {
    [("fpType", json!(provider.fp_type())), ("fpName", json!(provider.fp_name()))]
}

async fn account_of(conn: &mut Conn, account: Account) -> Result<Value> {
    let rights = match account.rights_set {
        Some(id) => find::<RightsSet>(conn, id).await?,
        None => None,
    };
    let (email, phone) = (account.email.as_ref(), account.phone.as_ref());
    Ok(object([
        ("id", json!(account.subject.as_str())),
        ("type", json!(account.account_type.as_str())),
        ("issuer", json!(account.issuer)),
        ("name", json!(account.name)),
        ("email", json!(email.map(|email| email.address.as_str()))),
        ("emailVerified", json!(email.map(|email| email.verified))),
        ("phone", json!(phone.map(|phone| phone.address.as_str()))),
        ("phoneVerified", json!(phone.map(|phone| phone.verified))),
        ("hasPassword", json!(account.password_hash.is_some())),
        ("isAdmin", json!(account.is_admin)),
        ("isSupport", json!(account.is_support)),
        ("twoFactor", json!(account.two_factor)),
        ("rightsSet", json!(rights.map(|set| set.name))),
        ("meta", serde_json::from_str(&account.meta).unwrap_or_else(|_no_json| json!(account.meta))),
        ("externalSystem", json!(account.external.system)),
        ("externalEmail", json!(account.external.email)),
        ("externalEmailVerified", json!(account.external.email.as_ref().map(|_| account.external.email_verified))),
        ("externalPhone", json!(account.external.phone)),
        ("externalPhoneVerified", json!(account.external.phone.as_ref().map(|_| account.external.phone_verified))),
        ("created", json!(account.created)),
        ("updated", json!(account.updated)),
        ("disabled", json!(account.disabled)),
    ]))
}

async fn links_of(conn: &mut Conn, subject: &Subject) -> Result<Value> {
    let link = |(link, detail): (LinkSummary, LinkDetail)| {
        let [fp_type, fp_name] = provider(&link.provider);
        let tokens = detail.tokens.as_ref();
        let moment = |moment: Option<DateTime<Utc>>| json!(moment);
        object([
            fp_type,
            fp_name,
            ("sid", json!(link.sid.as_str())),
            ("name", json!(link.user_name)),
            ("proof", json!(detail.proof.as_str())),
            ("client", json!(detail.origin.as_ref().map(ClientId::as_str))),
            ("health", json!(tokens.map(|tokens| tokens.health.as_str()))),
            (
                "scopes",
                json!(
                    tokens.and_then(|tokens| tokens.scope.as_deref()).map(|text| scope::each(text).collect::<Vec<_>>())
                ),
            ),
            ("created", json!(detail.created)),
            ("lastUsed", moment(detail.last_used)),
            ("tokensObtained", moment(tokens.and_then(|tokens| tokens.obtained))),
            ("tokensImported", moment(tokens.and_then(|tokens| tokens.imported))),
            ("accessTokenExpires", moment(tokens.and_then(|tokens| tokens.expires))),
            ("refreshTokenExpires", moment(tokens.and_then(|tokens| tokens.refresh_expires))),
        ])
    };
    Ok(all(links::list_detailed(conn, subject).await?, link))
}

async fn organizations_of(conn: &mut Conn, subject: &Subject) -> Result<Value> {
    let (theirs, mut page, mut shown) = (Filter::text("subject", subject.as_str()), Page::default(), Vec::new());
    loop {
        let employments: Vec<Employment> = list(conn, &theirs, &page).await?;
        let found = u32::try_from(employments.len()).unwrap_or(u32::MAX);
        for employment in employments {
            shown.push(employment_of(conn, employment).await?);
        }
        if found < Page::MOST {
            return Ok(shown.into());
        }
        page.skip += found;
    }
}

async fn employment_of(conn: &mut Conn, employment: Employment) -> Result<Value> {
    let organization = find::<Organization>(conn, employment.organization).await?;
    let role = match employment.role {
        Some(id) => find::<Role>(conn, id).await?,
        None => None,
    };
    Ok(object([
        ("id", json!(employment.id)),
        ("organization", json!(employment.organization)),
        ("organizationName", json!(organization.map(|organization| organization.name))),
        ("role", json!(role.map(|role| role.name))),
        ("name", json!(employment.name)),
        ("email", json!(employment.email)),
        ("phone", json!(employment.phone)),
        ("isAccepted", json!(employment.is_accepted)),
        ("isRejected", json!(employment.is_rejected)),
        ("isBlocked", json!(employment.is_blocked)),
        ("created", json!(employment.history.created)),
        ("updated", json!(employment.history.updated)),
        ("deleted", json!(employment.history.deleted)),
    ]))
}

async fn find<R: Listed>(conn: &mut Conn, id: Uuid) -> Result<Option<R>> {
    Ok(list(conn, &Filter::is("id", Wanted::Id(id)), &Page { first: 1, ..Page::default() }).await?.pop())
}

async fn sessions_of(conn: &mut Conn, subject: &Subject) -> Result<Value> {
    let browsers = sessions::list_of_subject(conn, subject).await?.into_iter().map(|session| {
        object([
            ("kind", json!("browser")),
            ("authenticated", json!(session.authenticated)),
            ("expires", json!(session.expires)),
        ])
    });
    let condo = condo_sessions::list_of_subject(conn, subject).await?.into_iter().map(|session| {
        object([
            ("kind", json!("condo")),
            ("userType", json!(session.user_type.map(AccountType::as_str))),
            ("source", json!(session.source)),
            ("provider", json!(session.provider)),
            ("client", json!(session.client_id)),
            ("authenticated", json!(session.created)),
            ("expires", json!(session.expires)),
        ])
    });
    Ok(browsers.chain(condo).collect())
}

async fn places_of(conn: &mut Conn, subject: &Subject) -> Result<Value> {
    let place = |place: domain::tries::KnownPlace| {
        object([("kind", json!(place.kind.as_str())), ("expires", json!(place.expires))])
    };
    Ok(all(known_places::list_of_subject(conn, subject).await?, place))
}

/// The applications that act for the person, or may soon.
async fn applications_of(conn: &mut Conn, subject: &Subject) -> Result<Value> {
    let access = oauth_tokens::list_of_subject(conn, subject).await?.into_iter().map(|token| {
        object([
            ("client", json!(token.client.as_str())),
            ("has", json!("access token")),
            ("scope", json!(token.scope)),
            ("issued", json!(token.issued)),
            ("expires", json!(token.expires)),
        ])
    });
    let may = |client: &str, has: &str, scope: String, is_used: bool, expires: DateTime<Utc>| {
        object([
            ("client", json!(client)),
            ("has", json!(has)),
            ("scope", json!(scope)),
            ("isUsed", json!(is_used)),
            ("expires", json!(expires)),
        ])
    };
    let refresh = oauth_refresh_tokens::list_of_subject(conn, subject).await?.into_iter();
    let refresh =
        refresh.map(|token| may(token.client.as_str(), "refresh token", token.scope, token.is_used, token.expires));
    let codes = oauth_codes::list_of_subject(conn, subject).await?.into_iter();
    let codes =
        codes.map(|code| may(code.client.as_str(), "authorization code", code.scope, code.is_used, code.expires));
    Ok(access.chain(refresh).chain(codes).collect())
}

async fn confirmations_of(conn: &mut Conn, subject: &Subject, kind: AddressKind) -> Result<Value> {
    let name = match kind {
        AddressKind::Email => "email",
        AddressKind::Phone => "phone",
    };
    let confirmation = |confirmation: domain::confirmation::Confirmation| {
        object([
            (name, json!(confirmation.address.as_str())),
            ("isVerified", json!(confirmation.is_verified)),
            ("created", json!(confirmation.created)),
            ("completed", json!(confirmation.completed)),
            ("expires", json!(confirmation.expires)),
        ])
    };
    let mut found = confirm_phone_actions::list_of_subject(conn, subject).await?;
    found.retain(|confirmation| confirmation.address.kind() == kind);
    Ok(all(found, confirmation))
}

async fn binds_of(conn: &mut Conn, subject: &Subject) -> Result<Value> {
    let bind = |flow: domain::flow::Flow| {
        let [fp_type, fp_name] = provider(&flow.provider);
        let account = flow.stage.account();
        object([
            ("client", json!(flow.client.as_str())),
            fp_type,
            fp_name,
            ("state", json!(flow.stage.state().as_str())),
            ("sid", json!(account.map(|account| account.sid.as_str()))),
            ("name", json!(account.and_then(|account| account.user_name.as_deref()))),
            ("hint", json!(flow.hint)),
            ("created", json!(flow.created)),
            ("expires", json!(flow.expires)),
        ])
    };
    Ok(all(flows::list_of_subject(conn, subject).await?, bind))
}

async fn revocations_of(conn: &mut Conn, subject: &Subject) -> Result<Value> {
    let revocation = |job: domain::revocation::Revocation| {
        let [fp_type, fp_name] = provider(&job.provider);
        let sid = json!(job.sid.as_ref().map(Sid::as_str));
        object([fp_type, fp_name, ("sid", sid), ("created", json!(job.created))])
    };
    Ok(all(revocations::list_of_subject(conn, subject).await?, revocation))
}

/// What others are still to be told, or could not be.
async fn events_of(conn: &mut Conn, subject: &Subject) -> Result<Value> {
    let event = |(endpoint, told, given_up): (String, domain::outbox::Told, Option<DateTime<Utc>>)| {
        object([("endpoint", json!(endpoint)), ("event", told.json()), ("givenUp", json!(given_up))])
    };
    Ok(all(outbox::list_of_subject(conn, subject).await?, event))
}
