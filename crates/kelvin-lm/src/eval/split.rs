//! Where a text is cut in a part that is trained on and one that is not.

/// Bytes of the first ⌊share · n⌋ of n characters, as `text[:int(share * len(text))]` cuts in Python.
///
/// Never inside a character; 0 for a share below 0 or NaN, all for one above 1.
///
/// ```
/// use kelvin_lm::eval::first_bytes;
///
/// let text = "äöüßàéî";
/// assert_eq!(text.split_at(first_bytes(text, 0.5)), ("äöü", "ßàéî"));
/// ```
pub fn first_bytes(text: &str, share: f64) -> usize {
    let n_chars = text.chars().count();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count, rounded down as meant"
    )]
    let n_first = (share * n_chars as f64) as usize;
    text.char_indices().nth(n_first).map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_counts_characters_and_cuts_none() {
        assert_eq!(first_bytes("0123456789", 0.9), 9);
        assert_eq!(first_bytes("äöüßàéî", 0.5), 6); // three characters of two bytes
        assert_eq!(first_bytes("猫", 0.9), 0);
        assert_eq!(first_bytes("", 0.9), 0);
        assert_eq!(
            [1.0, 2.0, 0.0, -1.0, f64::NAN].map(|share| first_bytes("ab", share)),
            [2, 2, 0, 0, 0]
        );
    }
}
