//! Databases that have the newest schema already: each engine's is made once by our own migrations, and copied for each world.

use std::fs;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use store::Store;
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::sync::OnceCell;

use super::engines::Engine;
use super::postgres;

/// A database of that engine with nothing in it but its tables; its file, if it has one, in `folder`.
pub(crate) async fn database(engine: Engine, folder: &TempDir) -> String {
    match engine {
        Engine::Sqlite => {
            static FILE: OnceCell<Vec<u8>> = OnceCell::const_new();
            let file = folder.path().join("fedlink.db");
            fs::write(&file, FILE.get_or_init(sqlite_file).await).expect("the folder takes a file");
            format!("sqlite:{}", file.display())
        }
        Engine::Postgres => {
            static NAME: OnceCell<String> = OnceCell::const_new();
            postgres::fresh_copy(NAME.get_or_init(postgres_template).await)
        }
    }
}

async fn migrate(url: &str) {
    let store = Store::new(&url.to_owned().into(), None, Handle::current()).expect("an address");
    assert!(!store.migrate().await.expect("it migrates").is_empty());
}

/// What the file of a new database holds.
async fn sqlite_file() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("fedlink.db");
    migrate(&format!("sqlite:{}", path.display())).await;
    let mut conn = SqliteConnection::establish(path.to_str().expect("a name in UTF-8")).expect("it opens");
    // Whatever is in the log still is in the copy.
    let whole = folder.path().join("whole.db");
    conn.batch_execute(&format!("PRAGMA busy_timeout = 10000; VACUUM INTO '{}'", whole.display()))
        .expect("it is copied");
    fs::read(&whole).expect("the file is read")
}

/// The name of a database that others are copied from.
async fn postgres_template() -> String {
    let name = postgres::template();
    migrate(&postgres::url(&name)).await;
    postgres::close(&name);
    name
}
