//! What is done to a text before it is cut into words.

use std::borrow::Cow;

use unicode_normalization_alignments::UnicodeNormalization;
use unicode_normalization_alignments::char::is_combining_mark;

use super::pattern::Pattern;

/// One change to a text.
#[derive(Debug)]
pub(super) enum Change {
    /// This comes before a text that is not empty.
    Prepend(String),
    /// Each match becomes this content.
    Replace(Pattern, String),
    /// Characters are composed or taken apart, by the tables of Unicode 9 that the `tokenizers` crate has.
    Form(Form),
    /// Each character becomes its lower case, whatever stands around it.
    Lowercase,
    /// White space at the start and the end goes away.
    Strip { left: bool, right: bool },
    /// Combining marks go away.
    StripAccents,
}

/// A normal form of Unicode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Nfc,
    Nfd,
    Nfkc,
    Nfkd,
}

/// Changes, in order.
#[derive(Debug)]
pub(super) struct Normalizer(pub(super) Vec<Change>);

impl Normalizer {
    /// The text after all changes; time is near-linear in the text.
    pub(super) fn apply<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let change = |text: Cow<'t, str>, change: &Change| match change.apply(&text) {
            Some(changed) => Cow::Owned(changed),
            None => text,
        };
        self.0.iter().fold(Cow::Borrowed(text), change)
    }

    /// How many times as long a text can become; what is put before it counts for nothing.
    pub(super) fn growth(&self) -> usize {
        self.0.iter().map(Change::growth).fold(1, usize::saturating_mul)
    }

    /// Whether the first character of a text, changed, still comes from the text's first.
    pub(super) fn keeps_the_start(&self) -> bool {
        self.0.iter().all(|change| match change {
            Change::Replace(Pattern::Text(text), content) => {
                text.chars().count() == 1 && !content.is_empty()
            }
            Change::Form(_) | Change::Lowercase => true,
            _ => false,
        })
    }
}

impl Change {
    /// The changed text; none where nothing changes.
    fn apply(&self, text: &str) -> Option<String> {
        match self {
            Self::Prepend(_) if text.is_empty() => None,
            Self::Prepend(before) => Some(before.clone() + text),
            Self::Replace(pattern, content) => replaced(pattern, content, text),
            Self::Form(_) if text.is_ascii() => None,
            Self::Form(form) => Some(form.of(text)),
            Self::Lowercase => Some(text.chars().flat_map(char::to_lowercase).collect()),
            Self::Strip { left, right } => {
                let text = if *left { text.trim_start() } else { text };
                Some(if *right { text.trim_end() } else { text }.to_owned())
            }
            Self::StripAccents => Some(text.chars().filter(|&c| !is_combining_mark(c)).collect()),
        }
    }
}

impl Change {
    /// How many times as long a text can become. Those of the normal forms are Unicode's own figures.
    fn growth(&self) -> usize {
        match self {
            Self::Replace(Pattern::Text(text), content) => {
                content.len().div_ceil(text.len().max(1)).max(1)
            }
            Self::Replace(_, content) => content.len().max(1),
            Self::Form(Form::Nfkc | Form::Nfkd) => 11,
            Self::Form(Form::Nfc | Form::Nfd) => 3,
            Self::Lowercase => 2,
            Self::Prepend(_) | Self::Strip { .. } | Self::StripAccents => 1,
        }
    }
}

impl Form {
    fn of(self, text: &str) -> String {
        match self {
            Self::Nfc => text.nfc().map(|(c, _)| c).collect(),
            Self::Nfd => text.nfd().map(|(c, _)| c).collect(),
            Self::Nfkc => text.nfkc().map(|(c, _)| c).collect(),
            Self::Nfkd => text.nfkd().map(|(c, _)| c).collect(),
        }
    }
}

/// `text` with `content` for each match of `pattern`.
pub(super) fn replaced(pattern: &Pattern, content: &str, text: &str) -> Option<String> {
    let (mut out, mut done) = (String::new(), 0);
    pattern.each(text, &mut |start, end| {
        out.push_str(&text[done..start]);
        out.push_str(content);
        done = end;
        true
    });
    (done > 0).then(|| out + &text[done..])
}
