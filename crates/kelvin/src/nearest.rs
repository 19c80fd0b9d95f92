//! The name that was probably meant.

use alloc::vec;
use alloc::vec::Vec;

/// The known name that fewest edits make of this one, if they are few; capitals do not count.
///
/// ```
/// assert_eq!(kelvin::nearest("balnaced", ["factual", "balanced"]), Some("balanced"));
/// assert_eq!(kelvin::nearest("hot", ["factual", "balanced"]), None);
/// ```
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = name.to_ascii_lowercase();
    let near = known.into_iter().min_by_key(|known| edits(&typed, known))?;
    (edits(&typed, near) <= 1 + typed.len() / 4).then_some(near)
}

/// Characters to insert, remove, replace or swap with a neighbour (optimal string alignment).
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        let known = ["factual", "balanced", "creative"];
        assert_eq!(nearest("balnaced", known), Some("balanced"));
        assert_eq!(nearest("Factuel", known), Some("factual"));
        assert_eq!(nearest("hot", known), None);
        assert_eq!(nearest("hot", []), None);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("ab", "ba"), 1);
    }
}
