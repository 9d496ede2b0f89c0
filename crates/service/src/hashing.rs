//! Argon2 in memory that a thread keeps for as long as it lives: 19 MiB would else be taken from the system for each password.

use std::cell::RefCell;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::password_hash::{CustomizedPasswordHasher, Error, Result};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::Zeroize as _;

thread_local! {
    static ROOM: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

/// Does `work` with a hasher in this thread's room, which is wiped afterwards.
pub(super) fn within<T>(work: impl FnOnce(&Hasher) -> T) -> T {
    let hasher = Hasher(RefCell::new(ROOM.take()));
    let done = work(&hasher);
    let mut room = hasher.0.into_inner();
    // A hash that was made elsewhere may want more; it is not kept for the next.
    room.truncate(Params::default().block_count());
    room.shrink_to_fit();
    room.iter_mut().for_each(Block::zeroize);
    ROOM.set(room);
    done
}

/// Argon2 as its crate has it, in a room that is there.
pub(super) struct Hasher(RefCell<Vec<Block>>);

impl Hasher {
    /// The hash to store for a password, as a PHC string: argon2id with the figures of the OWASP Password Storage Cheat Sheet
    /// (19 MiB, 2 passes, 1 lane), which the crate has for its default.
    pub(super) fn hash(&self, password: &[u8], salt: &[u8]) -> Result<PasswordHash> {
        self.hash_password_customized(password, salt, None, None, Params::default())
    }
}

impl CustomizedPasswordHasher<PasswordHash> for Hasher {
    type Params = Params;

    fn hash_password_customized(
        &self,
        password: &[u8],
        salt: &[u8],
        algorithm: Option<&str>,
        version: Option<u32>,
        params: Params,
    ) -> Result<PasswordHash> {
        let salt = Salt::new(salt)?;
        let algorithm = algorithm.map(Algorithm::try_from).transpose()?.unwrap_or_default();
        let version = version.map(Version::try_from).transpose()?.unwrap_or_default();
        let mut buffer = [0; Output::MAX_LENGTH];
        let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let out = buffer.get_mut(..length).ok_or(Error::OutputSize)?;
        let stated = ParamsString::try_from(&params)?;
        let mut room = self.0.borrow_mut();
        let blocks = params.block_count();
        if room.len() < blocks {
            room.resize(blocks, Block::new());
        }
        let room = room.get_mut(..blocks).ok_or(Error::Internal)?;
        Argon2::new(algorithm, version, params).hash_password_into_with_memory(password, &salt, out, room)?;
        let hash = Output::new(out)?;
        Ok(PasswordHash {
            algorithm: algorithm.ident(),
            version: Some(version.into()),
            params: stated,
            salt: Some(salt),
            hash: Some(hash),
        })
    }
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};

    use super::*;

    #[test]
    fn a_hash_is_what_the_crate_makes_of_it() {
        for (memory, passes, lanes) in [(19 * 1024, 2, 1), (64, 1, 4), (32 * 1024, 1, 2), (19 * 1024, 2, 1)] {
            let params = Params::new(memory, passes, lanes, None).unwrap();
            let theirs = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
                .hash_password_with_salt(b"correct horse", &[7; 16])
                .unwrap();
            within(|hasher| {
                let ours = hasher.hash_password_customized(b"correct horse", &[7; 16], None, None, params).unwrap();
                assert_eq!(ours, theirs);
                assert_eq!(hasher.verify_password(b"correct horse", &theirs), Ok(()));
                assert_eq!(hasher.verify_password(b"wrong horse", &theirs), Err(Error::PasswordInvalid));
            });
        }
    }

    #[test]
    fn a_room_is_kept_and_wiped() {
        for _ in 0..3 {
            within(|hasher| hasher.hash(b"correct horse", &[7; 16])).unwrap();
        }
        let big = Params::new(64 * 1024, 1, 1, None).unwrap();
        within(|hasher| hasher.hash_password_customized(b"x", &[7; 16], None, None, big)).unwrap();
        let kept = ROOM.take();
        assert_eq!(kept.capacity(), Params::default().block_count());
        assert_eq!(kept.len(), kept.capacity());
        assert!(kept.iter().all(|block| block.as_ref().iter().all(|word| *word == 0)));
    }
}
