//! The keys of single rows, as they are stored.

use uuid::Uuid;

/// A row's own key, as it was read: wrapped by one of the keyring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKeyOf {
    /// The row.
    pub row: Uuid,
    /// Its key.
    pub wrapped_key: Vec<u8>,
}
