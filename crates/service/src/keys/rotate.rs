//! What an operator does to the keyring: look, add, activate, rewrap, drop.

use std::collections::{BTreeMap, BTreeSet};

use super::open::open_vault;
use super::record::{Record, Summary};
use super::rewrap::{Progress, Rewrapped, TABLES, rewrap};
use super::trouble::Trouble;
use crate::audit::log;
use crate::boxed;
use crate::outbox::letters;
use domain::clock::SharedClock;
use domain::entropy::SharedEntropy;
use domain::event::{About, Actor, AuditLine, Event};
use domain::{Error, Result};
use settings::{Audit, KeyringSource, Webhooks};
use store::audit;
use store::{Store, Tx, at, now, row_keys, vault_keys};
use vault::{Keyring, KeyringError, KeyringFile};

/// Keeps a keyring and the record of its keys; needs no provider and no client.
pub struct Keeper {
    /// The database, of the newest schema.
    pub store: Store,
    /// Where the keyring is.
    pub source: KeyringSource,
    /// The time.
    pub clock: SharedClock,
    /// Randomness for new keys.
    pub entropy: SharedEntropy,
    /// Who is told of what becomes of keys.
    pub webhooks: Webhooks,
    /// What becomes of the record.
    pub audit: Audit,
}

/// What a key is to this keyring and this database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It seals and opens.
    Active,
    /// It opens.
    Open,
    /// Rows may name it, and the keyring does not have it: nothing starts.
    Missing,
    /// Rows may name it, and the keyring has another of that id: nothing starts.
    Another,
    /// It was dropped, and the keyring or an instance still has it.
    Dropped,
    /// Only an instance has it: its keyring is another than this.
    Elsewhere,
}

impl KeyState {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Open => "open",
            Self::Missing => "missing",
            Self::Another => "another",
            Self::Dropped => "dropped",
            Self::Elsewhere => "elsewhere",
        }
    }
}

/// A key and all that is known of it.
pub struct Listed {
    /// Its id.
    pub id: String,
    /// What it is.
    pub state: KeyState,
    /// How many rows it wraps the keys of, by table.
    pub rows: Vec<(&'static str, u64)>,
    /// The serving instances that have it, by name, and whether they seal with it.
    pub held_by: Vec<(String, bool)>,
}

impl Keeper {
    /// Every key that the keyring, the database or a serving instance has.
    #[boxed]
    pub async fn list(&self) -> Result<Vec<Listed>> {
        let keyring = self.keyring()?.as_ref().map(Summary::of);
        let held = keyring.as_ref().map(|keyring| keyring.keys.clone()).unwrap_or_default();
        let mut conn = self.store.read().await?;
        let record = Record::read(&mut conn, self.clock.now()).await?;
        let mut rows: BTreeMap<String, Vec<(&'static str, u64)>> = BTreeMap::new();
        for &(_, table) in TABLES {
            for (id, count) in row_keys::count(&mut conn, table).await? {
                rows.entry(id).or_default().push((table.name(), u64::try_from(count).unwrap_or_default()));
            }
        }
        let mut ids: BTreeSet<&String> = held.keys().chain(record.known.keys()).chain(rows.keys()).collect();
        ids.extend(record.live.iter().flat_map(super::record::Instance::ids));
        let listed = ids.into_iter().map(|id| {
            let state = match (held.get(id), record.known.get(id)) {
                (_, None) if record.dropped.contains(id) => KeyState::Dropped,
                (None, Some(_)) => KeyState::Missing,
                (None, None) => KeyState::Elsewhere,
                (Some(held), Some(known)) if held != known => KeyState::Another,
                (Some(_), _) if keyring.as_ref().is_some_and(|keyring| keyring.active == *id) => KeyState::Active,
                (Some(_), _) => KeyState::Open,
            };
            let count = |table| {
                let counts = rows.get(id).into_iter().flatten();
                counts.filter(|(name, _)| *name == table).map(|(_, count)| count).sum()
            };
            let holders = record.live.iter().filter(|instance| instance.names(id));
            Listed {
                id: id.clone(),
                state,
                rows: TABLES.iter().map(|(_, table)| (table.name(), count(table.name()))).collect(),
                held_by: holders.map(|instance| (instance.name.clone(), instance.seals_with(id))).collect(),
            }
        });
        Ok(listed.collect())
    }

    /// Adds a key that only opens; the first of all is active. Gives its id, and whether it is active. Only the file is
    /// touched: the key is nobody's yet.
    pub fn add(source: &KeyringSource, entropy: &SharedEntropy) -> Result<(String, KeyState)> {
        let KeyringSource::File(path) = source else {
            return Err(Trouble::Environment("add the line of a key".to_owned()).into());
        };
        let file = KeyringFile::lock(path).map_err(Error::internal)?;
        let id = file.add(&**entropy).map_err(Error::internal)?;
        let first = file.keyring().map_err(Error::internal)?.is_some_and(|keyring| keyring.active_id() == id);
        Ok((id, if first { KeyState::Active } else { KeyState::Open }))
    }

    /// Makes a key the one that seals, once every serving instance has it.
    #[boxed]
    pub async fn activate(&self, id: &str) -> Result<()> {
        let KeyringSource::File(path) = &self.source else {
            return Err(Trouble::Environment(format!("write active at key {id} and open at the other")).into());
        };
        let file = KeyringFile::lock(path).map_err(Error::internal)?;
        let keyring = file.keyring().and_then(|there| there.ok_or_else(|| KeyringError::Missing(path.clone())));
        let mut wanted = Summary::of(&keyring.map_err(Error::internal)?);
        let check = wanted.keys.get(id).ok_or_else(|| Trouble::Unknown(id.to_owned()))?.clone();
        id.clone_into(&mut wanted.active);
        let mut tx = self.store.begin().await?;
        vault_keys::lock(tx.conn()).await?;
        let record = Record::read(tx.conn(), self.clock.now()).await?;
        record.admits(&wanted, None)?;
        record.everywhere(id, &check, None)?;
        // On record first: from here on nobody starts without the key, and so nobody can be without it when the first
        // instance seals with it. Cut off before the file is written, the command can be run again.
        vault_keys::insert_if_absent(tx.conn(), id, &check, at(self.clock.now())).await?;
        self.record(&mut tx, Event::KeyActivated, of_key(id)).await?;
        tx.commit().await?;
        file.activate(id).map_err(Error::internal)
    }

    /// Wraps every row key by the active key.
    pub async fn rewrap(&self, progress: impl FnMut(Progress)) -> Result<(Rewrapped, Option<String>)> {
        let vault = open_vault(&self.store, &self.source, &self.clock, &self.entropy).await?;
        let rewrapped = rewrap(&self.store, &vault, progress).await?;
        let record = Record::read(&mut self.store.read().await?, self.clock.now()).await?;
        Ok((rewrapped, record.names(|instance| instance.seals_without(&vault.active_id()))))
    }

    /// Forgets a key that no row names and nobody seals with.
    #[boxed]
    pub async fn drop_key(&self, id: &str) -> Result<()> {
        let file = match &self.source {
            KeyringSource::File(path) => Some(KeyringFile::lock(path).map_err(Error::internal)?),
            KeyringSource::Text(_) => None,
        };
        let keyring = Summary::of(&self.keyring()?.ok_or_else(|| Trouble::Unknown(id.to_owned()))?);
        if keyring.active == id {
            return Err(Trouble::Active(id.to_owned()).into());
        }
        self.forget(id, &keyring).await?;
        // The file last: had it lost a key that is on record still, nothing would start.
        match file {
            Some(file) if keyring.keys.contains_key(id) => file.remove(id).map_err(Error::internal),
            _ => Ok(()),
        }
    }

    /// Takes a key off the record.
    async fn forget(&self, id: &str, keyring: &Summary) -> Result<()> {
        let mut tx = self.store.begin().await?;
        vault_keys::lock(tx.conn()).await?;
        let mut record = Record::read(tx.conn(), self.clock.now()).await?;
        if !(keyring.keys.contains_key(id) || record.knows(id) || record.dropped.contains(id)) {
            return Err(Trouble::Unknown(id.to_owned()).into());
        }
        // Another database's keyring: what this one knows of the key says nothing.
        if !record.knows(&keyring.active) {
            return Err(Trouble::OtherDatabase(keyring.active.clone()).into());
        }
        // That the keyring no longer has it must not keep it on record.
        record.known.remove(id);
        record.opens_all(keyring)?;
        if let Some(names) = record.names(|instance| instance.seals_with(id)) {
            return Err(Trouble::StillSeals { id: id.to_owned(), names }.into());
        }
        if !vault_keys::delete(tx.conn(), id).await? {
            drop(tx);
            return Err(Trouble::StillWraps { id: id.to_owned(), rows: self.rows_of(id).await? }.into());
        }
        vault_keys::insert_dropped(tx.conn(), id, at(self.clock.now())).await?;
        self.record(&mut tx, Event::KeyDropped, of_key(id)).await?;
        tx.commit().await
    }

    /// Adds a line to the audit record.
    pub(super) async fn record(&self, tx: &mut Tx, event: Event, about: About<'_>) -> Result<()> {
        let line = AuditLine::new(self.entropy.uuid(), self.clock.now(), event, &Actor::default(), about);
        audit::insert(tx.conn(), &line).await?;
        tx.post(letters(&self.webhooks, &line, now(self.clock.now())));
        log(self.audit, tx, &[line]);
        Ok(())
    }

    async fn rows_of(&self, id: &str) -> Result<String> {
        let mut rows = Vec::new();
        let mut conn = self.store.read().await?;
        for &(_, table) in TABLES {
            let counted = row_keys::count(&mut conn, table).await?;
            rows.extend(
                counted.iter().filter(|(key, _)| key == id).map(|(_, count)| format!("{count} in {}", table.name())),
            );
        }
        Ok(rows.join(", "))
    }

    pub(super) fn keyring(&self) -> Result<Option<Keyring>> {
        let keyring = match &self.source {
            KeyringSource::Text(text) => Keyring::parse(&text.0),
            KeyringSource::File(path) => Keyring::load(path),
        };
        match keyring {
            Ok(keyring) => Ok(Some(keyring)),
            Err(KeyringError::Missing(_)) => Ok(None),
            Err(error) => Err(Error::internal(error)),
        }
    }
}

/// What a line about a key is of.
pub(super) fn of_key(id: &str) -> About<'_> {
    About { detail: Some(id), ..About::default() }
}
