//! Time per token, for the pipelines and vocabularies that engines are compared on.
//!
//! `cargo bench -p kelvin` measures each with criterion and ends with a table of medians beside the goals;
//! `cargo bench -p kelvin -- top-p/v128k` measures some. One thread, one row, read again and again: from
//! the second-level cache up to 262,144 tokens, as when a model has just written it.
#![expect(clippy::print_stdout, reason = "a table for the person who runs it")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;
use kelvin::math::{ln, sqrt};
use kelvin::{Sampler, Seed, TokenId};

/// A pipeline with its goals in µs for the three vocabularies.
struct Subject {
    name: &'static str,
    pipeline: &'static str,
    goals: [f64; 3],
}

const SUBJECTS: [Subject; 6] = [
    Subject { name: "greedy", pipeline: "greedy", goals: [5.0, 18.0, 38.0] },
    Subject { name: "temperature", pipeline: "temperature(0.8)", goals: [40.0, 100.0, 200.0] },
    Subject { name: "top-k", pipeline: "temperature(0.8) | top-k(50)", goals: [28.0, 46.0, 72.0] },
    Subject {
        name: "top-p",
        pipeline: "temperature(0.8) | top-p(0.9)",
        goals: [90.0, 220.0, 450.0],
    },
    Subject {
        name: "three-cuts",
        pipeline: "temperature(0.8) | top-k(50) | top-p(0.95) | min-p(0.05)",
        goals: [28.0, 46.0, 72.0],
    },
    Subject {
        name: "penalised",
        pipeline: "repetition-penalty(1.1) | temperature(0.8) | top-k(50) | top-p(0.95) | min-p(0.05)",
        goals: [32.0, 50.0, 75.0],
    },
];

const VOCABULARIES: [(&str, usize); 3] = [("v50k", 50_257), ("v128k", 128_256), ("v256k", 262_144)];

/// How many tokens the penalty looks at.
const HISTORY: usize = 512;

/// A linear congruential generator (Knuth's MMIX), good enough to fill a row.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Marsaglia's polar method.
    fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let s = x * x + y * y;
            if s > 0.0 && s < 1.0 {
                return x * sqrt(-2.0 * ln(s) / s);
            }
        }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 ≤ unit < 1")]
    fn below(&mut self, n: usize) -> usize {
        (self.unit() * n as f64) as usize
    }
}

/// N(0, 3); peaked: and 40 tokens at 22 − 3 ln rank.
#[expect(clippy::cast_possible_truncation, reason = "logits are f32")]
fn row(len: usize, peaked: bool) -> Vec<f32> {
    let mut random = Random(len as u64);
    let mut logits: Vec<f32> = (0..len).map(|_| (3.0 * random.normal()) as f32).collect();
    for rank in 1..=40_u8 {
        if peaked {
            logits[random.below(len)] = (22.0 - 3.0 * ln(f64::from(rank))) as f32;
        }
    }
    logits
}

fn sampler(pipeline: &str, vocab_size: usize) -> Sampler {
    let mut random = Random(3);
    let id = |random: &mut Random| TokenId::try_from(random.below(vocab_size)).expect("an id");
    let history: Vec<TokenId> = (0..HISTORY).map(|_| id(&mut random)).collect();
    let pipeline = pipeline.parse().expect("the benchmark's own pipeline");
    let sampler = Sampler::new(pipeline, vocab_size).expect("no ids among parameters");
    sampler.with_seed(Seed::new(1)).with_prompt(&history).expect("inside the vocabulary")
}

/// Time per token of each sample that criterion took, by benchmark.
type Samples = BTreeMap<String, Vec<f64>>;

fn measure(criterion: &mut Criterion, samples: &mut Samples) {
    for (vocabulary, len) in VOCABULARIES {
        for (shape, peaked) in [("flat", false), ("peaked", true)] {
            let logits = row(len, peaked);
            for subject in &SUBJECTS {
                let id = format!("{}/{vocabulary}/{shape}", subject.name);
                let mut sampler = sampler(subject.pipeline, len);
                let taken = samples.entry(id.clone()).or_default();
                criterion.bench_function(&id, |bencher| {
                    bencher.iter_custom(|tokens| {
                        let start = Instant::now();
                        for _ in 0..tokens {
                            black_box(sampler.sample(black_box(&logits)).expect("a usable row"));
                        }
                        let elapsed = start.elapsed();
                        taken.push(elapsed.as_secs_f64() * 1e6 / tokens as f64);
                        elapsed
                    });
                });
            }
        }
    }
}

/// The medians in µs, beside the goals.
fn report(samples: &mut Samples) {
    println!("\nµs per token: median (goal)");
    println!("{:18} {:>16} {:>16} {:>16}", "", "50,257", "128,256", "262,144");
    for subject in &SUBJECTS {
        for shape in ["flat", "peaked"] {
            print!("{:18}", format!("{} {shape}", subject.name));
            for ((vocabulary, _), goal) in VOCABULARIES.iter().zip(subject.goals) {
                let id = format!("{}/{vocabulary}/{shape}", subject.name);
                let taken = samples.get_mut(&id).filter(|taken| !taken.is_empty());
                let cell = taken
                    .map_or("–".to_string(), |taken| format!("{:.1} ({goal:.0})", median(taken)));
                print!(" {cell:>16}");
            }
            println!();
        }
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
        .sample_size(30)
        .configure_from_args();
    let mut samples = Samples::new();
    measure(&mut criterion, &mut samples);
    criterion.final_summary();
    report(&mut samples);
}
