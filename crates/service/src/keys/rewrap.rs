//! Row keys wrapped again by the active key, a batch at a time, beside instances that serve.

use std::collections::BTreeSet;

use uuid::Uuid;

use domain::Result;
use domain::row_key::WrappedKeyOf;
use store::Store;
use store::row_keys::{Sealed, count, list_of_key, replace};
use vault::{Table, Vault, WrappedKey};

/// The tables whose rows have keys.
pub(super) const TABLES: &[(Table, Sealed)] =
    &[(Table::TokenSets, Sealed::TokenSets), (Table::Flows, Sealed::Flows), (Table::Revocations, Sealed::Revocations)];

/// Rows of one transaction: long enough that its commit is shared, short enough that nobody waits for it.
const BATCH: i64 = 200;
/// New rows may be sealed with the old key until every instance has the keyring; for those that are not told to take it,
/// no number of passes suffices.
const PASSES: u32 = 3;

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Rows gone through.
    pub done: u64,
    /// Rows there are to go through.
    pub total: u64,
}

/// How it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrapped {
    /// Rows that the active key wraps now.
    pub moved: u64,
    /// Rows that do not open, with their tables: the log has said which.
    pub stuck: BTreeSet<(&'static str, Uuid)>,
    /// Rows that other keys wrap still, those that do not open among them.
    pub left: u64,
}

/// Wraps every row key by the vault's active key. Tokens and their versions stay as they are, so a refresh under way is
/// not disturbed. What is done is done: run again after an interruption it takes up the rest.
pub async fn rewrap(store: &Store, vault: &Vault, mut progress: impl FnMut(Progress)) -> Result<Rewrapped> {
    let mut ended = Rewrapped::default();
    for _ in 0..PASSES {
        let todo = others(store, &vault.active_id()).await?;
        let (mut done, total) = (0, todo.iter().map(|(_, _, rows)| rows).sum());
        let moved_before = ended.moved;
        for ((place, table), key_id, _) in todo {
            let mut after = Uuid::nil();
            loop {
                let read = list_of_key(&mut store.read().await?, table, &key_id, after, BATCH).await?;
                let Some(last) = read.last() else { break };
                after = last.row;
                done += u64::try_from(read.len()).unwrap_or_default();
                let batch = Batch { place, table, key_id: &key_id, rows: &read };
                move_batch(store, vault, &batch, &mut ended).await?;
                progress(Progress { done, total });
            }
        }
        if ended.moved == moved_before {
            break;
        }
    }
    ended.left = others(store, &vault.active_id()).await?.iter().map(|(_, _, rows)| rows).sum();
    Ok(ended)
}

/// How many rows of each table each other key wraps.
async fn others(store: &Store, active: &str) -> Result<Vec<((Table, Sealed), String, u64)>> {
    let mut others = Vec::new();
    for &table in TABLES {
        let counted = count(&mut store.read().await?, table.1).await?;
        let counted = counted.into_iter().filter(|(id, _)| id != active);
        others.extend(counted.map(|(id, rows)| (table, id, u64::try_from(rows).unwrap_or_default())));
    }
    Ok(others)
}

/// Some rows of a table whose keys one key wraps.
struct Batch<'a> {
    place: Table,
    table: Sealed,
    key_id: &'a str,
    rows: &'a [WrappedKeyOf],
}

async fn move_batch(store: &Store, vault: &Vault, batch: &Batch<'_>, ended: &mut Rewrapped) -> Result<()> {
    let Batch { place, table, key_id, rows } = *batch;
    // Before the transaction: nobody has to wait for the cryptography.
    let mut wrapped: Vec<(&WrappedKeyOf, WrappedKey)> = Vec::with_capacity(rows.len());
    for read in rows {
        match vault.rewrap(place, read.row, key_id, &read.wrapped_key) {
            Ok(key) => wrapped.push((read, key)),
            Err(error) => {
                let error = std::error::Error::source(&error).map(ToString::to_string);
                if ended.stuck.insert((table.name(), read.row)) {
                    tracing::error!(table = table.name(), id = %read.row, key_id, error, "a row key does not open");
                }
            }
        }
    }
    let mut tx = store.begin().await?;
    let mut moved = 0;
    for (read, key) in &wrapped {
        // A row that went, or that another moved meanwhile, is none of ours any more.
        moved += u64::from(replace(tx.conn(), table, read, &key.key_id, &key.bytes).await?);
    }
    tx.commit().await?;
    ended.moved += moved;
    Ok(())
}
