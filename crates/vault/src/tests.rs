//! What the vault promises: a value opens where it was sealed, and nowhere else.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use uuid::Uuid;

use super::envelope::{Cipher, Place};
use super::{Column, Keyring, KeyringError, KeyringFile, Owner, Table, Vault, WrappedKey};
use domain::entropy::{Entropy, SeededEntropy, SystemEntropy};
use domain::erasure::KeyedHash as _;
use domain::ids::LinkId;

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

/// Its bytes count up.
#[derive(Debug)]
struct Counting;

impl Entropy for Counting {
    fn fill(&self, into: &mut [u8]) {
        into.iter_mut().zip(0..).for_each(|(byte, count)| *byte = count);
    }
}

/// Databases hold sealed values: a nonce, then AES-256-GCM with its tag, computed here by another implementation.
#[test]
fn a_sealed_value_is_the_same_in_every_version() {
    let cipher = Cipher::new(&std::array::from_fn(|at| u8::try_from(at).unwrap()));
    let place = Place::of(&["a", "bc"]);
    for (plain, known) in [
        ("s3cret", "000102030405060708090a0b3431b569a09108fcf01ef677a0196daf710d8fc652a0"),
        ("", "000102030405060708090a0b50a4ab7b159123a89876826b69980239"),
    ] {
        let sealed = cipher.seal(&place, plain.as_bytes(), &Counting).unwrap();
        assert_eq!(sealed.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat(), known);
        assert_eq!(*cipher.open(&place, &sealed).unwrap(), plain.as_bytes());
        for cut in 0..sealed.len() {
            assert!(cipher.open(&place, &sealed[..cut]).is_err(), "{cut} bytes of {known}");
        }
    }
}

/// Databases hold check values: they are HMAC-SHA256, computed here by another implementation.
#[test]
fn a_check_value_is_the_same_in_every_version() {
    let keyring = Keyring::parse(&"a active AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned().into()).unwrap();
    let hex = keyring.check_values()["a"].iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    assert_eq!(hex, "327d6b652ddb021b56a7c696f7598c3a52e1c4c641f357ceba73649619e5db92");
}

#[test]
fn a_keyring_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    KeyringFile::lock(&path).unwrap().add(&*SeededEntropy::shared(2)).unwrap();
    assert!(Keyring::load(&path).is_ok());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let refusal = Keyring::load(&path).err().unwrap().to_string();
    assert!(refusal.contains("open to others (mode 640): chmod 600"), "{refusal}");
    let refusal = KeyringFile::lock(&path).unwrap().add(&*SeededEntropy::shared(3)).unwrap_err().to_string();
    assert!(refusal.contains("open to others (mode 640): chmod 600"), "{refusal}");
}

#[test]
fn a_keyring_file_is_changed_whole_and_keeps_what_else_it_says() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (folder.path().join("keys"), folder.path().join("link"));
    let entropy = SeededEntropy::shared(4);
    let first = KeyringFile::lock(&path).unwrap().add(&*entropy).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    std::os::unix::fs::symlink(&path, &link).unwrap();
    std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + "# a word of the operator's\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
    // What a killed command has left is in nobody's way.
    std::fs::write(folder.path().join("keys.new"), "half a ke").unwrap();

    let file = KeyringFile::lock(&link).unwrap();
    let second = file.add(&*entropy).unwrap();
    let check_values = Keyring::load(&path).unwrap().check_values();
    assert_eq!(Keyring::load(&path).unwrap().active_id(), first);
    file.activate(&second).unwrap();
    assert_eq!(Keyring::load(&path).unwrap().active_id(), second);
    assert_eq!(Keyring::load(&path).unwrap().check_values(), check_values, "the keys are the same");
    assert!(matches!(file.activate("unheard-of"), Err(KeyringError::Unknown(_))));
    assert!(matches!(file.remove(&second), Err(KeyringError::Active(0))), "no keyring without an active key");
    file.remove(&first).unwrap();
    assert_eq!(Keyring::load(&path).unwrap().check_values().keys().collect::<Vec<_>>(), [&second]);

    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# fedlink keyring.") && text.contains("# a word of the operator's\n"), "{text}");
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o400);
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left over");
}

#[test]
fn an_empty_keyring_gets_its_first_key() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    for text in ["", "\n", "# nothing yet\n"] {
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let id = KeyringFile::lock(&path).unwrap().add(&*SeededEntropy::shared(5)).unwrap();
        assert_eq!(Keyring::load(&path).unwrap().active_id(), id, "{text:?}");
    }
}

#[test]
fn commands_at_once_lose_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let add = || KeyringFile::lock(&path).unwrap().add(&*SystemEntropy::shared()).unwrap();
    let mut added: Vec<String> = std::thread::scope(|scope| {
        let adding: Vec<_> = (0..8).map(|_| scope.spawn(add)).collect();
        adding.into_iter().map(|adding| adding.join().unwrap()).collect()
    });
    added.sort();
    assert_eq!(Keyring::load(&path).unwrap().check_values().into_keys().collect::<Vec<_>>(), added);
}

#[test]
fn a_vault_that_took_another_keyring_opens_what_was_read_before() {
    let entropy = SeededEntropy::shared(6);
    let old = vault();
    let (_, wrapped) = old.new_row_key(Table::TokenSets, OWNER.link.0).unwrap();
    let open = |vault: &Vault, wrapped: &WrappedKey| {
        vault.open_row_key(Table::TokenSets, OWNER.link.0, &wrapped.key_id, &wrapped.bytes).is_ok()
    };
    let clone = old.clone();
    old.replace(Keyring::parse(&Keyring::generate(&*entropy)).unwrap(), Duration::from_secs(5));
    assert!(open(&clone, &wrapped), "a row read before the key went");
    assert!(!clone.keys().contains_key(&wrapped.key_id), "it does not count as held");
    let rewrapped = clone.rewrap(Table::TokenSets, OWNER.link.0, &wrapped.key_id, &wrapped.bytes).unwrap();
    assert_eq!(rewrapped.key_id, clone.active_id());
    clone.forget_left(Duration::from_secs(5));
    assert!(open(&old, &wrapped));
    clone.forget_left(Duration::from_secs(6));
    assert!(!open(&old, &wrapped) && open(&old, &rewrapped));
}

#[test]
fn before_one_thread_seals_by_another_keyring_all_open_by_it() {
    let entropy = SeededEntropy::shared(8);
    let vault = vault();
    let before = vault.active_id();
    let text = Keyring::generate(&*entropy);
    let next = Keyring::parse(&text).unwrap();
    let elsewhere = Vault::new(Keyring::parse(&text).unwrap(), entropy);
    let (_, wrapped) = elsewhere.new_row_key(Table::TokenSets, OWNER.link.0).unwrap();
    vault.offer(&Arc::new(next), Duration::ZERO);
    let opens = || vault.open_row_key(Table::TokenSets, OWNER.link.0, &wrapped.key_id, &wrapped.bytes).is_ok();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| assert!(opens() && vault.active_id() == before));
        }
    });
    // And so it is done whenever one takes another's place.
    let another = Keyring::parse(&Keyring::generate(&*SeededEntropy::shared(9))).unwrap();
    let id = another.active_id().to_owned();
    vault.replace(another, Duration::ZERO);
    let held = vault.held.read();
    assert!(held.left.iter().any(|(offered, _)| offered.active_id() == id) && held.keyring.active_id() == id);
}

/// The record holds these hashes: HMAC-SHA256 under an expanded key (RFC 5869), computed here by another implementation.
#[test]
fn an_erased_identifier_has_the_same_hash_in_every_version() {
    let keyring = Keyring::parse(&"a active AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned().into()).unwrap();
    let keys = Vault::new(keyring, SeededEntropy::shared(7)).hash_keys();
    let hex = |texts: &[&str]| keys[0].hash(texts).map(|byte| format!("{byte:02x}")).concat();
    assert_eq!(hex(&["subject", "alice"]), "34b11efb523e8d7a9dae67899b94066b56ea716aabe5270d05e7df8ff98695d3");
    assert_eq!(hex(&[]), "dcd7ce71caf7370562db4492b3bdd55945aaa6ccc4738d107c8e714650d45abd");
    assert_ne!(hex(&["sub", "jectalice"]), hex(&["subject", "alice"]));
}

#[test]
fn each_key_hashes_otherwise_and_the_active_one_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    let (path, entropy) = (folder.path().join("keys"), SeededEntropy::shared(8));
    let file = KeyringFile::lock(&path).unwrap();
    let hashes = || {
        let vault = Vault::new(Keyring::load(&path).unwrap(), entropy.clone());
        vault.hash_keys().iter().map(|key| key.hash(&["alice"])).collect::<Vec<_>>()
    };
    let mut ids = [file.add(&*entropy).unwrap(), file.add(&*entropy).unwrap()];
    ids.sort();
    file.activate(&ids[0]).unwrap();
    let before = hashes();
    assert_ne!(before[0], before[1]);
    file.activate(&ids[1]).unwrap();
    assert_eq!(hashes(), [before[1], before[0]]);
}
