//! Which records a list shows: conditions on their columns and on those of related records, as a tree. What a client asks
//! for and what it may see are the same kind of thing, so that one query answers both.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A table that is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Users.
    Accounts,
    /// Organizations.
    Organizations,
    /// Employees of organizations.
    Employees,
    /// What employees may do.
    EmployeeRoles,
    /// What administrators grant to users.
    RightsSets,
}

/// What a column is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text.
    Text(String),
    /// Yes or no.
    Bool(bool),
    /// An id that is a UUID.
    Id(Uuid),
    /// A moment.
    At(DateTime<Utc>),
}

/// How a column is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// The same.
    Is,
    /// Another, or none.
    IsNot,
    /// Later than.
    Over,
    /// At or later than.
    AtLeast,
    /// Earlier than.
    Under,
    /// At or earlier than.
    AtMost,
    /// The text stands somewhere in it, letter by letter.
    Contains,
}

/// A condition. Columns are named by the program alone, never by a client.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All of these; of none: everything.
    All(Vec<Filter>),
    /// One of these; of none: nothing.
    Any(Vec<Filter>),
    /// None of what this shows.
    Not(Box<Filter>),
    /// A column compares to a value as said.
    Column(&'static str, Comparison, Value),
    /// A column is one of these.
    OneOf(&'static str, Vec<Value>),
    /// A column has no value.
    Absent(&'static str),
    /// A list of granted names has this one.
    Grants(&'static str),
    /// A column is that of one of these records. A search can start from them, so this is what says what somebody sees.
    Among(&'static str, Vec<Few>),
    /// There is a related record.
    Related {
        /// Where.
        table: Table,
        /// Its column …
        theirs: &'static str,
        /// … that is the same as this one.
        ours: &'static str,
        /// What is asked of it.
        filter: Box<Filter>,
    },
}

/// A few records of a table, by one of their columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Few {
    /// Where.
    pub table: Table,
    /// Which column: it is never without a value.
    pub column: &'static str,
    /// Which records.
    pub filter: Filter,
}

impl Few {
    /// The `column` of those records of `table` that `filter` shows.
    pub fn of(table: Table, column: &'static str, filter: Filter) -> Self {
        Self { table, column, filter }
    }
}

impl Filter {
    /// What shows everything.
    pub fn everything() -> Self {
        Self::All(Vec::new())
    }

    /// What shows nothing.
    pub fn nothing() -> Self {
        Self::Any(Vec::new())
    }

    /// A column has this value.
    pub fn is(column: &'static str, value: Value) -> Self {
        Self::Column(column, Comparison::Is, value)
    }

    /// A column is a text.
    pub fn text(column: &'static str, text: impl Into<String>) -> Self {
        Self::is(column, Value::Text(text.into()))
    }

    /// A column is true.
    pub fn yes(column: &'static str) -> Self {
        Self::is(column, Value::Bool(true))
    }

    /// A column is false.
    pub fn no(column: &'static str) -> Self {
        Self::is(column, Value::Bool(false))
    }

    /// A record of `table`, whose `theirs` is this one's `ours`, shows by `filter`.
    pub fn related(table: Table, theirs: &'static str, ours: &'static str, filter: Self) -> Self {
        Self::Related { table, theirs, ours, filter: Box::new(filter) }
    }

    /// How many conditions there are.
    pub fn size(&self) -> usize {
        match self {
            // Empty ones count as well: each is written into the statement.
            Self::All(parts) | Self::Any(parts) => 1 + parts.iter().map(Self::size).sum::<usize>(),
            Self::Not(part) => part.size(),
            Self::OneOf(_, values) => values.len().div_ceil(10).max(1),
            Self::Column(..) | Self::Absent(_) | Self::Grants(_) => 1,
            Self::Related { filter, .. } => 1 + filter.size(),
            Self::Among(_, few) => 1 + few.iter().map(|few| few.filter.size()).sum::<usize>(),
        }
    }

    /// The same, of related records only by those that `seen` shows of their table: what may not be seen must not be guessed
    /// by asking for it.
    #[must_use]
    pub fn within(self, seen: &impl Fn(Table) -> Self) -> Self {
        match self {
            Self::All(parts) => Self::All(parts.into_iter().map(|part| part.within(seen)).collect()),
            Self::Any(parts) => Self::Any(parts.into_iter().map(|part| part.within(seen)).collect()),
            Self::Not(part) => Self::Not(Box::new(part.within(seen))),
            Self::Related { table, theirs, ours, filter } => {
                let filter = Self::All(vec![filter.within(seen), seen(table)]);
                Self::Related { table, theirs, ours, filter: Box::new(filter) }
            }
            one => one,
        }
    }

    /// Whether a search starts from what it says that somebody sees.
    pub fn is_driven(&self) -> bool {
        match self {
            Self::All(parts) => parts.iter().any(Self::is_driven),
            Self::Among(..) => true,
            _ => false,
        }
    }

    /// Whether some condition on a record of `table` names one of `columns`; `this` is the table of the records themselves.
    pub fn names(&self, this: Table, table: Table, columns: &[&str]) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.names(this, table, columns)),
            Self::Not(part) => part.names(this, table, columns),
            Self::Column(column, ..) | Self::OneOf(column, _) | Self::Absent(column) => {
                this == table && columns.contains(column)
            }
            // The program's own.
            Self::Grants(_) | Self::Among(..) => false,
            Self::Related { table: related, filter, .. } => filter.names(*related, table, columns),
        }
    }
}

/// In which order, and how many of how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Columns, and whether the greatest comes first; then by when a record was made, and its id.
    pub order: Vec<(&'static str, bool)>,
    /// At most so many.
    pub first: u32,
    /// After so many.
    pub skip: u32,
}

impl Default for Page {
    fn default() -> Self {
        Self { order: Vec::new(), first: Self::MOST, skip: 0 }
    }
}

impl Page {
    /// The most records of one answer, as in the source.
    pub const MOST: u32 = 1000;
}
