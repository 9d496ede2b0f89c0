//! Takes in one record, in a transaction of the caller's.

use super::item::What;
use super::lines::Secrets;
use super::told::{Coming, Known};
use crate::import::{self, How, Newer, Taken};
use crate::links::{self, Making};
use crate::token_sets::{self, Whole};
use crate::{Parts, accounts};
use domain::event::Actor;
use domain::ids::{LinkId, PARTNER_TYPE};
use domain::moving::{Kind, is_newer};
use domain::organization::Employment;
use domain::{Error, Result};
use settings::Subjects;
use store::moving::{exists, insert_employee, insert_organization, insert_rights_set, insert_role, insert_use};
use store::{Conn, Tx, at};
use vault::Owner;

/// Takes in a record. What is there already stays as it is, but for tokens that are older than those that come.
pub(super) async fn restore(parts: &Parts, tx: &mut Tx, what: &What, how: How) -> Result<Taken> {
    let made = match what {
        What::Asserted(line) => return import::write(parts, tx, line, how).await,
        What::Link(link, secrets) => return link_of(parts, tx, link, secrets, how.newer).await,
        What::RightsSet(set) => insert_rights_set(tx.conn(), set).await?,
        What::Organization(organization) => insert_organization(tx.conn(), organization).await?,
        What::Role(role) => {
            require(tx.conn(), Kind::Organization, Some(&role.organization.to_string()), "organization").await?;
            insert_role(tx.conn(), role).await?
        }
        What::Employee(employment) => employee(tx.conn(), employment).await?,
        What::Account(account) => {
            store::accounts::hold(tx.conn(), &account.subject).await?;
            let rights = account.rights_set.map(|id| id.to_string());
            require(tx.conn(), Kind::RightsSet, rights.as_deref(), "rightsSet").await?;
            accounts::insert(parts, tx, &Actor::default(), account).await?
        }
    };
    Ok(if made { Taken::Whole } else { Taken::There })
}

/// Refuses a record that names another which is not here.
async fn require(conn: &mut Conn, kind: Kind, key: Option<&str>, field: &'static str) -> Result<()> {
    match key {
        Some(key) if !exists(conn, kind, key).await? => Err(Error::input(field, "names none that is here")),
        _ => Ok(()),
    }
}

async fn employee(conn: &mut Conn, employment: &Employment) -> Result<bool> {
    let role = employment.role.map(|role| role.to_string());
    require(conn, Kind::Organization, Some(&employment.organization.to_string()), "organization").await?;
    require(conn, Kind::Role, role.as_deref(), "role").await?;
    require(conn, Kind::Account, Some(employment.subject.as_str()), "subject").await?;
    insert_employee(conn, employment).await
}

async fn link_of(parts: &Parts, tx: &mut Tx, link: &Coming, secrets: &Secrets, newer: Newer) -> Result<Taken> {
    store::accounts::hold(tx.conn(), &link.subject).await?;
    let account = store::accounts::find(tx.conn(), &link.subject).await?;
    let is_of_partner = link.provider.fp_type() == PARTNER_TYPE;
    if account.is_none() && (is_of_partner || parts.settings.subjects == Subjects::Registered) {
        return Err(Error::UserNotFound { hint: None });
    }
    let making = Making {
        subject: &link.subject,
        provider: &link.provider,
        sid: &link.sid,
        user_name: link.user_name.clone(),
        proof: link.proof,
        origin: link.client.as_ref(),
        created: link.created,
    };
    let key = account
        .filter(|_| is_of_partner)
        .map(|account| store::partner::identity_key(account.account_type, &link.provider, &link.sid));
    let id = match key {
        Some(key) => links::make_own(parts, tx, &Actor::default(), making, Some(&key)).await?,
        None => links::make(parts, tx, &Actor::default(), making).await?,
    };
    if let Some(used) = link.last_used {
        insert_use(tx.conn(), id, at(used)).await?;
    }
    match &link.tokens {
        Some(known) => Tokens { id, link, known, secrets }.restore(parts, tx.conn(), newer).await,
        None => Ok(Taken::Whole),
    }
}

/// The tokens of a link that is in.
struct Tokens<'a> {
    id: LinkId,
    link: &'a Coming,
    known: &'a Known,
    secrets: &'a Secrets,
}

impl Tokens<'_> {
    async fn restore(&self, parts: &Parts, conn: &mut Conn, newer: Newer) -> Result<Taken> {
        let Self { id, link, known, secrets } = *self;
        if let Some((_, stands)) = store::token_sets::find(conn, id).await? {
            if newer == Newer::Keep && !is_newer(&known.ends, &stands.ends) {
                let is_the_same = known.ends.since() == stands.ends.since();
                return Ok(if is_the_same { Taken::There } else { Taken::WithoutTokens });
            }
            store::token_sets::take(conn, id).await?;
        }
        let whole = Whole {
            access: secrets.access_token.clone(),
            refresh: secrets.refresh_token.clone(),
            params: secrets.params()?,
            scope: known.scope.clone(),
            ends: known.ends,
            health: known.health,
            health_since: known.health_since,
        };
        let owner = Owner::new(id, &link.subject, &link.provider, link.sid.as_str());
        if !token_sets::insert_whole(parts, conn, owner, &whole).await? {
            return Err(Error::internal("the link has got other tokens meanwhile: run the import again"));
        }
        Ok(Taken::Whole)
    }
}
