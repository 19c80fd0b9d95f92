//! The forward pass as the papers have it: plain loops in f64, no cache, no blocks, no threads.

use crate::tiny::Tiny;

type Rows = Vec<Vec<f64>>;

/// Logits after each of `ids`, `[ids, vocab_size]`.
pub(crate) fn logits(tiny: &Tiny, ids: &[u32]) -> Rows {
    let shape = tiny.shape;
    let gemma = shape.architecture == "gemma3";
    let scale = if gemma { (shape.d_model as f64).sqrt() } else { 1.0 };
    let embedding = rows(tiny, "token_embd", shape.d_model);
    let embed = |&id: &u32| embedding[id as usize].iter().map(|x| x * scale).collect();
    let mut stream: Rows = ids.iter().map(embed).collect();
    for layer in 0..shape.n_layers {
        let mut mixed = attention(tiny, layer, &stream);
        if gemma {
            mixed = norm(tiny, &format!("blk.{layer}.post_attention_norm"), &mixed);
        }
        add(&mut stream, &mixed);
        let mut fed = feed_forward(tiny, layer, &stream);
        if gemma {
            fed = norm(tiny, &format!("blk.{layer}.post_ffw_norm"), &fed);
        }
        add(&mut stream, &fed);
    }
    let head = if gemma { "token_embd" } else { "output" };
    product(tiny, head, &norm(tiny, "output_norm", &stream))
}

fn attention(tiny: &Tiny, layer: usize, stream: &Rows) -> Rows {
    let shape = tiny.shape;
    let part = |part: &str| format!("blk.{layer}.{part}");
    let gemma = shape.architecture == "gemma3";
    let slides = gemma && layer % 6 != 5;
    let input = norm(tiny, &part("attn_norm"), stream);
    let heads = |name: &str| -> Vec<Rows> {
        let split = |row: Vec<f64>| row.chunks(shape.head_dim).map(<[f64]>::to_vec).collect();
        product(tiny, &part(name), &input).into_iter().map(split).collect()
    };
    let (mut queries, mut keys, values) = (heads("attn_q"), heads("attn_k"), heads("attn_v"));
    if gemma {
        queries = queries.iter().map(|q| norm(tiny, &part("attn_q_norm"), q)).collect();
        keys = keys.iter().map(|k| norm(tiny, &part("attn_k_norm"), k)).collect();
    }
    let base = if slides { 10_000.0 } else { 50_000.0 };
    for (pos, heads) in queries.iter_mut().chain(&mut keys).enumerate() {
        let pos = pos % stream.len();
        for head in heads {
            rotate(head, pos, base, gemma);
        }
    }
    let window = if slides { shape.window } else { usize::MAX };
    let group = shape.n_heads / shape.n_kv_heads;
    let mixed = (0..stream.len()).map(|pos| {
        let seen = (pos + 1).saturating_sub(window)..pos + 1;
        let head = |h: usize| {
            let dots = seen.clone().map(|p| dot(&queries[pos][h], &keys[p][h / group]));
            let scores: Vec<f64> = dots.map(|x| x / (shape.head_dim as f64).sqrt()).collect();
            let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let weights: Vec<f64> = scores.iter().map(|s| exp(s - largest)).collect();
            let total: f64 = weights.iter().sum();
            (0..shape.head_dim)
                .map(|i| {
                    let terms = seen.clone().zip(&weights);
                    terms.map(|(p, w)| w * values[p][h / group][i]).sum::<f64>() / total
                })
                .collect::<Vec<_>>()
        };
        (0..shape.n_heads).flat_map(head).collect()
    });
    product(tiny, &part("attn_output"), &mixed.collect())
}

fn feed_forward(tiny: &Tiny, layer: usize, stream: &Rows) -> Rows {
    let part = |part: &str| format!("blk.{layer}.{part}");
    let gemma = tiny.shape.architecture == "gemma3";
    let input = norm(tiny, &part("ffn_norm"), stream);
    let mut gate = product(tiny, &part("ffn_gate"), &input);
    let up = product(tiny, &part("ffn_up"), &input);
    for (gate, up) in gate.iter_mut().flatten().zip(up.iter().flatten()) {
        let x = *gate;
        let open = if gemma {
            let inner = std::f64::consts::FRAC_2_PI.sqrt() * (x + 0.044_715 * x * x * x);
            x * (1.0 - 1.0 / (1.0 + exp(2.0 * inner)))
        } else {
            x / (1.0 + exp(-x))
        };
        *gate = open * up;
    }
    product(tiny, &part("ffn_down"), &gate)
}

/// Gemma turns pairs half a head apart; in GGUF files, Llama's pairs lie side by side.
fn rotate(head: &mut [f64], pos: usize, base: f64, halves: bool) {
    let half = head.len() / 2;
    for i in 0..half {
        let (a, b) = if halves { (i, i + half) } else { (2 * i, 2 * i + 1) };
        let (sin, cos) = turn(pos as f64 * power(base, -(i as f64) / half as f64));
        (head[a], head[b]) = (head[a] * cos - head[b] * sin, head[a] * sin + head[b] * cos);
    }
}

fn norm(tiny: &Tiny, name: &str, rows: &Rows) -> Rows {
    let weight = tiny.tensor(&format!("{name}.weight"));
    let norm = |row: &Vec<f64>| {
        let mean = dot(row, row) / row.len() as f64;
        let scale = 1.0 / (mean + 1e-5_f64).sqrt();
        row.iter().zip(weight).map(|(x, w)| x * scale * f64::from(*w)).collect()
    };
    rows.iter().map(norm).collect()
}

fn product(tiny: &Tiny, name: &str, inputs: &Rows) -> Rows {
    let matrix = rows(tiny, name, inputs[0].len());
    inputs.iter().map(|x| matrix.iter().map(|row| dot(row, x)).collect()).collect()
}

fn rows(tiny: &Tiny, name: &str, cols: usize) -> Rows {
    let tensor = tiny.tensor(&format!("{name}.weight"));
    tensor.chunks(cols).map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect()
}

fn add(stream: &mut Rows, more: &Rows) {
    stream.iter_mut().flatten().zip(more.iter().flatten()).for_each(|(x, y)| *x += y);
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[expect(clippy::disallowed_methods, reason = "the reference is allowed the platform's own")]
fn exp(x: f64) -> f64 {
    x.exp()
}

#[expect(clippy::disallowed_methods, reason = "the reference is allowed the platform's own")]
fn power(base: f64, exponent: f64) -> f64 {
    base.powf(exponent)
}

#[expect(clippy::disallowed_methods, reason = "the reference is allowed the platform's own")]
fn turn(angle: f64) -> (f64, f64) {
    (angle.sin(), angle.cos())
}
