//! Patterns whose matches in a text are found in time linear in the text.

#![forbid(unsafe_code)]

use std::fmt;

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Hir, HirKind, Repetition};

/// The most bytes of a pattern that is not known by its text, and the most classes it may name: each can
/// stand for 700 ranges of characters.
const LONGEST: usize = 1024;
const MOST_CLASSES: usize = 32;
/// The most bytes a compiled pattern may take. The known ones take up to 0.4 million.
const LARGEST: usize = 1 << 20;
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

/// Something to look for in a text.
pub(super) enum Pattern {
    /// This text. An empty one is found between all characters.
    Text(String),
    /// A regular expression of the `regex` crate, which never backtracks.
    Regex(Regex, Spaces),
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
            return Self::known(&format!(r"{head}|\s+"), spaces);
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
        match past_match(&hir)? {
            0..=FARTHEST => Self::known(text, Spaces::Keep),
            n => Err(format!("it can read {n} bytes past a match, the most is {FARTHEST}")),
        }
    }

    /// The same for a pattern of ours.
    pub(super) fn known(text: &str, spaces: Spaces) -> Result<Self, String> {
        let built = RegexBuilder::new(text).size_limit(LARGEST).build();
        built.map(|regex| Self::Regex(regex, spaces)).map_err(|cause| match cause {
            regex::Error::CompiledTooBig(_) => format!("it takes more than {LARGEST} bytes"),
            cause => cause.to_string(),
        })
    }

    /// Whether it matches between characters, without taking any.
    pub(super) fn matches_nothing(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Regex(regex, _) => regex.is_match(""),
            Self::Char(_) => false,
        }
    }

    /// Gives the matches in `text`, in order, while `take` wants more; false where it did not.
    pub(super) fn each(&self, text: &str, take: &mut dyn FnMut(usize, usize) -> bool) -> bool {
        match self {
            Self::Text(wanted) => {
                text.match_indices(&**wanted).all(|(at, found)| take(at, at + found.len()))
            }
            Self::Regex(regex, spaces) => each_match(regex, *spaces, text, take),
            Self::Char(wanted) => {
                let mut chars = text.char_indices().filter(|&(_, c)| wanted(c));
                chars.all(|(at, c)| take(at, at + c.len_utf8()))
            }
        }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.debug_tuple("Text").field(text).finish(),
            Self::Regex(regex, spaces) => {
                f.debug_tuple("Regex").field(&regex.as_str()).field(spaces).finish()
            }
            Self::Char(_) => f.write_str("Char"),
        }
    }
}

fn each_match(
    regex: &Regex,
    spaces: Spaces,
    text: &str,
    take: &mut dyn FnMut(usize, usize) -> bool,
) -> bool {
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
