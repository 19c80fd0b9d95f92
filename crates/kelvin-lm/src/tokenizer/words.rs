//! Cutting text into the words that merges never cross.

use super::byte_level;
use super::pattern::{GPT2, Pattern, Spaces};
use crate::format::Text;
use crate::{Error, ErrorKind, Result};

/// Llama 3's words as llama.cpp has them, with contractions spelled out: `(?i:'s)` would match the long s
/// too. Without the last two alternatives, `\s+(?!\S)|\s+`: see [`Spaces`].
const LLAMA3: &str = concat!(
    r"'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]",
    r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+",
);

/// One splitter of llama.cpp: the names it goes by and its cuts, in order.
struct Kind {
    names: &'static [&'static str],
    cuts: &'static [(&'static str, Spaces)],
}

/// The values of `tokenizer.ggml.pre` that are known, with llama.cpp's meaning of each
/// (`llama-vocab.cpp`, `unicode_regex_split`). No pattern needs look-around, so matching is linear.
/// Characters newer than Unicode 15 may fall into other categories than in llama.cpp.
const KINDS: [Kind; 4] = [
    Kind { names: &["gpt-2"], cuts: &[(GPT2, Spaces::Lend)] },
    Kind { names: &["smollm"], cuts: &[(r"\p{N}", Spaces::Keep), (GPT2, Spaces::Lend)] },
    Kind { names: LLAMA3_NAMES, cuts: &[(LLAMA3, Spaces::LendOnLine)] },
    Kind {
        names: &["default"],
        cuts: &[
            (r"[\p{P}$+<=>^~|]+", Spaces::Keep),
            (GPT2, Spaces::Lend),
            (r"\p{N}+", Spaces::Keep),
            (r"[0-9][0-9][0-9]", Spaces::Keep),
        ],
    },
];

/// The names of Llama 3's splitter; its models take words that are pieces whole.
pub(super) const LLAMA3_NAMES: &[&str] = &["llama-bpe", "llama3", "llama-v3"];

/// What becomes of the matches of a pattern, and of what lies between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
pub(super) enum Behavior {
    /// Matches go away.
    Removed,
    /// Each is a word.
    Isolated,
    /// The first of a run of matches ends the word before it.
    MergedWithPrevious,
    /// The last of a run of matches begins the word after it.
    MergedWithNext,
    /// A run of matches is a word.
    Contiguous,
}

/// Where a [`Step::Prefix`] is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Before the word that begins the text.
    First,
    /// Before each word.
    Always,
}

/// A part of splitting, which every word of the step before goes through.
#[derive(Debug)]
pub(super) enum Step {
    /// Words are cut at the matches, or with `invert` at what lies between.
    Cut { pattern: Pattern, behavior: Behavior, invert: bool },
    /// Each space becomes this character.
    Spaces(char),
    /// A word without this character at its start gets it.
    Prefix(char, Place),
    /// Each byte becomes the character that stands for it.
    Bytes,
}

/// A splitter: its steps, in order.
#[derive(Debug)]
pub(super) struct Words(pub(super) Vec<Step>);

/// Takes a word, and says whether it wants another.
pub(super) type Sink<'a> = dyn FnMut(&str) -> bool + 'a;

impl Words {
    /// The splitter that `pre` names in a GGUF file.
    pub(super) fn named(pre: &str) -> Result<Self> {
        let kind = KINDS.iter().find(|kind| kind.names.contains(&pre)).ok_or_else(|| {
            let known: Vec<&str> = KINDS.iter().flat_map(|kind| kind.names).copied().collect();
            let detail = format!(
                "tokenizer.ggml.pre: \"{}\" is unknown, expected one of {}",
                Text(pre.as_bytes()),
                known.join(", ")
            );
            Error::new(ErrorKind::Unsupported, detail)
                .hint("the file needs a word splitter that this version does not have")
        })?;
        let cut = |&(pattern, spaces): &(&str, Spaces)| match spaces {
            Spaces::Keep => Step::isolated(pattern.to_owned(), spaces),
            _ => Step::isolated(format!(r"{pattern}|\s+"), spaces),
        };
        Ok(Self(kind.cuts.iter().map(cut).chain([Step::Bytes]).collect()))
    }

    /// How many times as long a text can become.
    pub(super) fn growth(&self) -> usize {
        let (mut growth, mut cut) = (1_usize, false);
        for step in &self.0 {
            cut |= matches!(step, Step::Cut { .. });
            growth = growth.saturating_mul(match step {
                Step::Spaces(c) => c.len_utf8(),
                Step::Prefix(c, Place::Always) if cut => 1 + c.len_utf8(),
                Step::Bytes => 2,
                Step::Cut { .. } | Step::Prefix(..) => 1,
            });
        }
        growth
    }

    /// Gives the words of `text`, in order, while `sink` wants more; false where it did not. `first` says
    /// that the text begins what was given to be encoded.
    pub(super) fn each(&self, text: &str, first: bool, sink: &mut Sink<'_>) -> bool {
        text.is_empty() || each(&self.0, text, first, sink)
    }
}

impl Step {
    /// A pattern of ours whose matches are words.
    pub(super) fn isolated(pattern: String, spaces: Spaces) -> Self {
        let pattern = Pattern::known(pattern, spaces);
        Self::Cut { pattern, behavior: Behavior::Isolated, invert: false }
    }

    /// GPT-2's words.
    pub(super) fn gpt2() -> Self {
        Self::isolated(format!(r"{GPT2}|\s+"), Spaces::Lend)
    }
}

fn each(steps: &[Step], word: &str, first: bool, sink: &mut Sink<'_>) -> bool {
    let Some((step, rest)) = steps.split_first() else { return sink(word) };
    match step {
        Step::Cut { pattern, behavior, invert } => {
            let mut pieces = Pieces::new(*behavior);
            let mut take = |start: usize, end: usize| {
                start == end || each(rest, &word[start..end], first && start == 0, sink)
            };
            pieces.of(word, pattern, *invert, &mut take)
        }
        Step::Spaces(c) => each(rest, &word.replace(' ', c.encode_utf8(&mut [0; 4])), first, sink),
        Step::Prefix(c, place) => {
            let wanted = *place == Place::Always || first;
            if wanted && !word.starts_with(*c) {
                each(rest, &format!("{c}{word}"), first, sink)
            } else {
                each(rest, word, first, sink)
            }
        }
        Step::Bytes => {
            let spelled: String = word.bytes().map(byte_level::symbol).collect();
            each(rest, &spelled, first, sink)
        }
    }
}

/// Takes the start and the end of a piece.
type Take<'a> = dyn FnMut(usize, usize) -> bool + 'a;

/// Makes words of matches and of what lies between them, as they come.
struct Pieces {
    behavior: Behavior,
    /// A piece that may still grow.
    held: Option<(usize, usize)>,
    /// Whether the piece before was a match.
    matched: bool,
}

impl Pieces {
    fn new(behavior: Behavior) -> Self {
        Self { behavior, held: None, matched: false }
    }

    fn of(&mut self, word: &str, pattern: &Pattern, invert: bool, take: &mut Take<'_>) -> bool {
        let mut done = 0;
        let went = pattern.each(word, &mut |start, end| {
            let before = done == start || self.piece((done, start), invert, take);
            done = end;
            before && self.piece((start, end), !invert, take)
        });
        went && (done == word.len() || self.piece((done, word.len()), invert, take))
            && self.held.take().is_none_or(|(start, end)| take(start, end))
    }

    fn piece(&mut self, piece: (usize, usize), is_match: bool, take: &mut Take<'_>) -> bool {
        let matched = std::mem::replace(&mut self.matched, is_match);
        let grows = match self.behavior {
            Behavior::Isolated => return take(piece.0, piece.1),
            Behavior::Removed => return is_match || take(piece.0, piece.1),
            Behavior::Contiguous => is_match == matched,
            Behavior::MergedWithPrevious => is_match && !matched,
            Behavior::MergedWithNext => !is_match && matched,
        };
        match &mut self.held {
            Some(held) if grows => {
                held.1 = piece.1;
                true
            }
            held => held.replace(piece).is_none_or(|(start, end)| take(start, end)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Behavior, KINDS, Pattern, Step, Words};

    fn cut(words: &Words, text: &str) -> Vec<String> {
        let mut all = Vec::new();
        assert!(words.each(text, true, &mut |word| {
            all.push(word.to_owned());
            true
        }));
        all
    }

    /// The words under a splitter, as the text has them.
    fn words(pre: &str, text: &str) -> Vec<String> {
        let mut words = Words::named(pre).expect("a known name");
        assert!(matches!(words.0.pop(), Some(Step::Bytes)));
        cut(&words, text)
    }

    #[test]
    fn every_splitter_keeps_every_byte() {
        let texts = ["", " ", "  \n x", "it's 1234 à côté,\u{a0}\u{3000}ok!!\r\n\r\n  日本\t\tz  "];
        for name in KINDS.iter().flat_map(|kind| kind.names) {
            for text in texts {
                assert_eq!(words(name, text).concat(), text, "{name}");
            }
        }
    }

    #[test]
    fn words_of_gpt2() {
        let cases: [(&str, &[&str]); 7] = [
            ("it's 12 OK!", &["it", "'s", " 12", " OK", "!"]),
            ("a  b", &["a", " ", " b"]),
            ("a \n b", &["a", " \n", " b"]),
            ("a \nb", &["a", " ", "\n", "b"]),
            ("a  ", &["a", "  "]),
            (" a\u{3000}\u{3000}b", &[" a", "\u{3000}", "\u{3000}", "b"]),
            ("'S", &["'", "S"]),
        ];
        for (text, expected) in cases {
            assert_eq!(words("gpt-2", text), expected, "{text:?}");
        }
    }

    #[test]
    fn words_of_the_others() {
        assert_eq!(words("smollm", "x 12½  3"), ["x", " ", "1", "2", "½", "  ", "3"]);
        assert_eq!(
            words("llama-bpe", "a \n\n  b'S12345"),
            ["a", " \n\n", " ", " b", "'S", "123", "45"]
        );
        assert_eq!(words("llama-bpe", "(a!\n\nb"), ["(a", "!\n\n", "b"]);
        assert_eq!(words("default", "a+b 12345"), ["a", "+", "b", " ", "123", "45"]);
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = Words::named("qwen2").expect_err("qwen2 is not there yet");
        assert!(error.to_string().contains("gpt-2, smollm, llama-bpe"), "{error}");
    }

    #[test]
    fn each_behavior_has_its_words() {
        let cases: [(Behavior, &[&str], &[&str]); 5] = [
            (Behavior::Removed, &["a", "b"], &["-", "-", "-", "-"]),
            (Behavior::Isolated, &["-", "a", "-", "-", "b", "-"], &["-", "a", "-", "-", "b", "-"]),
            (Behavior::MergedWithPrevious, &["-", "a-", "-", "b-"], &["-a", "-", "-b", "-"]),
            (Behavior::MergedWithNext, &["-a", "-", "-b", "-"], &["-", "a-", "-", "b-"]),
            (Behavior::Contiguous, &["-", "a", "--", "b", "-"], &["-", "a", "--", "b", "-"]),
        ];
        for (behavior, plain, inverted) in cases {
            for (invert, expected) in [(false, plain), (true, inverted)] {
                let pattern = Pattern::Text("-".to_owned());
                let words = Words(vec![Step::Cut { pattern, behavior, invert }]);
                assert_eq!(cut(&words, "-a--b-"), expected, "{behavior:?}, {invert}");
            }
        }
    }
}
