//! The text of a token, which may be a piece of a character.

use std::borrow::Cow;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A token's bytes: in JSON a string where they are one, else a list of numbers.
///
/// ```
/// use kelvin_lab::trace::Text;
///
/// let whole = serde_json::to_string(&Text::from(" caf\u{e9}".as_bytes())).unwrap();
/// assert_eq!(whole, "\" caf\u{e9}\"");
/// let piece = serde_json::to_string(&Text::from(&[0xC3][..])).unwrap();
/// assert_eq!(piece, "[195]");
/// assert_eq!(serde_json::from_str::<Text>(&piece).unwrap().as_bytes(), [0xC3]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text(Vec<u8>);

impl Text {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As characters; what is none becomes U+FFFD.
    pub fn to_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => to.serialize_str(text),
            Err(_) => to.collect_seq(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Whole(String),
            Bytes(Vec<u8>),
        }
        match Form::deserialize(from) {
            Ok(Form::Whole(text)) => Ok(Self(text.into_bytes())),
            Ok(Form::Bytes(bytes)) => Ok(Self(bytes)),
            Err(_) => Err(D::Error::custom("a token's text is a string or a list of bytes")),
        }
    }
}
