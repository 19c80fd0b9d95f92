//! Small random models: their numbers, and the same as a GGUF file or as a folder.

mod folder;

use std::collections::BTreeMap;

use crate::gguf::writer::{File, Piece, pair, piece, string_pair, tensor, u32_pair};

/// Shape of a small model; `window` only for Gemma 3.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) architecture: &'static str,
    pub(crate) n_layers: usize,
    pub(crate) d_model: usize,
    pub(crate) n_heads: usize,
    pub(crate) n_kv_heads: usize,
    pub(crate) head_dim: usize,
    pub(crate) d_ff: usize,
    pub(crate) vocab_size: u32,
    pub(crate) max_seq: usize,
    pub(crate) window: usize,
}

/// Llama: an odd number of heads to a group, more than one group.
pub(crate) const LLAMA: Shape = Shape {
    architecture: "llama",
    n_layers: 3,
    d_model: 96,
    n_heads: 6,
    n_kv_heads: 2,
    head_dim: 16,
    d_ff: 160,
    vocab_size: 70,
    max_seq: 256,
    window: 0,
};

/// Gemma 3: one global layer (number 5) and sliding ones, whose window ends inside a page; a head
/// that is no whole number of vectors, and eight of them to a group.
pub(crate) const GEMMA: Shape = Shape {
    architecture: "gemma3",
    n_layers: 7,
    d_model: 64,
    n_heads: 8,
    n_kv_heads: 1,
    head_dim: 24,
    d_ff: 128,
    vocab_size: 90,
    max_seq: 256,
    window: 70,
};

/// GPT-2: heads that are no whole number of vectors, a width of 32 times an odd number.
pub(crate) const GPT2: Shape = Shape {
    architecture: "gpt2",
    n_layers: 3,
    d_model: 96,
    n_heads: 4,
    n_kv_heads: 4,
    head_dim: 24,
    d_ff: 160,
    vocab_size: 90,
    max_seq: 256,
    window: 0,
};

/// How the matrices are stored; norms and biases are always F32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    F32,
    F16,
    BF16,
    Q8,
}

impl Stored {
    /// The type's code in a GGUF file.
    const fn code(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::BF16 => 30,
            Self::Q8 => 8,
        }
    }

    /// What a number becomes that this can hold; not for blocks.
    fn rounded(self, x: f32) -> f32 {
        match self {
            Self::F32 | Self::Q8 => x,
            Self::BF16 => f32::from_bits(x.to_bits() & 0xffff_0000),
            // ten bits of fraction, and nothing below the least normal number
            Self::F16 if x.abs() < 6.2e-5 => 0.0,
            Self::F16 => f32::from_bits(x.to_bits() & 0xffff_e000),
        }
    }

    /// A number that this holds, as bytes; not for blocks.
    fn bytes(self, x: f32) -> Vec<u8> {
        let bits = x.to_bits();
        let low_half = |bits: u32| bits.to_le_bytes()[..2].to_vec();
        match self {
            Self::F32 | Self::Q8 => bits.to_le_bytes().to_vec(),
            Self::BF16 => low_half(bits >> 16),
            Self::F16 if x.abs() < 6.2e-5 => vec![0, 0],
            Self::F16 => low_half(((bits & 0x7fff_ffff) - (112 << 23)) >> 13 | bits >> 31 << 15),
        }
    }
}

/// A model's tensors by their GGUF names, `[rows, cols]` row-major.
pub(crate) struct Tiny {
    pub(crate) shape: Shape,
    pub(crate) tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

/// A small generator of numbers in [-1, 1): 48 bits of an LCG, enough for weights.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 40) as f32 / 8_388_608.0 - 1.0
    }
}

impl Tiny {
    pub(crate) fn new(shape: Shape) -> Self {
        let mut numbers = Numbers(7);
        let mut tensors = BTreeMap::new();
        for (name, dims) in names(&shape) {
            let n = dims.iter().product();
            let (centre, spread) = match dims.as_slice() {
                [_] if name.contains(".bias") => (0.0, 0.4),
                [_] => (1.0, 0.5),
                [_, cols] => (0.0, 2.0 / (*cols as f32).sqrt()),
                _ => panic!("a tensor of {dims:?}"),
            };
            let data = (0..n).map(|_| centre + spread * numbers.next()).collect();
            tensors.insert(name, (dims, data));
        }
        Self { shape, tensors }
    }

    pub(crate) fn tensor(&self, name: &str) -> &[f32] {
        &self.tensors[name].1
    }

    /// Rounds the numbers to what `stored` can hold, so that file and reference agree; blocks hold
    /// matrices alone.
    pub(crate) fn rounded(mut self, stored: Stored) -> Self {
        for (dims, data) in self.tensors.values_mut() {
            if stored != Stored::Q8 {
                for x in data.iter_mut() {
                    *x = stored.rounded(*x);
                }
            } else if dims.len() == 2 {
                assert!(dims[1].is_multiple_of(32), "rows are whole blocks");
                for block in data.chunks_exact_mut(32) {
                    let (exponent, quants) = quantised(block);
                    let numbers = quants.map(|quant| scale(exponent) * f32::from(quant));
                    block.copy_from_slice(&numbers);
                }
            }
        }
        self
    }

    /// The model as a GGUF file.
    pub(crate) fn file(&self, stored: Stored) -> Vec<u8> {
        self.parts(stored).bytes()
    }

    /// The same in parts, for tests that break one.
    pub(crate) fn parts(&self, stored: Stored) -> File {
        let mut file = File { pairs: self.metadata(), ..File::empty() };
        for (name, (dims, numbers)) in &self.tensors {
            let dims: Vec<u64> = dims.iter().rev().map(|&dim| dim as u64).collect();
            let stored = if dims.len() == 2 { stored } else { Stored::F32 };
            file.tensors.push(tensor(name, &dims, stored.code(), file.data.len() as u64));
            if stored == Stored::Q8 {
                numbers.chunks_exact(32).for_each(|block| file.data.extend(q8(block)));
            } else {
                file.data.extend(numbers.iter().flat_map(|&x| stored.bytes(x)));
            }
            file.data.resize(file.data.len().next_multiple_of(32), 0);
        }
        file
    }

    fn metadata(&self) -> Vec<Piece> {
        let Shape { architecture, window, .. } = self.shape;
        let key = |key: &str| format!("{architecture}.{key}");
        let size = |name: &str, n: usize| {
            u32_pair(&key(name), u32::try_from(n).expect("a small model's size"))
        };
        let number = |name: &str, x: f32| pair(key(name), 6, piece().number(&x.to_le_bytes()));
        let eps = if architecture == "gpt2" { "layer_norm" } else { "layer_norm_rms" };
        let mut pairs = vec![
            string_pair("general.architecture", architecture),
            size("block_count", self.shape.n_layers),
            size("embedding_length", self.shape.d_model),
            size("attention.head_count", self.shape.n_heads),
            size("attention.head_count_kv", self.shape.n_kv_heads),
            size("attention.key_length", self.shape.head_dim),
            size("attention.value_length", self.shape.head_dim),
            size("feed_forward_length", self.shape.d_ff),
            size("context_length", self.shape.max_seq),
            number(&format!("attention.{eps}_epsilon"), 1e-5),
            number("rope.freq_base", 50_000.0),
        ];
        if window > 0 {
            pairs.push(size("attention.sliding_window", window));
        }
        pairs
    }
}

fn names(shape: &Shape) -> Vec<(String, Vec<usize>)> {
    if shape.architecture == "gpt2" {
        return gpt2_names(shape);
    }
    let Shape { d_model, d_ff, head_dim, .. } = *shape;
    let vocab_size = shape.vocab_size as usize;
    let (d_query, d_kv) = (shape.n_heads * head_dim, shape.n_kv_heads * head_dim);
    let gemma = shape.architecture == "gemma3";
    let mut all = vec![
        ("token_embd.weight".to_owned(), vec![vocab_size, d_model]),
        ("output_norm.weight".to_owned(), vec![d_model]),
    ];
    if !gemma {
        all.push(("output.weight".to_owned(), vec![vocab_size, d_model]));
    }
    for layer in 0..shape.n_layers {
        let mut add = |part: &str, dims: Vec<usize>| {
            all.push((format!("blk.{layer}.{part}.weight"), dims));
        };
        add("attn_norm", vec![d_model]);
        add("attn_q", vec![d_query, d_model]);
        add("attn_k", vec![d_kv, d_model]);
        add("attn_v", vec![d_kv, d_model]);
        add("attn_output", vec![d_model, d_query]);
        add("ffn_norm", vec![d_model]);
        add("ffn_gate", vec![d_ff, d_model]);
        add("ffn_up", vec![d_ff, d_model]);
        add("ffn_down", vec![d_model, d_ff]);
        if gemma {
            add("attn_q_norm", vec![head_dim]);
            add("attn_k_norm", vec![head_dim]);
            add("post_attention_norm", vec![d_model]);
            add("post_ffw_norm", vec![d_model]);
        }
    }
    all
}

fn gpt2_names(shape: &Shape) -> Vec<(String, Vec<usize>)> {
    let Shape { d_model, d_ff, .. } = *shape;
    let mut all = vec![
        ("token_embd.weight".to_owned(), vec![shape.vocab_size as usize, d_model]),
        ("position_embd.weight".to_owned(), vec![shape.max_seq, d_model]),
    ];
    let mut add = |name: String, dims: Vec<usize>| {
        all.push((format!("{name}.bias"), vec![dims[0]]));
        all.push((format!("{name}.weight"), dims));
    };
    add("output_norm".to_owned(), vec![d_model]);
    for layer in 0..shape.n_layers {
        let part = |part: &str| format!("blk.{layer}.{part}");
        add(part("attn_norm"), vec![d_model]);
        add(part("attn_qkv"), vec![3 * d_model, d_model]);
        add(part("attn_output"), vec![d_model, d_model]);
        add(part("ffn_norm"), vec![d_model]);
        add(part("ffn_up"), vec![d_ff, d_model]);
        add(part("ffn_down"), vec![d_model, d_ff]);
    }
    all
}

/// The exponent n of a scale 2^-n, which is exact in half precision, and 32 quants; truncated, so that
/// doing it again changes nothing.
fn quantised(block: &[f32]) -> (u16, [i8; 32]) {
    let largest = block.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
    let mut exponent = 0;
    while largest / scale(exponent) < 63.0 && exponent < 14 {
        exponent += 1;
    }
    let mut quants = [0; 32];
    for (quant, x) in quants.iter_mut().zip(block) {
        #[expect(clippy::cast_possible_truncation, reason = "truncation is meant, and 127 fits")]
        let whole = (x / scale(exponent)) as i8;
        *quant = whole;
    }
    (exponent, quants)
}

/// 2^-exponent
fn scale(exponent: u16) -> f32 {
    1.0 / f32::from(1_u16 << exponent)
}

fn q8(block: &[f32]) -> Vec<u8> {
    let (exponent, quants) = quantised(block);
    // half precision of 2^-n: biased exponent 15 - n, no mantissa
    let mut bytes = ((15 - exponent) << 10).to_le_bytes().to_vec();
    bytes.extend(quants.map(i8::cast_unsigned));
    bytes
}
