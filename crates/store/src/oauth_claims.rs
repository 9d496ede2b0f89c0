//! Claims of our codes and refresh tokens, which are alike: each is one statement, and carries an id that was made before it.
//! [`domain::presented`] says what they mean.

use diesel::prelude::*;

use super::types::{At, Uuid};
use domain::presented::Standing;

/// A claim, by the call that makes it.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// The call.
    pub id: uuid::Uuid,
    /// The claim that was found before, of a call that is over and handed nothing out.
    pub void: Option<uuid::Uuid>,
}

/// What a row says of its claim, and the time by which that is judged.
#[derive(Clone, Copy, Debug, Queryable)]
pub struct ClaimSeen {
    is_out: bool,
    id: Option<Uuid>,
    until: Option<At>,
    now: At,
}

impl ClaimSeen {
    /// What has become of the row.
    pub fn standing(&self) -> Standing {
        Standing::of(self.is_out, self.until.map(|until| until.0), self.now.0)
    }

    /// Who claimed it last.
    pub fn id(&self) -> Option<uuid::Uuid> {
        self.id.map(|id| id.0)
    }
}

/// The statements, for a table whose rows are found by a hash, and what a row is read as.
macro_rules! claims {
    ($table:ident, $row:ident => $read:ident) => {
        /// The one with this hash, and what has become of it.
        pub async fn find_presented(
            conn: &mut $crate::conn::Conn,
            hash: &[u8],
            now: $crate::moment::Now,
        ) -> domain::Result<Option<($read, $crate::oauth_claims::ClaimSeen)>> {
            let seen = ($table::used, $table::claim, $table::claim_until, now.moment());
            let found = on!(conn, |c| $table::table.find(hash).select(($row::as_select(), seen)).first::<($row, _)>(c));
            let found = found.optional().map_err(lift)?;
            found.map(|(row, seen)| Ok(($read::try_from(row)?, seen))).transpose()
        }

        /// Claims it, if nobody has since it was looked at; says whether it did. Of calls that race one does.
        pub async fn claim(
            conn: &mut $crate::conn::Conn,
            hash: &[u8],
            claim: $crate::oauth_claims::Claim,
            now: $crate::moment::Now,
        ) -> domain::Result<bool> {
            let lasts = chrono::TimeDelta::from_std(domain::presented::CLAIM).map_err(domain::Error::internal)?;
            let row = $table::table.find(hash).filter($table::used.eq(false));
            let changes =
                ($table::claim.eq($crate::types::Uuid(claim.id)), $table::claim_until.eq(now.plus(lasts).nullable()));
            let claimed = match claim.void.map($crate::types::Uuid) {
                None => on!(conn, |c| diesel::update(row.filter($table::claim.is_null())).set(changes).execute(c)),
                Some(void) => on!(conn, |c| diesel::update(row.filter($table::claim.eq(void))).set(changes).execute(c)),
            };
            Ok(claimed.map_err(lift)? == 1)
        }

        /// Records that the tokens of this claim went out.
        pub async fn go_out(conn: &mut $crate::conn::Conn, hash: &[u8], claim: uuid::Uuid) -> domain::Result<()> {
            let row = $table::table.find(hash).filter($table::claim.eq($crate::types::Uuid(claim)));
            on!(conn, |c| diesel::update(row).set($table::used.eq(true)).execute(c)).map_err(lift)?;
            Ok(())
        }

        /// Ends a claim whose tokens never went out: what was claimed may be presented again.
        pub async fn give_back(
            conn: &mut $crate::conn::Conn,
            hash: &[u8],
            claim: uuid::Uuid,
            now: $crate::moment::Now,
        ) -> domain::Result<()> {
            let row = $table::table
                .find(hash)
                .filter($table::claim.eq($crate::types::Uuid(claim)))
                .filter($table::used.eq(false));
            on!(conn, |c| diesel::update(row).set($table::claim_until.eq(now.moment().nullable())).execute(c))
                .map_err(lift)?;
            Ok(())
        }
    };
}
pub(super) use claims;
