//! SHA-256, in hex digits.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// The digest of bytes that come in pieces.
#[derive(Default)]
pub(super) struct Digest(Sha256);

impl Digest {
    pub(super) fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// 64 hex digits.
    pub(super) fn hex(self) -> String {
        let mut hex = String::with_capacity(64);
        for byte in self.0.finalize() {
            write!(hex, "{byte:02x}").expect("a String takes everything");
        }
        hex
    }
}

/// The digest of `bytes`.
pub(super) fn of(bytes: &[u8]) -> String {
    let mut digest = Digest::default();
    digest.update(bytes);
    digest.hex()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_sha256sum() {
        // printf abc | sha256sum
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(of(b"abc"), abc);
        let mut pieces = Digest::default();
        pieces.update(b"a");
        pieces.update(b"bc");
        assert_eq!(pieces.hex(), abc);
    }
}
