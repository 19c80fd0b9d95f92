//! `vocab.json` and `merges.txt`: GPT-2's tokenizer in its two files.

use serde_json::value::RawValue;

use super::super::bpe::{self, Merge, Rules, Unknown, WholeWord};
use super::super::decoder::{Decoder, Scope, Start, Undo};
use super::super::normalizer::Normalizer;
use super::super::parts::Parts;
use super::super::pieces::Pieces;
use super::super::words::{Place, Step, Words};
use super::added::{self, Lists};
use super::component::Doc;
use super::config::Config;
use super::model;
use crate::format::json::{self, Limits};
use crate::{Error, ErrorKind, Result};

/// The tokenizer of the two files, with what their configuration adds: GPT-2's words, and its one
/// special token.
///
/// # Errors
///
/// As for `tokenizer.json`; those of `merges.txt` name the line, from 1, and its byte.
pub(in super::super) fn pair(vocab: &[u8], merges: &[u8], config: Option<&[u8]>) -> Result<Parts> {
    let doc = Doc { bytes: vocab, name: "vocab.json" };
    let raw: &RawValue = json::read(vocab, doc.name, Limits::TOKENIZER)?;
    let config = Config::read(config)?;
    let mut pieces = added::vocabulary(&doc, raw, "the vocabulary")?;
    let roles = super::roles(&config, None, &pieces)?;
    let wholes = added::wholes(&mut pieces, &[], &config, None, &roles);
    let bpe = Rules {
        merges: self::merges(merges, &pieces)?,
        byte_fallback: false,
        unknown: Unknown::Refuse,
        whole_word: WholeWord::Merge,
    };
    let model = model::bpe(&mut pieces, bpe);
    let normalizer = Normalizer(Vec::new());
    let Lists { added, respelled } = Lists::new(&doc, wholes, &pieces, &normalizer)?;
    let prefix = config.adds_a_space().then_some(Step::Prefix(' ', Place::Always));
    Ok(Parts {
        pieces,
        added,
        normalizer,
        words: Words(prefix.into_iter().chain([Step::gpt2(), Step::Bytes]).collect()),
        model,
        decoder: Decoder { undo: vec![Undo::ByteLevel], start: Start::Keep, scope: Scope::All },
        respelled,
        roles,
    })
}

/// A line of `merges.txt` that holds a merge.
struct Line<'a> {
    /// Its number, from 1.
    number: usize,
    /// Its first byte.
    start: usize,
    bytes: &'a [u8],
}

/// The lines that hold merges; one that begins with `#version` does not.
fn lines(bytes: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut start = 0;
    let lines = bytes.split(|&byte| byte == b'\n').zip(1..).map(move |(bytes, number)| {
        let line = Line { number, start, bytes: bytes.strip_suffix(b"\r").unwrap_or(bytes) };
        start += bytes.len() + 1;
        line
    });
    lines.filter(|line| !line.bytes.is_empty() && !line.bytes.starts_with(b"#version"))
}

/// The merges of the lines `left right`, best first.
fn merges(bytes: &[u8], pieces: &Pieces) -> Result<Vec<Merge>> {
    let n = lines(bytes).count();
    if n > pieces.n_bytes() {
        let most = pieces.n_bytes();
        let detail = format!("merges.txt: {n} merges, but the vocabulary has room for {most}");
        return Err(Error::new(ErrorKind::Tokenizer, detail));
    }
    let mut merges = Vec::with_capacity(n);
    for line in lines(bytes) {
        merges.push(line.merge(pieces).map_err(|rule| line.refused(&rule))?);
    }
    let again = bpe::repeated(&merges).and_then(|(_, again)| lines(bytes).nth(again));
    again.map_or(Ok(merges), |line| Err(line.refused("a merge that was there before")))
}

impl Line<'_> {
    fn merge(&self, pieces: &Pieces) -> std::result::Result<Merge, String> {
        let text = str::from_utf8(self.bytes).map_err(|_| "not UTF-8".to_owned())?;
        let pair = model::sides(text);
        let (left, right) = pair.ok_or("expected two pieces and a space between")?;
        model::merge(pieces, left, right)
    }

    fn refused(&self, rule: &str) -> Error {
        let detail = format!("merges.txt: line {}: {rule}", self.number);
        Error::new(ErrorKind::Tokenizer, detail).at(self.start as u64)
    }
}
