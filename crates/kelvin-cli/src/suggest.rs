//! What to say of a name that nothing has.

use crate::exit::Failure;

/// The error for an unknown name: the nearest known one, or all of them.
pub(crate) fn unknown<'a>(
    what: &str,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Failure {
    let failure = Failure::typed(format!("no {what} {name:?}"));
    let known: Vec<&str> = known.into_iter().collect();
    failure.hint(nearest(name, known.iter().copied()).map_or_else(
        || format!("the {what}s are {}", known.join(", ")),
        |near| format!("did you mean {near}?"),
    ))
}

/// The known name that fewest edits make of this one, if they are few.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.min_by_key(|known| edits(name, known))?;
    (edits(name, near) <= 1 + name.len() / 4).then_some(near)
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
        assert_eq!(nearest("balnaced", known.into_iter()), Some("balanced"));
        assert_eq!(nearest("factuel", known.into_iter()), Some("factual"));
        assert_eq!(nearest("hot", known.into_iter()), None);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("ab", "ba"), 1);
    }
}
