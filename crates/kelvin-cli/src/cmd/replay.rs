//! `kelvin replay`: every token of a past run, derived again.

use anyhow::Result;
use clap::ArgMatches;
use kelvin_lab::trace::{Sequence, Step};
use serde_json::json;

use super::explain::{read, step::pipeline};
use crate::args::policy::text;
use crate::console::Console;
use crate::exit::Code;
use crate::load::Loaded;
use crate::rerun;
use crate::term::number::{count, counted};
use crate::vocab;

/// Differences that are told.
const TOLD: usize = 10;

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Code> {
    let trace = read(text(matches, "trace").expect("it has a default"), console)?;
    let mut replayed = Replayed::default();
    let mut loaded: Option<(&serde_json::Value, Loaded)> = None;
    for sequence in &trace.sequences {
        let model = &sequence.header.model;
        if loaded.as_ref().is_none_or(|(name, _)| *name != model) {
            loaded = Some((model, rerun::load(&sequence.header, matches, console)?));
        }
        let (_, loaded) = loaded.as_ref().expect("loaded just now");
        replay(sequence, loaded, &mut replayed)?;
        replayed.gaps.extend(gap(sequence));
    }
    tell(&replayed, trace.sequences.len(), matches.get_flag("json"), console)?;
    let is_equal = replayed.differences.is_empty() && replayed.gaps.is_empty();
    Ok(if is_equal { Code::Done } else { Code::Failed })
}

/// What a replay came to.
#[derive(Default)]
struct Replayed {
    n_tokens: usize,
    /// Tokens whose numbers are not the recorded ones to the bit.
    n_other_numbers: usize,
    /// Recorded sequences that are not whole.
    gaps: Vec<String>,
    /// Tokens that come out differently.
    differences: Vec<Difference>,
}

struct Difference {
    prompt: usize,
    sample: usize,
    pos: u32,
    then: String,
    now: String,
}

/// Chooses every token again, each after the recorded ones.
fn replay(sequence: &Sequence, loaded: &Loaded, replayed: &mut Replayed) -> Result<()> {
    let vocab_size = loaded.model.config().vocab_size;
    let mut sampler = rerun::sampler(&sequence.header, pipeline(sequence)?, vocab_size)?;
    rerun::each_row(loaded, sequence, |at, logits| {
        let then = &sequence.steps[at];
        let account = sampler.sample_traced(logits, 1)?;
        let now = Step::of(&account, then.prompt, then.sample);
        sampler.accept(then.id)?;
        replayed.n_tokens += 1;
        replayed.n_other_numbers += usize::from(!has_same_numbers(then, &now));
        if then.id != now.id {
            let name = |token| vocab::visible(&loaded.tokenizer, token);
            replayed.differences.push(Difference {
                prompt: then.prompt,
                sample: then.sample,
                pos: then.pos,
                then: name(then.id),
                now: name(now.id),
            });
        }
        Ok(())
    })
}

/// Whether two accounts agree in every number; those of the token only where it is the same.
fn has_same_numbers(then: &Step, now: &Step) -> bool {
    let draws = then.draw.is_none() || then.draw == now.draw;
    let entropies =
        (then.raw_entropy_nats, then.entropy_nats) == (now.raw_entropy_nats, now.entropy_nats);
    let counts = (then.pos, then.kept, then.support) == (now.pos, now.kept, now.support);
    let row = draws && entropies && counts && then.u == now.u && then.stages == now.stages;
    row && (then.id != now.id || of_token(then) == of_token(now))
}

/// The numbers of the token that was chosen.
fn of_token(step: &Step) -> ([f64; 4], usize) {
    ([step.raw_logprob, step.logprob, step.raw_p, step.p], step.raw_rank)
}

/// `prompt 1, sample 2`: people count from 1.
fn place(prompt: usize, sample: usize) -> String {
    format!("prompt {}, sample {}", prompt.saturating_add(1), sample.saturating_add(1))
}

/// What stands in the way of calling a recorded sequence whole.
fn gap(sequence: &Sequence) -> Option<String> {
    let Sequence { header, steps, done, failed } = sequence;
    let place = place(header.prompt, header.sample);
    let tokens = steps.iter().map(|step| step.id);
    match done {
        Some(done) if tokens.eq(done.token_ids.iter().copied()) => None,
        Some(done) => {
            let (n, of) = (count(steps.len()), counted(done.token_ids.len(), "token"));
            Some(format!("{place}: its end names {of}, and its {n} lines are others"))
        }
        None if failed.is_some() => None,
        None => Some(format!("{place}: the trace ends before it does")),
    }
}

fn tell(
    replayed: &Replayed,
    n_sequences: usize,
    is_json: bool,
    console: &mut Console<'_>,
) -> Result<()> {
    let Replayed { n_tokens, n_other_numbers, gaps, differences } = replayed;
    let n_equal = n_tokens - differences.len();
    if is_json {
        let listed = differences.iter().map(|it| {
            json!({"prompt": it.prompt, "sample": it.sample, "pos": it.pos, "then": it.then, "now": it.now})
        });
        return Ok(console.json(&json!({
            "sequences": n_sequences,
            "tokens": n_tokens,
            "equal": n_equal,
            "other_numbers": n_other_numbers,
            "gaps": gaps,
            "differences": listed.collect::<Vec<_>>(),
        }))?);
    }
    let of = format!("{} of {}", counted(*n_tokens, "token"), counted(n_sequences, "sequence"));
    if differences.is_empty() {
        writeln!(console.out, "{of}: 100 % equal")?;
    } else {
        let share = (10_000.0 * n_equal as f64 / *n_tokens as f64).floor() / 100.0;
        writeln!(console.out, "{of}: {share:.2} % equal, {} differ", count(differences.len()))?;
    }
    for it in differences.iter().take(TOLD) {
        let place = place(it.prompt, it.sample);
        writeln!(console.out, "  {place}, position {}: {} then, {} now", it.pos, it.then, it.now)?;
    }
    if differences.len() > TOLD {
        writeln!(console.out, "  … and {} more", count(differences.len() - TOLD))?;
    }
    for gap in gaps.iter().take(TOLD) {
        writeln!(console.out, "  {gap}")?;
    }
    if *n_other_numbers > 0 {
        let what = "other numbers in some bit: another model, numerics profile or version";
        writeln!(console.out, "{} with {what}", counted(*n_other_numbers, "token"))?;
    }
    Ok(())
}
