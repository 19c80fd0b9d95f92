//! `model.vocab` and `added_tokens`: all pieces, and which are found as a whole.

use std::fmt;

use kelvin::TokenId;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::super::TokenKind;
use super::super::added::{Added, Flags, List};
use super::super::ends;
use super::super::normalizer::Normalizer;
use super::super::parts::Roles;
use super::super::pieces::Pieces;
use super::super::whole;
use super::component::{Doc, Text};
use super::config::Config;
use crate::format::json::Object;
use crate::{Error, ErrorKind};

/// A token that is found as a whole, as a file lists it.
pub(super) struct AddedToken<'a> {
    id: TokenId,
    content: Text<'a>,
    flags: Flags,
    normalized: bool,
}

/// One of `added_tokens`, or of the values of `added_tokens_decoder`, whose keys are the ids.
#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the format's own switches, by its own names")]
struct Entry<'a> {
    id: Option<TokenId>,
    #[serde(borrow)]
    content: Text<'a>,
    single_word: bool,
    lstrip: bool,
    rstrip: bool,
    normalized: bool,
    special: bool,
}

/// The tokens of a list.
pub(super) struct AddedTokens<'a>(pub(super) Vec<AddedToken<'a>>);

/// The tokens of an object, whose keys are their ids.
pub(super) struct TokensById<'a>(pub(super) AddedTokens<'a>);

/// A token that is found as a whole.
pub(super) struct Whole {
    token: TokenId,
    flags: Flags,
    /// Whether it is looked for in the normalized text, by its normalized spelling.
    in_normalized: bool,
}

/// The pieces of the model, with those of the added tokens after them: of the file, and of its
/// configuration, which has the last word about how a token is found.
///
/// An added token that is no piece has the next id; the `tokenizers` crate gives it that whatever the
/// file says.
pub(super) fn pieces<'a>(
    doc: &Doc<'a>,
    vocab: &'a RawValue,
    added: Option<&'a RawValue>,
    config: &Config<'a>,
) -> Result<(Pieces, Vec<AddedToken<'a>>), Error> {
    let mut pieces = vocabulary(doc, vocab, "model.vocab")?;
    let mut all = Vec::new();
    if let Some(raw) = added {
        let AddedTokens(listed) = doc.read(raw, "added_tokens")?;
        add(doc, raw, "added_tokens", &listed, &mut pieces)?;
        all = listed;
        all.sort_by_key(|token| token.id);
        if let Some([token, _]) = all.array_windows().find(|[a, b]| a.id == b.id) {
            return Err(doc.broken(raw, &format!("added_tokens: token {} comes twice", token.id)));
        }
    }
    if let Some((doc, raw, AddedTokens(mut listed))) = config.added_tokens()? {
        listed.sort_by_key(|token| token.id);
        add(doc, raw, "added_tokens_decoder", &listed, &mut pieces)?;
        all.retain(|token| listed.binary_search_by_key(&token.id, |token| token.id).is_err());
        all.extend(listed);
        all.sort_by_key(|token| token.id);
    }
    Ok((pieces, all))
}

/// Checks each token of a list, and appends those that are no pieces yet.
fn add<'a>(
    doc: &Doc<'a>,
    raw: &'a RawValue,
    what: &str,
    listed: &[AddedToken<'a>],
    pieces: &mut Pieces,
) -> Result<(), Error> {
    let before = pieces.len();
    for (at, AddedToken { id, content, .. }) in listed.iter().enumerate() {
        let refused = |error: Error| doc.at_element(raw, at, error);
        let (len, longest) = (content.0.len(), whole::LONGEST);
        if len == 0 {
            let error = doc.broken(raw, &format!("{what}: token {id} has no content"));
            return Err(refused(error));
        }
        if len > longest {
            let rule = format!("token {id} is {len} bytes long, the longest is {longest}");
            return Err(refused(doc.unsupported(raw, &format!("{what}: {rule}"))));
        }
        let expected = pieces.find_any(&content.0).unwrap_or_else(|| pieces.push(&content.0));
        if *id != expected {
            let rule = format!("{content} has id {id}, expected {expected}");
            return Err(refused(doc.broken(raw, &format!("{what}: {rule}"))));
        }
    }
    if pieces.len() == before {
        return Ok(());
    }
    let tokens = pieces.tokens();
    pieces.index(tokens).map_err(|(first, again)| {
        doc.broken(raw, &format!("{what}: tokens {first} and {again} have one content"))
    })
}

/// The pieces of the vocabulary in `raw`, which have the tokens from 0 on.
pub(super) fn vocabulary<'a>(
    doc: &Doc<'a>,
    raw: &'a RawValue,
    what: &str,
) -> Result<Pieces, Error> {
    let (n, n_bytes) = doc.read_with(Measure, raw, what)?;
    if n == 0 {
        return Err(doc.broken(raw, &format!("{what}: no pieces")));
    }
    let mut pieces = Pieces::with_size(n, n_bytes);
    doc.read_with(Spell(&mut pieces), raw, what)?;
    let tokens = pieces.tokens();
    pieces.index(tokens).map_err(|(first, again)| {
        doc.broken(raw, &format!("{what}: tokens {first} and {again} have one spelling"))
    })?;
    Ok(pieces)
}

/// Gives each token its kind, and says which are found as a whole.
///
/// Special are the tokens that the file or its configuration calls so. The one for the unknown is of a
/// kind of its own, unless it has another role: a token that steers the model is never made of a
/// user's text.
pub(super) fn wholes(
    pieces: &mut Pieces,
    added: &[AddedToken<'_>],
    config: &Config<'_>,
    unknown: Option<TokenId>,
    roles: &Roles,
) -> Vec<Whole> {
    let mut wholes: Vec<Whole> = added.iter().map(AddedToken::whole).collect();
    for whole in &wholes {
        let kind = if whole.flags.special { TokenKind::Control } else { TokenKind::UserDefined };
        pieces.set_kind(whole.token, kind);
    }
    let Roles { bos, eos, before, after, .. } = *roles;
    let roles = [bos, eos, before, after];
    let named = config.special().filter_map(|name| pieces.find_any(name));
    let mut named: Vec<TokenId> = named.chain(roles.into_iter().flatten()).collect();
    named.sort_unstable();
    named.dedup();
    for token in named {
        pieces.set_kind(token, TokenKind::Control);
        match added.binary_search_by_key(&token, |added| added.id) {
            Ok(at) => wholes[at].flags.special = true,
            Err(_) => wholes.push(Whole::special(token)),
        }
    }
    let steers =
        |token| roles.contains(&Some(token)) || pieces.get(token).is_some_and(ends::is_end);
    if let Some(token) = unknown.filter(|&token| pieces.kind(token) == TokenKind::Control)
        && !steers(token)
    {
        pieces.set_kind(token, TokenKind::Unknown);
    }
    wholes
}

/// The tokens that are found as a whole, and those with another spelling in the normalized text, which
/// is then also how they are written.
pub(super) struct Lists {
    pub(super) added: Added,
    pub(super) respelled: Vec<(TokenId, String)>,
}

impl Lists {
    /// `wholes` by what is looked for.
    pub(super) fn new(
        doc: &Doc<'_>,
        wholes: Vec<Whole>,
        pieces: &Pieces,
        normalizer: &Normalizer,
    ) -> Result<Self, Error> {
        let (mut raw, mut changed, mut respelled) = (Vec::new(), Vec::new(), Vec::new());
        let mut quoting = Vec::new();
        for Whole { token, flags, in_normalized } in wholes {
            let piece = pieces.get(token).unwrap_or_default();
            if flags.special || !in_normalized {
                quoting.push((token, piece.to_owned(), flags));
            }
            if !in_normalized {
                raw.push((token, piece.to_owned(), flags));
                continue;
            }
            let text = normalizer.apply(piece).into_owned();
            if text != piece {
                respelled.push((token, text.clone()));
            }
            changed.push((token, text, flags));
        }
        respelled.sort_unstable();
        let added = Added::Leftmost {
            raw: list(doc, raw)?,
            normalized: list(doc, changed)?,
            quoting: list(doc, quoting)?,
        };
        Ok(Self { added, respelled })
    }
}

fn list(doc: &Doc<'_>, mut tokens: Vec<(TokenId, String, Flags)>) -> Result<List, Error> {
    let error =
        |kind, detail: &str| Error::new(kind, format!("{}: added_tokens: {detail}", doc.name));
    tokens.sort_by(|a, b| a.1.cmp(&b.1));
    if let Some([(a, ..), (b, ..)]) = tokens.array_windows().find(|[a, b]| a.1 == b.1) {
        let detail = format!("tokens {a} and {b} have one content after normalization");
        return Err(error(ErrorKind::Tokenizer, &detail));
    }
    List::new(tokens).map_err(|(token, len)| {
        let longest = whole::LONGEST;
        let detail = format!("token {token} is {len} bytes long, the longest is {longest}");
        error(ErrorKind::Unsupported, &detail)
    })
}

impl<'a> Entry<'a> {
    fn with(self, id: TokenId) -> AddedToken<'a> {
        let Self { content, single_word, lstrip, rstrip, normalized, special, .. } = self;
        let flags = Flags { single_word, lstrip, rstrip, special };
        AddedToken { id, content, flags, normalized }
    }
}

impl AddedToken<'_> {
    fn whole(&self) -> Whole {
        Whole { token: self.id, flags: self.flags, in_normalized: self.normalized }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for AddedTokens<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_seq(Self(Vec::new()))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for TokensById<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_map(AddedTokens(Vec::new())).map(Self)
    }
}

impl<'de: 'a, 'a> Visitor<'de> for AddedTokens<'a> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tokens that are found as a whole")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Self, A::Error> {
        while let Some(Object(entry)) = seq.next_element::<Object<Entry<'a>>>()? {
            let id = entry.id.ok_or_else(|| A::Error::missing_field("id"))?;
            self.0.push(entry.with(id));
        }
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some((id, Object(entry))) = map.next_entry::<Text<'de>, Object<Entry<'a>>>()? {
            let rule = || A::Error::custom(format_args!("{id} is no token id"));
            self.0.push(entry.with(id.0.parse().map_err(|_| rule())?));
        }
        Ok(self)
    }
}

impl Whole {
    /// A token that only a name says is special.
    fn special(token: TokenId) -> Self {
        Self { token, flags: Flags { special: true, ..Flags::default() }, in_normalized: false }
    }
}

/// Counts the pieces of a vocabulary and their bytes.
struct Measure;

impl<'de> DeserializeSeed<'de> for Measure {
    type Value = (usize, usize);

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(usize, usize), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Measure {
    type Value = (usize, usize);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of pieces and their ids")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(usize, usize), A::Error> {
        let (mut n, mut n_bytes) = (0, 0);
        while let Some((piece, _)) = map.next_entry::<Text<'de>, TokenId>()? {
            n += 1;
            n_bytes += piece.0.len();
        }
        Ok((n, n_bytes))
    }
}

/// Spells the tokens of a vocabulary.
struct Spell<'p>(&'p mut Pieces);

impl<'de> DeserializeSeed<'de> for Spell<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Spell<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of pieces and their ids")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let last = self.0.len() - 1;
        while let Some((piece, token)) = map.next_entry::<Text<'de>, TokenId>()? {
            if token as usize > last {
                let rule = format_args!("{piece} has id {token}, expected 0 to {last}, each once");
                return Err(A::Error::custom(rule));
            }
            if !self.0.spell(token, &piece.0) {
                let rule = format_args!("{piece} has id {token}, which another piece has too");
                return Err(A::Error::custom(rule));
            }
        }
        Ok(())
    }
}
