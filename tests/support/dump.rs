//! All that a database holds, as text: each table, each row of it.

use std::collections::BTreeMap;

use super::database::Sql;

/// What tests keep beside fedlink's own.
const CLOCK: &str = "test_clock";

/// What a database holds, by table; in small letters, bytes as hexadecimal digits.
pub(crate) struct Dump(BTreeMap<String, Vec<String>>);

impl Dump {
    /// Reads every table but those of the migrations and of tests.
    pub(crate) async fn of(url: &str) -> Self {
        let mut sql = Sql::open(url).await;
        let is_sqlite = url.starts_with("sqlite:");
        let tables = if is_sqlite {
            "SELECT name AS value FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
             AND name NOT LIKE '\\_\\_%' ESCAPE '\\'"
        } else {
            "SELECT table_name AS value FROM information_schema.tables WHERE table_schema = 'public' \
             AND table_name NOT LIKE '\\_\\_%'"
        };
        let mut dump = BTreeMap::new();
        for table in sql.texts(tables).await.into_iter().filter(|table| table != CLOCK) {
            let row = if is_sqlite {
                let columns =
                    "SELECT group_concat('quote(\"' || name || '\")', ' || '' '' || ') AS value FROM pragma_table_info";
                sql.texts(&format!("{columns}('{table}')")).await.concat()
            } else {
                format!("CAST({table} AS text)")
            };
            let rows = sql.texts(&format!("SELECT {row} AS value FROM {table}")).await;
            dump.insert(table, rows.iter().map(|row| row.to_lowercase()).collect());
        }
        Self(dump)
    }

    /// The tables.
    pub(crate) fn tables(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// Where any of these words stands, as text or as bytes: `table: word`, once each.
    pub(crate) fn find<S: AsRef<str>>(&self, words: &[S]) -> Vec<String> {
        let mut found = Vec::new();
        for (table, rows) in &self.0 {
            for word in words {
                let text = word.as_ref().to_lowercase();
                let bytes = word.as_ref().bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
                if rows.iter().any(|row| row.contains(&text) || row.contains(&bytes)) {
                    found.push(format!("{table}: {}", word.as_ref()));
                }
            }
        }
        found
    }
}
