//! What a file's bytes must hash to: the hub names its files by their checksums.

use std::fmt::{self, Write as _};
use std::io::{self, Read};

use sha1::Sha1;
use sha2::{Digest, Sha256};

/// Bytes hashed at a time.
const PIECE: usize = 1 << 16;

/// The checksum of a file, as its entity tag gives it and as its blob is called.
///
/// Large files have the SHA-256 of their bytes, small ones the SHA-1 that git gives a blob: of
/// `blob LENGTH`, a zero byte, and the bytes.
///
/// ```
/// use kelvin_lm::hub::pull::Checksum;
///
/// let empty = Checksum::from_etag("\"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391\"").unwrap();
/// assert_eq!(empty.of(&b""[..], 0)?, empty);
/// assert_eq!(Checksum::from_etag("\"5d41402abc4b2a76b9719d911017c592\""), None);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Checksum {
    kind: Kind,
    hex: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    GitBlob,
    Sha256,
}

impl Checksum {
    /// The checksum in an entity tag, weak or strong; `None` for a tag that is none.
    pub fn from_etag(etag: &str) -> Option<Self> {
        let hex = etag.strip_prefix("W/").unwrap_or(etag).trim_matches('"').to_ascii_lowercase();
        let kind = match hex.len() {
            40 => Kind::GitBlob,
            64 => Kind::Sha256,
            _ => return None,
        };
        hex.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(Self { kind, hex })
    }

    /// The checksum of the same kind of `bytes`, which are `n_bytes` long.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn of(&self, bytes: impl Read, n_bytes: u64) -> io::Result<Self> {
        let hex = match self.kind {
            Kind::Sha256 => digest(Sha256::new(), bytes)?,
            Kind::GitBlob => {
                let head = format!("blob {n_bytes}\0");
                digest(Sha1::new_with_prefix(head), bytes)?
            }
        };
        Ok(Self { kind: self.kind, hex })
    }

    /// What kind of checksum this is, as people say it.
    pub fn kind(&self) -> &'static str {
        match self.kind {
            Kind::GitBlob => "git blob sha1",
            Kind::Sha256 => "sha256",
        }
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex)
    }
}

fn digest(mut digest: impl Digest, mut bytes: impl Read) -> io::Result<String> {
    let mut piece = vec![0; PIECE];
    loop {
        match bytes.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => digest.update(&piece[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(error),
        }
    }
    let mut hex = String::new();
    for byte in digest.finalize() {
        write!(hex, "{byte:02x}").expect("a String takes everything");
    }
    Ok(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf 'hello\n' | sha256sum` and `printf 'hello\n' | git hash-object --stdin`.
    const HELLO: [&str; 2] = [
        "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
        "ce013625030ba8dba906f756967f9e9ca394464a",
    ];

    #[test]
    fn both_kinds_are_those_of_the_usual_tools() {
        for hex in HELLO {
            let expected = Checksum::from_etag(hex).expect("a checksum");
            assert_eq!(expected.of(&b"hello\n"[..], 6).expect("a slice reads"), expected);
            assert_ne!(expected.of(&b"hello"[..], 5).expect("a slice reads"), expected);
        }
    }

    #[test]
    fn tags_come_in_several_forms_and_some_are_no_checksums() {
        let plain = Checksum::from_etag(HELLO[0]).expect("a checksum");
        for tag in
            [format!("\"{}\"", HELLO[0]), format!("W/\"{}\"", HELLO[0]), HELLO[0].to_uppercase()]
        {
            assert_eq!(Checksum::from_etag(&tag), Some(plain.clone()), "{tag}");
        }
        for tag in
            ["", "\"\"", "../../etc/passwd", &HELLO[0][..63], &"g".repeat(40), &"é".repeat(20)]
        {
            assert_eq!(Checksum::from_etag(tag), None, "{tag}");
        }
    }
}
