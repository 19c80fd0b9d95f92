//! What the account of a token costs, beside the step that it accounts for; what asking it again costs.
//!
//! `cargo bench -p kelvin-cli --bench tracing -- MODEL.gguf --tokens 512 --threads 2`: medians over the
//! tokens of a text. At each of them the model's step, a plain choice, and a choice with its account, the
//! line of it and its way to a file take turns; lines are written several at a time, so that of writing the
//! mean counts. Then the whole text under other settings, without the model.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;
use std::time::Instant;

use kelvin::{Pipeline, Sampler, Seed};
use kelvin_lab::rescore::{Answer, Rescorer};
use kelvin_lab::trace::{Header, Line, LineBuffer, Step};
use kelvin_lm::tokenizer::{SpecialTokens, Tokenizer};
use kelvin_lm::{Checkpoint, EngineOptions, Model, Session};

const PROMPT: &str = "Once upon a time in a land far away,";
/// What texts are drawn under; that of the last is rescored.
const POLICIES: [&str; 5] = [
    "greedy",
    "temperature(1)",
    "temperature(0.8)",
    "temperature(0.8) | top-k(50)",
    "temperature(1) | top-p(0.9)",
];
/// What the text is rescored under.
const OTHERS: [&str; 4] = [
    "top-p(0.8)",
    "temperature(0.7)",
    "repetition-penalty(1.1) | temperature(0.8)",
    "temperature(0.7) | top-k(40) | top-p(0.9)",
];
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
        "{:<28} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "", "step", "plain", "account", "line", "write", "cost"
    );
    let n_tokens = number("--tokens").unwrap_or(256);
    let mut steps = Vec::new();
    for policy in POLICIES {
        let [step, plain, account, line, write];
        ([step, plain, account, line, write], steps) =
            measure(&model, &tokenizer, policy, n_tokens)?;
        let cost = 100.0 * (account + line + write - plain) / (step + plain);
        print!("{policy:<28} {step:>8.0} {plain:>8.1} {account:>8.1} {line:>8.1} {write:>8.1}");
        println!(" {cost:>7.2}%");
    }
    println!("\nrescoring {n_tokens} tokens");
    for policy in OTHERS {
        let (n_decided, seconds) = rescore(&model, &steps, policy)?;
        println!("{policy:<44} {:>6.1} ms, {n_decided} decided", seconds * 1e3);
    }
    Ok(())
}

/// How many tokens of a text the trace decides under another policy, and the least of the times it took.
fn rescore(model: &Model, steps: &[Step], policy: &str) -> Result<(usize, f64), Anything> {
    let header = Header::new(serde_json::json!({"vocab_size": model.config().vocab_size}));
    let mut best = (0, f64::INFINITY);
    for _ in 0..5 {
        let mut rescorer = Rescorer::new(policy.parse()?, &header)?;
        let (start, mut n_decided) = (Instant::now(), 0);
        for step in steps {
            n_decided += usize::from(!matches!(rescorer.judge(step)?, Answer::NeedsModel(_)));
        }
        best = (n_decided, best.1.min(start.elapsed().as_secs_f64()));
    }
    Ok(best)
}

/// In µs: the medians of the model's step, of a plain choice, of one with its account and of the line of
/// the account; the mean of its way to a file. And the lines.
fn measure(
    model: &Model,
    tokenizer: &Tokenizer,
    policy: &str,
    n_tokens: usize,
) -> Result<([f64; 5], Vec<Step>), Anything> {
    let prompt = tokenizer.encode_prompt(PROMPT, SpecialTokens::Text)?;
    let pipeline: Pipeline = policy.parse()?;
    let sampler = Sampler::new(pipeline, model.config().vocab_size)?.with_seed(Seed::new(1));
    let mut sampler = sampler.with_prompt(&prompt)?;
    let mut session = Session::new(model);
    let mut logits = session.feed(&prompt)?.to_vec();
    let mut times: [Vec<f64>; 5] = Default::default();
    let (mut steps, mut buffer) = (Vec::new(), LineBuffer::new());
    let mut file = tempfile::tempfile()?;
    for _ in 0..n_tokens {
        let plain = timed(&mut times[1], || sampler.sample(black_box(&logits)))?;
        let account = timed(&mut times[2], || sampler.sample_traced(black_box(&logits), DEPTH))?;
        assert_eq!(plain, account.token, "an account changes nothing");
        timed(&mut times[3], || {
            let step = Step::of(&account, 0, 0).with_head(&account);
            buffer.push(&Line::Step(Box::new(step)));
        });
        timed(&mut times[4], || write_if_due(&mut buffer, &mut file))?;
        steps.push(Step::of(&account, 0, 0).with_head(&account));
        sampler.accept(plain)?;
        logits = timed(&mut times[0], || session.feed(&[plain]).map(<[f32]>::to_vec))?;
    }
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let write = times[4].iter().sum::<f64>() / n_tokens as f64;
    let [step, plain, account, line, _] = times.map(median);
    Ok(([step, plain, account, line, write], steps))
}

fn write_if_due(buffer: &mut LineBuffer, file: &mut File) -> std::io::Result<()> {
    if buffer.is_due() {
        file.write_all(buffer.bytes())?;
        buffer.clear();
    }
    Ok(())
}

fn timed<T>(times: &mut Vec<f64>, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = run();
    times.push(start.elapsed().as_secs_f64() * 1e6);
    result
}
