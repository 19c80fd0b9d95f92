//! `kelvin tour`: one prompt under six policies, from greedy to nucleus sampling.

use anyhow::Result;
use clap::ArgMatches;
use kelvin::{Pipeline, Sampler};
use kelvin_lab::trace::Header;
use kelvin_lm::generate::{Batch, Context, Detok, Request};

use super::generate::{code, footer};
use crate::args::context;
use crate::args::policy::text;
use crate::args::randomness::Randomness;
use crate::console::Console;
use crate::exit::Code;
use crate::load::{self, Loaded};
use crate::memory;
use crate::models::Location;
use crate::playback::{self, InOrder, JsonLines, Opening, View, Watched, play};
use crate::term::number::counted;

/// Tokens drawn for each experiment where nobody says how many.
const MAX_NEW_TOKENS: usize = 300;

/// What is continued where nobody says what.
const PROMPT: &str = "Racconta una breve storia su un gatto magico.";
/// The same for the embedded model, which knows no Italian.
const EMBEDDED_PROMPT: &str = "ROMEO:";

/// The experiments: what each shows, and its pipeline.
const EXPERIMENTS: [(&str, &str); 6] = [
    ("Greedy decoding (the baseline, no sampling)", "greedy"),
    ("Plain sampling: the model's distribution as it is", "temperature(1)"),
    ("High temperature: more creative", "temperature(1.5)"),
    ("Low temperature: more conservative", "temperature(0.7)"),
    ("Top-k sampling: the ten likeliest tokens", "temperature(1) | top-k(10)"),
    ("Nucleus sampling: nine tenths of the probability", "temperature(1) | top-p(0.9)"),
];

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Code> {
    let (checkpoint, card) = load::open(matches, console)?;
    let options = load::model_options(matches)?;
    memory::check(&checkpoint, &card, options.dtype, console)?;
    let loaded = load::assemble(&checkpoint, card, options)?;
    drop(checkpoint); // of a GGUF file, a copy of all weights
    let usual = match loaded.card.location {
        Location::Path(_) => PROMPT,
        Location::Embedded => EMBEDDED_PROMPT,
    };
    let prompt = text(matches, "prompt").unwrap_or(usual);
    let ids = loaded.encode(prompt, load::special_tokens(matches))?;
    let randomness = Randomness::from_matches(matches);
    let seed = randomness.for_prompt(&ids);
    let asked = matches.get_one::<u32>("max-new-tokens").map(|&n| n as usize);
    context::check(ids.len(), asked, Context::fixed(loaded.model.config().max_seq))?;

    let mut choosers = Vec::new();
    let depth = matches.get_flag("json").then_some(1);
    for (_, pipeline) in EXPERIMENTS {
        let sampler = Sampler::new(pipeline.parse()?, loaded.model.config().vocab_size)?;
        choosers.push(Watched::new(sampler.with_seed(seed).with_prompt(&ids)?, depth));
    }
    let mut batch = Batch::new(&loaded.model, &loaded.tokenizer);
    let (detok, max_new_tokens) = (Detok::new(Vec::new())?, asked.unwrap_or(MAX_NEW_TOKENS));
    batch.join(Request { prompt: ids.clone(), choosers, detok, max_new_tokens })?;

    let mut facts = loaded.facts();
    facts.push(counted(ids.len(), "prompt token"));
    facts.push(format!("seed {}", randomness.shown()));
    console.talk(&facts.join(" · "))?;
    console.talk(&format!("{prompt}\n"))?;
    playback::listen_for_interrupts()?;
    let openings = (0..EXPERIMENTS.len()).map(|at| opening(at, &loaded, &ids, seed));
    let openings: Vec<Opening> = openings.collect();
    let totals = if matches.get_flag("json") {
        play(&mut batch, &mut JsonLines::new(console, &loaded.tokenizer, 0, &openings)?)?
    } else {
        play(&mut batch, &mut InOrder::new(console, &loaded.tokenizer, View::Text, &openings)?)?
    };
    console.talk(&footer(&totals))?;
    Ok(code(&totals))
}

fn opening(at: usize, loaded: &Loaded, ids: &[kelvin::TokenId], seed: kelvin::Seed) -> Opening {
    let (description, pipeline) = EXPERIMENTS[at];
    let settings = pipeline.parse::<Pipeline>().map(|pipeline| pipeline.to_string());
    let settings = settings.expect("the experiments are well-formed, a test reads them all");
    Opening {
        label: format!("{} of {} · {description} · {settings}", at + 1, EXPERIMENTS.len()),
        echo: String::new(),
        header: Header {
            sample: at,
            experiment: Some(description.to_owned()),
            pipeline: settings,
            seed: seed.seed,
            stream: seed.stream,
            choice: seed.choice,
            prompt_ids: ids.to_vec(),
            ..Header::new(loaded.json())
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_experiment_is_a_pipeline_as_printed() {
        for (_, pipeline) in EXPERIMENTS {
            assert_eq!(pipeline.parse::<Pipeline>().expect(pipeline).to_string(), pipeline);
        }
    }
}
