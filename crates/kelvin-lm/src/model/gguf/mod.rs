//! How GGUF files name a decoder's tensors, and what llama.cpp's converter does to them.

#![forbid(unsafe_code)]

mod config;

use std::borrow::Cow;

use super::WeightDtype;
use super::reader::{self, Found, Order, Place, Tensors};
use super::role::{Kind, Part, Role};
use super::weights::Weights;
use crate::config::{Architecture, Config, Positions, RopeScaling};
use crate::format::gguf::Gguf;
use crate::{Error, Result};

pub(super) use config::config;

const EMBEDDING: &str = "token_embd.weight";
const HEAD: &str = "output.weight";
/// What Llama 3's rotary frequencies are divided by: part of the blueprint, not of the weights.
const ROPE_FACTORS: &str = "rope_freqs.weight";

/// The weights, each tensor held to the shape that `config` gives it.
///
/// # Errors
/// Those of [`reader::weights`].
pub(super) fn weights(gguf: &Gguf, config: &Config, dtype: WeightDtype) -> Result<Weights> {
    reader::weights(&Names { gguf, config }, config, dtype)
}

/// Bytes that the weights will take in memory.
///
/// # Errors
/// Those of [`reader::n_bytes`].
pub(super) fn n_bytes(gguf: &Gguf, config: &Config, dtype: WeightDtype) -> Result<u64> {
    reader::n_bytes(&Names { gguf, config }, config, dtype)
}

/// A file's tensors by the names of its architecture.
struct Names<'a> {
    gguf: &'a Gguf,
    config: &'a Config,
}

impl Names<'_> {
    fn layer(&self, layer: usize, part: Part, kind: Kind) -> Place {
        let gpt2 = self.config.architecture == Architecture::Gpt2;
        let llama = self.config.architecture == Architecture::Llama;
        let name = match part {
            Part::Query | Part::Key | Part::Value if gpt2 => "attn_qkv",
            Part::AttnNorm => "attn_norm",
            Part::Query => "attn_q",
            Part::Key => "attn_k",
            Part::Value => "attn_v",
            Part::QueryNorm => "attn_q_norm",
            Part::KeyNorm => "attn_k_norm",
            Part::AttnOutput => "attn_output",
            Part::PostAttnNorm => "post_attention_norm",
            Part::FfnNorm => "ffn_norm",
            Part::Gate => "ffn_gate",
            Part::Up => "ffn_up",
            Part::Down => "ffn_down",
            Part::PostFfnNorm => "post_ffw_norm",
        };
        let share = match part {
            Part::Query if gpt2 => (0, 3),
            Part::Key if gpt2 => (1, 3),
            Part::Value if gpt2 => (2, 3),
            _ => (0, 1),
        };
        let turned = matches!(part, Part::Query | Part::Key);
        let order = if llama && turned { Order::Pairs } else { Order::Rows };
        Place { name: format!("blk.{layer}.{name}.{}", kind.suffix()), share, order }
    }
}

impl Tensors for Names<'_> {
    fn place(&self, role: Role, kind: Kind) -> Place {
        let name = match role {
            Role::Layer(layer, part) => return self.layer(layer, part, kind),
            Role::Embedding => EMBEDDING.to_owned(),
            Role::Positions => "position_embd.weight".to_owned(),
            Role::OutputNorm => format!("output_norm.{}", kind.suffix()),
            Role::Head => HEAD.to_owned(),
        };
        Place::plain(name)
    }

    fn norm_offset(&self) -> f32 {
        0.0 // the converter adds Gemma's
    }

    fn is_idle(&self, name: &str) -> bool {
        // read with the blueprint
        matches!(&self.config.positions, Positions::Rotary(rope)
            if matches!(rope.scaling, RopeScaling::Factors(_)))
            && name == ROPE_FACTORS
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.gguf.tensors().map(|tensor| tensor.name())
    }

    fn find(&self, name: &str) -> Result<Option<Found>> {
        let found = self.gguf.tensor(name);
        Ok(found.map(|it| Found { shape: it.shape().to_vec(), dtype: it.dtype() }))
    }

    fn bytes(&self, name: &str) -> Result<Cow<'_, [u8]>> {
        Ok(Cow::Borrowed(self.gguf.tensor(name).map_or(&[], |tensor| tensor.bytes())))
    }

    fn locate(&self, name: &str, error: Error) -> Error {
        match self.gguf.tensor(name) {
            Some(tensor) => error.at(tensor.offset()),
            None => error,
        }
    }
}
