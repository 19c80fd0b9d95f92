//! Tokenizers in Hugging Face layout: `tokenizer.json`, or `vocab.json` with `merges.txt`.
//!
//! The file is walked and held to JSON's rules first; then each component is read for itself, as the
//! types below say, and what is not known by name is refused. Patterns are compiled last.

mod added;
mod component;
mod config;
mod decoder;
mod model;
mod normalizer;
mod pair;
mod post_processor;
mod pre_tokenizer;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::parts::{Parts, Roles};
use super::pieces::Pieces;
use crate::Result;
use crate::format::json::{self, Limits};

use added::Lists;
use component::{Doc, Text};
use config::Config;
use post_processor::Around;

pub(super) use pair::pair;

/// The most times as long a text may become before it is cut into words.
const GROWTH: usize = 128;

/// A `tokenizer.json`. `truncation` and `padding` are for batches of a training, and are passed over: so
/// does transformers, unless a call asks for them.
#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    version: Option<&'a RawValue>,
    #[serde(borrow)]
    added_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    normalizer: Option<&'a RawValue>,
    #[serde(borrow)]
    pre_tokenizer: Option<&'a RawValue>,
    #[serde(borrow)]
    post_processor: Option<&'a RawValue>,
    #[serde(borrow)]
    decoder: Option<&'a RawValue>,
    #[serde(borrow)]
    model: &'a RawValue,
}

/// The tokenizer of a `tokenizer.json`, with what its `tokenizer_config.json` adds.
///
/// # Errors
///
/// [`ErrorKind::Format`] and [`ErrorKind::Tokenizer`] where the file breaks a rule,
/// [`ErrorKind::Unsupported`] for what is not known here.
pub(super) fn parts(bytes: &[u8], config: Option<&[u8]>) -> Result<Parts> {
    let doc = Doc { bytes, name: "tokenizer.json" };
    let file: File<'_> = json::object(bytes, doc.name, Limits::TOKENIZER)?;
    if let Some(raw) = file.version {
        let version: Text<'_> = doc.read(raw, "version")?;
        if version.0 != "1.0" {
            return Err(doc.unsupported(raw, &format!("version {version}, expected \"1.0\"")));
        }
    }
    let config = Config::read(config)?;
    let draft = model::Draft::read(&doc, file.model)?;
    let (mut pieces, listed) = added::pieces(&doc, draft.vocab, file.added_tokens, &config)?;
    let around = match file.post_processor {
        Some(raw) => post_processor::around(&doc, raw, &pieces)?,
        None => Around::default(),
    };
    let roles = roles(&config, Some(around), &pieces)?;
    let unknown = draft.unk_token.as_ref().and_then(|unk| pieces.find(&unk.0));
    let wholes = added::wholes(&mut pieces, &listed, &config, unknown, &roles);
    let model = draft.model(&doc, &mut pieces)?;
    let decoder = decoder::decoder(&doc, file.decoder)?;
    let normalizer = normalizer::normalizer(&doc, file.normalizer)?;
    let Lists { added, respelled } = Lists::new(&doc, wholes, &pieces, &normalizer)?;
    let words = pre_tokenizer::words(&doc, file.pre_tokenizer, normalizer.keeps_the_start())?;
    let parts = Parts { pieces, added, normalizer, words, model, decoder, respelled, roles };
    match (parts.growth(), file.normalizer.or(file.pre_tokenizer)) {
        (times, Some(raw)) if times > GROWTH => {
            let rule = format!("can make a text {times} times as long, the most is {GROWTH}");
            Err(doc.unsupported(raw, &format!("normalizer and pre_tokenizer: {rule}")))
        }
        _ => Ok(parts),
    }
}

/// What GPT-2 begins and ends its texts with, in a vocabulary that has it.
const END: &str = "<|endoftext|>";

/// The tokens with a role: those that the configuration names, and what goes around a prompt. Where there
/// are neither they are GPT-2's.
///
/// As in transformers, `around` decides where the tokenizer's own file says it, and `add_bos_token` and
/// `add_eos_token` where it cannot.
fn roles(config: &Config<'_>, around: Option<Around>, pieces: &Pieces) -> Result<Roles> {
    let (bos, eos) = (config.bos(pieces)?, config.eos(pieces)?);
    let end = pieces.find_any(END).filter(|_| bos.or(eos).is_none());
    let (bos, eos) = (bos.or(end), eos.or(end));
    let Around { before, after } = around.unwrap_or(Around {
        before: bos.filter(|_| config.adds_bos()),
        after: eos.filter(|_| config.adds_eos()),
    });
    Ok(Roles { bos: bos.or(before), eos: eos.or(after), before, after, ..Roles::default() })
}
