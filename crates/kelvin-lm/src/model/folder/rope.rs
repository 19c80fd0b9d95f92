//! Rotary positions, as versions of transformers before and since 5 write them.

use serde::Deserialize;

use super::config::unsupported;
use crate::config::{Llama3Scaling, Rope, RopeScaling};
use crate::format::{Text, json};
use crate::{Error, ErrorKind, Result};

/// `rope_parameters`, or `rope_scaling` before version 5.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(super) struct Parameters {
    rope_theta: Option<f32>,
    rope_type: Option<String>,
    /// The name of `rope_type` in old files.
    r#type: Option<String>,
    factor: Option<f32>,
    low_freq_factor: Option<f32>,
    high_freq_factor: Option<f32>,
    original_max_position_embeddings: Option<usize>,
    partial_rotary_factor: Option<f32>,
}

impl Parameters {
    /// Whether nothing is said.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// With what `config.json` says outside the table: its length before the model was stretched wins,
    /// its share of each head does not.
    pub(super) fn inside(self, original_max_seq: Option<usize>, partial: Option<f32>) -> Self {
        Self {
            original_max_position_embeddings: original_max_seq
                .or(self.original_max_position_embeddings),
            partial_rotary_factor: self.partial_rotary_factor.or(partial),
            ..self
        }
    }

    /// The rotary positions; `base` where these name none, `max_seq` where the model was never
    /// stretched.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for a kind that is not known, [`ErrorKind::Format`] for one that
    /// lacks a number.
    pub(super) fn rope(&self, base: f32, max_seq: usize) -> Result<Rope> {
        if let Some(part) = self.partial_rotary_factor.filter(|part| part.to_bits() != ONE) {
            return Err(unsupported("partial_rotary_factor", &part, "1"));
        }
        let kind = self.rope_type.as_deref().or(self.r#type.as_deref()).unwrap_or("default");
        let scaling = match kind {
            "default" => RopeScaling::None,
            "linear" => RopeScaling::Linear(need("factor", self.factor)?),
            "llama3" => RopeScaling::Llama3(Llama3Scaling {
                factor: need("factor", self.factor)?,
                low_freq_factor: need("low_freq_factor", self.low_freq_factor)?,
                high_freq_factor: need("high_freq_factor", self.high_freq_factor)?,
                original_max_seq: self.original_max_position_embeddings.unwrap_or(max_seq),
            }),
            other => {
                let given = format!("\"{}\"", Text(other.as_bytes()));
                return Err(unsupported("rope_type", &given, "default, linear, llama3"));
            }
        };
        Ok(Rope { base: self.rope_theta.unwrap_or(base), scaling })
    }
}

/// The bits of 1.
const ONE: u32 = 1_f32.to_bits();

fn need(name: &str, found: Option<f32>) -> Result<f32> {
    found.ok_or_else(|| {
        Error::new(ErrorKind::Format, format!("the scaling of rotary positions lacks {name}"))
    })
}

/// `rope_parameters` of a model whose layers have two kinds of rotary positions.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct ByLayerType {
    #[serde(default, deserialize_with = "json::nested")]
    pub(super) full_attention: Option<Parameters>,
    #[serde(default, deserialize_with = "json::nested")]
    pub(super) sliding_attention: Option<Parameters>,
    /// What the one kind of other models would have.
    rope_type: Option<String>,
}

impl ByLayerType {
    /// Refuses what is written as if there were one kind: transformers passes over it.
    ///
    /// # Errors
    /// [`ErrorKind::Format`].
    pub(super) fn check(&self) -> Result<()> {
        match &self.rope_type {
            None => Ok(()),
            Some(_) => Err(Error::new(
                ErrorKind::Format,
                "rope_parameters are those of one kind of layer, expected full_attention and \
                 sliding_attention",
            )),
        }
    }
}
