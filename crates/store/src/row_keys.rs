//! The wrapped keys of rows, whatever table they are in: counted by the key that wraps them, and wrapped again.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::conn::{Conn, on};
use super::error::lift;
use super::schema::{flows, revocations, token_sets};
use super::types::Uuid;
use domain::Result;
use domain::row_key::WrappedKeyOf;

/// A row's key as it is stored.
#[derive(Queryable)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct WrappedRow {
    id: Uuid,
    wrapped_key: Vec<u8>,
}

/// The functions of this file for each table that has the columns `key_id` and `wrapped_key`, and the column that names
/// its rows. A foreign key (on SQLite, triggers) holds its `key_id` to `vault_keys`.
macro_rules! sealed_tables {
    ($($name:ident: $table:ident . $id:ident),+ $(,)?) => {
        /// A table whose rows are sealed under keys of their own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Sealed {
            $(#[doc = concat!("`", stringify!($table), "`.")] $name),+
        }

        impl Sealed {
            /// All of them.
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$name),+];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($table)),+ }
            }
        }

        /// How many rows each key wraps.
        pub async fn count(conn: &mut Conn, table: Sealed) -> Result<Vec<(String, i64)>> {
            match table {
                $(Sealed::$name => on!(conn, |c| $table::table
                    .group_by($table::key_id)
                    .select(($table::key_id, diesel::dsl::count_star()))
                    .load(c))),+
            }
            .map_err(lift)
        }

        /// The first rows after `after`, in the order of ids, that this key wraps.
        pub async fn list_of_key(conn: &mut Conn, table: Sealed, key_id: &str, after: uuid::Uuid, limit: i64) -> Result<Vec<WrappedKeyOf>> {
            let rows: QueryResult<Vec<WrappedRow>> = match table {
                $(Sealed::$name => on!(conn, |c| $table::table
                    .filter($table::key_id.eq(key_id))
                    .filter($table::$id.gt(Uuid(after)))
                    .order($table::$id)
                    .limit(limit)
                    .select(($table::$id, $table::wrapped_key))
                    .load(c))),+
            };
            let read = |row: WrappedRow| WrappedKeyOf { row: row.id.0, wrapped_key: row.wrapped_key };
            Ok(rows.map_err(lift)?.into_iter().map(read).collect())
        }

        /// Puts another wrapping in the place of the one that was read; says whether that was still there.
        pub async fn replace(conn: &mut Conn, table: Sealed, read: &WrappedKeyOf, key_id: &str, wrapped_key: &[u8]) -> Result<bool> {
            let written = match table {
                $(Sealed::$name => on!(conn, |c| diesel::update($table::table.find(Uuid(read.row)))
                    .filter($table::wrapped_key.eq(&read.wrapped_key))
                    .set(($table::key_id.eq(key_id), $table::wrapped_key.eq(wrapped_key)))
                    .execute(c))),+
            };
            Ok(written.map_err(lift)? == 1)
        }

        /// Deletes a row that this key wraps; says whether it was there.
        pub async fn delete(conn: &mut Conn, table: Sealed, row: uuid::Uuid, key_id: &str) -> Result<bool> {
            let deleted = match table {
                $(Sealed::$name => on!(conn, |c| diesel::delete($table::table.find(Uuid(row)))
                    .filter($table::key_id.eq(key_id))
                    .execute(c))),+
            };
            Ok(deleted.map_err(lift)? == 1)
        }
    };
}

sealed_tables! {
    TokenSets: token_sets.link_id,
    Flows: flows.id,
    Revocations: revocations.id,
}
