//! An instance's part in a fleet: it reports which keys it holds and which one seals, and takes another keyring while it
//! serves.

use std::collections::BTreeMap;
use std::time::Duration;

use super::record::{Record, Summary, written};
use super::trouble::Trouble;
use crate::{Current, Parts, boxed};
use domain::instance::{InstanceReport, LIVE};
use domain::{Error, Result};
use settings::KeyringSource;
use store::{at, instances, now, vault_keys};
use vault::Keyring;

/// How long a keyring that was left still opens: longer than any request that read a row before.
const LEFT_OPENS: Duration = Duration::from_mins(10);

/// How often an instance reports: four times before others take it for gone.
const BEAT_EVERY: Duration = Duration::from_secs(30);

/// Reports for the first time, before anything is served or sealed. What it refuses came to be since the vault was opened.
#[boxed]
pub async fn join(parts: &Parts) -> Result<()> {
    let _turn = parts.presence.turn.lock().await;
    let keyring = Summary::of_vault(&parts.vault);
    tell(parts, &keyring, report_of(parts, &keyring.keys, &keyring.active)?).await
}

/// Forgets what others reported, for the one process that may serve: they are dead.
#[boxed]
pub async fn forget_others(parts: &Parts) -> Result<()> {
    instances::delete_others(&mut parts.store.write().await?, parts.presence.id).await
}

/// Reports again; due more often than every two minutes. An instance that was out of touch while keys were changed reads
/// its keyring once more by itself.
#[boxed]
pub async fn beat(parts: &Parts) -> Result<()> {
    let _turn = parts.presence.turn.lock().await;
    if let Some(before) = parts.clock.monotonic().checked_sub(LEFT_OPENS) {
        parts.vault.forget_left(before);
    }
    let keyring = Summary::of_vault(&parts.vault);
    let mine = report_of(parts, &keyring.keys, &keyring.active)?;
    match tell(parts, &keyring, mine.clone()).await {
        Err(unfit @ Error::Internal(_)) if take(parts).await.is_err() => {
            // It serves what it can, and is seen doing so.
            instances::upsert(&mut parts.store.write().await?, &mine, now(parts.clock.now())).await?;
            return Err(unfit);
        }
        Err(Error::Internal(_)) => {}
        told => told?,
    }
    instances::sweep(&mut parts.store.write().await?, LIVE * 30, now(parts.clock.now())).await
}

/// Reports until it is dropped. On a task of its own: behind work that takes long, an instance would look dead while it
/// serves, and a key be activated that it lacks.
#[boxed]
pub async fn report(current: Current) {
    let mut beats = tokio::time::interval(BEAT_EVERY);
    beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        beats.tick().await;
        if let Err(error) = beat(&current.take()).await {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, "the keys could not be reported");
        }
    }
}

/// Says goodbye.
#[boxed]
pub async fn leave(parts: &Parts) -> Result<()> {
    instances::delete(&mut parts.store.write().await?, parts.presence.id).await
}

/// Takes the keyring as the file has it now, if it is fit; else the old one stays.
#[boxed]
pub async fn reload(parts: &Parts) -> Result<()> {
    let _turn = parts.presence.turn.lock().await;
    take(parts).await
}

/// Whether the keyring, as its file has it now, is fit to be taken; one in the environment is not looked at.
#[boxed]
pub async fn look(parts: &Parts) -> Result<()> {
    let KeyringSource::File(path) = &parts.presence.keyring else { return Ok(()) };
    let keyring = Keyring::load(path).map_err(Error::internal)?;
    let mut tx = parts.store.begin().await?;
    vault_keys::lock(tx.conn()).await?;
    Record::read(tx.conn(), parts.clock.now())
        .await?
        .admits(&Summary::of(&keyring), Some(parts.presence.id))
        .map_err(Error::from)
}

async fn take(parts: &Parts) -> Result<()> {
    let KeyringSource::File(path) = &parts.presence.keyring else {
        return Err(Trouble::Environment("change it".to_owned()).into());
    };
    let keyring = Keyring::load(path).map_err(Error::internal)?;
    let (old, new) = (Summary::of_vault(&parts.vault), Summary::of(&keyring));
    // On the way from one to the other: it surely opens with what both have, and may seal with either.
    let both = new.keys.iter().filter(|(id, _)| old.keys.contains_key(*id));
    let both = both.map(|(id, check)| (id.clone(), check.clone())).collect();
    let sealing = if old.active == new.active { new.active.clone() } else { format!("{} {}", old.active, new.active) };
    tell(parts, &new, report_of(parts, &both, &sealing)?).await?;
    parts.vault.replace(keyring, parts.clock.monotonic());
    tracing::info!(active = new.active, keys = new.keys.len(), "took the keyring as it is now");
    if let Err(error) = tell(parts, &new, report_of(parts, &new.keys, &new.active)?).await {
        // The next report says it.
        tracing::warn!(%error, "the keyring could not be reported");
    }
    Ok(())
}

fn report_of(parts: &Parts, keys: &BTreeMap<String, Vec<u8>>, sealing: &str) -> Result<InstanceReport> {
    Ok(InstanceReport {
        id: parts.presence.id,
        name: parts.presence.name.clone(),
        keys: written(keys)?,
        sealing: sealing.to_owned(),
    })
}

/// Writes what this instance reports, and puts the key it seals with on record, if the record admits its keyring.
async fn tell(parts: &Parts, keyring: &Summary, report: InstanceReport) -> Result<()> {
    let mut tx = parts.store.begin().await?;
    vault_keys::lock(tx.conn()).await?;
    let moment = parts.clock.now();
    Record::read(tx.conn(), moment).await?.admits(keyring, Some(parts.presence.id))?;
    vault_keys::insert_if_absent(tx.conn(), &keyring.active, keyring.active_check(), at(moment)).await?;
    instances::upsert(tx.conn(), &report, now(moment)).await?;
    tx.commit().await
}
