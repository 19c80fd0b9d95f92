//! What the account of a token costs, beside the step that it accounts for.
//!
//! `cargo bench -p kelvin-cli --bench tracing -- MODEL.gguf --tokens 256 --threads 2`: medians over the
//! tokens of a text. At each of them the model's step, a plain choice, and a choice with its account and
//! the line that a trace has of it take turns.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::hint::black_box;
use std::time::Instant;

use kelvin::{Pipeline, Sampler, Seed};
use kelvin_lab::trace::{Line, Step};
use kelvin_lm::tokenizer::{SpecialTokens, Tokenizer};
use kelvin_lm::{Checkpoint, EngineOptions, Model, Session};

const PROMPT: &str = "Once upon a time in a land far away,";
const POLICIES: [&str; 4] =
    ["temperature(1)", "temperature(1) | top-p(0.9)", "temperature(0.8) | top-k(50)", "greedy"];
/// Places of each distribution that a trace keeps.
const DEPTH: usize = 64;

type Anything = Box<dyn std::error::Error>;

fn main() -> Result<(), Anything> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let number = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1)?.parse::<usize>().ok()
    };
    let Some(path) = args.first().filter(|arg| !arg.starts_with('-')) else {
        println!("name a model's file");
        return Ok(());
    };
    let checkpoint = Checkpoint::open(path.as_ref())?;
    let options = EngineOptions { threads: number("--threads"), ..EngineOptions::default() };
    let (model, tokenizer) = (Model::open(&checkpoint, options)?, Tokenizer::open(&checkpoint)?);
    println!("µs, medians, on {} threads", model.engine().threads());
    println!(
        "{:<28} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "", "step", "plain", "account", "line", "cost"
    );
    for policy in POLICIES {
        let [step, plain, account, line] =
            measure(&model, &tokenizer, policy, number("--tokens").unwrap_or(256))?;
        let cost = 100.0 * (account + line - plain) / (step + plain);
        println!("{policy:<28} {step:>8.0} {plain:>8.1} {account:>8.1} {line:>8.1} {cost:>7.2}%");
    }
    Ok(())
}

/// Medians, in µs: the model's step, a plain choice, one with its account, the line of the account.
fn measure(
    model: &Model,
    tokenizer: &Tokenizer,
    policy: &str,
    n_tokens: usize,
) -> Result<[f64; 4], Anything> {
    let prompt = tokenizer.encode_prompt(PROMPT, SpecialTokens::Text)?;
    let pipeline: Pipeline = policy.parse()?;
    let sampler = Sampler::new(pipeline, model.config().vocab_size)?.with_seed(Seed::new(1));
    let mut sampler = sampler.with_prompt(&prompt)?;
    let mut session = Session::new(model);
    let mut logits = session.feed(&prompt)?.to_vec();
    let mut times: [Vec<f64>; 4] = Default::default();
    for _ in 0..n_tokens {
        let plain = timed(&mut times[1], || sampler.sample(black_box(&logits)))?;
        let account = timed(&mut times[2], || sampler.sample_traced(black_box(&logits), DEPTH))?;
        assert_eq!(plain, account.token, "an account changes nothing");
        timed(&mut times[3], || {
            let step = Step::of(&account, 0, 0).with_head(&account);
            black_box(serde_json::to_vec(&Line::Step(Box::new(step))))
        })?;
        sampler.accept(plain)?;
        logits = timed(&mut times[0], || session.feed(&[plain]).map(<[f32]>::to_vec))?;
    }
    Ok(times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    }))
}

fn timed<T>(times: &mut Vec<f64>, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = run();
    times.push(start.elapsed().as_secs_f64() * 1e6);
    result
}
