//! A key that nobody has any more. What only it opens is worthless, and as long as it is there nothing starts: it is deleted, and links
//! whose tokens it was need their users.

use uuid::Uuid;

use super::record::{Record, Summary};
use super::rewrap::{Progress, TABLES};
use super::rotate::{Keeper, of_key};
use super::trouble::Trouble;
use crate::boxed;
use domain::event::{About, Event};
use domain::expiry::Ends;
use domain::ids::LinkId;
use domain::link::Health;
use domain::token_set::TokenSet;
use domain::{Error, Result};
use store::row_keys::{Sealed, count, delete, list_of_key};
use store::{Tx, at, token_sets, vault_keys};
use vault::{Table, Vault};

/// Rows of one transaction.
const BATCH: i64 = 200;

/// Rows that a lost key wraps, by table.
pub type Lost = Vec<(&'static str, u64)>;

/// The key that goes, and what seals instead.
struct Going<'a> {
    lost: &'a str,
    vault: &'a Vault,
}

impl Keeper {
    /// What is lost with a key. Refuses one that the keyring or a serving instance has.
    #[boxed]
    pub async fn weigh(&self, id: &str) -> Result<Lost> {
        let keyring = self.keyring()?.as_ref().map(Summary::of).ok_or(Trouble::NoneToGoOnWith)?;
        let mut conn = self.store.read().await?;
        require_lost(&Record::read(&mut conn, self.clock.now()).await?, &keyring, id)?;
        let mut lost = Vec::with_capacity(TABLES.len());
        for &(_, table) in TABLES {
            let counted = count(&mut conn, table).await?;
            let rows = counted.iter().find(|(key, _)| key == id).map_or(0, |(_, rows)| *rows);
            lost.push((table.name(), u64::try_from(rows).unwrap_or_default()));
        }
        Ok(lost)
    }

    /// Deletes what is lost with a key, and takes it off the record. What is done is done: run again after an interruption it takes up
    /// the rest.
    pub async fn give_up(&self, id: &str, mut progress: impl FnMut(Progress)) -> Result<Lost> {
        let lost = self.weigh(id).await?;
        let vault = self.go_on_without(id).await?;
        let (mut done, total) = (0, lost.iter().map(|(_, rows)| rows).sum());
        for &(_, table) in TABLES {
            loop {
                let rows = list_of_key(&mut self.store.read().await?, table, id, Uuid::nil(), BATCH).await?;
                if rows.is_empty() {
                    break;
                }
                let mut tx = self.store.begin().await?;
                for row in &rows {
                    if table == Sealed::TokenSets {
                        self.empty(&mut tx, LinkId(row.row), Going { lost: id, vault: &vault }).await?;
                    } else {
                        delete(tx.conn(), table, row.row, id).await?;
                    }
                }
                tx.commit().await?;
                done += u64::try_from(rows.len()).unwrap_or_default();
                progress(Progress { done, total });
            }
        }
        self.strike(id).await?;
        Ok(lost)
    }

    /// What seals instead of a key that is lost: the active one, on record from now on. Whoever starts after this has it.
    async fn go_on_without(&self, id: &str) -> Result<Vault> {
        let keyring = self.keyring()?.ok_or(Trouble::NoneToGoOnWith)?;
        let summary = Summary::of(&keyring);
        let mut tx = self.store.begin().await?;
        vault_keys::lock(tx.conn()).await?;
        let record = Record::read(tx.conn(), self.clock.now()).await?;
        // Again, where nobody can report in between that they have it.
        require_lost(&record, &summary, id)?;
        record.may_seal(&summary, None)?;
        vault_keys::insert_if_absent(tx.conn(), &summary.active, summary.active_check(), at(self.clock.now())).await?;
        tx.commit().await?;
        Ok(Vault::new(keyring, self.entropy.clone()))
    }

    /// Puts an empty set in the place of one that only the key opens, and tells of it: the link needs its user.
    async fn empty(&self, tx: &mut Tx, link: LinkId, Going { lost, vault }: Going<'_>) -> Result<()> {
        let Some((owner, set)) = token_sets::find(tx.conn(), link).await? else { return Ok(()) };
        if !delete(tx.conn(), Sealed::TokenSets, link.0, lost).await? {
            return Ok(());
        }
        let (_, wrapped) = vault.new_row_key(Table::TokenSets, link.0)?;
        let empty = TokenSet {
            link,
            sealed_access: None,
            sealed_refresh: None,
            sealed_params: None,
            key_id: wrapped.key_id,
            wrapped_key: wrapped.bytes,
            scope: set.scope,
            ends: Ends::default(),
            // Random, so that no holder of the earlier set's version can match it.
            version: self.entropy.version(),
            health: Health::NeedsConsent,
            health_since: Some(self.clock.now()),
            retry_at: None,
            failures: 0,
            rejected: false,
        };
        if !token_sets::insert_if_absent(tx.conn(), &empty).await? {
            return Err(Error::internal("the link has got other tokens meanwhile: run it again"));
        }
        let about = About {
            subject: Some(owner.subject.as_str()),
            provider: Some(&owner.provider),
            sid: Some(owner.sid.as_str()),
            detail: Some("key_lost"),
        };
        self.record(tx, Event::ConsentNeeded, about).await
    }

    /// Takes a key that wraps nothing any more off the record.
    async fn strike(&self, id: &str) -> Result<()> {
        let mut tx = self.store.begin().await?;
        vault_keys::lock(tx.conn()).await?;
        if !vault_keys::delete(tx.conn(), id).await? {
            // Whoever has sealed with it meanwhile has it.
            let holder = "an instance that seals".to_owned();
            return Err(Trouble::NotLost { id: id.to_owned(), holder }.into());
        }
        vault_keys::insert_dropped(tx.conn(), id, at(self.clock.now())).await?;
        self.record(&mut tx, Event::KeyDropped, of_key(id)).await?;
        tx.commit().await
    }
}

/// Refuses a key that is nowhere on record, or that somebody has.
fn require_lost(record: &Record, keyring: &Summary, id: &str) -> std::result::Result<(), Trouble> {
    if !record.knows(id) {
        return Err(Trouble::Unknown(id.to_owned()));
    }
    let holder = keyring.keys.contains_key(id).then(|| "the keyring".to_owned());
    match holder.or_else(|| record.names(|instance| instance.names(id))) {
        Some(holder) => Err(Trouble::NotLost { id: id.to_owned(), holder }),
        None => Ok(()),
    }
}
