//! What the database knows of keys and of who serves, and whether a keyring goes with it.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chrono::{DateTime, Utc};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::trouble::Trouble;
use domain::instance::{InstanceReport, LIVE};
use domain::{Error, Result};
use store::instances::list_within;
use store::{self, Conn, vault_keys};
use vault::{CheckValue, Keyring, Vault};

/// What is told of a keyring: which keys it has, and which one seals.
#[derive(Clone)]
pub(super) struct Summary {
    pub(super) keys: BTreeMap<String, CheckValue>,
    pub(super) active: String,
}

impl Summary {
    pub(super) fn of(keyring: &Keyring) -> Self {
        Self { keys: keyring.check_values(), active: keyring.active_id().to_owned() }
    }

    pub(super) fn of_vault(vault: &Vault) -> Self {
        Self { keys: vault.keys(), active: vault.active_id() }
    }

    pub(super) fn active_check(&self) -> &[u8] {
        self.keys.get(&self.active).map_or(&[], Vec::as_slice)
    }
}

/// An instance that serves.
pub(super) struct Instance {
    id: Uuid,
    pub(super) name: String,
    keys: BTreeMap<String, CheckValue>,
    sealing: BTreeSet<String>,
}

impl Instance {
    fn of(report: InstanceReport) -> Self {
        // What can't be read holds nothing: then keys are neither activated nor dropped because of it.
        let keys: BTreeMap<String, String> = serde_json::from_str(&report.keys).unwrap_or_default();
        let decode = |(id, check): (String, String)| Some((id, STANDARD_NO_PAD.decode(check).ok()?));
        Self {
            id: report.id,
            name: report.name,
            keys: keys.into_iter().filter_map(decode).collect(),
            sealing: report.sealing.split(' ').map(str::to_owned).collect(),
        }
    }

    /// Whether it has this very key.
    pub(super) fn holds(&self, id: &str, check: &[u8]) -> bool {
        self.keys.get(id).is_some_and(|held| held.ct_eq(check).into())
    }

    /// Whether it has a key of that id.
    pub(super) fn names(&self, id: &str) -> bool {
        self.keys.contains_key(id)
    }

    /// The ids of its keys.
    pub(super) fn ids(&self) -> impl Iterator<Item = &String> {
        self.keys.keys()
    }

    /// Whether it may seal with the key.
    pub(super) fn seals_with(&self, id: &str) -> bool {
        self.sealing.contains(id)
    }

    /// Whether it may seal with any other key.
    pub(super) fn seals_without(&self, id: &str) -> bool {
        self.sealing.iter().any(|sealing| sealing != id)
    }
}

/// The keys an instance holds, as its row says it.
pub(super) fn written(keys: &BTreeMap<String, CheckValue>) -> Result<String> {
    let keys: BTreeMap<_, _> = keys.iter().map(|(id, check)| (id, STANDARD_NO_PAD.encode(check))).collect();
    serde_json::to_string(&keys).map_err(Error::internal)
}

/// What the database knows.
pub(super) struct Record {
    /// Keys that rows may name.
    pub(super) known: BTreeMap<String, CheckValue>,
    /// Keys that are no more.
    pub(super) dropped: BTreeSet<String>,
    /// Who serves.
    pub(super) live: Vec<Instance>,
}

impl Record {
    pub(super) async fn read(conn: &mut Conn, now: DateTime<Utc>) -> Result<Self> {
        Ok(Self {
            known: vault_keys::list(conn).await?.into_iter().collect(),
            dropped: vault_keys::list_dropped(conn).await?.into_iter().collect(),
            live: list_within(conn, LIVE, store::now(now)).await?.into_iter().map(Instance::of).collect(),
        })
    }

    /// A key on record, if there is any.
    pub(super) fn first(&self) -> Option<&str> {
        self.known.keys().next().map(String::as_str)
    }

    pub(super) fn knows(&self, id: &str) -> bool {
        self.known.contains_key(id)
    }

    /// Refuses a keyring that does not open every row, or that would seal what another instance does not open. A key
    /// whose line was edited to `active` by hand passes only if `keys activate` would have let it. `me` has no say: it is
    /// the one that asks.
    pub(super) fn admits(&self, keyring: &Summary, me: Option<Uuid>) -> std::result::Result<(), Trouble> {
        self.opens_all(keyring)?;
        self.may_seal(keyring, me)
    }

    /// Refuses a keyring whose active key may not seal here.
    pub(super) fn may_seal(&self, keyring: &Summary, me: Option<Uuid>) -> std::result::Result<(), Trouble> {
        if self.dropped.contains(&keyring.active) {
            return Err(Trouble::Dropped(keyring.active.clone()));
        }
        if self.knows(&keyring.active) { Ok(()) } else { self.everywhere(&keyring.active, keyring.active_check(), me) }
    }

    /// Refuses a keyring that lacks a key on record, or has another of that id.
    pub(super) fn opens_all(&self, keyring: &Summary) -> std::result::Result<(), Trouble> {
        for (id, check) in &self.known {
            let held = keyring.keys.get(id).ok_or_else(|| Trouble::Missing(id.clone()))?;
            if !bool::from(held.ct_eq(check)) {
                return Err(Trouble::Another(id.clone()));
            }
        }
        Ok(())
    }

    /// Refuses a key that some serving instance lacks, and names those.
    pub(super) fn everywhere(&self, id: &str, check: &[u8], me: Option<Uuid>) -> std::result::Result<(), Trouble> {
        let lacking = self.names(|instance| Some(instance.id) != me && !instance.holds(id, check));
        match lacking {
            Some(lacking) => Err(Trouble::NotEverywhere { id: id.to_owned(), lacking }),
            None => Ok(()),
        }
    }

    /// The serving instances of which that is true, by name.
    pub(super) fn names(&self, choose: impl Fn(&Instance) -> bool) -> Option<String> {
        let chosen: Vec<&str> =
            self.live.iter().filter(|instance| choose(instance)).map(|instance| instance.name.as_str()).collect();
        (!chosen.is_empty()).then(|| chosen.join(", "))
    }
}
