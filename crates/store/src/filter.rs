//! Lists of records by a filter: one text of SQL for both engines, whose every value is bound, never written.

use std::fmt::Write as _;

use diesel::backend::Backend;
use diesel::pg::Pg;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{BigInt, Bool, Text};
use diesel::sqlite::Sqlite;
use diesel_async::AsyncConnectionCore;

use super::types::{At, Id, Instant, Uuid};
use super::until::Until;
use domain::filter::{Comparison, Few, Filter, Page, Table, Value};

/// What stands for a `$1`.
pub(super) enum Bind {
    Text(String),
    Bool(bool),
    Id(Uuid),
    At(At),
    Number(i64),
}

/// SQL with what is bound to it.
pub(super) struct Statement {
    sql: String,
    binds: Vec<Bind>,
    /// How many tables are named so far: each has an alias of its own.
    tables: usize,
    is_sqlite: bool,
    /// What keeps the time on SQLite, in each WHERE; empty: nobody does.
    clock: String,
    /// SQLite has no statistics, and so would rather search by a column that half of all records have the same value in than
    /// start from the few that somebody sees: such a column is hidden from it.
    hides_columns: bool,
}

/// For which engine a statement is.
#[derive(Clone, Copy, Debug)]
pub(super) enum How {
    /// For SQLite; with a time, only for connections that know `in_time`.
    Sqlite(Option<Until>),
    /// For Postgres, which keeps the time itself.
    Postgres,
}

/// An engine that takes our types.
pub(super) trait Binds: Backend {
    /// The statement with its values.
    fn bind(statement: Statement) -> BoxedSqlQuery<'static, Self, SqlQuery>;
}

macro_rules! binds {
    ($engine:ty) => {
        impl Binds for $engine {
            fn bind(statement: Statement) -> BoxedSqlQuery<'static, Self, SqlQuery> {
                let mut query = diesel::sql_query(statement.sql).into_boxed();
                for bind in statement.binds {
                    query = match bind {
                        Bind::Text(text) => query.bind::<Text, _>(text),
                        Bind::Bool(value) => query.bind::<Bool, _>(value),
                        Bind::Id(id) => query.bind::<Id, _>(id),
                        Bind::At(at) => query.bind::<Instant, _>(at),
                        Bind::Number(number) => query.bind::<BigInt, _>(number),
                    };
                }
                query
            }
        }
    };
}

binds!(Sqlite);
binds!(Pg);

impl Statement {
    /// The records of `table` that `filter` shows, a page of them.
    pub(super) fn list(table: Table, filter: &Filter, page: &Page, how: How) -> Self {
        let mut statement = Self::new(how);
        statement.push("SELECT t0.*");
        statement.from(table, filter);
        statement.push(" ORDER BY ");
        for (column, descends) in &page.order {
            let order = if *descends { " DESC" } else { "" };
            // The engines differ in where they put nulls: here they come last.
            let _infallible = write!(statement.sql, "t0.{column} IS NULL, t0.{column}{order}, ");
        }
        let key = key(table);
        let _infallible = write!(statement.sql, "t0.created, t0.{key} LIMIT ");
        statement.bind(Bind::Number(page.first.into()));
        statement.push(" OFFSET ");
        statement.bind(Bind::Number(page.skip.into()));
        statement
    }

    /// How many records of `table` the filter shows.
    pub(super) fn count(table: Table, filter: &Filter, how: How) -> Self {
        let mut statement = Self::new(how);
        statement.push("SELECT count(*) AS count");
        statement.from(table, filter);
        statement
    }

    /// The query with its values, for the engine of this connection.
    pub(super) fn query<C>(self, _conn: &C) -> BoxedSqlQuery<'static, C::Backend, SqlQuery>
    where
        C: AsyncConnectionCore,
        C::Backend: Binds,
    {
        C::Backend::bind(self)
    }

    /// The same, to be asked how it would be run.
    #[cfg(test)]
    pub(super) fn explained(mut self, explain: &str) -> Self {
        self.sql.insert_str(0, explain);
        self
    }

    /// An empty one.
    pub(super) fn new(how: How) -> Self {
        let (is_sqlite, until) = match how {
            How::Sqlite(until) => (true, until),
            How::Postgres => (false, None),
        };
        let (binds, clock) = match until {
            None => (Vec::new(), String::new()),
            // The first value there is, wherever it stands.
            Some(until) => (vec![Bind::Number(until.stored())], "in_time($1) AND ".to_owned()),
        };
        Self { sql: String::new(), binds, tables: 0, is_sqlite, clock, hides_columns: false }
    }

    /// Writes on, in words of our own.
    pub(super) fn push(&mut self, sql: &str) {
        self.sql.push_str(sql);
    }

    /// Writes a condition that holds while there is time, and ` AND `.
    pub(super) fn push_clock(&mut self) {
        self.sql.push_str(&self.clock);
    }

    /// Writes what stands for this value.
    pub(super) fn bind(&mut self, bind: Bind) {
        self.binds.push(bind);
        let _infallible = write!(self.sql, "${}", self.binds.len());
    }

    fn from(&mut self, table: Table, filter: &Filter) {
        let _infallible = write!(self.sql, " FROM {} t0 WHERE {}", name(table), self.clock);
        self.tables = 1;
        self.hides_columns = self.is_sqlite && filter.is_driven();
        self.condition(0, filter);
    }

    fn condition(&mut self, table: usize, filter: &Filter) {
        match filter {
            Filter::All(parts) => self.joined(table, parts, " AND ", "TRUE"),
            Filter::Any(parts) => self.joined(table, parts, " OR ", "FALSE"),
            Filter::Not(part) => {
                self.push("NOT ");
                self.condition(table, part);
            }
            Filter::Column(column, Comparison::Contains, value) => {
                self.push(if self.is_sqlite { "instr(" } else { "strpos(" });
                let _infallible = write!(self.sql, "coalesce(t{table}.{column}, ''), ");
                self.value(value);
                self.push(") > 0");
            }
            Filter::Column(column, comparison, value) => {
                self.column(table, column);
                let _infallible = write!(self.sql, " {} ", operator(*comparison));
                self.value(value);
            }
            Filter::OneOf(_, values) if values.is_empty() => self.push("FALSE"),
            Filter::OneOf(column, values) => {
                self.column(table, column);
                self.push(" IN (");
                for (place, value) in values.iter().enumerate() {
                    self.push(if place == 0 { "" } else { ", " });
                    self.value(value);
                }
                self.push(")");
            }
            Filter::Absent(column) => {
                let _infallible = write!(self.sql, "t{table}.{column} IS NULL");
            }
            Filter::Grants(name) => {
                let _infallible = write!(self.sql, "(' ' || t{table}.granted || ' ') LIKE ");
                self.bind(Bind::Text(format!("% {name} %")));
            }
            Filter::Among(column, few) => {
                let _infallible = write!(self.sql, "t{table}.{column} IN (");
                for (place, few) in few.iter().enumerate() {
                    self.push(if place == 0 { "" } else { " UNION ALL " });
                    self.few(few);
                }
                self.push(")");
            }
            Filter::Related { table: related, theirs, ours, filter } => {
                let inner = self.tables;
                self.tables += 1;
                let related = name(*related);
                let _infallible = write!(
                    self.sql,
                    "EXISTS (SELECT 1 FROM {related} t{inner} WHERE t{inner}.{theirs} = t{table}.{ours} AND {}",
                    self.clock
                );
                self.condition(inner, filter);
                self.push(")");
            }
        }
    }

    fn joined(&mut self, table: usize, parts: &[Filter], word: &str, of_none: &str) {
        if parts.is_empty() {
            self.push(of_none);
            return;
        }
        self.push("(");
        for (place, part) in parts.iter().enumerate() {
            self.push(if place == 0 { "" } else { word });
            self.condition(table, part);
        }
        self.push(")");
    }

    fn few(&mut self, few: &Few) {
        let inner = self.tables;
        self.tables += 1;
        let (column, name) = (few.column, name(few.table));
        let _infallible = write!(self.sql, "SELECT t{inner}.{column} FROM {name} t{inner} WHERE {}", self.clock);
        self.condition(inner, &few.filter);
    }

    /// A column that is compared. A plus sign keeps SQLite from searching by it; keys are worth it.
    fn column(&mut self, table: usize, column: &str) {
        let is_hidden = table == 0 && self.hides_columns && column != "id" && column != "subject";
        let _infallible = write!(self.sql, "{}t{table}.{column}", if is_hidden { "+" } else { "" });
    }

    fn value(&mut self, value: &Value) {
        self.bind(match value {
            Value::Text(text) => Bind::Text(text.clone()),
            Value::Bool(value) => Bind::Bool(*value),
            Value::Id(id) => Bind::Id(Uuid(*id)),
            Value::At(moment) => Bind::At(At(*moment)),
        });
    }
}

fn name(table: Table) -> &'static str {
    match table {
        Table::Accounts => "accounts",
        Table::Organizations => "organizations",
        Table::Employees => "employees",
        Table::EmployeeRoles => "employee_roles",
        Table::RightsSets => "rights_sets",
    }
}

fn key(table: Table) -> &'static str {
    if table == Table::Accounts { "subject" } else { "id" }
}

fn operator(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Is | Comparison::Contains => "=",
        Comparison::IsNot => "IS DISTINCT FROM",
        Comparison::Over => ">",
        Comparison::AtLeast => ">=",
        Comparison::Under => "<",
        Comparison::AtMost => "<=",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bound_and_tables_told_apart() {
        let filter = Filter::All(vec![
            Filter::no("is_blocked"),
            Filter::Any(vec![
                Filter::text("subject", "'; DROP TABLE accounts; --"),
                Filter::related(
                    Table::Employees,
                    "organization",
                    "organization",
                    Filter::All(vec![
                        Filter::text("subject", "me"),
                        Filter::related(Table::EmployeeRoles, "id", "role", Filter::Grants("canReadEmployees")),
                    ]),
                ),
            ]),
            Filter::OneOf("id", vec![]),
        ]);
        let page = Page { order: vec![("name", true)], first: 2, skip: 1 };
        let statement = Statement::list(Table::Employees, &filter, &page, How::Sqlite(None));
        assert_eq!(
            statement.sql,
            "SELECT t0.* FROM employees t0 WHERE (t0.is_blocked = $1 AND (t0.subject = $2 OR EXISTS (SELECT 1 FROM employees t1 \
             WHERE t1.organization = t0.organization AND (t1.subject = $3 AND EXISTS (SELECT 1 FROM employee_roles t2 WHERE \
             t2.id = t1.role AND (' ' || t2.granted || ' ') LIKE $4)))) AND FALSE) ORDER BY t0.name IS NULL, t0.name DESC, t0.created, t0.id LIMIT $5 OFFSET $6"
        );
        assert_eq!(statement.binds.len(), 6);
    }

    #[test]
    fn what_is_seen_is_searched_by_and_every_where_keeps_the_time() {
        let organizations = Few::of(Table::Employees, "organization", Filter::text("subject", "me"));
        let colleagues = Few::of(Table::Employees, "subject", Filter::Among("organization", vec![organizations]));
        let seen = Filter::Among(
            "subject",
            vec![Few::of(Table::Accounts, "subject", Filter::text("subject", "me")), colleagues],
        );
        let wanted = Filter::All(vec![
            Filter::text("account_type", "staff"),
            Filter::OneOf("subject", vec![Value::Text("other".to_owned())]),
            Filter::related(Table::Employees, "subject", "subject", Filter::yes("is_accepted")),
        ]);
        let filter = Filter::All(vec![wanted, seen]);
        let sql = |clock: &str, plus: &str, first: usize| {
            let [kind, own, accepted, me, again] = std::array::from_fn(|n| first + n);
            format!(
                "SELECT count(*) AS count FROM accounts t0 WHERE {clock}(({plus}t0.account_type = ${kind} AND t0.subject IN (${own}) AND \
                 EXISTS (SELECT 1 FROM employees t1 WHERE t1.subject = t0.subject AND {clock}t1.is_accepted = ${accepted})) AND t0.subject IN \
                 (SELECT t2.subject FROM accounts t2 WHERE {clock}t2.subject = ${me} UNION ALL SELECT t3.subject FROM employees t3 \
                 WHERE {clock}t3.organization IN (SELECT t4.organization FROM employees t4 WHERE {clock}t4.subject = ${again})))"
            )
        };
        let until = Until::within(std::time::Duration::ZERO);
        for (how, clock, plus, first) in [
            (How::Sqlite(Some(until)), "in_time($1) AND ", "+", 2),
            (How::Sqlite(None), "", "+", 1),
            (How::Postgres, "", "", 1),
        ] {
            let statement = Statement::count(Table::Accounts, &filter, how);
            assert_eq!(statement.sql, sql(clock, plus, first));
            assert_eq!(statement.binds.len(), first + 4);
        }
    }
}
