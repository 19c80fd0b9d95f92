//! Texts as a drawing may have them.

/// Characters of a name below a bar; longer ones end in `…`.
const NAME: usize = 16;

/// A text without what the plotting crate would take for a formula (`$…$`) and without characters that
/// XML cannot hold; what has no picture gets a sign.
pub(super) fn label(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '$' => shown.push_str("\\$"),
            '\n' => shown.push('⏎'),
            '\t' => shown.push('⇥'),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => shown.push('\u{FFFD}'),
            c => shown.push(c),
        }
    }
    shown
}

/// A name below a bar: cut where it is long, its spaces at the ends seen.
pub(super) fn name(text: &str) -> String {
    let inner = text.trim_matches(' ');
    let before = text.len() - text.trim_start_matches(' ').len();
    let after = text.len() - text.trim_end_matches(' ').len();
    let text = match inner {
        "" => "·".repeat(before),
        inner => format!("{}{inner}{}", "·".repeat(before), "·".repeat(after)),
    };
    if text.chars().count() <= NAME {
        return label(&text);
    }
    let head: String = text.chars().take(NAME - 1).collect();
    label(&head) + "…"
}

/// About how wide a text is, rather too wide than too narrow.
pub(super) fn width(text: &str, size: u32) -> f64 {
    let wide = text.chars().filter(|&c| c >= '\u{2E80}').count() as f64;
    let all = text.chars().count() as f64;
    f64::from(size) * (0.58 * all + 0.42 * wide)
}

/// The text in lines of at most this width, broken between words.
pub(super) fn lines(text: &str, size: u32, most: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line, size) + width(word, size) + f64::from(size) <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_label_is_a_formula_or_breaks_a_file() {
        assert_eq!(label("a $x$ b"), "a \\$x\\$ b");
        assert_eq!(label("a\nb\t\0\u{FFFE}"), "a⏎b⇥\u{FFFD}\u{FFFD}");
        assert_eq!(label("naïve 猫"), "naïve 猫");
    }

    #[test]
    fn names_show_their_spaces_and_are_cut() {
        assert_eq!(name(" cat"), "·cat");
        assert_eq!(name("  "), "··");
        assert_eq!(name("a b "), "a b·");
        assert_eq!(name("a name that is far too long"), "a name that is …");
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(lines("one two three", 10, 60.0), ["one two", "three"]);
        assert_eq!(lines("", 10, 60.0), [""; 0]);
        assert_eq!(lines("unbreakable", 10, 1.0), ["unbreakable"]);
    }
}
