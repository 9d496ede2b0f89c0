//! What the databases of tests leave on the disk, searched byte by byte.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::database::Sql;
use super::world::World;

/// The folders where the world's database keeps all it has.
pub(crate) async fn folders(world: &World) -> Vec<PathBuf> {
    if world.database_url.starts_with("sqlite:") {
        return vec![world.folder.path().to_owned()];
    }
    let mut sql = Sql::open(&world.database_url).await;
    sql.run("CHECKPOINT").await;
    let data = PathBuf::from(sql.text("SHOW data_directory").await);
    let oid = sql.text("SELECT oid::text FROM pg_database WHERE datname = current_database()").await;
    vec![data.join("base").join(oid), data.join("pg_wal")]
}

/// SQLite's files in a folder.
pub(crate) fn sqlite_files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    paths.filter(|path| path.to_string_lossy().contains("fedlink.db")).collect()
}

/// Where any of the words stands in any of the files, or of those in the folders, as `file:word` lines.
pub(crate) fn grep<S: AsRef<str>>(words: &[S], places: &[PathBuf]) -> String {
    if places.is_empty() {
        // It would search whatever folder this is.
        return String::new();
    }
    // -s: a file that is gone by now is one that the database has put away.
    let mut grep = Command::new("grep")
        .args(["-rsaoF", "-f", "-", "--"])
        .args(places)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("grep is on every machine");
    let mut stdin = grep.stdin.take().expect("it is piped");
    let words: Vec<_> = words.iter().map(AsRef::as_ref).collect();
    stdin.write_all(words.join("\n").as_bytes()).expect("it reads them first");
    drop(stdin);
    String::from_utf8_lossy(&grep.wait_with_output().expect("it ends").stdout).into_owned()
}
