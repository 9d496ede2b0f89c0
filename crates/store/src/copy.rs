//! Copies a SQLite database, whole, into an empty one of Postgres: every table, every column, in one transaction.
//!
//! Columns are read off both databases and have to be the same, so a table or a column that is new is copied, or found.

use std::collections::BTreeSet;

use diesel::pg::Pg;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::Sqlite;
use diesel::{QueryResult, QueryableByName, sql_query};
use diesel_async::RunQueryDsl;

use super::Store;
use super::conn::{Conn, on, take_your_time};
use super::error::lift;
use domain::{Error, Result};

/// The tables that are copied: those that others refer to come first.
const TABLES: [&str; 31] = [
    "vault_keys",
    "dropped_keys",
    "provider_rules",
    "issuer_rules",
    "rights_sets",
    "organizations",
    "employee_roles",
    "accounts",
    "employees",
    "known_places",
    "sessions",
    "condo_sessions",
    "confirm_phone_actions",
    "attempts",
    "links",
    "token_sets",
    "link_uses",
    "flows",
    "revocations",
    "oauth_tokens",
    "oauth_codes",
    "oauth_refresh_tokens",
    "client_assertions",
    "audit",
    "gone_links",
    "outbox",
    "outbox_lanes",
    "served_pages",
    "served_writers",
    "provider_minutes",
    "imports",
];
/// Those that are not: who serves here doesn't serve there.
const LEFT: [&str; 2] = ["instances", "outbox_leases"];
/// Those that settings and keyrings fill by themselves: what they have there gives way.
const BY_SETTINGS: [&str; 4] = ["vault_keys", "provider_rules", "issuer_rules", "instances"];
/// Rows in one statement: each may have tokens as large as an answer of a provider's, and one text holds them all.
const PAGE: i64 = 100;

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    name: String,
    /// As Postgres calls it.
    #[diesel(sql_type = Text)]
    kind: String,
}

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    many: i64,
}

/// Rows as one JSON text, and the last row's place.
#[derive(QueryableByName)]
struct Page {
    #[diesel(sql_type = Nullable<Text>)]
    rows: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    last: Option<i64>,
    #[diesel(sql_type = BigInt)]
    many: i64,
}

/// Copies all that `from`, a SQLite database, has into `to`, a Postgres one, which is of the same schema and has nothing yet: all of it
/// or nothing. `step` is told how many rows are copied, of how many. Gives the number of rows. [`Error::Input`] says why it can't.
pub async fn copy(from: &Store, to: &Store, mut step: impl FnMut(u64, u64)) -> Result<u64> {
    // As a writer, so that nobody else writes meanwhile.
    let mut source = from.begin().await?;
    let mut target = to.begin().await?;
    take_your_time(target.conn()).await?;
    check_schemas(source.conn(), target.conn()).await?;
    let mut total = 0;
    for table in TABLES {
        if !BY_SETTINGS.contains(&table) && count(target.conn(), table).await? > 0 {
            let why = format!("must name an empty database: its table {table} has rows");
            return Err(Error::input("database_url", why));
        }
        total += count(source.conn(), table).await?;
    }
    for table in BY_SETTINGS {
        run(target.conn(), &format!("DELETE FROM {table}")).await?;
    }
    let mut done = 0;
    for table in TABLES {
        let table = Table { name: table, columns: columns(source.conn(), target.conn(), table).await? };
        let copied = table.copy(source.conn(), target.conn(), |more| step(done + more, total)).await?;
        let table = table.name;
        let there = count(target.conn(), table).await?;
        if there != copied {
            return Err(Error::internal(format!("{copied} rows of {table} were copied, and {there} are there")));
        }
        done += copied;
    }
    for Named { name } in ask(target.conn(), SEQUENCES).await? {
        run(target.conn(), &name).await?;
    }
    target.commit().await?;
    Ok(done)
}

async fn ask<T>(conn: &mut Conn, query: &str) -> Result<Vec<T>>
where
    T: QueryableByName<Sqlite> + QueryableByName<Pg> + Send + 'static,
{
    let found: QueryResult<Vec<T>> = on!(conn, |c| sql_query(query).load(c));
    found.map_err(lift)
}

async fn run(conn: &mut Conn, statement: &str) -> Result<()> {
    on!(conn, |c| sql_query(statement).execute(c)).map(|_rows| ()).map_err(lift)
}

async fn count(conn: &mut Conn, table: &str) -> Result<u64> {
    let counted = ask::<Counted>(conn, &format!("SELECT count(*) AS many FROM {table}")).await?.pop();
    Ok(counted.and_then(|counted| u64::try_from(counted.many).ok()).unwrap_or_default())
}

/// What sets each sequence to the last value that its column has.
const SEQUENCES: &str = "SELECT format('SELECT setval(%L, max(%I)) FROM %I', pg_get_serial_sequence(table_name, column_name), \
     column_name, table_name) AS name FROM information_schema.columns \
     WHERE table_schema = current_schema() AND column_default LIKE 'nextval(%'";

/// Refuses databases of which one has what the other lacks.
async fn check_schemas(source: &mut Conn, target: &mut Conn) -> Result<()> {
    const RAN: &str = "SELECT version AS name FROM __diesel_schema_migrations ORDER BY version";
    let ran = async |conn| ask::<Named>(conn, RAN).await.map(|all| all.into_iter().map(|one| one.name).collect());
    let (there, here): (Vec<String>, Vec<String>) = (ran(source).await?, ran(target).await?);
    if there != here {
        let why = "is of another schema: run `fedlink migrate` with its own settings first, of this version";
        return Err(Error::input("the SQLite database", why));
    }
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
                  AND name NOT LIKE '\\_\\_%' ESCAPE '\\'";
    let known = |name: &str| TABLES.contains(&name) || LEFT.contains(&name);
    match ask::<Named>(source, tables).await?.into_iter().find(|table| !known(&table.name)) {
        None => Ok(()),
        Some(table) => Err(Error::internal(format!("the table {} is not known to be copied", table.name))),
    }
}

/// The columns of a table, of the types that Postgres has for them.
async fn columns(source: &mut Conn, target: &mut Conn, table: &str) -> Result<Vec<Column>> {
    let there = format!("SELECT name FROM pragma_table_info('{table}')");
    let here = format!(
        "SELECT CAST(column_name AS text) AS name, CAST(udt_name AS text) AS kind FROM information_schema.columns \
         WHERE table_schema = current_schema() AND table_name = '{table}' ORDER BY ordinal_position"
    );
    let there: BTreeSet<_> = ask::<Named>(source, &there).await?.into_iter().map(|column| column.name).collect();
    let here: Vec<Column> = ask(target, &here).await?;
    if there != here.iter().map(|column| column.name.clone()).collect() {
        return Err(Error::internal(format!(
            "the table {table} has other columns in the one database than in the other"
        )));
    }
    Ok(here)
}

impl Column {
    /// The value as JSON has it, by SQLite.
    fn read(&self) -> String {
        let name = &self.name;
        match self.kind.as_str() {
            "bytea" => format!("CASE WHEN \"{name}\" IS NOT NULL THEN hex(\"{name}\") END"),
            "bool" => format!("json(CASE \"{name}\" WHEN 0 THEN 'false' WHEN 1 THEN 'true' END)"),
            _ => format!("\"{name}\""),
        }
    }

    /// The type that it is first taken for there.
    fn taken_as(&self) -> &str {
        match self.kind.as_str() {
            "bytea" => "text",
            // In microseconds since 1970.
            "timestamptz" => "bigint",
            kind => kind,
        }
    }

    /// The value, by Postgres.
    fn written(&self) -> String {
        let name = &self.name;
        match self.kind.as_str() {
            "bytea" => format!("decode(\"{name}\", 'hex')"),
            "timestamptz" => format!("timestamptz 'epoch' + \"{name}\" * interval '1 microsecond'"),
            _ => format!("\"{name}\""),
        }
    }
}

/// A table that is copied.
struct Table {
    name: &'static str,
    columns: Vec<Column>,
}

impl Table {
    fn list(&self, part: impl Fn(&Column) -> String) -> String {
        self.columns.iter().map(part).collect::<Vec<_>>().join(", ")
    }

    /// What SQLite is asked for: the rows after this place, a page of them.
    fn read(&self, last: i64) -> String {
        let (table, members) = (self.name, self.list(|column| format!("'{}', {}", column.name, column.read())));
        format!(
            "SELECT json_group_array(json_object({members})) AS rows, max(place) AS last, count(*) AS many \
             FROM (SELECT rowid AS place, * FROM {table} WHERE rowid > {last} ORDER BY rowid LIMIT {PAGE})"
        )
    }

    /// What Postgres is told, with a page's rows.
    fn write(&self) -> String {
        let (table, values) = (self.name, self.list(Column::written));
        let names = self.list(|column| format!("\"{}\"", column.name));
        let types = self.list(|column| format!("\"{}\" {}", column.name, column.taken_as()));
        format!("INSERT INTO {table} ({names}) SELECT {values} FROM json_to_recordset($1::json) AS x ({types})")
    }

    /// Copies the rows; gives their number.
    async fn copy(&self, source: &mut Conn, target: &mut Conn, mut step: impl FnMut(u64)) -> Result<u64> {
        let write = self.write();
        let (mut done, mut last) = (0, i64::MIN);
        loop {
            let page: Option<Page> = ask(source, &self.read(last)).await?.pop();
            let Some(Page { rows: Some(rows), last: Some(now), many }) = page else { return Ok(done) };
            let rows = &rows;
            let statement = || sql_query(&write).bind::<Text, _>(rows);
            on!(target, |c| statement().execute(c)).map_err(lift)?;
            (done, last) = (done + u64::try_from(many).unwrap_or_default(), now);
            step(done);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_copied_or_left_for_a_reason() {
        let all: BTreeSet<_> = TABLES.iter().chain(&LEFT).collect();
        assert_eq!(all.len(), TABLES.len() + LEFT.len());
        assert!(BY_SETTINGS.iter().all(|table| all.contains(table)));
    }
}
