//! Attention of query heads over the pages of a cache.
//!
//! Every sum has one order that only the positions decide: a score adds up the head's numbers one
//! after another; the softmax denominator adds position p in lane p mod 16; values are added up
//! within each page of [`PAGE`] positions, counted from position 0, and then page by page. Lanes
//! are outputs (positions for scores, numbers of the head for values). So cached and recomputed
//! keys, chunks, batches, threads and instruction sets all give the same bits.

use std::ops::Range;

use super::activation::Softcap;
use super::simd::{Kernel, LANES, Simd};
use super::{Engine, math, part};
use crate::cache::{KvCache, PAGE};

/// Query heads that share one pass over a block of keys or values.
const TILE: usize = 4;
/// Multiplications below which a second thread costs more than it saves.
const WORTH_A_THREAD: usize = 1 << 16;
/// Pieces per thread where a pass holds many positions, whose work differs.
const PIECES: usize = 4;

/// Most numbers of scores that attention holds for each position it looks back on.
pub(crate) const fn scores_per_position(threads: usize) -> usize {
    PIECES * threads * TILE
}

/// The positions `first..end` of a cache, which one query sees; not empty.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sight<'a> {
    pub(crate) cache: &'a KvCache,
    pub(crate) first: usize,
    pub(crate) end: usize,
}

impl Sight<'_> {
    fn pages(&self) -> Range<usize> {
        self.first / PAGE..self.end.div_ceil(PAGE)
    }

    /// Positions in the pages touched.
    fn span(&self) -> usize {
        self.pages().len() * PAGE
    }
}

/// One layer's attention for a number of queries, each a position of some sequence.
#[derive(Debug)]
pub(crate) struct Attention<'a, F> {
    pub(crate) layer: usize,
    pub(crate) n_heads: usize,
    /// Query heads that share a key and value head.
    pub(crate) group: usize,
    pub(crate) head_dim: usize,
    /// `[queries, n_heads, head_dim]`, already scaled.
    pub(crate) queries: &'a [f32],
    /// Scores s become c · tanh(s / c).
    pub(crate) softcap: Option<f32>,
    /// What the query of that index sees.
    pub(crate) sight: F,
}

impl<'a, F: Fn(usize) -> Sight<'a> + Sync> Attention<'_, F> {
    /// The mixed values, `[queries, n_heads, head_dim]`. `scores` is reused memory.
    pub(crate) fn run(&self, engine: &Engine, out: &mut [f32], scores: &mut Vec<f32>) {
        let n_heads = out.len() / self.head_dim;
        let n_queries = n_heads / self.n_heads;
        let spans = (0..n_queries).map(|query| (self.sight)(query).span());
        let (longest, total) =
            spans.fold((0, 0), |(longest, total), span| (span.max(longest), total + span));
        let work = 2 * total * self.n_heads * self.head_dim;
        let wanted = if n_queries == 1 { engine.threads() } else { PIECES * engine.threads() };
        let pieces = wanted.min(work / WORTH_A_THREAD).min(n_heads).max(1);
        scores.resize(pieces * TILE * longest, 0.0);
        self.split(engine, Piece { heads: 0..n_heads, pieces, out, scores });
    }

    fn split(&self, engine: &Engine, piece: Piece<'_>) {
        if piece.pieces == 1 {
            engine.dispatch(Run { attention: self, piece });
        } else {
            let (left, right) = piece.halves(self.head_dim);
            rayon::join(|| self.split(engine, left), || self.split(engine, right));
        }
    }
}

/// A run of heads, counted through all queries, with its output and memory for its scores.
#[derive(Debug)]
struct Piece<'a> {
    heads: Range<usize>,
    /// Pieces it will be cut into.
    pieces: usize,
    /// `[heads, head_dim]`
    out: &'a mut [f32],
    /// `[pieces, TILE, longest span]`
    scores: &'a mut [f32],
}

impl Piece<'_> {
    fn halves(self, head_dim: usize) -> (Self, Self) {
        let left = self.pieces / 2;
        let n_heads = self.heads.len() * left / self.pieces;
        let n_scores = self.scores.len() / self.pieces * left;
        let middle = self.heads.start + n_heads;
        let (left_out, right_out) = self.out.split_at_mut(n_heads * head_dim);
        let (left_scores, right_scores) = self.scores.split_at_mut(n_scores);
        let heads = self.heads.start..middle;
        let right = self.pieces - left;
        (
            Self { heads, pieces: left, out: left_out, scores: left_scores },
            Self {
                heads: middle..self.heads.end,
                pieces: right,
                out: right_out,
                scores: right_scores,
            },
        )
    }
}

struct Run<'a, 'b, F> {
    attention: &'a Attention<'a, F>,
    piece: Piece<'b>,
}

impl<'s, F: Fn(usize) -> Sight<'s> + Sync> Kernel for Run<'_, '_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Attention { layer, n_heads, group, head_dim, softcap, .. } = *self.attention;
        let Piece { heads, mut out, scores, .. } = self.piece;
        let mut head = heads.start;
        while head < heads.end {
            let in_group = group - head % n_heads % group;
            let count = in_group.min(heads.end - head).min(TILE);
            let sight = (self.attention.sight)(head / n_heads);
            let view = View { sight, layer, kv_head: head % n_heads / group, head_dim, softcap };
            let queries = &self.attention.queries[head * head_dim..][..count * head_dim];
            let (mixed, rest) = out.split_at_mut(count * head_dim);
            match count {
                1 => view.attend::<S, 1, 4>(simd, queries, scores, mixed),
                2 => view.attend::<S, 2, 4>(simd, queries, scores, mixed),
                3 => view.attend::<S, 3, 2>(simd, queries, scores, mixed),
                _ => view.attend::<S, TILE, 2>(simd, queries, scores, mixed),
            }
            out = rest;
            head += count;
        }
    }
}

/// One key and value head of one layer, as one query sees it.
struct View<'a> {
    sight: Sight<'a>,
    layer: usize,
    kv_head: usize,
    head_dim: usize,
    softcap: Option<f32>,
}

impl View<'_> {
    /// H heads at once, V vectors wide: `queries` and `out` are `[H, head_dim]`.
    #[inline(always)]
    fn attend<S: Simd, const H: usize, const V: usize>(
        &self,
        simd: S,
        queries: &[f32],
        scores: &mut [f32],
        out: &mut [f32],
    ) {
        let span = self.sight.span();
        let scores = &mut scores[..H * span];
        self.score::<S, H, V>(simd, queries, scores);
        if let Some(cap) = self.softcap {
            Softcap { cap, x: scores }.run(simd);
        }
        let start = self.sight.pages().start * PAGE;
        let visible = self.sight.first - start..self.sight.end - start;
        let mut sums = [0.0; H];
        for (sum, scores) in sums.iter_mut().zip(scores.chunks_exact_mut(span)) {
            *sum = softmax(simd, scores, visible.clone());
        }
        out.fill(0.0);
        self.mix::<S, H, V>(simd, scores, out);
        for (sum, out) in sums.into_iter().zip(out.chunks_exact_mut(self.head_dim)) {
            let scale = 1.0 / sum;
            for x in out {
                *x *= scale;
            }
        }
    }

    /// query · key for each head and position of the pages touched: `scores` is `[H, span]`.
    #[inline(always)]
    fn score<S: Simd, const H: usize, const V: usize>(
        &self,
        simd: S,
        queries: &[f32],
        scores: &mut [f32],
    ) {
        let span = scores.len() / H;
        let queries = rows::<H>(queries, 0..self.head_dim);
        for (index, page) in self.sight.pages().enumerate() {
            let (keys, _) = self.sight.cache.block(page, self.layer, self.kv_head);
            for column in (0..PAGE).step_by(V * LANES) {
                let sums = weighted::<S, H, V>(simd, queries, &keys[column..], PAGE);
                for (h, sums) in sums.into_iter().enumerate() {
                    let at = h * span + index * PAGE + column;
                    for (sum, to) in sums.into_iter().zip(scores[at..].chunks_mut(LANES)) {
                        part::store(simd, sum, to);
                    }
                }
            }
        }
    }

    /// Adds the values, weighted by `weights` `[H, span]`, to `out` `[H, head_dim]`.
    #[inline(always)]
    fn mix<S: Simd, const H: usize, const V: usize>(
        &self,
        simd: S,
        weights: &[f32],
        out: &mut [f32],
    ) {
        let stride = self.sight.cache.layout().value_stride();
        for (index, page) in self.sight.pages().enumerate() {
            let first = self.sight.first.saturating_sub(page * PAGE);
            let end = PAGE.min(self.sight.end - page * PAGE);
            let (_, values) = self.sight.cache.block(page, self.layer, self.kv_head);
            let values = &values[first * stride..end * stride];
            let weights = rows::<H>(weights, index * PAGE + first..index * PAGE + end);
            let mut column = 0;
            while column + V * LANES <= self.head_dim {
                let sums = weighted::<S, H, V>(simd, weights, &values[column..], stride);
                add_columns(simd, sums, out, column);
                column += V * LANES;
            }
            while column < self.head_dim {
                let sums = weighted::<S, H, 1>(simd, weights, &values[column..], stride);
                add_columns(simd, sums, out, column);
                column += LANES;
            }
        }
    }
}

/// The columns `range` of each of the H rows of `matrix`.
#[inline(always)]
fn rows<const H: usize>(matrix: &[f32], range: Range<usize>) -> [&[f32]; H] {
    let width = matrix.len() / H;
    let mut rows = [matrix; H];
    for (h, row) in rows.iter_mut().enumerate() {
        *row = &matrix[h * width..][range.clone()];
    }
    rows
}

/// For each of H rows of weights, Σ `weights[i]` · `matrix[i][0..16 V]` in order of i; a row of the
/// matrix starts every `stride` numbers.
#[inline(always)]
fn weighted<S: Simd, const H: usize, const V: usize>(
    simd: S,
    weights: [&[f32]; H],
    matrix: &[f32],
    stride: usize,
) -> [[S::F32; V]; H] {
    let mut sums = [[simd.splat(0.0); V]; H];
    let count = weights[0].len();
    let weights = weights.map(|row| &row[..count]);
    for (i, row) in matrix.chunks(stride).take(count).enumerate() {
        let (vectors, _) = row[..V * LANES].as_chunks::<LANES>();
        for (v, vector) in vectors.iter().enumerate() {
            let vector = simd.load(vector);
            for h in 0..H {
                sums[h][v] = simd.mul_add(simd.splat(weights[h][i]), vector, sums[h][v]);
            }
        }
    }
    sums
}

/// Adds sums to the columns from `column` on of `out`, `[H, width]`; what is beyond the width is dropped.
#[inline(always)]
fn add_columns<S: Simd, const H: usize, const V: usize>(
    simd: S,
    sums: [[S::F32; V]; H],
    out: &mut [f32],
    column: usize,
) {
    let width = out.len() / H;
    for (sums, out) in sums.into_iter().zip(out.chunks_exact_mut(width)) {
        for (sum, to) in sums.into_iter().zip(out[column..].chunks_mut(LANES)) {
            part::store(simd, simd.add(part::load(simd, to), sum), to);
        }
    }
}

/// Turns scores into weights e^(score − largest), 0 outside `visible`; returns their sum.
#[inline(always)]
fn softmax<S: Simd>(simd: S, scores: &mut [f32], visible: Range<usize>) -> f32 {
    scores[..visible.start].fill(f32::NEG_INFINITY);
    scores[visible.end..].fill(f32::NEG_INFINITY);
    let mut largest = simd.splat(f32::NEG_INFINITY);
    let (vectors, _) = scores.as_chunks_mut::<LANES>();
    for scores in &*vectors {
        largest = simd.max(simd.load(scores), largest);
    }
    let largest = simd.splat(simd.largest(largest));
    let mut sum = simd.splat(0.0);
    for scores in vectors {
        let weight = math::exp(simd, simd.sub(simd.load(scores), largest));
        simd.store(weight, scores);
        sum = simd.add(sum, weight);
    }
    simd.sum(sum)
}
