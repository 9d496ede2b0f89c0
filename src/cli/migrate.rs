//! `fedlink migrate`: brings the database to the newest schema.

use std::process::ExitCode;

use serde_json::json;
use tokio::runtime::Handle;

use super::output::{Output, Trouble};
use settings::Configuration;
use store::Store;

pub(super) async fn run(
    Configuration { start, settings }: &Configuration,
    output: &Output,
) -> Result<ExitCode, Trouble> {
    let store = Store::new(&start.database_url, settings.ca_file.as_deref(), Handle::current())
        .map_err(|error| Trouble::from(&error))?;
    let ran = store.migrate().await.map_err(|error| Trouble::from(&error))?;
    let words = if ran.is_empty() { "nothing to do".to_owned() } else { format!("ran {}", ran.join(", ")) };
    output.tell(words, &json!({"ran": ran}));
    Ok(ExitCode::SUCCESS)
}
