//! Patterns whose matches in a text are found in time linear in the text.

use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

/// The most bytes of a pattern that is not known by its text, and the most classes it may name: each can
/// stand for 700 ranges of characters.
const LONGEST: usize = 1024;
const MOST_CLASSES: usize = 32;
/// The most ranges of characters that such a pattern may be made of, repetitions written out. Compiled, one
/// takes up to ten sequences of four bytes, so that [`COMPILED`] holds them all.
const LARGEST: usize = 1 << 14;
/// The most bytes that a compiled pattern may take; the engine's own limit would refuse earlier.
const COMPILED: usize = 1 << 26;
/// How many bytes past the end of a match may be read before the match is known.
const FARTHEST: usize = 256;

/// What the known patterns with a look-ahead end in: a run of white space keeps its last character back
/// where something else follows.
const LENDING: &str = r"|\s+(?!\S)|\s+";

/// What such patterns begin with, by family, and the rule for white space. Only with the rule `Lend` can
/// nothing but the end of a pattern match white space alone; with `LendOnLine` also `\s*[\r\n]+` can.
const HEADS: [(&str, Spaces); 4] = [
    (GPT2, Spaces::Lend),
    (LLAMA3, Spaces::LendOnLine),
    (QWEN2, Spaces::LendOnLine),
    (O200K, Spaces::LendOnLine),
];
pub(super) const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+";
const LLAMA3: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+",
);
const QWEN2: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+",
);
/// GPT-4o's, and Llama 4's.
const O200K: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+",
);

/// What a run of white space does when something else follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spaces {
    /// It stays whole.
    Keep,
    /// It lends its last character, where it has two or more. This is what the alternatives
    /// `\s+(?!\S)|\s+` say, without a look-ahead.
    Lend,
    /// The same, unless it ends a line.
    LendOnLine,
}

impl Spaces {
    /// How much of `run` is matched, when `rest` follows it.
    fn kept(self, run: &str, rest: &str) -> usize {
        let lends = match self {
            Self::Keep => false,
            Self::Lend => true,
            Self::LendOnLine => !run.ends_with(['\r', '\n']),
        };
        match run.char_indices().next_back() {
            Some((at, _)) if lends && at > 0 && !rest.is_empty() && run.trim().is_empty() => at,
            _ => run.len(),
        }
    }
}

/// A regular expression of the `regex` crate, which never backtracks, and a rule for white space.
///
/// It is compiled when it is first used, which takes a millisecond or two, and memory that a file which is
/// refused after all should not take.
#[derive(Debug)]
pub(super) struct Expression {
    text: String,
    spaces: Spaces,
    /// Whether it matches between characters, without taking any.
    empty: bool,
    compiled: OnceLock<Regex>,
}

/// Something to look for in a text.
#[derive(Debug)]
pub(super) enum Pattern {
    /// This text. An empty one is found between all characters.
    Text(String),
    /// A regular expression.
    Regex(Expression),
    /// One character of a class.
    Char(fn(char) -> bool),
}

impl Pattern {
    /// The pattern written `text`, as files in Hugging Face layout write it.
    ///
    /// A pattern that looks around itself is known by its text or refused. Any other runs on an engine
    /// without backtracking; one search is linear, but a search that reads far past a match, to give it
    /// up for nothing better, makes the sum of all searches quadratic. So after a part that can repeat
    /// without end nothing may be needed for a match: `a+b?` is fine, `a*b|a` is not. The error is the
    /// rule that is broken.
    pub(super) fn regex(text: &str) -> Result<Self, String> {
        if let Some(head) = text.strip_suffix(LENDING)
            && let Some(&(head, spaces)) = HEADS.iter().find(|&&(known, _)| known == head)
        {
            return Ok(Self::known(format!(r"{head}|\s+"), spaces));
        }
        if text.len() > LONGEST {
            return Err(format!("{} bytes long, the longest is {LONGEST}", text.len()));
        }
        let classes = text.matches('\\').count() + text.matches('[').count();
        if classes > MOST_CLASSES {
            return Err(format!("{classes} classes and escapes, the most is {MOST_CLASSES}"));
        }
        let parsed = regex_syntax::ParserBuilder::new().nest_limit(32).build().parse(text);
        let hir = parsed.map_err(|cause| rule(&cause))?;
        let past = past_match(&hir)?;
        if past > FARTHEST {
            return Err(format!("it can read {past} bytes past a match, the most is {FARTHEST}"));
        }
        let size = size(&hir);
        if size > LARGEST {
            return Err(format!(
                "it is made of {size} ranges of characters, the most is {LARGEST}"
            ));
        }
        Ok(Self::Regex(Expression {
            text: text.to_owned(),
            spaces: Spaces::Keep,
            empty: hir.properties().minimum_len() == Some(0),
            compiled: OnceLock::new(),
        }))
    }

    /// A pattern that is known to compile, and to take characters.
    pub(super) fn known(text: String, spaces: Spaces) -> Self {
        Self::Regex(Expression { text, spaces, empty: false, compiled: OnceLock::new() })
    }

    /// Whether it matches between characters, without taking any.
    pub(super) fn matches_nothing(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Regex(expression) => expression.empty,
            Self::Char(_) => false,
        }
    }

    /// Gives the matches in `text`, in order, while `take` wants more; false where it did not.
    pub(super) fn each(&self, text: &str, take: &mut dyn FnMut(usize, usize) -> bool) -> bool {
        match self {
            Self::Text(wanted) => {
                text.match_indices(&**wanted).all(|(at, found)| take(at, at + found.len()))
            }
            Self::Regex(expression) => each_match(expression, text, take),
            Self::Char(wanted) => {
                let mut chars = text.char_indices().filter(|&(_, c)| wanted(c));
                chars.all(|(at, c)| take(at, at + c.len_utf8()))
            }
        }
    }
}

impl Expression {
    fn regex(&self) -> &Regex {
        self.compiled.get_or_init(|| {
            let built = RegexBuilder::new(&self.text).size_limit(COMPILED).build();
            built.expect("it was parsed, and is small enough")
        })
    }
}

fn each_match(
    expression: &Expression,
    text: &str,
    take: &mut dyn FnMut(usize, usize) -> bool,
) -> bool {
    let (regex, spaces) = (expression.regex(), expression.spaces);
    let (mut at, mut last) = (0, None);
    while at <= text.len()
        && let Some(found) = regex.find_at(text, at)
    {
        let (start, end) = (found.start(), found.end());
        if start == end {
            at = end + text[end..].chars().next().map_or(1, char::len_utf8);
            if last.replace(end) == Some(end) {
                continue; // an empty match where a match ended
            }
        } else {
            at = start + spaces.kept(found.as_str(), &text[end..]);
            last = Some(at);
        }
        if !take(start, last.unwrap_or(end)) {
            return false;
        }
    }
    true
}

/// The most bytes that can be read past the end of a match before it is known to be one; the error is
/// the rule that is broken.
fn past_match(hir: &Hir) -> Result<usize, &'static str> {
    let far = "it can read far past a match, and so take quadratic time";
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Ok(0),
        HirKind::Literal(_) | HirKind::Class(_) => Ok(hir.properties().maximum_len().unwrap_or(0)),
        HirKind::Capture(capture) => past_match(&capture.sub),
        HirKind::Alternation(parts) => {
            parts.iter().try_fold(0, |most, part| Ok(most.max(past_match(part)?)))
        }
        HirKind::Concat(parts) => {
            let endless = parts.iter().position(|part| part.properties().maximum_len().is_none());
            let after = endless.map_or(&[][..], |at| &parts[at + 1..]);
            if !after.iter().all(optional) {
                return Err(far);
            }
            parts.iter().try_fold(0, |sum: usize, part| Ok(sum.saturating_add(past_match(part)?)))
        }
        HirKind::Repetition(Repetition { min, max, sub, .. }) => {
            if let HirKind::Repetition(_) = sub.kind() {
                return Err("it repeats a repetition, which elsewhere means never to go back");
            }
            let times = max.unwrap_or(*min).max(1);
            if times > 1 && sub.properties().maximum_len().is_none() {
                return Err(far);
            }
            Ok(past_match(sub)?.saturating_mul(times as usize))
        }
    }
}

/// The ranges of characters and the bytes that a pattern is made of, repetitions written out.
fn size(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Class(Class::Unicode(class)) => class.ranges().len(),
        HirKind::Class(Class::Bytes(class)) => class.ranges().len(),
        HirKind::Capture(capture) => size(&capture.sub),
        HirKind::Alternation(parts) | HirKind::Concat(parts) => {
            parts.iter().fold(0, |sum: usize, part| sum.saturating_add(size(part)))
        }
        HirKind::Repetition(Repetition { min, max, sub, .. }) => {
            size(sub).saturating_mul(max.unwrap_or(*min).max(1) as usize)
        }
    }
}

/// Whether a part can match nothing at any place.
fn optional(part: &Hir) -> bool {
    let properties = part.properties();
    properties.minimum_len() == Some(0) && properties.look_set().is_empty()
}

/// A syntax error without the drawing under the pattern.
fn rule(cause: &regex_syntax::Error) -> String {
    match cause {
        regex_syntax::Error::Parse(cause) => cause.kind().to_string(),
        regex_syntax::Error::Translate(cause) => cause.kind().to_string(),
        _ => "no regular expression".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{HEADS, LENDING, Pattern, Spaces};

    fn matches(pattern: &Pattern, text: &str) -> Vec<String> {
        let mut all = Vec::new();
        assert!(pattern.each(text, &mut |start, end| {
            all.push(text[start..end].to_owned());
            true
        }));
        all
    }

    #[test]
    fn known_patterns_compile_and_lend() {
        for (head, _) in HEADS {
            let pattern = Pattern::regex(&format!("{head}{LENDING}")).expect("a known pattern");
            assert_eq!(matches(&pattern, "a  b\n"), ["a", " ", " b", "\n"], "{head}");
        }
    }

    #[test]
    fn what_reads_no_further_than_its_matches_is_taken() {
        let sound = [
            r"\p{N}{1,3}",
            r"a+b?",
            r"(?:ab)+",
            r"\w+|[^\w\s]+",
            r"[^\s]+",
            "a*",
            "",
            r"(a|b*)c?",
            r"\bword\b",
            "[\u{4e00}-\u{9fa5}\u{3040}-\u{309f}\u{30a0}-\u{30ff}]+",
        ];
        for text in sound {
            assert!(Pattern::regex(text).is_ok(), "{text}");
        }
        for text in [r"a*b|a", r"(?:a+)+", r"\s+$", r"(?:a|bc*d)+", r"a+\b", r"a++", r"(?:a+){2}"] {
            assert!(Pattern::regex(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_largest_that_are_taken_compile() {
        let many = "[^a-z]|".repeat(31);
        let cases =
            [(r"\p{L}{24}", 0), (r"[\p{L}\p{N}]{19}", 0), (r"(?i:\p{Lu}{25})", 0), (&many, 3)];
        for (text, n) in cases {
            let pattern = Pattern::regex(text).expect("small enough");
            assert_eq!(matches(&pattern, "ab").len(), n, "{text}");
        }
    }

    #[test]
    fn empty_matches_come_once_between_characters() {
        let pattern = Pattern::regex("a*").expect("sound");
        assert_eq!(matches(&pattern, "aab"), ["aa", ""]);
        assert_eq!(matches(&Pattern::Text(String::new()), "é"), ["", ""]);
        let run = Pattern::known(r"\s+".to_owned(), Spaces::Lend);
        assert_eq!(matches(&run, "  x   "), [" ", " ", "   "]);
    }
}
