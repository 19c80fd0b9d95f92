//! Logit bias: adds to chosen logits.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::{Effect, Kind, Param, Stage, StageInfo, Step};
use crate::candidates::Candidates;
use crate::{Result, TokenId};

pub(super) static INFO: StageInfo = StageInfo {
    name: "logit-bias",
    aliases: &[],
    summary: "add to the logits of chosen tokens; -inf bans",
    params: &[Param {
        name: "bias",
        aliases: &[],
        kind: Kind::Biases,
        range: "id=bias pairs, each id once, each bias finite or -inf (off for none)",
        default: None,
        neutral: "off",
    }],
    effect: Effect::Logits,
    keeps_argmax: false,
    origin: "OpenAI API reference; llama.cpp",
    build: |arguments| {
        if arguments.is_off() {
            return Ok(Box::new(LogitBias { biases: Vec::new() }));
        }
        Ok(Box::new(LogitBias { biases: arguments.biases()? }))
    },
};

/// Adds to the logits of chosen tokens.
///
/// *Formula*: z + b. *Parameters*: `id=bias` pairs; a bias is finite, or −∞ to ban; no pair is neutral.
/// *Properties*: may change the argmax; draws no coins. *Cost*: the number of pairs.
/// *Origin*: the OpenAI API, where biases lie in [−100, 100]; here any finite number is allowed.
///
/// ```
/// use kelvin::{Pipeline, Sampler};
///
/// let pipeline: Pipeline = "logit-bias(0=-inf, 2=1)".parse()?;
/// assert_eq!(Sampler::new(pipeline, 3)?.probabilities(&[9.0, 1.0, 0.0])?, [0.0, 0.5, 0.5]);
/// # Ok::<(), kelvin::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LogitBias {
    /// In id order.
    biases: Vec<(TokenId, f64)>,
}

impl LogitBias {
    /// These biases.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Parameter`] when an id occurs twice or a bias is NaN or +∞.
    pub fn new(biases: impl IntoIterator<Item = (TokenId, f64)>) -> Result<Self> {
        let mut biases: Vec<_> = biases.into_iter().collect();
        biases.sort_unstable_by_key(|&(id, _)| id);
        let twice = biases.windows(2).find(|pair| pair[0].0 == pair[1].0).map(|pair| pair[0]);
        let refused = twice
            .or(biases.iter().copied().find(|(_, bias)| bias.is_nan() || *bias == f64::INFINITY));
        match refused {
            None => Ok(Self { biases }),
            Some((id, bias)) => Err(INFO.refuse(0, format_args!("{id}={bias}"))),
        }
    }
}

impl Stage for LogitBias {
    fn info(&self) -> &'static StageInfo {
        &INFO
    }

    fn apply(&self, candidates: &mut Candidates<'_>, _: &Step<'_>) {
        candidates.revise(self.biases.iter().copied(), |z, bias| z + bias);
    }

    fn write_arguments(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        if self.biases.is_empty() {
            return out.write_str("off");
        }
        for (at, (id, bias)) in self.biases.iter().enumerate() {
            write!(out, "{}{id}={bias}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }

    fn is_neutral(&self) -> bool {
        self.biases.iter().all(|&(_, bias)| bias == 0.0)
    }

    fn largest_token(&self) -> Option<TokenId> {
        self.biases.last().map(|&(id, _)| id)
    }
}
