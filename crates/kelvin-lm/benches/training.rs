//! Steps of training, one workload a process.
//!
//! `cargo bench -p kelvin-lm --bench training -- W1 --threads 1 --steps 400`: forward and backward pass,
//! clipping and AdamW on random tokens; milliseconds a step (lowest, median) and the process's peak of
//! resident memory, as one line of JSON. `scripts/bench-pytorch` runs it beside PyTorch.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::time::Instant;

use kelvin_lm::train::{Corpus, Settings, Size, State, Trainer};
use kelvin_lm::{EngineOptions, Result};

/// A workload: what `scripts/bench-pytorch` calls it, and its numbers.
struct Workload {
    name: &'static str,
    size: &'static str,
    vocab_size: u32,
    max_seq: usize,
    dropout: f64,
}

const fn workload(
    name: &'static str,
    size: &'static str,
    vocab_size: u32,
    max_seq: usize,
    dropout: f64,
) -> Workload {
    Workload { name, size, vocab_size, max_seq, dropout }
}

const WORKLOADS: [Workload; 5] = [
    workload("W1", "char-tiny", 30, 48, 0.0),
    workload("W1-dropout", "char-tiny", 30, 48, 0.1),
    workload("W2", "char-small", 65, 64, 0.0),
    workload("W3", "char-medium", 65, 256, 0.0),
    workload("W4", "gpt2-124m", 50_257, 1024, 0.0),
];

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let number = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1)?.parse::<usize>().ok()
    };
    let named = |workload: &&Workload| args.iter().any(|arg| arg == workload.name);
    let Some(workload) = WORKLOADS.iter().find(named) else {
        println!("name one of {}", WORKLOADS.map(|workload| workload.name).join(", "));
        return Ok(());
    };
    let (threads, steps) = (number("--threads").unwrap_or(1), number("--steps").unwrap_or(20));
    let mut millis = measure(workload, threads, steps)?;
    millis.sort_by(f64::total_cmp);
    println!(
        "{{\"workload\": \"{}\", \"threads\": {threads}, \"steps\": {steps}, \"lowest_ms\": {:.4}, \
         \"median_ms\": {:.4}, \"peak_mb\": {:.1}}}",
        workload.name,
        millis[0],
        millis[millis.len() / 2],
        peak_mb(),
    );
    Ok(())
}

/// Milliseconds of each step, after a few that warm pages and threads.
fn measure(workload: &Workload, threads: usize, steps: usize) -> Result<Vec<f64>> {
    let size = Size::from_name(workload.size)?;
    let size = Size { max_seq: workload.max_seq, ..size };
    let vocab_size = workload.vocab_size;
    let settings = Settings { dropout: workload.dropout, ..size.settings.clone() };
    let tokens = (0..100_000_u32).map(|i| i.wrapping_mul(2_654_435_761) % vocab_size);
    let corpus = Corpus::new(tokens.collect(), 90_000)?;
    let state = State::new(size.config(vocab_size as usize)?, settings)?;
    let options = EngineOptions { threads: Some(threads), ..EngineOptions::default() };
    let mut trainer = Trainer::new(state, options)?;
    for _ in 0..steps.div_ceil(10) {
        trainer.step(&corpus)?;
    }
    let (mut millis, mut start) = (Vec::new(), Instant::now());
    trainer.steps(&corpus, steps, |_| {
        millis.push(start.elapsed().as_secs_f64() * 1e3);
        start = Instant::now();
    })?;
    Ok(millis)
}

/// The most memory that was resident, in MB of 10⁶ bytes; 0 where the system does not say.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: Option<f64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kib.unwrap_or(0.0) * 1024.0 / 1e6
}
