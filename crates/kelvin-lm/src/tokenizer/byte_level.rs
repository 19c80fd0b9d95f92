//! Bytes as printable characters, as GPT-2 introduced them for byte-level BPE.

/// The printable character that stands for `byte`: itself where it is printable and no space, else
/// one of the 68 characters from U+0100 on, in the order of the bytes (GPT-2's `bytes_to_unicode`).
pub(super) fn symbol(byte: u8) -> char {
    let code = match byte {
        0x00..=0x20 => 0x100 + u32::from(byte),
        0x7F..=0xA0 => 0x121 + u32::from(byte - 0x7F),
        0xAD => 0x143,
        _ => u32::from(byte),
    };
    char::from_u32(code).expect("every code here is below the surrogates")
}

/// The byte that `symbol` stands for.
fn byte(symbol: char) -> Option<u8> {
    let code = u32::from(symbol);
    let byte = match code {
        0x100..=0x120 => code - 0x100,
        0x121..=0x142 => code - 0x121 + 0x7F,
        0x143 => 0xAD,
        0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF => code,
        _ => return None,
    };
    u8::try_from(byte).ok()
}

/// The bytes that a piece spells; a piece with other characters in it stands for its own UTF-8.
pub(super) fn bytes(piece: &str) -> Vec<u8> {
    let spelled: Option<Vec<u8>> = piece.chars().map(byte).collect();
    spelled.unwrap_or_else(|| piece.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::{byte, bytes, symbol};

    #[test]
    fn symbols_are_a_bijection() {
        for b in 0..=u8::MAX {
            assert_eq!(byte(symbol(b)), Some(b));
            assert!(!symbol(b).is_whitespace() && !symbol(b).is_control());
        }
        let named = (0..=0x2FF_u32).filter_map(char::from_u32).filter(|&c| byte(c).is_some());
        assert_eq!(named.count(), 256);
    }

    #[test]
    fn symbols_of_gpt2() {
        assert_eq!([b' ', b'\n', b'a', 0x7F, 0xAD].map(symbol), ['Ġ', 'Ċ', 'a', 'ġ', 'Ń']);
        assert_eq!(bytes("Ġhé"), b" h\xE9");
        assert_eq!(bytes("日"), "日".as_bytes());
    }
}
