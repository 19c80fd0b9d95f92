//! The flags that name the random numbers: seed and stream.

use std::hash::{BuildHasher, Hasher, RandomState};

use clap::{Arg, ArgAction, ArgMatches, value_parser};
use kelvin::{Seed, TokenId};

/// The heading of these flags.
pub(crate) const RANDOMNESS: &str = "Randomness";

/// Seed, stream, couple.
pub(crate) fn args() -> [Arg; 3] {
    [
        seed(),
        Arg::new("stream")
            .long("stream")
            .value_name("N")
            .value_parser(value_parser!(u64))
            .allow_negative_numbers(true) // so that -1 is told to be no seed
            .conflicts_with("couple")
            .help("Random stream [default: the prompt's hash; 0 for bare logits]"),
        Arg::new("couple")
            .long("couple")
            .action(ArgAction::SetTrue)
            .help("Stream 0: the same random numbers for all prompts, policies and models"),
    ]
    .map(|arg| arg.help_heading(RANDOMNESS))
}

/// The seed.
pub(crate) fn seed() -> Arg {
    Arg::new("seed")
        .long("seed")
        .value_name("N")
        .value_parser(value_parser!(u64))
        .allow_negative_numbers(true) // so that -1 is told to be no seed
        .help_heading(RANDOMNESS)
        .help("The same seed gives the same bytes; 0 is a seed [default: random, printed]")
}

/// What the flags say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Randomness {
    /// The seed, typed or drawn.
    pub(crate) seed: u64,
    /// Whether nobody typed it.
    pub(crate) random: bool,
    stream: Option<u64>,
}

impl Randomness {
    /// Reads the flags; without `--seed` the operating system gives one.
    pub(crate) fn from_matches(matches: &ArgMatches) -> Self {
        let typed = matches.get_one("seed").copied();
        let couple = matches.get_flag("couple").then_some(0);
        Self {
            seed: typed.unwrap_or_else(random_seed),
            random: typed.is_none(),
            stream: couple.or(matches.get_one("stream").copied()),
        }
    }

    /// The same with this seed, where there is one and nobody typed another.
    pub(crate) fn or_seed(self, seed: Option<u64>) -> Self {
        match seed.filter(|_| self.random) {
            Some(seed) => Self { seed, random: false, ..self },
            None => self,
        }
    }

    /// Reads `--seed` alone; every prompt is on stream 0.
    pub(crate) fn coupled(matches: &ArgMatches) -> Self {
        let typed = matches.get_one("seed").copied();
        Self { seed: typed.unwrap_or_else(random_seed), random: typed.is_none(), stream: Some(0) }
    }

    /// What other flags say; where they name no seed, this one stays.
    pub(crate) fn changed(self, matches: &ArgMatches) -> Self {
        let Self { seed, random, .. } = self;
        let said = Self::from_matches(matches);
        if said.random { Self { seed, random, ..said } } else { said }
    }

    /// The first sample's seed for a prompt; an empty one stands for bare logits.
    pub(crate) fn for_prompt(self, prompt: &[TokenId]) -> Seed {
        let own = if prompt.is_empty() { 0 } else { kelvin::stream_of(prompt) };
        Seed::new(self.seed).with_stream(self.stream.unwrap_or(own))
    }

    /// `5`, or `5102 (random)`.
    pub(crate) fn shown(self) -> String {
        let Self { seed, random, .. } = self;
        format!("{seed}{}", if random { " (random)" } else { "" })
    }
}

/// A seed that nobody chose, short enough to type again: the keys of a hasher come from the
/// operating system.
fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish() >> 32
}
