//! The SQLite in the program is built as `.cargo/config.toml` says.

use super::*;

#[derive(QueryableByName)]
struct BuiltWith {
    #[diesel(sql_type = diesel::sql_types::Text)]
    compile_options: String,
}

#[tokio::test]
async fn connections_share_no_lock() {
    let [(store, _folder), _] = stores().await;
    let mut conn = store.read().await.unwrap();
    let options = diesel::sql_query("SELECT compile_options FROM pragma_compile_options");
    let options: Vec<BuiltWith> = conn::on!(&mut conn, |c| options.load(c)).unwrap();
    let has = |option: &str| options.iter().any(|with| with.compile_options == option);
    // One lock less for each call, each page and each allocation.
    assert!(has("THREADSAFE=2"), "cargo was not run in this repository");
    assert!(!has("ENABLE_MEMORY_MANAGEMENT"));
    assert!(has("DEFAULT_MEMSTATUS=0"));
    for unused in ["ENABLE_FTS3", "ENABLE_FTS5", "ENABLE_RTREE", "ENABLE_DBSTAT_VTAB", "ENABLE_LOAD_EXTENSION"] {
        assert!(!has(unused), "{unused}");
    }
    assert!(has("OMIT_LOAD_EXTENSION"));
}
