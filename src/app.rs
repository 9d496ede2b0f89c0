//! The application: its parts, built once and in order, shared by all workers.

use std::sync::Arc;

use tokio::runtime::Handle;

use domain::Result;
use domain::clock::SharedClock;
use domain::entropy::SharedEntropy;
use service::{Flights, Parts, caller_sized, keys, outbox, ownership, warnings};
use settings::Configuration;
use store::Store;
use upstream::Upstream;

/// The application, as one request or command sees it.
#[derive(Clone)]
pub struct App {
    /// What its services work with.
    pub parts: Arc<Parts>,
}

impl App {
    /// Opens the database and brings it to the newest schema, opens the vault, and brings links in line with the settings.
    /// Drivers (but for those of threads that serve), writers and calls to providers run on `runtime`.
    pub async fn build(
        configuration: Configuration,
        clock: SharedClock,
        entropy: SharedEntropy,
        runtime: Handle,
    ) -> Result<Self> {
        let Configuration { start, settings } = configuration;
        warnings::tell(&settings);
        let store = Store::new(&start.database_url, settings.ca_file.as_deref(), runtime.clone())?;
        for migration in store.migrate().await? {
            tracing::info!(migration, "migrated");
        }
        let vault = keys::open_vault(&store, &start.keyring, &clock, &entropy).await?;
        let parts = Arc::new(Parts {
            upstream: Arc::new(Upstream::new(&settings, &clock, &entropy)?),
            flights: Arc::new(Flights::new(&entropy)),
            tokens_seen: Arc::default(),
            wrong_secrets: Arc::default(),
            quotas: Arc::default(),
            passwords: Arc::default(),
            caller_sized: Arc::new(caller_sized::CallerSized::new(store.lists_at_once())),
            uses: Arc::default(),
            outbox: Arc::new(outbox::Outbox::new(&entropy)),
            counts: Arc::default(),
            meters: Arc::default(),
            presence: Arc::new(keys::Presence::new(&*entropy, start.keyring)),
            store: Arc::new(store),
            vault: Arc::new(vault),
            settings: Arc::new(settings),
            decided: 0,
            clock,
            entropy,
            runtime,
        });
        ownership::reconcile(&parts.store, &parts.settings).await?;
        Ok(Self { parts })
    }
}
