//! What must hold for everything that reads bytes nobody vouches for, on every input.
//!
//! One function for each fuzz target. `fuzz/` feeds it what libFuzzer invents; the tests feed it the
//! corpus that is kept there (`replay`), and what they invent themselves.

pub(crate) mod gguf;
pub(crate) mod safetensors;
pub(crate) mod settings;
pub(crate) mod shards;
pub(crate) mod template;
pub(crate) mod tokenizer;
pub(crate) mod tokenizer_json;

use kelvin_lm::{Error, ErrorKind, Result};

use crate::counting;

/// A fuzz target: its name, which its folder in `fuzz/corpus` has too, and what must hold.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// Every target, in the order of their numbers in `fuzz/README.md`.
pub(crate) const TARGETS: [Target; 13] = [
    ("gguf_bytes", |file| drop(gguf::bytes(file))),
    ("gguf_structured", |input| drop(gguf::structured(input))),
    ("safetensors_bytes", |file| drop(safetensors::bytes(file))),
    ("safetensors_differential", |input| drop(safetensors::differential(input))),
    ("tokenizer_json", |input| drop(tokenizer_json::bytes(input))),
    ("tokenizer_differential", |input| drop(tokenizer_json::differential(input))),
    ("tokenizer_round_trip", |input| drop(tokenizer::round_trip(input))),
    ("tokenizer_vocabulary", |input| drop(tokenizer::vocabulary(input))),
    ("chat_template", |input| drop(template::template(input))),
    ("shard_names", |input| drop(shards::names(input))),
    ("index_json", |index| drop(shards::index(index))),
    ("config_json", |json| drop(settings::config(json))),
    ("generation_config", |json| drop(settings::generation(json))),
];

/// What a reader makes of a file: what is in it, or why it is refused; both as text.
pub(crate) type Verdict = std::result::Result<String, String>;

/// The most bytes that reading a file may take beside twice its size.
pub(crate) const BESIDE: usize = 1 << 20;

/// Reads `file` twice and shows what was read: twice the same, within memory of twice the file and
/// `beside` bytes, and with every refusal in its form.
pub(crate) fn verdict<T>(
    file: &[u8],
    beside: usize,
    read: impl Fn(Vec<u8>) -> Result<T>,
    show: impl Fn(&T) -> String,
) -> Verdict {
    let once = || match within(file, beside, &read) {
        Ok(value) => Ok(show(&value)),
        Err(error) => Err(refusal(&error, file.len())),
    };
    let first = once();
    assert_eq!(first, once(), "the same bytes, another verdict");
    first
}

/// Reads a copy of `file`, which may take twice its size and `beside` bytes, the copy included.
pub(crate) fn within<T>(
    file: &[u8],
    beside: usize,
    read: impl FnOnce(Vec<u8>) -> Result<T>,
) -> Result<T> {
    let (read, peak) = counting::peak(|| read(file.to_vec()));
    let promised = 2 * file.len() + beside;
    assert!(peak <= promised, "{peak} bytes held for a file of {}", file.len());
    read
}

/// The most characters of an error's sentence.
const LONGEST: usize = 1000;

/// An error as text, held to its form: a kind that files can give, a place inside the file, a sentence
/// that is fit to print.
pub(crate) fn refusal(error: &Error, len: usize) -> String {
    let of_files = [
        ErrorKind::Format,
        ErrorKind::Shape,
        ErrorKind::Unsupported,
        ErrorKind::Tokenizer,
        ErrorKind::Template,
        ErrorKind::Conversation,
        ErrorKind::Io,
    ];
    let text = error.to_string();
    assert!(of_files.contains(&error.kind()), "{:?}: {text}", error.kind());
    let of_shard =
        error.path().is_some_and(|path| path.extension() == Some("safetensors".as_ref()));
    let inside = of_shard || error.offset().is_none_or(|at| at <= len as u64);
    assert!(inside, "beyond {len} bytes: {text}");
    assert!(text.chars().count() <= LONGEST, "{} characters: {text}", text.chars().count());
    assert!(text.chars().all(is_plain), "not fit to print: {text:?}");
    format!("{:?}: {text}", error.kind())
}

/// Whether a terminal shows `c` and does nothing else.
fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
