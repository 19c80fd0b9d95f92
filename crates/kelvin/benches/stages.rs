//! Microseconds per token of six pipelines, and of two accounts, over three vocabularies, medians beside the goals.
//!
//! `cargo bench -p kelvin` runs everything; `cargo bench -p kelvin -- d/v256k` what contains this text.
//! Rows are N(0, 3), "peaked" ones with 40 tokens at 22 − 3 ln(rank) on top. One thread.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use kelvin::rng::{Counter, Domain, block};
use kelvin::{Pipeline, Sampler, Seed, math};

/// A pipeline, whether its rows are peaked, and the goal in µs for each vocabulary.
struct Case {
    name: &'static str,
    pipeline: &'static str,
    peaked: bool,
    /// Places of each distribution that an account lists, where one is kept.
    depth: Option<usize>,
    goals: [u32; 3],
}

const VOCABULARIES: [(&str, usize); 3] = [("v50k", 50_257), ("v128k", 128_256), ("v256k", 262_144)];

const CASES: [Case; 9] = [
    Case { name: "a greedy", pipeline: "greedy", peaked: false, depth: None, goals: [5, 18, 38] },
    Case {
        name: "b temperature",
        pipeline: "temperature(0.8)",
        peaked: false,
        depth: None,
        goals: [40, 100, 200],
    },
    Case {
        name: "c top-k",
        pipeline: "temperature(0.8) | top-k(50)",
        peaked: false,
        depth: None,
        goals: [28, 46, 72],
    },
    Case {
        name: "d top-p flat",
        pipeline: "temperature(1) | top-p(0.9)",
        peaked: false,
        depth: None,
        goals: [90, 220, 450],
    },
    Case {
        name: "d top-p peaked",
        pipeline: "temperature(1) | top-p(0.9)",
        peaked: true,
        depth: None,
        goals: [90, 220, 450],
    },
    Case {
        name: "e three cuts",
        pipeline: "top-k(50) | top-p(0.95) | min-p(0.05)",
        peaked: false,
        depth: None,
        goals: [28, 46, 72],
    },
    Case {
        name: "f and penalty",
        pipeline: "repetition-penalty(1.1, last=512) | top-k(50) | top-p(0.95) | min-p(0.05)",
        peaked: false,
        depth: None,
        goals: [32, 50, 75],
    },
    // with its account: 3 % of a step of SmolLM2-135M (4.2 ms on two threads) beyond pipeline d
    Case {
        name: "d flat, traced",
        pipeline: "temperature(1) | top-p(0.9)",
        peaked: false,
        depth: Some(64),
        goals: [216, 546, 1106],
    },
    Case {
        name: "d peaked, traced",
        pipeline: "temperature(1) | top-p(0.9)",
        peaked: true,
        depth: Some(64),
        goals: [216, 546, 1106],
    },
];

fn main() {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    println!(
        "{:<16} {:>14} {:>14} {:>14}   µs per token, median (goal)",
        "", "v50k", "v128k", "v256k"
    );
    for case in &CASES {
        let mut line = format!("{:<16}", case.name);
        for ((label, vocab_size), goal) in VOCABULARIES.into_iter().zip(case.goals) {
            let id = format!("{}/{label}", case.name);
            if wanted.as_ref().is_none_or(|wanted| id.contains(wanted.as_str())) {
                let cell = format!("{:.1} ({goal})", measure(case, vocab_size));
                line = format!("{line} {cell:>14}");
            }
        }
        println!("{line}");
    }
}

/// The median time of one `sample`, in µs, over batches of at most a millisecond.
fn measure(case: &Case, vocab_size: usize) -> f64 {
    let pipeline: Pipeline = case.pipeline.parse().expect("the cases are valid");
    let prompt: Vec<u32> = (0..512).map(|at| at * 97 % 50_257).collect();
    let sampler = Sampler::new(pipeline, vocab_size).and_then(|s| s.with_prompt(&prompt));
    let mut sampler = sampler.expect("the prompt is inside the vocabulary").with_seed(Seed::new(1));
    // several rows, so that no branch predictor learns one by heart
    let rows: Vec<Vec<f32>> = (0..4).map(|seed| row(vocab_size, seed, case.peaked)).collect();
    let mut run = |n: usize| {
        let start = Instant::now();
        for at in 0..n {
            let row = black_box(&rows[at % rows.len()]);
            match case.depth {
                None => {
                    black_box(sampler.sample(row).expect("a usable row"));
                }
                Some(depth) => {
                    black_box(sampler.sample_traced(row, depth).expect("a usable row"));
                }
            }
        }
        start.elapsed()
    };
    run(8);
    let batch = (Duration::from_millis(1).as_nanos() * 8 / run(8).as_nanos().max(1)).clamp(1, 500);
    let batch = usize::try_from(batch).expect("clamped");
    let mut times: Vec<f64> =
        (0..101).map(|_| run(batch).as_secs_f64() * 1e6 / batch as f64).collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// N(0, 3) by Box and Muller, from keyed randomness; a peaked row has 40 likely tokens.
fn row(vocab_size: usize, seed: u64, peaked: bool) -> Vec<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "logits are f32; ids fit u32")]
    #[expect(clippy::disallowed_methods, reason = "a benchmark's input is no contract")]
    let normal = |at: usize| {
        let words = block(Seed::new(seed), Counter::new(at as u32, Domain::Noise));
        let uniform = |word: u32| (f64::from(word) + 0.5) / 4_294_967_296.0;
        let radius = math::sqrt(-2.0 * math::ln(uniform(words[0])));
        (3.0 * radius * (uniform(words[1]) * core::f64::consts::TAU).cos()) as f32
    };
    let mut row: Vec<f32> = (0..vocab_size).map(normal).collect();
    if peaked {
        for rank in 1..=40_u32 {
            #[expect(clippy::cast_possible_truncation, reason = "logits are f32")]
            let logit = (22.0 - 3.0 * math::ln(f64::from(rank))) as f32;
            row[(rank as usize * 7_919) % vocab_size] = logit;
        }
    }
    row
}
