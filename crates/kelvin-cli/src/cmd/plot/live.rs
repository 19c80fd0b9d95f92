//! A generation made for its figure.

use anyhow::Result;
use clap::ArgMatches;
use kelvin::{Sampler, TokenId, TraceStep};
use kelvin_lab::Trace;
use kelvin_lab::trace::{Header, Row, SCHEMA, Sequence, Step};
use kelvin_lm::Session;
use serde_json::Value;

use crate::args::context;
use crate::args::policy::{self, text};
use crate::args::randomness::Randomness;
use crate::chat::Chat;
use crate::console::Console;
use crate::load::{self, Loaded};
use crate::vocab;

/// The prompt where none is given.
const PROMPT: &str = "ROMEO:";
/// Tokens where nobody says how many.
const TOKENS: usize = 15;
/// Candidates kept of each distribution.
const DEPTH: usize = 16;

/// Draws a text and keeps its account.
///
/// # Errors
///
/// Those of the model, the policy and the prompt.
pub(super) fn generate(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Trace> {
    let (mut loaded, policy) = load::with_policy(matches, console)?;
    let prompt = text(matches, "prompt").unwrap_or(PROMPT);
    let prompt_ids = if matches.get_flag("chat") {
        let chat = Chat::from_matches(matches, &mut loaded)?;
        chat.encode(&chat.render(&chat.beginning(prompt))?, &loaded)?
    } else {
        loaded.encode(prompt, load::special_tokens(matches))?
    };
    let n = matches.get_one::<u32>("max-new-tokens").map_or(TOKENS, |&n| n as usize);
    let context = context::read(matches, &loaded)?;
    context::check(prompt_ids.len(), Some(n), context)
        .map_err(|failure| failure.or(context::SHIFT))?;
    let randomness = Randomness::from_matches(matches);
    let seed = randomness.for_prompt(&prompt_ids);
    let sampler = Sampler::new(policy.pipeline.clone(), loaded.model.config().vocab_size)?
        .with_seed(seed)
        .with_prompt(&prompt_ids)?;
    let header = Header {
        prompt: 0,
        sample: 0,
        schema: SCHEMA.to_owned(),
        kelvin: env!("CARGO_PKG_VERSION").to_owned(),
        model: serde_json::json!({"name": loaded.card.name}),
        experiment: None,
        dialect: "native".to_owned(),
        pipeline: policy.pipeline.to_string(),
        settings: Vec::new(),
        seed: seed.seed,
        stream: seed.stream,
        choice: 0,
        max_new_tokens: Some(n),
        context: None,
        history: policy::history(matches),
        text: prompt.to_owned(),
        chat: Value::Null,
        prompt_ids,
    };
    let session = Session::new(&loaded.model).with_context(context)?;
    let steps = draw(&loaded, session, sampler, (&header.prompt_ids, &header.history), n)?;
    let sequence = Sequence { header, steps, done: None, failed: None };
    Ok(Trace { sequences: vec![sequence], ..Trace::default() })
}

/// The account of each token, up to `n` of them or to the end of the text.
fn draw(
    loaded: &Loaded,
    mut session: Session<'_>,
    mut sampler: Sampler,
    (prompt, history): (&[TokenId], &[TokenId]),
    n: usize,
) -> Result<Vec<Step>> {
    history.iter().try_for_each(|&token| sampler.accept(token))?;
    let mut fed = [prompt, history].concat();
    let mut steps = Vec::new();
    while steps.len() < n {
        let logits = session.feed(&fed)?;
        let account = sampler.sample_traced(logits, DEPTH)?;
        steps.push(step(&account, loaded));
        if loaded.tokenizer.is_end(account.token) {
            break;
        }
        sampler.accept(account.token)?;
        fed = vec![account.token];
    }
    Ok(steps)
}

/// A step with its candidates: the best of the distribution drawn from.
fn step(account: &TraceStep, loaded: &Loaded) -> Step {
    let name = |token| vocab::json(&loaded.tokenizer, token);
    let row = |token: &kelvin::trace::SupportToken| Row {
        id: token.token,
        token: name(token.token),
        logit: f64::from(token.logit),
        raw_p: token.raw_p,
        p: token.p,
    };
    let removed = account.head.iter().filter(|token| token.removed_by.is_some());
    let removed = removed.map(|token| Row {
        id: token.token,
        token: name(token.token),
        logit: f64::from(token.logit),
        raw_p: token.raw_p,
        p: 0.0,
    });
    let rows = account.support_head.iter().map(row).chain(removed).collect();
    Step { text: name(account.token), last: Some(rows), ..Step::of(account, 0, 0) }
}
