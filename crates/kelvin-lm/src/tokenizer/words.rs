//! Cutting text into the words that byte-level BPE never merges across.

use std::fmt;

use tokenizers::utils::SysRegex;

use super::bpe::WholeWord;
use crate::format::Text;
use crate::{Error, ErrorKind, Result};

/// GPT-2's words, without its last two alternatives `\s+(?!\S)|\s+`: see [`Spaces::Lend`].
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+";

/// Llama 3's words, likewise. The contractions are spelled out, as llama.cpp has them: `(?i:'s)`
/// would match the long s too.
const LLAMA3: &str = concat!(
    r"'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]",
    r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+",
);

/// One splitter: the names it goes by, its cuts in order, and its rule for words that are pieces.
struct Kind {
    names: &'static [&'static str],
    cuts: &'static [(&'static str, Spaces)],
    whole_word: WholeWord,
}

/// The values of `tokenizer.ggml.pre` that are known, with llama.cpp's meaning of each
/// (`llama-vocab.cpp`, `unicode_regex_split`). No pattern needs look-around, so matching is linear.
/// Characters newer than Unicode 15 may fall into other categories than in llama.cpp.
const KINDS: [Kind; 4] = [
    Kind { names: &["gpt-2"], cuts: &[(GPT2, Spaces::Lend)], whole_word: WholeWord::Merge },
    Kind {
        names: &["smollm"],
        cuts: &[(r"\p{N}", Spaces::Keep), (GPT2, Spaces::Lend)],
        whole_word: WholeWord::Merge,
    },
    Kind {
        names: &["llama-bpe", "llama3", "llama-v3"],
        cuts: &[(LLAMA3, Spaces::LendOnLine)],
        whole_word: WholeWord::Take,
    },
    Kind {
        names: &["default"],
        cuts: &[
            (r"[\p{P}$+<=>^~|]+", Spaces::Keep),
            (GPT2, Spaces::Lend),
            (r"\p{N}+", Spaces::Keep),
            (r"[0-9][0-9][0-9]", Spaces::Keep),
        ],
        whole_word: WholeWord::Merge,
    },
];

/// What a run of white space does when a word follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spaces {
    /// It stays whole.
    Keep,
    /// It lends its last character to that word, where it has two or more. This is what the
    /// alternatives `\s+(?!\S)|\s+` say, without a look-ahead.
    Lend,
    /// The same, unless it ends a line.
    LendOnLine,
}

impl Spaces {
    /// How much of `run` is a word of its own, when `rest` follows it.
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

/// A splitter that is ready for use.
pub(super) struct Words {
    cuts: Vec<(SysRegex, Spaces)>,
    whole_word: WholeWord,
}

impl Words {
    /// The splitter that `pre` names.
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
        let ready = |&(pattern, spaces): &(&str, Spaces)| {
            (SysRegex::new(pattern).expect("a test builds every pattern"), spaces)
        };
        Ok(Self { cuts: kind.cuts.iter().map(ready).collect(), whole_word: kind.whole_word })
    }

    pub(super) fn whole_word(&self) -> WholeWord {
        self.whole_word
    }

    /// The words of `text`, in order; together they are `text`.
    pub(super) fn split<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let mut words = vec![text];
        for (regex, spaces) in &self.cuts {
            let mut finer = Vec::with_capacity(words.len());
            for word in words {
                cut(regex, *spaces, word, &mut finer);
            }
            words = finer;
        }
        words
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Words").field("cuts", &self.cuts.len()).finish_non_exhaustive()
    }
}

/// Appends the matches of `regex` in `text` and what lies between them.
fn cut<'t>(regex: &SysRegex, spaces: Spaces, mut text: &'t str, words: &mut Vec<&'t str>) {
    'lent: while !text.is_empty() {
        let mut done = 0;
        for (start, end) in regex.find_iter(text) {
            words.extend(Some(&text[done..start]).filter(|between| !between.is_empty()));
            let kept = start + spaces.kept(&text[start..end], &text[end..]);
            words.push(&text[start..kept]);
            if kept < end {
                text = &text[kept..];
                continue 'lent;
            }
            done = end;
        }
        words.extend(Some(&text[done..]).filter(|rest| !rest.is_empty()));
        return;
    }
}

#[cfg(test)]
mod tests {
    use super::{KINDS, Words};

    fn words<'t>(pre: &str, text: &'t str) -> Vec<&'t str> {
        Words::named(pre).expect("a known name").split(text)
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
}
