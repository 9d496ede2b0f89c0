//! This process, as its fleet knows it.

use tokio::sync::Mutex;
use uuid::Uuid;

use domain::entropy::Entropy;
use settings::KeyringSource;

/// This process among those that serve.
pub struct Presence {
    /// The process, to others.
    pub(crate) id: Uuid,
    /// For people.
    pub(super) name: String,
    /// A report in the middle of a reload would say the wrong thing.
    pub(super) turn: Mutex<()>,
    /// Where its keyring is.
    pub keyring: KeyringSource,
}

impl Presence {
    /// A process with a random id, named after its host and its number there.
    pub fn new(entropy: &dyn Entropy, keyring: KeyringSource) -> Self {
        // Linux has it here; elsewhere the number has to do.
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let name = format!("{}/{}", host.trim(), std::process::id());
        Self { id: entropy.uuid(), name, turn: Mutex::new(()), keyring }
    }
}
