//! What a database error means to a caller: away for the moment, or a bug.

use diesel::result::{DatabaseErrorKind, Error as Diesel};

use domain::Error;

/// Messages of a database that is away, locked or read-only; neither engine has an error kind for them, and the driver's
/// codes don't come through. In English, as each connection asks for (`address.rs`).
const AWAY: &[&str] = &[
    "database is locked",
    "database table is locked",
    "readonly database",
    "disk i/o error",
    "database or disk is full",
    "unable to open database",
    "terminating connection",
    "shutting down",
    "starting up",
    "too many clients",
    "remaining connection slots",
    "connection closed",
    "connection refused",
    "timed out",
    "lock timeout",
    "statement timeout",
    "conflict with recovery",
    "no space left on device",
    "deadlock detected",
];

/// Turns a database error into one of the domain's.
pub(super) fn lift(error: Diesel) -> Error {
    if is_away(&error) { Error::StorageUnavailable(Box::new(error)) } else { Error::internal(error) }
}

/// Whether the database, not the query, is the trouble.
fn is_away(error: &Diesel) -> bool {
    match error {
        Diesel::DatabaseError(
            DatabaseErrorKind::ClosedConnection
            | DatabaseErrorKind::UnableToSendCommand
            | DatabaseErrorKind::ReadOnlyTransaction
            | DatabaseErrorKind::SerializationFailure,
            _,
        ) => true,
        Diesel::DatabaseError(_, info) => {
            let message = info.message().to_lowercase();
            AWAY.iter().any(|sign| message.contains(sign))
        }
        _ => false,
    }
}

/// What the database holds and we can't read: a bug, or somebody else's hand. The value itself is in no message.
pub(super) fn unreadable(table: &'static str, column: &'static str) -> Error {
    Error::internal(format!("what {table}.{column} holds cannot be read"))
}

/// Whether a connection that someone else closed is the trouble, so that a read may be tried on another.
pub(super) fn is_lost_connection(error: &Error) -> bool {
    let Error::StorageUnavailable(source) = error else { return false };
    match source.downcast_ref::<Diesel>() {
        Some(Diesel::DatabaseError(
            DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand,
            _,
        )) => true,
        // Postgres says goodbye to a query that was sent just before (SQLSTATE 57P01); it has no kind of its own.
        Some(Diesel::DatabaseError(_, info)) => info.message().contains("terminating connection"),
        _ => false,
    }
}

/// Whether the error is the database's own, of whatever kind; its messages may be in any language.
pub(super) fn is_of_database(error: &Error) -> bool {
    match error {
        Error::StorageUnavailable(_) => true,
        Error::Internal(source) => source.is::<Diesel>(),
        _ => false,
    }
}

/// Whether the database is there and will not have what it is given: a value that it can't hold, or that breaks a rule. Neither
/// driver tells the SQLSTATE on; so whatever is no outage counts.
pub(super) fn is_refused(error: &Error) -> bool {
    matches!(error, Error::Internal(source) if source.is::<Diesel>())
}

/// Whether a constraint that says "only one" refused the write, and which one (its name, or the columns on SQLite).
pub(super) fn violated(error: &Diesel) -> Option<String> {
    match error {
        Diesel::DatabaseError(DatabaseErrorKind::UniqueViolation, info) => {
            Some(format!("{} {}", info.constraint_name().unwrap_or_default(), info.message()))
        }
        _ => None,
    }
}

/// Whether a row that names this one, or one that this names, refused the write. SQLite's triggers that stand for foreign
/// keys have no error kind, and say the words of one that is.
pub(super) fn is_foreign_key(error: &Diesel) -> bool {
    match error {
        Diesel::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _) => true,
        Diesel::DatabaseError(_, info) => info.message().starts_with("FOREIGN KEY constraint failed"),
        _ => false,
    }
}

/// A failure to connect or to open, with what to look at.
pub(super) fn unavailable(message: String) -> Error {
    Error::StorageUnavailable(message.into())
}

/// An error with its causes, on one line: the driver's own message leaves out what happened.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        told.push_str(": ");
        told.push_str(&error.to_string());
        cause = error.source();
    }
    told
}

/// The error of what never got to the database.
pub(super) fn unsent(message: &str) -> Diesel {
    Diesel::DatabaseError(DatabaseErrorKind::UnableToSendCommand, Box::new(message.to_owned()))
}
