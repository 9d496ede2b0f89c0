//! Accounts by number, each with one link and its tokens: as lines for `fedlink import`, or, where that would take hours,
//! sealed by fedlink's vault and written straight into a SQLite file.

use std::io::Write as _;
use std::ops::Range;
use std::path::Path;

use domain::entropy::{Entropy, SystemEntropy};
use domain::ids::LinkId;
use rusqlite::{Connection, Statement, params};
use secrecy::SecretString;
use vault::{Column, Keyring, Owner, Table, Vault};

const FP: (&str, &str) = ("bench", "bench_1");
/// 2036-01-01: no token goes stale under the bench, and none lives beyond reason.
const EXPIRES: i64 = 2_082_758_400;
/// 2026-01-01.
const EXPIRED: i64 = 1_767_225_600;
/// The same, in microseconds.
const CREATED: i64 = 1_767_225_600_000_000;

/// As large as a small JWT.
fn token(entropy: &dyn Entropy) -> String {
    entropy.bytes::<16>().map(|byte| format!("{byte:02x}")).concat().repeat(16)
}

/// The refresh token of a family that comes after `number` others.
pub(crate) fn refresh_token(family: u32, number: u32) -> String {
    format!("refresh-{family}-{number}")
}

/// Prints the import lines of subjects `0..count`; with `expired`, of as many more, whose tokens have to be refreshed.
pub(crate) fn print_lines(count: u32, expired: bool) {
    let mut out = std::io::stdout().lock();
    for number in 0..count * if expired { 2 } else { 1 } {
        let (refresh, until) = match number.checked_sub(count) {
            Some(family) => (refresh_token(family, 0), EXPIRED),
            None => (token(&SystemEntropy), EXPIRES),
        };
        let line = serde_json::json!({
            "subject": format!("user-{number:08}"), "fpType": FP.0, "fpName": FP.1, "sid": format!("sid-{number:08}"),
            "userName": format!("user{number}@example.com"), "accessToken": token(&SystemEntropy),
            "refreshToken": refresh, "expiresOn": until,
        });
        writeln!(out, "{line}").expect("somebody reads");
    }
}

/// Adds subjects `numbers` to a database that fedlink has migrated and that nobody serves.
pub(crate) fn add(database: &Path, keyring: &Path, numbers: Range<u32>) {
    let vault = Vault::new(Keyring::load(keyring).expect("the keyring"), SystemEntropy::shared());
    let mut connection = Connection::open(database).expect("the database");
    // Nothing here outlives a power cut, and it need not.
    connection
        .execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000;")
        .expect("its settings");
    let transaction = connection.transaction().expect("a transaction");
    let mut inserts = Inserts::prepare(&transaction);
    for number in numbers.clone() {
        inserts.add(&vault, number);
    }
    drop(inserts);
    transaction.commit().expect("it is written");
    println!("{} added", numbers.len());
}

/// Adds so many accounts that have names and no links.
pub(crate) fn add_strangers(database: &Path, count: u32) {
    let connection = Connection::open(database).expect("the database");
    let added = connection.execute(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1) \
         INSERT INTO accounts (subject, account_type, name, created) \
         SELECT 'stranger-' || n, 'resident', 'Somebody With A Name ' || n, ?2 FROM numbers",
        params![count, CREATED],
    );
    println!("{} added", added.expect("they are new"));
}

struct Inserts<'a> {
    account: Statement<'a>,
    link: Statement<'a>,
    token_set: Statement<'a>,
}

impl<'a> Inserts<'a> {
    fn prepare(connection: &'a Connection) -> Self {
        let prepare = |sql| connection.prepare(sql).expect("a statement");
        Self {
            account: prepare("INSERT INTO accounts (subject, account_type, created) VALUES (?1, 'resident', ?2)"),
            link: prepare(
                "INSERT INTO links (id, subject, fp_type, fp_name, sid, user_name, proof, exclusive_key, created) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'asserted', ?7, ?8)",
            ),
            token_set: prepare(
                "INSERT INTO token_sets (link_id, key_id, wrapped_key, sealed_access, sealed_refresh, expires_at, \
                 version, health, failures) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, 'ok', 0)",
            ),
        }
    }

    fn add(&mut self, vault: &Vault, number: u32) {
        let entropy: &dyn Entropy = &SystemEntropy;
        let (subject, sid, link) = (format!("user-{number:08}"), format!("sid-{number:08}"), entropy.uuid());
        let (key, wrapped) = vault.new_row_key(Table::TokenSets, link).expect("a key");
        let owner = Owner { link: LinkId(link), subject: &subject, fp_type: FP.0, fp_name: FP.1, sid: &sid };
        let seal = |column| {
            let token = SecretString::from(token(entropy));
            vault.seal(&key, &owner.place(column), &token).expect("it is sealed")
        };
        let (id, created) = (link.to_string(), CREATED + i64::from(number));
        let name = format!("user{number}@example.com");
        let exclusive = format!("/{}/{}/{sid}", FP.0, FP.1);
        self.account.execute(params![subject, created]).expect("an account");
        self.link.execute(params![id, subject, FP.0, FP.1, sid, name, exclusive, created]).expect("a link");
        let sealed = (seal(Column::Access), seal(Column::Refresh));
        let expires = EXPIRES * 1_000_000;
        self.token_set
            .execute(params![id, wrapped.key_id, wrapped.bytes, sealed.0, sealed.1, expires])
            .expect("a token set");
    }
}
