//! Causal attention over whole windows, with its gradient: what training needs.
//!
//! A *unit* is one head of one window. Units are shared out among threads; inside, queries are taken in
//! blocks of 32, and a block meets no key beyond its last query. Scores are computed again for the
//! gradient, from two numbers a query that are kept: so memory grows with the length, not with its
//! square (as in Dao et al., *FlashAttention*, arXiv 2205.14135).

use std::ops::Range;

use rayon::prelude::*;

use super::cross_entropy::Scale;
use super::dropout::{Mask, RUN};
use super::gemm::{Columns, Start, Target, View, multiply};
use super::simd::{Kernel, LANES, Simd};
use super::{Engine, engine::fork, math, part};

/// Queries of a block. The gradient's sums go block by block: their bits depend on it.
const BLOCK: usize = 32;
/// The shape of a batch, and what it is masked with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Causal {
    pub(crate) n_heads: usize,
    pub(crate) head_dim: usize,
    /// Tokens of a window.
    pub(crate) length: usize,
    /// Scores are multiplied by this.
    pub(crate) scale: f32,
    pub(crate) dropout: Option<Mask>,
    /// The batch's first window among those of the step, which masks are counted by.
    pub(crate) first_window: usize,
}

/// Reused memory of attention.
#[derive(Debug, Default)]
pub(crate) struct CausalScratch {
    workers: Vec<Worker>,
    /// Unit by unit: what goes to the tokens' rows, which units share.
    units: Vec<f32>,
}

/// A query's softmax: the largest score, and 1 / the sum of e^(score − largest).
pub(crate) const KEPT: usize = 2;

impl Causal {
    fn d_model(&self) -> usize {
        self.n_heads * self.head_dim
    }

    /// `out`, `[tokens, d_model]`, from `query_key_value`, `[tokens, 3 × d_model]`. Of each query's
    /// softmax two numbers are written to `kept`, `[windows, n_heads, length, 2]`.
    pub(crate) fn forward(
        &self,
        engine: &Engine,
        query_key_value: &[f32],
        scratch: &mut CausalScratch,
        Output { mixed, kept }: Output<'_>,
    ) {
        let unit = self.length * self.head_dim;
        let CausalScratch { workers, units } = scratch;
        units.resize(mixed.len(), 0.0);
        let pieces = self.pieces(engine, units.len() / unit, workers);
        let per_piece = (units.len() / unit).div_ceil(pieces);
        let outputs = units.chunks_mut(per_piece * unit);
        let kept = kept.chunks_mut(per_piece * self.length * KEPT);
        let pieces = outputs.zip(kept).zip(workers).enumerate();
        let mut pieces: Vec<_> = pieces
            .map(|(index, ((out, kept), worker))| {
                let first = index * per_piece;
                Some(Forward { causal: self, first, query_key_value, out, kept, worker })
            })
            .collect();
        fork(&mut pieces, &|piece| engine.dispatch(piece));
        self.gather(units, 1, mixed);
    }

    /// The gradient by `query_key_value`, into `gradient`, `[tokens, 3 × d_model]`.
    pub(crate) fn backward(
        &self,
        engine: &Engine,
        seen: &Seen<'_>,
        scratch: &mut CausalScratch,
        gradient: &mut [f32],
    ) {
        let unit = 3 * self.length * self.head_dim;
        let CausalScratch { workers, units } = scratch;
        units.resize(gradient.len(), 0.0);
        let pieces = self.pieces(engine, units.len() / unit, workers);
        let per_piece = (units.len() / unit).div_ceil(pieces);
        let pieces = units.chunks_mut(per_piece * unit).zip(workers).enumerate();
        let mut pieces: Vec<_> = pieces
            .map(|(index, (out, worker))| {
                Some(Backward { causal: self, first: index * per_piece, seen, out, worker })
            })
            .collect();
        fork(&mut pieces, &|piece| engine.dispatch(piece));
        self.gather(units, 3, gradient);
    }

    /// From `[windows, n_heads, parts, length, head_dim]` to `[tokens, parts, n_heads, head_dim]`.
    fn gather(&self, units: &[f32], parts: usize, tokens: &mut [f32]) {
        let Self { n_heads, head_dim, length, .. } = *self;
        let width = parts * n_heads * head_dim;
        let whole_rows = tokens.par_chunks_exact_mut(width).enumerate();
        whole_rows.with_min_len((1 << 14) / width + 1).for_each(|(token, row)| {
            let (window, pos) = (token / length, token % length);
            for (index, to) in row.chunks_exact_mut(head_dim).enumerate() {
                let (which, head) = (index / n_heads, index % n_heads);
                let place = ((window * n_heads + head) * parts + which) * length + pos;
                to.copy_from_slice(&units[place * head_dim..][..head_dim]);
            }
        });
    }

    /// How many pieces the units are cut into; there are as many workers afterwards.
    fn pieces(&self, engine: &Engine, units: usize, workers: &mut Vec<Worker>) -> usize {
        let work = 2 * units * self.length * self.length * self.head_dim;
        let pieces = engine.pieces(work, units);
        workers.resize_with(pieces.max(workers.len()), Worker::default);
        pieces
    }

    /// The rows of one unit in `[tokens, parts × d_model]`: of part 0, 1 or 2.
    #[inline(always)]
    fn unit<'a>(&self, tokens: &'a [f32], parts: usize, unit: usize, which: usize) -> View<'a> {
        let width = parts * self.d_model();
        let (window, head) = (unit / self.n_heads, unit % self.n_heads);
        let rows = &tokens[window * self.length * width..][..self.length * width];
        let first = which * self.d_model() + head * self.head_dim;
        View::new(rows, width).part(0..self.length, first..first + self.head_dim)
    }

    /// Numbers from one query's scores to the next's.
    #[inline(always)]
    fn stride(&self) -> usize {
        self.length.next_multiple_of(2 * LANES)
    }

    /// The blocks of queries.
    #[inline(always)]
    fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let length = self.length;
        (0..length).step_by(BLOCK).map(move |first| first..length.min(first + BLOCK))
    }

    /// The scores of a block of queries, times the scale; `[queries, stride]`.
    #[inline(always)]
    fn score<S: Simd>(&self, simd: S, queries: View<'_>, end: usize, worker: &mut Worker) {
        let Worker { keys, scores, .. } = worker;
        scores.resize(BLOCK * self.stride(), 0.0);
        let target = Target { out: scores, stride: self.stride(), left: 0, start: Start::Zero };
        multiply(simd, queries, keys, 0..end, target);
    }

    /// The factors of a query's weights, as far as it sees; ones where nothing is dropped.
    #[inline(always)]
    fn mask(&self, unit: usize, query: usize, factors: &mut Vec<f32>) {
        factors.resize(self.stride(), 1.0);
        let Some(mask) = self.dropout else { return factors.fill(1.0) };
        let seen = (query + 1).next_multiple_of(LANES);
        mask.factors(self.first_number(unit, query), &mut factors[..seen]);
    }

    /// Where the mask of a query begins among the numbers of its place: with runs of its own.
    #[inline(always)]
    fn first_number(&self, unit: usize, query: usize) -> usize {
        let unit = self.first_window * self.n_heads + unit;
        (unit * self.length + query) * self.length.next_multiple_of(RUN)
    }
}

/// Where attention writes.
#[derive(Debug)]
pub(crate) struct Output<'a> {
    /// What the heads saw, `[tokens, d_model]`.
    pub(crate) mixed: &'a mut [f32],
    /// Of each query's softmax, `[windows, n_heads, length, 2]`.
    pub(crate) kept: &'a mut [f32],
}

/// What the gradient is computed from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    /// `[tokens, 3 × d_model]`
    pub(crate) query_key_value: &'a [f32],
    /// `[tokens, d_model]`
    pub(crate) mixed: &'a [f32],
    /// `[windows, n_heads, length, 2]`
    pub(crate) kept: &'a [f32],
    /// The gradient by `mixed`, `[tokens, d_model]`.
    pub(crate) gradient: &'a [f32],
}

/// Memory of one piece.
#[derive(Debug, Default)]
struct Worker {
    /// Keys as columns of scores, `[head_dim, length]`.
    keys: Columns,
    /// Values, or values as columns: `[length, head_dim]`, `[head_dim, length]`.
    values: Columns,
    /// Keys as they are, `[length, head_dim]`.
    plain_keys: Columns,
    /// A block of queries, or of gradients.
    block: Columns,
    /// `[BLOCK, stride]`
    scores: Vec<f32>,
    /// `[BLOCK, stride]`
    slopes: Vec<f32>,
    /// `[stride]`
    factors: Vec<f32>,
}

/// Some units of the forward pass.
struct Forward<'a> {
    causal: &'a Causal,
    first: usize,
    query_key_value: &'a [f32],
    /// `[units, length, head_dim]`
    out: &'a mut [f32],
    /// `[units, length, 2]`
    kept: &'a mut [f32],
    worker: &'a mut Worker,
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { causal, first, query_key_value, out, kept, worker } = self;
        let outputs = out.chunks_exact_mut(causal.length * causal.head_dim);
        let kept = kept.chunks_exact_mut(causal.length * KEPT);
        for (index, (out, kept)) in outputs.zip(kept).enumerate() {
            let unit = first + index;
            let part = |which| causal.unit(query_key_value, 3, unit, which);
            worker.keys.pack(simd, part(1).t());
            worker.values.pack(simd, part(2));
            for block in causal.blocks() {
                let queries = part(0).part(block.clone(), 0..causal.head_dim);
                causal.score(simd, queries, block.end, worker);
                let kept = &mut kept[block.start * KEPT..block.end * KEPT];
                causal.softmax(simd, (unit, &block), kept, worker);
                let out = &mut out[block.start * causal.head_dim..block.end * causal.head_dim];
                causal.mix(simd, &block, out, worker);
                for (out, kept) in
                    out.chunks_exact_mut(causal.head_dim).zip(kept.chunks_exact(KEPT))
                {
                    Scale { x: out, factor: kept[1] }.run(simd);
                }
            }
        }
    }
}

impl Causal {
    /// Turns a block's scores into weights e^(score − largest), masked, not yet divided by their sum.
    #[inline(always)]
    fn softmax<S: Simd>(
        &self,
        simd: S,
        (unit, block): (usize, &Range<usize>),
        kept: &mut [f32],
        worker: &mut Worker,
    ) {
        let Worker { scores, factors, .. } = worker;
        let rows = scores.chunks_exact_mut(self.stride());
        for ((query, row), kept) in block.clone().zip(rows).zip(kept.chunks_exact_mut(KEPT)) {
            let row = visible(row, query);
            let scale = simd.splat(self.scale);
            let mut largest = simd.splat(f32::NEG_INFINITY);
            for x in row.iter() {
                largest = simd.max(simd.mul(simd.load(x), scale), largest);
            }
            let largest = simd.largest(largest);
            let mut sum = simd.splat(0.0);
            for x in row.iter_mut() {
                let score = simd.mul(simd.load(x), scale);
                let weight = math::exp(simd, simd.sub(score, simd.splat(largest)));
                simd.store(weight, x);
                sum = simd.add(sum, weight);
            }
            kept.copy_from_slice(&[largest, 1.0 / simd.sum(sum)]);
            if self.dropout.is_some() {
                self.mask(unit, query, factors);
                multiply_by(simd, row, factors);
            }
        }
    }

    /// out = weights · values.
    #[inline(always)]
    fn mix<S: Simd>(&self, simd: S, block: &Range<usize>, out: &mut [f32], worker: &mut Worker) {
        let Worker { values, scores, .. } = worker;
        clear_beyond(scores, self.stride(), block);
        let weights = View::new(scores, self.stride()).part(0..block.len(), 0..block.end);
        let target = Target { out, stride: self.head_dim, left: 0, start: Start::Zero };
        multiply(simd, weights, values, 0..self.head_dim, target);
    }
}

/// The vectors of a row of scores that hold those of a query; what is beyond it is −∞.
#[inline(always)]
fn visible(row: &mut [f32], query: usize) -> &mut [[f32; LANES]] {
    let end = (query + 1).next_multiple_of(LANES);
    row[query + 1..end].fill(f32::NEG_INFINITY);
    row[..end].as_chunks_mut().0
}

/// Zeros from each query's last vector to the end of its block.
#[inline(always)]
fn clear_beyond(scores: &mut [f32], stride: usize, block: &Range<usize>) {
    for (query, row) in block.clone().zip(scores.chunks_exact_mut(stride)) {
        let end = (query + 1).next_multiple_of(LANES).min(block.end);
        row[end..block.end].fill(0.0);
    }
}

#[inline(always)]
fn multiply_by<S: Simd>(simd: S, row: &mut [[f32; LANES]], factors: &[f32]) {
    for (x, factor) in row.iter_mut().zip(factors.as_chunks().0) {
        simd.store(simd.mul(simd.load(x), simd.load(factor)), x);
    }
}

/// Some units of the backward pass.
struct Backward<'a> {
    causal: &'a Causal,
    first: usize,
    seen: &'a Seen<'a>,
    /// `[units, 3, length, head_dim]`
    out: &'a mut [f32],
    worker: &'a mut Worker,
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { causal, first, seen, out, worker } = self;
        let one = causal.length * causal.head_dim;
        for (index, out) in out.chunks_exact_mut(3 * one).enumerate() {
            let unit = first + index;
            let part = |which| causal.unit(seen.query_key_value, 3, unit, which);
            worker.keys.pack(simd, part(1).t());
            worker.plain_keys.pack(simd, part(1));
            worker.values.pack(simd, part(2).t());
            out[one..].fill(0.0);
            let (query, key_value) = out.split_at_mut(one);
            let (key, value) = key_value.split_at_mut(one);
            for block in causal.blocks() {
                causal.recall(simd, seen, (unit, &block), worker);
                let width = 0..causal.head_dim;
                let stride = causal.head_dim;
                let n = block.len();
                // values: weightsᵀ · gradient
                let gradient = causal.unit(seen.gradient, 1, unit, 0);
                worker.block.pack(simd, gradient.part(block.clone(), width.clone()));
                let weights = View::new(&worker.scores, causal.stride());
                let weights = weights.part(0..n, 0..block.end);
                let out = &mut value[..block.end * stride];
                let target = Target { out, stride, left: 0, start: Start::Keep };
                multiply(simd, weights.t(), &worker.block, width.clone(), target);
                // keys: slopesᵀ · queries
                worker.block.pack(simd, part(0).part(block.clone(), width.clone()));
                let slopes = View::new(&worker.slopes, causal.stride());
                let slopes = slopes.part(0..n, 0..block.end);
                let out = &mut key[..block.end * stride];
                let target = Target { out, stride, left: 0, start: Start::Keep };
                multiply(simd, slopes.t(), &worker.block, width.clone(), target);
                // queries: slopes · keys
                let out = &mut query[block.start * stride..block.end * stride];
                let target = Target { out, stride, left: 0, start: Start::Zero };
                multiply(simd, slopes, &worker.plain_keys, width, target);
            }
        }
    }
}

impl Causal {
    /// A block's weights, masked, into `scores`, and the gradient by its scores into `slopes`.
    #[inline(always)]
    fn recall<S: Simd>(
        &self,
        simd: S,
        seen: &Seen<'_>,
        (unit, block): (usize, &Range<usize>),
        worker: &mut Worker,
    ) {
        let width = 0..self.head_dim;
        let queries =
            self.unit(seen.query_key_value, 3, unit, 0).part(block.clone(), width.clone());
        self.score(simd, queries, block.end, worker);
        let gradient = self.unit(seen.gradient, 1, unit, 0).part(block.clone(), width.clone());
        let mixed = self.unit(seen.mixed, 1, unit, 0).part(block.clone(), width);
        let Worker { values, scores, slopes, factors, .. } = worker;
        slopes.resize(BLOCK * self.stride(), 0.0);
        let target = Target { out: slopes, stride: self.stride(), left: 0, start: Start::Zero };
        multiply(simd, gradient, values, 0..block.end, target);
        let kept = &seen.kept[(unit * self.length + block.start) * KEPT..];
        let both =
            scores.chunks_exact_mut(self.stride()).zip(slopes.chunks_exact_mut(self.stride()));
        for (index, ((row, slopes), kept)) in
            both.zip(kept.chunks_exact(KEPT)).enumerate().take(block.len())
        {
            let query = block.start + index;
            let row = visible(row, query);
            let slopes = slopes.as_chunks_mut::<LANES>().0;
            let along = dot(simd, gradient.row(index), mixed.row(index));
            self.mask(unit, query, factors);
            let (largest, inverse) = (simd.splat(kept[0]), simd.splat(kept[1]));
            let (along, scale) = (simd.splat(along), simd.splat(self.scale));
            let factors = factors.as_chunks::<LANES>().0;
            for ((x, slope), factor) in row.iter_mut().zip(slopes).zip(factors) {
                let score = simd.mul(simd.load(x), scale);
                let weight = simd.mul(math::exp(simd, simd.sub(score, largest)), inverse);
                let factor = simd.load(factor);
                let by_weight = simd.mul(simd.load(slope), factor);
                simd.store(simd.mul(weight, factor), x);
                let by_score = simd.mul(weight, simd.sub(by_weight, along));
                simd.store(simd.mul(by_score, scale), slope);
            }
        }
        clear_beyond(scores, self.stride(), block);
        clear_beyond(slopes, self.stride(), block);
    }
}

/// The sum of the products, in sixteen lanes and one tree.
#[inline(always)]
fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let mut sum = simd.splat(0.0);
    for (a, b) in a.chunks(LANES).zip(b.chunks(LANES)) {
        sum = simd.mul_add(part::load(simd, a), part::load(simd, b), sum);
    }
    simd.sum(sum)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Causal;
    use crate::kernel::dropout::coordinates;

    /// Two batches of two windows and two heads: no two weights are dropped by the same bits.
    #[test]
    fn every_weight_has_random_bits_of_its_own() {
        for length in [1, 16, 32, 48, 64, 96, 128, 160] {
            let causal = |first_window| Causal {
                n_heads: 2,
                head_dim: 1,
                length,
                scale: 1.0,
                dropout: None,
                first_window,
            };
            let mut seen = BTreeSet::new();
            for (batch, unit) in
                [0, 2].into_iter().flat_map(|batch| (0..4).map(move |u| (batch, u)))
            {
                for query in 0..length {
                    let first = causal(batch).first_number(unit, query);
                    let bits = (0..=query).map(|key| coordinates(first, key));
                    seen.extend(bits);
                }
            }
            assert_eq!(seen.len(), 8 * length * (length + 1) / 2, "length {length}");
        }
    }
}
