//! `model`: the vocabulary and its merges.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::super::TokenKind;
use super::super::bpe::{self, Bpe, Merge, Rules, Unknown, WholeWord};
use super::super::model::Model;
use super::super::pieces::Pieces;
use super::super::vocabulary::named_byte;
use super::component::{Doc, Text};
use crate::Error;

/// A model of a known type, its large parts unread.
pub(super) struct Draft<'a> {
    /// Pieces and their tokens.
    pub(super) vocab: &'a RawValue,
    /// What a character or word without a piece becomes, where this is a piece.
    pub(super) unk_token: Option<Text<'a>>,
    rest: Rest<'a>,
}

/// What the types of model do not share.
enum Rest<'a> {
    Bpe { merges: &'a RawValue, fuse_unk: bool, byte_fallback: bool, whole_word: WholeWord },
    WordLevel,
}

/// The fields of a model.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    vocab: &'a RawValue,
    #[serde(borrow)]
    merges: Option<&'a RawValue>,
    #[serde(borrow)]
    unk_token: Option<Text<'a>>,
    #[serde(borrow)]
    continuing_subword_prefix: Option<Text<'a>>,
    #[serde(borrow)]
    end_of_word_suffix: Option<Text<'a>>,
    dropout: Option<f64>,
    fuse_unk: Option<bool>,
    byte_fallback: Option<bool>,
    ignore_merges: Option<bool>,
}

impl<'a> Draft<'a> {
    /// The model in `raw`. One without a type is BPE where it has merges, as elsewhere.
    pub(super) fn read(doc: &Doc<'a>, raw: &'a RawValue) -> Result<Self, Error> {
        let fields: Fields<'a> = doc.object(raw, "model")?;
        let kind = fields.kind.as_ref().map_or("BPE", |kind| &*kind.0);
        let rest = match (kind, fields.merges) {
            ("BPE", Some(merges)) => fields.bpe(doc, raw, merges)?,
            ("BPE", None) => return Err(doc.broken(raw, "model: no merges")),
            ("WordLevel", _) => Rest::WordLevel,
            _ => {
                let kind = fields.kind.unwrap_or_else(|| Text("".into()));
                return Err(doc.unknown(raw, "model", &kind, &["BPE", "WordLevel"]));
            }
        };
        Ok(Self { vocab: fields.vocab, unk_token: fields.unk_token, rest })
    }

    /// The model over `pieces`, whose kinds are known.
    pub(super) fn model(self, doc: &Doc<'a>, pieces: &mut Pieces) -> Result<Model, Error> {
        let unknown = self.unk_token.and_then(|unk| pieces.find(&unk.0));
        // a token that steers the model is never made of a user's text
        let unknown = unknown.filter(|&token| pieces.kind(token) != TokenKind::Control);
        let Rest::Bpe { merges, fuse_unk, byte_fallback, whole_word } = self.rest else {
            return Ok(Model::WordLevel(unknown));
        };
        let merges = self::merges(doc, merges, pieces)?;
        let unknown = match unknown {
            None => Unknown::Refuse,
            Some(token) if fuse_unk => Unknown::Run(token),
            Some(token) => Unknown::Each(token),
        };
        Ok(bpe(pieces, Rules { merges, byte_fallback, unknown, whole_word }))
    }
}

impl<'a> Fields<'a> {
    fn bpe(&self, doc: &Doc<'_>, raw: &RawValue, merges: &'a RawValue) -> Result<Rest<'a>, Error> {
        let marks = [
            ("continuing_subword_prefix", &self.continuing_subword_prefix),
            ("end_of_word_suffix", &self.end_of_word_suffix),
        ];
        for (name, mark) in marks {
            if let Some(mark) = mark.as_ref().filter(|mark| !mark.0.is_empty()) {
                let detail = format!("model: {name} is {mark}, expected none");
                return Err(doc.unsupported(raw, &detail));
            }
        }
        if let Some(dropout) = self.dropout.filter(|&dropout| dropout != 0.0) {
            let detail = format!("model: dropout is {dropout}, which is for training, expected 0");
            return Err(doc.unsupported(raw, &detail));
        }
        let takes = self.ignore_merges.unwrap_or(false);
        Ok(Rest::Bpe {
            merges,
            fuse_unk: self.fuse_unk.unwrap_or(false),
            byte_fallback: self.byte_fallback.unwrap_or(false),
            whole_word: if takes { WholeWord::Take } else { WholeWord::Merge },
        })
    }
}

/// The model of these rules; merges into tokens that no text may spell are left out.
pub(super) fn bpe(pieces: &mut Pieces, mut rules: Rules) -> Model {
    rules.merges.retain(|merge| pieces.kind(merge.union).is_spelled());
    if rules.byte_fallback {
        let is_byte = |&token: &u32| {
            pieces.kind(token) == TokenKind::Normal
                && pieces.get(token).is_some_and(|piece| named_byte(piece).is_some())
        };
        let bytes: Vec<u32> = pieces.tokens().filter(is_byte).collect();
        for token in bytes {
            pieces.set_kind(token, TokenKind::Byte);
        }
    }
    Model::Bpe(Bpe::new(pieces, rules))
}

/// The merges in `raw`, best first, each pair once.
fn merges<'a>(doc: &Doc<'a>, raw: &'a RawValue, pieces: &Pieces) -> Result<Vec<Merge>, Error> {
    let n = doc.read_with(Count, raw, "model.merges")?;
    if n > pieces.n_bytes() {
        let most = pieces.n_bytes();
        let detail = format!("model.merges: {n} merges, but the vocabulary has room for {most}");
        return Err(doc.broken(raw, &detail)); // each has a union, and a place inside it
    }
    let merges = doc.read_with(Merges { pieces, n }, raw, "model.merges")?;
    match bpe::repeated(&merges) {
        None => Ok(merges),
        Some((first, again)) => {
            let detail = format!("model.merges: merge {again} is merge {first} again");
            Err(doc.at_element(raw, again, doc.broken(raw, &detail)))
        }
    }
}

/// The merge of two pieces by their texts; the error is the rule that is broken.
pub(super) fn merge(pieces: &Pieces, left: &str, right: &str) -> Result<Merge, String> {
    let missing = |piece: &str| format!("{} is not in the vocabulary", shown(piece));
    let find = |piece: &str| pieces.find(piece).ok_or_else(|| missing(piece));
    let (a, b) = (find(left)?, find(right)?);
    if left.is_empty() || right.is_empty() {
        return Err("a side is empty".to_owned());
    }
    let union = find(&[left, right].concat())?;
    Ok(Merge { left: a, right: b, union })
}

/// The two sides of a line `left right`.
pub(super) fn sides(line: &str) -> Option<(&str, &str)> {
    line.split_once(' ').filter(|(_, right)| !right.contains(' '))
}

pub(super) fn shown(text: &str) -> Text<'_> {
    Text(text.into())
}

/// Counts the elements of an array.
struct Count;

impl<'de> DeserializeSeed<'de> for Count {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<usize, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Count {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of merges")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<usize, A::Error> {
        let mut n = 0;
        while seq.next_element::<IgnoredAny>()?.is_some() {
            n += 1;
        }
        Ok(n)
    }
}

/// Reads `n` merges.
struct Merges<'p> {
    pieces: &'p Pieces,
    n: usize,
}

impl<'de> DeserializeSeed<'de> for Merges<'_> {
    type Value = Vec<Merge>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Vec<Merge>, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Merges<'_> {
    type Value = Vec<Merge>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of merges")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<Merge>, A::Error> {
        let mut merges = Vec::with_capacity(self.n);
        while let Some(merge) =
            seq.next_element_seed(OneMerge { pieces: self.pieces, at: merges.len() })?
        {
            merges.push(merge);
        }
        Ok(merges)
    }
}

/// Reads one merge, `"left right"` or `["left", "right"]`.
struct OneMerge<'p> {
    pieces: &'p Pieces,
    at: usize,
}

impl<'de> DeserializeSeed<'de> for OneMerge<'_> {
    type Value = Merge;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Merge, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for OneMerge<'_> {
    type Value = Merge;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "merge {} to be \"left right\" or [\"left\", \"right\"]", self.at)
    }

    fn visit_str<E: serde::de::Error>(self, line: &str) -> Result<Merge, E> {
        let pair = sides(line).ok_or_else(|| {
            let (at, line) = (self.at, shown(line));
            E::custom(format_args!("merge {at} is {line}, expected two pieces and a space between"))
        });
        let (left, right) = pair?;
        self.of(left, right)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Merge, A::Error> {
        let (left, right) = (seq.next_element::<Text<'de>>()?, seq.next_element::<Text<'de>>()?);
        let more = seq.next_element::<IgnoredAny>()?.is_some();
        match (left, right, more) {
            (Some(left), Some(right), false) => self.of(&left.0, &right.0),
            _ => Err(A::Error::custom(format_args!("merge {} has not two pieces", self.at))),
        }
    }
}

impl OneMerge<'_> {
    fn of<E: serde::de::Error>(&self, left: &str, right: &str) -> Result<Merge, E> {
        merge(self.pieces, left, right).map_err(|rule| {
            let (at, left, right) = (self.at, shown(left), shown(right));
            E::custom(format_args!("merge {at} unites {left} and {right}, but {rule}"))
        })
    }
}
