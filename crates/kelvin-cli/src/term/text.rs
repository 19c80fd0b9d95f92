//! Tokens made visible, and text cut and padded by columns.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A token's bytes as one visible line: spaces, line ends and tabs get signs (`·`, `⏎`, `⇥`), bytes that
/// are no whole character and what a terminal would obey are escaped.
pub(crate) fn visible(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|c| push_visible(c, &mut text));
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02X}")));
    }
    text
}

fn push_visible(c: char, text: &mut String) {
    match c {
        ' ' => text.push('·'),
        '\n' => text.push('⏎'),
        '\t' => text.push('⇥'),
        '\'' | '"' | '\\' => text.push(c),
        _ => text.extend(c.escape_debug()),
    }
}

/// A model's text as a terminal may have it: lines and tabs stay, what a terminal would obey is escaped.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    let obeyed = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if !text.contains(obeyed) {
        return text.into();
    }
    let mut shown = String::new();
    for c in text.chars() {
        if obeyed(c) { shown.extend(c.escape_debug()) } else { shown.push(c) }
    }
    shown.into()
}

/// How many columns a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// The text in at most `columns`, its end replaced by `…` where it is longer.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let (mut out, mut used) = (String::new(), 0);
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide + 1 > columns {
            break;
        }
        out.push(c);
        used += wide;
    }
    out.push('…');
    out
}

/// The end of the text in at most `columns`, its front replaced by `…` where it is longer.
pub(crate) fn cut_front(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut used = 1;
    let fits = |c: &(usize, char)| {
        used += c.1.width().unwrap_or(0);
        used <= columns
    };
    let start = text.char_indices().rev().take_while(fits).last().map_or(text.len(), |(at, _)| at);
    format!("…{}", &text[start..])
}

/// Spaces that fill a text up to `columns`.
pub(crate) fn padding(text: &str, columns: usize) -> String {
    " ".repeat(columns.saturating_sub(width(text)))
}

/// Words in lines of at most `columns`.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut().filter(|line| width(line) + 1 + width(word) <= columns) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A word as a shell reads it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=.,:/@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whitespace_shows_and_commands_to_the_terminal_do_not_run() {
        assert_eq!(visible(b" the"), "·the");
        assert_eq!(visible(b"a\n\tb"), "a⏎⇥b");
        assert_eq!(visible(b"\x1b[2J"), "\\u{1b}[2J");
        assert_eq!(visible("größe 猫".as_bytes()), "größe·猫");
        assert_eq!(visible(b"\xe7\x8c"), "\\xE7\\x8C");
        assert_eq!(visible("it's\u{202e}".as_bytes()), "it's\\u{202e}");
    }

    #[test]
    fn a_model_may_break_lines_and_nothing_else() {
        assert_eq!(harmless("a\n\tb 猫"), "a\n\tb 猫");
        assert_eq!(harmless("\x1b]0;x\x07\u{9b}m"), "\\u{1b}]0;x\\u{7}\\u{9b}m");
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(width("猫がい"), 6);
        assert_eq!(cut("猫がい", 5), "猫が…");
        assert_eq!(cut("猫がい", 4), "猫…");
        assert_eq!(cut("cat", 3), "cat");
        assert_eq!(cut_front("猫がい", 5), "…がい");
        assert_eq!(cut_front("猫がい", 4), "…い");
        assert_eq!(cut_front("cat", 3), "cat");
        assert_eq!(padding("猫", 4), "  ");
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("incompressible x", 4), ["incompressible", "x"]);
    }
}
