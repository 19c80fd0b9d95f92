//! The end of the model: logits, their loss, and its gradient.
//!
//! Logits are computed for some tokens at a time: those of all would be the largest thing in memory.

use rayon::prelude::*;

use super::activations::Activations;
use super::batch::Batch;
use super::forward::Network;
use super::layout::Params;
use crate::kernel::cross_entropy::{Exponentials, Peak, Scale};
use crate::kernel::gemm::{Gemm, Start, View};

/// Logits held at a time, about.
const LOGITS: usize = 1 << 23;

impl Network<'_> {
    /// −ln p of each token, from the normed stream in `block`, into `surprisals`.
    pub(super) fn surprisals(&self, batch: &Batch, memory: &mut Activations) {
        for first in (0..batch.n_tokens()).step_by(self.tokens_at_once()) {
            self.logits(batch, first, memory);
        }
    }

    /// The same, and the gradient of their sum times `factor`: by the normed stream into `other`, and
    /// by the head into `gradients`.
    pub(super) fn head(
        &self,
        batch: &Batch,
        factor: f32,
        memory: &mut Activations,
        gradients: &mut Params,
    ) {
        let (width, vocab_size) = (self.config.d_model, self.config.vocab_size);
        let weight = View::new(&self.params[&self.layout.head], width);
        for first in (0..batch.n_tokens()).step_by(self.tokens_at_once()) {
            let peaks = self.logits(batch, first, memory);
            let Activations { block, other, logits, packed, .. } = memory;
            let targets = &batch.targets[first..first + peaks.len()];
            logits.par_chunks_exact_mut(vocab_size).zip(peaks).zip(targets).for_each(
                |((row, peak), target)| {
                    self.engine.dispatch(Scale { x: row, factor: factor / peak.sum });
                    row[*target as usize] -= factor;
                },
            );
            let rows = first * width..(first + targets.len()) * width;
            let logits = View::new(logits, vocab_size);
            let product = Gemm { a: logits, b: weight, start: Start::Zero };
            product.run(self.engine, &mut other[rows.clone()], packed);
            let block = View::new(&block[rows], width);
            let start = if first == 0 { self.gradient_start() } else { Start::Keep };
            let product = Gemm { a: logits.t(), b: block, start };
            product.run(self.engine, &mut gradients[&self.layout.head], packed);
        }
    }

    fn tokens_at_once(&self) -> usize {
        LOGITS.div_ceil(self.config.vocab_size)
    }

    /// The tokens from `first` on, as many as are taken at once: e^(logit − largest) into `logits`,
    /// their sums, and the tokens' surprisals.
    fn logits(&self, batch: &Batch, first: usize, memory: &mut Activations) -> Vec<Peak> {
        let (width, vocab_size) = (self.config.d_model, self.config.vocab_size);
        let end = batch.n_tokens().min(first + self.tokens_at_once());
        let Activations { block, logits, surprisals, packed, .. } = memory;
        logits.resize((end - first) * vocab_size, 0.0);
        let a = View::new(&block[first * width..end * width], width);
        let weight = View::new(&self.params[&self.layout.head], width);
        Gemm { a, b: weight.t(), start: Start::Zero }.run(self.engine, logits, packed);
        let rows = logits.par_chunks_exact_mut(vocab_size).zip(&batch.targets[first..end]);
        let rows = rows.zip(&mut surprisals[first..end]);
        rows.map(|((row, target), surprisal)| {
            let logit = f64::from(row[*target as usize]);
            let peak = self.engine.dispatch(Exponentials(row));
            *surprisal = kelvin::math::ln(f64::from(peak.sum)) + f64::from(peak.largest) - logit;
            peak
        })
        .collect()
    }
}
