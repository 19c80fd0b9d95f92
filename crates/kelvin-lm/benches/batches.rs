//! Decoding many sequences at once: the forward pass alone, and with what chooses the tokens.
//!
//! `cargo bench -p kelvin-lm --bench batches -- MODEL.gguf --rows 64 --tokens 64 --threads 2`: tokens per
//! second of sequences that grow from one prompt, after its own computation. Three rounds, in turn.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::time::Instant;

use kelvin::{Measured, Pipeline, Sampler, Seed};
use kelvin_lm::generate::{Batch, Chooser, Detok, Request};
use kelvin_lm::model::{Row, Scratch, Wanted};
use kelvin_lm::tokenizer::{SpecialTokens, Tokenizer};
use kelvin_lm::{Checkpoint, EngineOptions, KvCache, Model, Result, TokenId};

const PROMPT: &str = "Once upon a time in a land far away,";
const POLICIES: [&str; 3] = ["temperature(1)", "temperature(0.8) | top-p(0.95)", "greedy"];
const ROUNDS: usize = 3;

/// Draws as a sampler does, and measures each choice.
struct Measuring(Sampler);

impl Chooser for Measuring {
    fn choose(&mut self, logits: &[f32]) -> Result<TokenId> {
        let Measured { token, .. } = self.0.sample_measured(logits)?;
        self.0.accept(token)?;
        Ok(token)
    }
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let number = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1)?.parse::<usize>().ok()
    };
    let Some(path) = args.first().filter(|arg| !arg.starts_with('-')) else {
        println!("name a model's file");
        return Ok(());
    };
    let (rows, tokens) = (number("--rows").unwrap_or(64), number("--tokens").unwrap_or(64));
    let checkpoint = Checkpoint::open(path.as_ref())?;
    let options = EngineOptions { threads: number("--threads"), ..EngineOptions::default() };
    let (model, tokenizer) = (Model::open(&checkpoint, options)?, Tokenizer::open(&checkpoint)?);
    println!("{rows} rows of {tokens} tokens on {} threads", model.engine().threads());
    for _ in 0..ROUNDS {
        let rate = forward(&model, &tokenizer, rows, tokens)?;
        println!("forward alone: {rate:.1} tok/s");
        for policy in POLICIES {
            let sampled = batch(&model, &tokenizer, (rows, tokens), policy, |sampler| sampler)?;
            let measured = batch(&model, &tokenizer, (rows, tokens), policy, Measuring)?;
            println!("{policy}: drawn {sampled:.1} tok/s, measured {measured:.1} tok/s");
        }
    }
    Ok(())
}

/// Tokens per second of the forward pass, fed whatever.
fn forward(model: &Model, tokenizer: &Tokenizer, n_rows: usize, n_tokens: usize) -> Result<f64> {
    let prompt = tokenizer.encode_prompt(PROMPT, SpecialTokens::Text)?;
    let (mut cache, mut scratch) = (model.new_cache(), Scratch::default());
    let row = Row { cache: &mut cache, tokens: &prompt, wanted: Wanted::Last };
    model.forward(&mut [row], &mut scratch)?;
    let mut caches: Vec<KvCache> = (0..n_rows).map(|_| cache.fork_at(prompt.len())).collect();
    let start = Instant::now();
    for at in 1..n_tokens {
        let tokens = [prompt[at % prompt.len()]];
        let row = |cache| Row { cache, tokens: &tokens, wanted: Wanted::Last };
        let mut rows: Vec<Row<'_>> = caches.iter_mut().map(row).collect();
        model.forward(&mut rows, &mut scratch)?;
    }
    Ok((n_rows * (n_tokens - 1)) as f64 / start.elapsed().as_secs_f64())
}

/// The same of a batch with samplers in it. Its first step, with the prompt, does not count.
fn batch<C: Chooser>(
    model: &Model,
    tokenizer: &Tokenizer,
    (n_rows, n_tokens): (usize, usize),
    policy: &str,
    chooser: impl Fn(Sampler) -> C,
) -> Result<f64> {
    let prompt = tokenizer.encode_prompt(PROMPT, SpecialTokens::Text)?;
    let pipeline: Pipeline = policy.parse()?;
    let sampler = Sampler::new(pipeline, model.config().vocab_size)?.with_seed(Seed::new(1));
    let sampler = sampler.with_prompt(&prompt)?;
    let choosers = (0..).take(n_rows).map(|choice| chooser(sampler.fork(choice))).collect();
    let detok = Detok::new(Vec::new())?;
    let mut batch = Batch::new(model, tokenizer);
    batch.join(Request { prompt, choosers, detok, max_new_tokens: n_tokens })?;
    batch.step()?.for_each(drop);
    let (start, mut drawn) = (Instant::now(), 0);
    while batch.is_live() {
        drawn += batch.n_going();
        batch.step()?.for_each(drop);
    }
    Ok(drawn as f64 / start.elapsed().as_secs_f64())
}
