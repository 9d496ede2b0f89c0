//! Ids that errors carry, in the shape that the source's have.

use domain::entropy::SharedEntropy;

const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// An error's id: `c` and 24 digits of base 36, as a cuid has. To find it in the log by; nothing is told by it.
pub fn err_id(entropy: &SharedEntropy) -> String {
    let digit = |byte: u8| DIGITS.get(usize::from(byte) % DIGITS.len()).copied().map_or('0', char::from);
    std::iter::once('c').chain(entropy.bytes::<24>().map(digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::entropy::SystemEntropy;

    #[test]
    fn an_id_looks_like_a_cuid() {
        let (one, other) = (err_id(&SystemEntropy::shared()), err_id(&SystemEntropy::shared()));
        assert_ne!(one, other);
        for id in [one, other] {
            assert_eq!(id.len(), "cmevfr5ap006p0ogy4a8gaib9".len());
            assert!(id.starts_with('c') && id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()), "{id}");
        }
    }
}
