//! The SQLite in the program is built as `.cargo/config.toml` says.

use super::*;

/// A text that a statement tells.
#[derive(QueryableByName)]
pub(super) struct Told {
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub(super) told: String,
}

#[tokio::test]
async fn connections_share_no_lock() {
    let [(store, _folder), _] = stores().await;
    let mut conn = store.read().await.unwrap();
    let options = diesel::sql_query("SELECT compile_options AS told FROM pragma_compile_options");
    let options: Vec<Told> = conn::on!(&mut conn, |c| options.load(c)).unwrap();
    let has = |option: &str| options.iter().any(|with| with.told == option);
    // One lock less for each call, each page and each allocation.
    assert!(has("THREADSAFE=2"), "cargo was not run in this repository");
    assert!(!has("ENABLE_MEMORY_MANAGEMENT"));
    assert!(has("DEFAULT_MEMSTATUS=0"));
    for unused in ["ENABLE_FTS3", "ENABLE_FTS5", "ENABLE_RTREE", "ENABLE_DBSTAT_VTAB", "ENABLE_LOAD_EXTENSION"] {
        assert!(!has(unused), "{unused}");
    }
    assert!(has("OMIT_LOAD_EXTENSION"));
}
