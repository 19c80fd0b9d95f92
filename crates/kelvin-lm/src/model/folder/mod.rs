//! How the Hugging Face layout names a decoder's tensors.

#![forbid(unsafe_code)]

mod config;
mod config_json;
mod rope;

pub use config_json::ConfigNotes;

use std::borrow::Cow;

use super::WeightDtype;
use super::reader::{self, Found, Order, Place, Tensors};
use super::role::{Kind, Part, Role};
use super::weights::Weights;
use crate::config::{Architecture, Config};
use crate::dtype::Dtype;
use crate::format::{Folder, Shards, Tensor};
use crate::{Error, ErrorKind, Result};

/// The weights, each tensor held to the shape that `config` gives it.
///
/// # Errors
/// Those of [`reader::weights`], and [`ErrorKind::Shape`] for a head that should be the embedding
/// and is not.
pub(super) fn weights(folder: &Folder, config: &Config, dtype: WeightDtype) -> Result<Weights> {
    let names = Names::new(folder.shards(), config.architecture);
    if config.tied_head {
        names.check_tied()?;
    }
    reader::weights(&names, config, dtype)
}

/// Bytes that the weights will take in memory.
///
/// # Errors
/// Those of [`reader::n_bytes`].
pub(super) fn n_bytes(folder: &Folder, config: &Config, dtype: WeightDtype) -> Result<u64> {
    reader::n_bytes(&Names::new(folder.shards(), config.architecture), config, dtype)
}

/// What stands before the names of a file's tensors: those of the whole model have the name of its
/// trunk there, those of the trunk alone do not.
#[derive(Debug, Clone, Copy)]
struct Prefix {
    trunk: &'static str,
    head: &'static str,
}

const fn prefix(trunk: &'static str, head: &'static str) -> Prefix {
    Prefix { trunk, head }
}

const GPT2: [Prefix; 2] = [prefix("transformer.", ""), prefix("", "")];
const LLAMA: [Prefix; 2] = [prefix("model.", ""), prefix("", "")];
/// With the two that a model of text and images has: as published, and as transformers 5 holds it.
const GEMMA3: [Prefix; 4] = [
    prefix("model.", ""),
    prefix("", ""),
    prefix("language_model.model.", "language_model."),
    prefix("model.language_model.", ""),
];

/// Parts of a model of text and images that text never meets.
const IMAGES: [&str; 4] = [
    "vision_tower.",
    "multi_modal_projector.",
    "model.vision_tower.",
    "model.multi_modal_projector.",
];

/// Ends of buffers that older versions of transformers saved among the weights: masks, and rotary
/// frequencies.
const BUFFERS: [(Architecture, &str); 4] = [
    (Architecture::Gpt2, ".attn.bias"),
    (Architecture::Gpt2, ".attn.masked_bias"),
    (Architecture::Llama, "rotary_emb.inv_freq"),
    (Architecture::Gemma3, "rotary_emb.inv_freq"),
];

/// A folder's tensors by the names of its architecture.
struct Names<'a> {
    shards: &'a Shards,
    architecture: Architecture,
    prefix: Prefix,
}

impl<'a> Names<'a> {
    /// The names as this folder has them, known by its embedding.
    fn new(shards: &'a Shards, architecture: Architecture) -> Self {
        let prefixes: &[Prefix] = match architecture {
            Architecture::Gpt2 => &GPT2,
            Architecture::Llama => &LLAMA,
            Architecture::Gemma3 => &GEMMA3,
        };
        let mut names = Self { shards, architecture, prefix: prefixes[0] };
        let known = prefixes.iter().find(|prefix| {
            names.prefix = **prefix;
            shards.tensor(&names.place(Role::Embedding, Kind::Weight).name).is_some()
        });
        names.prefix = *known.unwrap_or(&prefixes[0]);
        names
    }

    /// A head beside an embedding that it is tied to is a second copy.
    fn check_tied(&self) -> Result<()> {
        let [head, embedding] =
            [Role::Head, Role::Embedding].map(|role| self.place(role, Kind::Weight).name);
        let (Some(at), Some(other)) = (self.shards.tensor(&head), self.shards.tensor(&embedding))
        else {
            return Ok(());
        };
        let alike = (at.shape(), at.dtype()) == (other.shape(), other.dtype())
            && self.shards.are_equal(at, other)?;
        if alike {
            return Ok(());
        }
        let detail = format!("tensor {head} differs from {embedding}, but config.json ties them");
        let error = Error::new(ErrorKind::Shape, detail);
        Err(self.locate(&head, error).hint("say \"tie_word_embeddings\": false in config.json"))
    }

    fn gpt2(part: Part) -> (&'static str, (usize, usize)) {
        match part {
            Part::AttnNorm => ("ln_1", (0, 1)),
            Part::Query => ("attn.c_attn", (0, 3)),
            Part::Key => ("attn.c_attn", (1, 3)),
            Part::Value => ("attn.c_attn", (2, 3)),
            Part::AttnOutput => ("attn.c_proj", (0, 1)),
            Part::FfnNorm => ("ln_2", (0, 1)),
            Part::Up => ("mlp.c_fc", (0, 1)),
            Part::Down => ("mlp.c_proj", (0, 1)),
            Part::QueryNorm
            | Part::KeyNorm
            | Part::PostAttnNorm
            | Part::Gate
            | Part::PostFfnNorm => unreachable!("no part of GPT-2"),
        }
    }

    fn llama(&self, part: Part) -> &'static str {
        let post_norms = self.architecture == Architecture::Gemma3;
        match part {
            Part::AttnNorm => "input_layernorm",
            Part::Query => "self_attn.q_proj",
            Part::Key => "self_attn.k_proj",
            Part::Value => "self_attn.v_proj",
            Part::QueryNorm => "self_attn.q_norm",
            Part::KeyNorm => "self_attn.k_norm",
            Part::AttnOutput => "self_attn.o_proj",
            Part::FfnNorm if post_norms => "pre_feedforward_layernorm",
            // what follows attention: Gemma's norm of its output, Llama's of the next block's input
            Part::PostAttnNorm | Part::FfnNorm => "post_attention_layernorm",
            Part::Gate => "mlp.gate_proj",
            Part::Up => "mlp.up_proj",
            Part::Down => "mlp.down_proj",
            Part::PostFfnNorm => "post_feedforward_layernorm",
        }
    }
}

impl Tensors for Names<'_> {
    fn place(&self, role: Role, kind: Kind) -> Place {
        let (Prefix { trunk, head }, suffix) = (self.prefix, kind.suffix());
        let gpt2 = self.architecture == Architecture::Gpt2;
        let name = match role {
            Role::Layer(layer, part) if gpt2 => {
                let (name, share) = Self::gpt2(part);
                let turned = !matches!(part, Part::AttnNorm | Part::FfnNorm);
                let order =
                    if turned && kind == Kind::Weight { Order::Columns } else { Order::Rows };
                return Place { name: format!("{trunk}h.{layer}.{name}.{suffix}"), share, order };
            }
            Role::Layer(layer, part) => {
                format!("{trunk}layers.{layer}.{}.{suffix}", self.llama(part))
            }
            Role::Embedding if gpt2 => format!("{trunk}wte.{suffix}"),
            Role::Embedding => format!("{trunk}embed_tokens.{suffix}"),
            Role::Positions => format!("{trunk}wpe.{suffix}"),
            Role::OutputNorm if gpt2 => format!("{trunk}ln_f.{suffix}"),
            Role::OutputNorm => format!("{trunk}norm.{suffix}"),
            Role::Head => format!("{head}lm_head.{suffix}"),
        };
        Place::plain(name)
    }

    fn norm_offset(&self) -> f32 {
        if self.architecture == Architecture::Gemma3 { 1.0 } else { 0.0 }
    }

    fn is_idle(&self, name: &str) -> bool {
        let buffer =
            BUFFERS.iter().any(|&(of, end)| of == self.architecture && name.ends_with(end));
        let image = self.architecture == Architecture::Gemma3
            && IMAGES.iter().any(|start| name.starts_with(start));
        // where the head is one, its place is known; else it is tied, and has been compared
        let copy = name == self.place(Role::Head, Kind::Weight).name;
        buffer || image || copy
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.shards.tensors().map(Tensor::name)
    }

    fn find(&self, name: &str) -> Result<Option<Found>> {
        let Some(tensor) = self.shards.tensor(name) else { return Ok(None) };
        let Some(dtype) = tensor.dtype() else {
            let (given, read) = (tensor.dtype_name(), [Dtype::F32, Dtype::F16, Dtype::BF16]);
            let read = read.map(Dtype::name).join(", ");
            let detail = format!("tensor {name} is {given}, expected one of {read}");
            let error = self.locate(name, Error::new(ErrorKind::Unsupported, detail));
            return Err(error.hint("take the model in one of these formats, or as a GGUF file"));
        };
        Ok(Some(Found { shape: tensor.shape().to_vec(), dtype }))
    }

    fn bytes(&self, name: &str) -> Result<Cow<'_, [u8]>> {
        match self.shards.tensor(name) {
            Some(tensor) => self.shards.bytes(tensor).map(Cow::Owned),
            None => Ok(Cow::Borrowed(&[])),
        }
    }

    fn locate(&self, name: &str, error: Error) -> Error {
        match self.shards.tensor(name) {
            None => error,
            Some(tensor) => match self.shards.file_of(tensor) {
                Some(path) => error.at(tensor.offset()).in_file(path),
                None => error.at(tensor.offset()),
            },
        }
    }
}
