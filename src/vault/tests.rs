//! What the vault promises: a value opens where it was sealed, and nowhere else.

use secrecy::ExposeSecret as _;
use uuid::Uuid;

use super::{Column, Keyring, Owner, Table, Vault};
use crate::domain::ids::LinkId;
use crate::entropy::SeededEntropy;

fn vault() -> Vault {
    let entropy = SeededEntropy::shared(1);
    Vault::new(Keyring::parse(&Keyring::generate(&*entropy)).unwrap(), entropy)
}

const OWNER: Owner<'static> =
    Owner { link: LinkId(Uuid::from_u128(7)), subject: "alice", fp_type: "tcs", fp_name: "tcs_1", sid: "1234" };

#[test]
fn a_sealed_value_opens_in_its_place() {
    let vault = vault();
    let (key, wrapped) = vault.new_row_key(Table::TokenSets, OWNER.link.0).unwrap();
    let sealed = vault.seal(&key, &OWNER.place(Column::Access), &"s3cret".into()).unwrap();
    let again = vault.open_row_key(Table::TokenSets, OWNER.link.0, &wrapped.key_id, &wrapped.bytes).unwrap();
    assert_eq!(vault.open(&again, &OWNER.place(Column::Access), &sealed).unwrap().expose_secret(), "s3cret");
    assert!(!sealed.windows(6).any(|window| window == b"s3cret"));
}

#[test]
fn a_transplanted_ciphertext_does_not_open() {
    let vault = vault();
    let (key, _) = vault.new_row_key(Table::TokenSets, OWNER.link.0).unwrap();
    let sealed = vault.seal(&key, &OWNER.place(Column::Access), &"s3cret".into()).unwrap();
    let elsewhere = [
        OWNER.place(Column::Refresh),
        Owner { link: LinkId(Uuid::from_u128(8)), ..OWNER }.place(Column::Access),
        Owner { subject: "mallory", ..OWNER }.place(Column::Access),
        Owner { fp_type: "vk", ..OWNER }.place(Column::Access),
        Owner { fp_name: "tcs_2", ..OWNER }.place(Column::Access),
        Owner { sid: "1235", ..OWNER }.place(Column::Access),
        // The parts joined are the same; their lengths are not.
        Owner { fp_name: "tcs_11", sid: "234", ..OWNER }.place(Column::Access),
    ];
    for place in &elsewhere {
        assert!(vault.open(&key, place, &sealed).is_err());
    }
}

#[test]
fn a_row_key_opens_only_in_its_row_and_table() {
    let vault = vault();
    let (_, wrapped) = vault.new_row_key(Table::TokenSets, OWNER.link.0).unwrap();
    assert!(vault.open_row_key(Table::TokenSets, Uuid::from_u128(8), &wrapped.key_id, &wrapped.bytes).is_err());
    assert!(vault.open_row_key(Table::Flows, OWNER.link.0, &wrapped.key_id, &wrapped.bytes).is_err());
    assert!(vault.open_row_key(Table::TokenSets, OWNER.link.0, "other", &wrapped.bytes).is_err());
}

#[test]
fn a_changed_ciphertext_does_not_open() {
    let vault = vault();
    let (key, _) = vault.new_row_key(Table::TokenSets, OWNER.link.0).unwrap();
    let sealed = vault.seal(&key, &OWNER.place(Column::Access), &"s3cret".into()).unwrap();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(vault.open(&key, &OWNER.place(Column::Access), &changed).is_err(), "byte {at}");
    }
    assert!(vault.open(&key, &OWNER.place(Column::Access), b"short").is_err());
}

#[test]
fn a_keyring_tells_what_is_wrong_with_it() {
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let say = |text: String| Keyring::parse(&text.into()).err().map(|error| error.to_string()).unwrap_or_default();
    assert_eq!(say(String::new()), "the keyring has 0 active keys; exactly one must be");
    assert_eq!(say(format!("a active {key}\nb active {key}")), "the keyring has 2 active keys; exactly one must be");
    assert_eq!(say(format!("a active {key}\na open {key}")), "the keyring's line 2 is wrong: the id is there twice");
    assert_eq!(say("a active short".into()), "the keyring's line 1 is wrong: the key is not 32 bytes in base64");
    assert_eq!(say(format!("a {key}")), "the keyring's line 1 is wrong: expected: id, active or open, key");
    assert_eq!(say(format!("a live {key}")), "the keyring's line 1 is wrong: the state must be active or open");
}

#[test]
fn a_keyring_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    Keyring::create(&path, &*SeededEntropy::shared(2)).unwrap();
    assert!(Keyring::load(&path).is_ok());
    assert!(Keyring::create(&path, &*SeededEntropy::shared(3)).is_err(), "an existing keyring is never overwritten");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let refusal = Keyring::load(&path).err().unwrap().to_string();
    assert!(refusal.contains("open to others (mode 640): chmod 600"), "{refusal}");
}
