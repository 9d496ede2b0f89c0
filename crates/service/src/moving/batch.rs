//! Taking in many lines: as many as fit together in one transaction, and how far that has come in the same one.

use std::sync::Arc;

use uuid::Uuid;

use super::item::Item;
use super::restore::restore;
use crate::import::{How, Taken};
use crate::{Parts, boxed};
use domain::{Error, Result};
use store::{Tx, at};

/// What became of the line of a number.
pub struct Judged {
    /// The line's number.
    pub number: u64,
    /// What became of it.
    pub taken: Result<Taken>,
}

/// An import under way.
pub struct Import {
    parts: Arc<Parts>,
    how: How,
    mark: Option<Mark>,
}

/// How far the import of an export is, by the database.
#[derive(Clone, Copy)]
struct Mark {
    export: Uuid,
    lines: Option<i64>,
}

/// Items by the numbers of their lines.
type Items = Arc<Vec<(u64, Item)>>;

impl Import {
    /// One of a file that says nothing of itself: run again, it begins with the first line.
    pub fn of_file(parts: Arc<Parts>, how: How) -> Self {
        Self { parts, how, mark: None }
    }

    /// One of an export: cut off, it goes on from where it was.
    #[boxed]
    pub async fn of_export(parts: Arc<Parts>, how: How, export: Uuid) -> Result<Self> {
        let lines = store::read!(parts.store, |conn| store::imports::find(conn, export))?;
        Ok(Self { parts, how, mark: Some(Mark { export, lines }) })
    }

    /// How many lines are in already.
    pub fn done(&self) -> u64 {
        self.mark.and_then(|mark| mark.lines).and_then(|lines| u64::try_from(lines).ok()).unwrap_or_default()
    }

    /// Takes in these items; with them all lines up to `upto` are done. An error means that not all of them are in: run again, the
    /// import goes on from the last that is.
    #[boxed]
    pub async fn take(&mut self, items: Vec<(u64, Item)>, upto: u64) -> Result<Vec<Judged>> {
        let items = Arc::new(items);
        match self.together(&items, upto).await {
            Ok(judged) => Ok(judged),
            // One that is refused takes all others of its transaction along; by itself it takes none.
            Err(_whichever) => self.each(&items, upto).await,
        }
    }

    async fn together(&mut self, items: &Items, upto: u64) -> Result<Vec<Judged>> {
        let (how, mark, all) = (self.how, self.mark, Arc::clone(items));
        let (mark, judged) = self
            .parts
            .detached(async move |parts| {
                let mut tx = parts.store.begin().await?;
                let mark = advance(&parts, &mut tx, mark, upto).await?;
                let mut judged = Vec::with_capacity(all.len());
                for (number, Item(what)) in all.iter() {
                    judged.push(Judged { number: *number, taken: Ok(restore(&parts, &mut tx, what, how).await?) });
                }
                tx.commit().await?;
                Ok((mark, judged))
            })
            .await?;
        self.mark = mark;
        Ok(judged)
    }

    async fn each(&mut self, items: &Items, upto: u64) -> Result<Vec<Judged>> {
        let mut judged = Vec::with_capacity(items.len());
        for (place, (number, _)) in items.iter().enumerate() {
            let taken = match self.one(items, place, *number).await {
                Err(error @ (Error::StorageUnavailable(_) | Error::Internal(_))) => return Err(error),
                taken => taken,
            };
            judged.push(Judged { number: *number, taken });
        }
        // The last may have been refused: it is done all the same.
        self.together(&Items::default(), upto).await?;
        Ok(judged)
    }

    async fn one(&mut self, items: &Items, place: usize, number: u64) -> Result<Taken> {
        let (how, mark, all) = (self.how, self.mark, Arc::clone(items));
        let (mark, taken) = self
            .parts
            .detached(async move |parts| {
                let mut tx = parts.store.begin().await?;
                let mark = advance(&parts, &mut tx, mark, number).await?;
                let (_, Item(what)) = all.get(place).ok_or_else(|| Error::internal("an item beyond the last"))?;
                let taken = restore(&parts, &mut tx, what, how).await?;
                tx.commit().await?;
                Ok((mark, taken))
            })
            .await?;
        self.mark = mark;
        Ok(taken)
    }

    /// Says that the file was read to its end.
    #[boxed]
    pub async fn end(self) -> Result<()> {
        let Some(Mark { export, .. }) = self.mark else { return Ok(()) };
        self.parts
            .detached(async move |parts| {
                let mut tx = parts.store.begin().await?;
                store::imports::end(tx.conn(), export).await?;
                tx.commit().await
            })
            .await
    }
}

/// Moves the mark in the transaction of what it stands for: first, so that a second import of the same export waits, and is refused.
async fn advance(parts: &Parts, tx: &mut Tx, mark: Option<Mark>, upto: u64) -> Result<Option<Mark>> {
    let Some(Mark { export, lines: from }) = mark else { return Ok(None) };
    let lines = i64::try_from(upto).map_err(Error::internal)?;
    if from == Some(lines) {
        return Ok(mark);
    }
    if !store::imports::advance(tx.conn(), export, from, lines, at(parts.clock.now())).await? {
        return Err(Error::internal("another import of the same export is under way"));
    }
    Ok(Some(Mark { export, lines: Some(lines) }))
}
