//! The forward pass: tokens and their caches to logits.

use rayon::prelude::*;

use super::weights::{Layer, Linear, Norm, Weights};
use crate::TokenId;
use crate::cache::KvCache;
use crate::config::{Config, Positions};
use crate::kernel::activation::{Gated, Plain, Softcap};
use crate::kernel::attention::{self, Attention, Sight};
use crate::kernel::norm::{LayerNorm, RmsNorm};
use crate::kernel::rope::{Frequencies, Rotate};
use crate::kernel::{Engine, Prepared};

/// Which logits a [`Row`] asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// None: the tokens only fill the cache.
    Nothing,
    /// Those that follow the last token.
    Last,
    /// Those that follow each token.
    All,
}

/// One sequence's part of a forward pass: tokens to append to its cache.
#[derive(Debug)]
pub struct Row<'a> {
    /// What came before; grows by the tokens.
    pub cache: &'a mut KvCache,
    /// At least one id below the vocabulary's size.
    pub tokens: &'a [TokenId],
    /// Which logits to compute.
    pub wanted: Wanted,
}

impl Row<'_> {
    fn wants(&self, index: usize) -> bool {
        match self.wanted {
            Wanted::Nothing => false,
            Wanted::Last => index + 1 == self.tokens.len(),
            Wanted::All => true,
        }
    }
}

/// Reused memory of forward passes: once the largest pass has been seen, none allocates.
#[derive(Debug)]
pub struct Scratch {
    chunk: usize,
    slots: Vec<Slot>,
    /// The residual stream, `[slots, d_model]`.
    stream: Vec<f32>,
    /// What goes into a block, then what comes out of it, `[slots, d_model]`.
    block: Vec<f32>,
    /// `[slots, n_heads × head_dim]`
    query: Vec<f32>,
    /// `[slots, n_kv_heads × head_dim]`
    key: Vec<f32>,
    /// `[slots, n_kv_heads × head_dim]`
    value: Vec<f32>,
    /// What the heads saw, `[slots, n_heads × head_dim]`.
    mixed: Vec<f32>,
    /// `[slots, d_ff]`
    gate: Vec<f32>,
    /// `[slots, d_ff]`
    up: Vec<f32>,
    /// The activations as the next product takes them.
    prepared: Prepared,
    /// Attention's scores, per thread.
    scores: Vec<f32>,
    /// Cosines and sines of each slot's position, `[slots, 2, head_dim / 2]`.
    turns: Turns<Vec<f32>>,
    /// `[wanted, vocab_size]`
    logits: Vec<f32>,
}

/// One position in work.
#[derive(Debug, Clone, Copy)]
struct Slot {
    /// Index of the sequence's [`Row`].
    row: usize,
    pos: usize,
    token: TokenId,
    wanted: bool,
}

/// Something for the layers that see everything, and the same for those that slide.
#[derive(Debug, Clone, Default)]
pub(super) struct Turns<T> {
    global: T,
    sliding: T,
}

impl Turns<Option<Frequencies>> {
    pub(super) fn new(config: &Config) -> Self {
        let Positions::Rotary(global) = &config.positions else { return Self::default() };
        let frequencies = |rope| Frequencies::new(rope, config.head_dim);
        Self {
            global: Some(frequencies(global)),
            sliding: config.window.as_ref().map(|window| frequencies(&window.rope)),
        }
    }
}

/// Positions computed together: enough that the weights are read seldom, few enough that what a
/// pass holds stays in the processor's cache. No bit depends on it.
const CHUNK: usize = 64;

/// Numbers below which a second thread costs more than it saves.
const PIECE: usize = 4096;

impl Default for Scratch {
    fn default() -> Self {
        Self::with_chunk(CHUNK)
    }
}

impl Scratch {
    /// Memory for passes that compute at most `chunk` positions together (0 counts as 1).
    ///
    /// The size decides speed and memory, never a bit of the logits.
    pub fn with_chunk(chunk: usize) -> Self {
        Self {
            chunk: chunk.max(1),
            slots: Vec::new(),
            stream: Vec::new(),
            block: Vec::new(),
            query: Vec::new(),
            key: Vec::new(),
            value: Vec::new(),
            mixed: Vec::new(),
            gate: Vec::new(),
            up: Vec::new(),
            prepared: Prepared::default(),
            scores: Vec::new(),
            turns: Turns::default(),
            logits: Vec::new(),
        }
    }

    /// Bytes held.
    pub fn n_bytes(&self) -> usize {
        let turns = [&self.turns.global, &self.turns.sliding];
        let streams = [&self.stream, &self.block, &self.query, &self.key, &self.value];
        let rest = [&self.mixed, &self.gate, &self.up, &self.scores, &self.logits];
        let floats = turns.into_iter().chain(streams).chain(rest).map(Vec::capacity).sum::<usize>();
        let slots = self.slots.capacity() * size_of::<Slot>();
        floats * size_of::<f32>() + slots + self.prepared.n_bytes()
    }

    /// Bytes that a model of this shape needs for one sequence, at most; besides those that grow
    /// with its length.
    pub fn bytes_for(config: &Config) -> u64 {
        let Config { d_model, d_ff, head_dim, vocab_size, .. } = *config;
        let widths = d_model + config.d_query() + config.d_kv() + d_ff + head_dim;
        let widest = d_model.max(config.d_query()).max(d_ff);
        let slot = 2 * widths * size_of::<f32>() + size_of::<Slot>();
        let prepared = widest * Prepared::BYTES_PER_NUMBER;
        (CHUNK * (slot + prepared) + vocab_size * size_of::<f32>()) as u64
    }

    /// Bytes for each position that a pass on so many threads looks back on, at most.
    pub fn bytes_per_position(threads: usize) -> u64 {
        // twice: the room that a growing buffer leaves
        2 * (attention::scores_per_position(threads) * size_of::<f32>()) as u64
    }

    /// Room for as many positions as there are slots.
    fn fit(&mut self, config: &Config) {
        let n = self.slots.len();
        self.stream.resize(n * config.d_model, 0.0);
        self.block.resize(n * config.d_model, 0.0);
        self.query.resize(n * config.d_query(), 0.0);
        self.key.resize(n * config.d_kv(), 0.0);
        self.value.resize(n * config.d_kv(), 0.0);
        self.mixed.resize(n * config.d_query(), 0.0);
        self.gate.resize(n * config.d_ff, 0.0);
        self.up.resize(n * config.d_ff, 0.0);
    }
}

/// What every pass reads: the model, borrowed in parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decoder<'a> {
    pub(super) engine: &'a Engine,
    pub(super) config: &'a Config,
    pub(super) weights: &'a Weights,
    pub(super) turns: &'a Turns<Option<Frequencies>>,
}

impl Decoder<'_> {
    /// Feeds all tokens of `rows`, which have been checked; `[wanted, vocab_size]` logits, in the
    /// order of rows and tokens.
    pub(super) fn forward<'s>(&self, rows: &mut [Row<'_>], scratch: &'s mut Scratch) -> &'s [f32] {
        for row in rows.iter_mut() {
            row.cache.reserve(row.cache.len() + row.tokens.len());
        }
        let total = rows.iter().map(|row| row.tokens.len()).sum();
        scratch.logits.clear();
        for start in (0..total).step_by(scratch.chunk) {
            scratch.slots.clear();
            scratch.slots.extend(slots(rows).skip(start).take(scratch.chunk));
            self.pass(rows, scratch);
        }
        for row in rows {
            row.cache.commit(row.cache.len() + row.tokens.len());
        }
        &scratch.logits
    }

    /// One chunk through all layers; its logits are appended.
    fn pass(&self, rows: &mut [Row<'_>], scratch: &mut Scratch) {
        scratch.fit(self.config);
        self.embed(scratch);
        for (index, layer) in self.weights.layers.iter().enumerate() {
            self.attend(rows, scratch, index, layer);
            self.feed_forward(scratch, layer);
        }
        self.read_out(scratch);
    }

    /// The tokens' embeddings, and how far each position turns.
    fn embed(&self, scratch: &mut Scratch) {
        let (scale, width) = (self.config.embedding_scale, self.config.d_model);
        scratch.turns.global.clear();
        scratch.turns.sliding.clear();
        let rows = scratch.stream.chunks_exact_mut(width);
        for (slot, row) in scratch.slots.iter().zip(rows) {
            self.weights.embedding.row(slot.token as usize, row);
            for x in &mut *row {
                *x *= scale;
            }
            if let Some(positions) = &self.weights.positions {
                add(row, &positions[slot.pos * width..][..width]);
            }
            if let Some(global) = &self.turns.global {
                global.append(slot.pos, &mut scratch.turns.global);
            }
            if let Some(sliding) = &self.turns.sliding {
                sliding.append(slot.pos, &mut scratch.turns.sliding);
            }
        }
    }

    /// stream += attention(norm(stream))
    fn attend(&self, rows: &mut [Row<'_>], scratch: &mut Scratch, index: usize, layer: &Layer) {
        self.norm_stream(scratch, &layer.attn_norm);
        let outputs = [&mut scratch.query, &mut scratch.key, &mut scratch.value];
        let linears = [&layer.query, &layer.key, &layer.value];
        self.apply(linears, &scratch.block, &mut scratch.prepared, outputs);
        self.place(scratch, index, layer);
        self.remember(rows, scratch, index);
        self.look_back(rows, scratch, index);
        let outputs = [&mut scratch.block];
        self.apply([&layer.output], &scratch.mixed, &mut scratch.prepared, outputs);
        self.join_stream(scratch, layer.post_attn_norm.as_ref());
    }

    /// Norms of heads, rotation, and the scale of the queries.
    fn place(&self, scratch: &mut Scratch, index: usize, layer: &Layer) {
        if let Some((query, key)) = &layer.qk_norm {
            self.norm(query, &mut scratch.query);
            self.norm(key, &mut scratch.key);
        }
        let turns = match self.config.window_of(index) {
            Some(_) => &scratch.turns.sliding,
            None => &scratch.turns.global,
        };
        // no turns where positions are learned
        let queries = scratch.query.chunks_exact_mut(self.config.d_query());
        let keys = scratch.key.chunks_exact_mut(self.config.d_kv());
        let turns = turns.chunks_exact(self.config.head_dim);
        for ((query, key), table) in queries.zip(keys).zip(turns) {
            self.engine.dispatch(Rotate { table, heads: query });
            self.engine.dispatch(Rotate { table, heads: key });
        }
        let scale = self.config.query_scale.of_layer(index);
        for x in &mut scratch.query {
            *x *= scale;
        }
    }

    /// Keys and values into the caches.
    fn remember(&self, rows: &mut [Row<'_>], scratch: &Scratch, index: usize) {
        let keys = scratch.key.chunks_exact(self.config.d_kv());
        let values = scratch.value.chunks_exact(self.config.d_kv());
        for (slot, (key, value)) in scratch.slots.iter().zip(keys.zip(values)) {
            rows[slot.row].cache.write(index, slot.pos, key, value);
        }
    }

    /// Attention of every query over its own sequence.
    fn look_back(&self, rows: &[Row<'_>], scratch: &mut Scratch, index: usize) {
        let window = self.config.window_of(index).map_or(usize::MAX, |window| window.size);
        let slots = &scratch.slots;
        let attention = Attention {
            layer: index,
            n_heads: self.config.n_heads,
            group: self.config.group(),
            head_dim: self.config.head_dim,
            queries: &scratch.query,
            softcap: self.config.attn_softcap,
            sight: |query: usize| {
                let Slot { row, pos, .. } = slots[query];
                let end = pos + 1;
                Sight { cache: rows[row].cache, first: end.saturating_sub(window), end }
            },
        };
        attention.run(self.engine, &mut scratch.mixed, &mut scratch.scores);
    }

    /// stream += down(activation(gate(norm(stream))) · up(norm(stream))), or without the gate
    /// down(activation(up(norm(stream))))
    fn feed_forward(&self, scratch: &mut Scratch, layer: &Layer) {
        self.norm_stream(scratch, &layer.ffn_norm);
        let activation = self.config.activation;
        let inner = if let Some(gate) = &layer.gate {
            let outputs = [&mut scratch.gate, &mut scratch.up];
            self.apply([gate, &layer.up], &scratch.block, &mut scratch.prepared, outputs);
            let pieces = scratch.gate.par_chunks_mut(PIECE).zip(scratch.up.par_chunks(PIECE));
            pieces.for_each(|(gate, up)| self.engine.dispatch(Gated { activation, gate, up }));
            &scratch.gate
        } else {
            let outputs = [&mut scratch.up];
            self.apply([&layer.up], &scratch.block, &mut scratch.prepared, outputs);
            let pieces = scratch.up.par_chunks_mut(PIECE);
            pieces.for_each(|x| self.engine.dispatch(Plain { activation, x }));
            &scratch.up
        };
        self.apply([&layer.down], inner, &mut scratch.prepared, [&mut scratch.block]);
        self.join_stream(scratch, layer.post_ffn_norm.as_ref());
    }

    /// Each output = weight · x + bias.
    fn apply<const N: usize>(
        &self,
        linears: [&Linear; N],
        x: &[f32],
        prepared: &mut Prepared,
        outputs: [&mut Vec<f32>; N],
    ) {
        let weights = linears.map(|linear| &linear.weight);
        self.engine.prepare(x, weights[0].cols(), &weights, prepared);
        let mut outputs = outputs.map(Vec::as_mut_slice);
        self.engine.product(&weights, prepared, &mut outputs);
        for (linear, output) in linears.into_iter().zip(outputs) {
            if let Some(bias) = &linear.bias {
                let rows = output.par_chunks_exact_mut(bias.len());
                rows.with_min_len(PIECE.div_ceil(bias.len())).for_each(|row| add(row, bias));
            }
        }
    }

    /// Logits of the slots that want them.
    fn read_out(&self, scratch: &mut Scratch) {
        let width = self.config.d_model;
        scratch.block.clear();
        for (slot, row) in scratch.slots.iter().zip(scratch.stream.chunks_exact(width)) {
            if slot.wanted {
                scratch.block.extend_from_slice(row);
            }
        }
        if scratch.block.is_empty() {
            return;
        }
        self.norm(&self.weights.output_norm, &mut scratch.block);
        let head = self.weights.head();
        self.engine.prepare(&scratch.block, width, &[head], &mut scratch.prepared);
        let start = scratch.logits.len();
        let more = scratch.block.len() / width * self.config.vocab_size;
        scratch.logits.resize(start + more, 0.0);
        let logits = &mut scratch.logits[start..];
        self.engine.product(&[head], &scratch.prepared, &mut [&mut *logits]);
        if let Some(cap) = self.config.logit_softcap {
            let pieces = logits.par_chunks_mut(PIECE);
            pieces.for_each(|x| self.engine.dispatch(Softcap { cap, x }));
        }
    }

    /// block = norm(stream)
    fn norm_stream(&self, scratch: &mut Scratch, norm: &Norm) {
        scratch.block.copy_from_slice(&scratch.stream);
        self.norm(norm, &mut scratch.block);
    }

    /// stream += block, after a norm of its own where the architecture has one.
    fn join_stream(&self, scratch: &mut Scratch, norm: Option<&Norm>) {
        if let Some(norm) = norm {
            self.norm(norm, &mut scratch.block);
        }
        add(&mut scratch.stream, &scratch.block);
    }

    fn norm(&self, norm: &Norm, rows: &mut [f32]) {
        let eps = self.config.norm_eps;
        let (Norm::Rms { weight } | Norm::Layer { weight, .. }) = norm;
        let whole_rows = (PIECE / weight.len()).max(1) * weight.len();
        rows.par_chunks_mut(whole_rows).for_each(|rows| match norm {
            Norm::Rms { weight } => self.engine.dispatch(RmsNorm { weight, eps, rows }),
            Norm::Layer { weight, bias } => {
                self.engine.dispatch(LayerNorm { weight, bias, eps, rows });
            }
        });
    }
}

/// x += y, number by number.
fn add(x: &mut [f32], y: &[f32]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}

/// Every position to compute, row after row.
fn slots<'a>(rows: &'a [Row<'_>]) -> impl Iterator<Item = Slot> + 'a {
    rows.iter().enumerate().flat_map(|(index, row)| {
        row.tokens.iter().enumerate().map(move |(i, &token)| Slot {
            row: index,
            pos: row.cache.len() + i,
            token,
            wanted: row.wants(i),
        })
    })
}
