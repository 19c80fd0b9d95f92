//! Every metric, described once.

use kelvin::{TokenId, math, stats};

use super::likelihood::{minus_sum, pooled};
use super::{
    Direction, Group, Metric, Rule, different, distinct, longest_repeat, loop_at_end, mode_share,
    rep, self_bleu, unique_characters,
};
use crate::Sample;
use crate::sample::Judged;

const LI: &str = "Li et al. 2016, A diversity-promoting objective function for neural conversation \
                  models (NAACL); per n-gram, not per token";
const WELLECK: &str =
    "Welleck et al. 2020, Neural text generation with unlikelihood training (ICLR): seq-rep-n";
const SMALLER_WITH_MORE: &str =
    "falls with the number and length of the samples: compare equal numbers of similar lengths";
const GROWS: &str = "grows with the number and length of the samples: compare equal ones";
const SATURATES: &str = "long samples are nearly always different, so that it says little above a \
                         few tokens";
const JUDGE: &str =
    "what the judge was trained on decides, and it too finds loops likely; nothing without a judge";
const OWN_MODEL: &str = "the model's opinion of its own text: a loop is likely, so low is not good; \
                         models with other tokenizers do not compare";

/// Every metric, in the order of tables.
pub static ALL: &[Metric] = &[
    Metric {
        name: "distinct-1",
        summary: "different tokens over all tokens",
        unit: "share",
        range: (0.0, 1.0),
        direction: Direction::Higher,
        origin: LI,
        pitfall: SMALLER_WITH_MORE,
        rule: Rule::Set(|group| distinct(bodies(group), 1)),
    },
    Metric {
        name: "distinct-2",
        summary: "different pairs of neighbouring tokens over all pairs",
        unit: "share",
        range: (0.0, 1.0),
        direction: Direction::Higher,
        origin: LI,
        pitfall: SMALLER_WITH_MORE,
        rule: Rule::Set(|group| distinct(bodies(group), 2)),
    },
    Metric {
        name: "distinct-3",
        summary: "different triples of neighbouring tokens over all triples",
        unit: "share",
        range: (0.0, 1.0),
        direction: Direction::Higher,
        origin: LI,
        pitfall: SMALLER_WITH_MORE,
        rule: Rule::Set(|group| distinct(bodies(group), 3)),
    },
    Metric {
        name: "self-bleu",
        summary: "BLEU-4 of each sample with the others as references, on average",
        unit: "share",
        range: (0.0, 1.0),
        direction: Direction::Lower,
        origin: "Zhu et al. 2018, Texygen (SIGIR)",
        pitfall: "rises with the number of samples, as each has more references",
        rule: Rule::Set(|group| self_bleu(&bodies(group).collect::<Vec<_>>())),
    },
    Metric {
        name: "unique-sequences",
        summary: "how many different samples there are, by their tokens",
        unit: "samples",
        range: (1.0, f64::INFINITY),
        direction: Direction::Higher,
        origin: "seed 2's diversity analysis",
        pitfall: SATURATES,
        rule: Rule::Set(|group| some_of(group, different(bodies(group)))),
    },
    Metric {
        name: "unique-ratio",
        summary: "different texts over all texts",
        unit: "share",
        range: (0.0, 1.0),
        direction: Direction::Higher,
        origin: "seed 4's uniqueness_ratio",
        pitfall: SATURATES,
        rule: Rule::Set(|group| {
            let texts = different(texts(group)) as f64 / group.samples.len().max(1) as f64;
            (!group.samples.is_empty()).then_some(texts)
        }),
    },
    Metric {
        name: "mode-share",
        summary: "the share of the most common sample, by its tokens",
        unit: "share",
        range: (0.0, 1.0),
        direction: Direction::Lower,
        origin: "seed 3's calculate_coherence, which it is not: it is concentration",
        pitfall: "1/n for any policy whose samples are all different, however alike they are",
        rule: Rule::Set(|group| mode_share(bodies(group))),
    },
    Metric {
        name: "unique-tokens",
        summary: "how many different tokens the samples have together",
        unit: "tokens",
        range: (0.0, f64::INFINITY),
        direction: Direction::Higher,
        origin: "seed 1's count of unique draws",
        pitfall: GROWS,
        rule: Rule::Set(|group| some_of(group, different(bodies(group).flatten()))),
    },
    Metric {
        name: "mean-unique-tokens",
        summary: "how many different tokens a sample has, on average",
        unit: "tokens",
        range: (0.0, f64::INFINITY),
        direction: Direction::Higher,
        origin: "seed 2's diversity analysis",
        pitfall: "grows with the length of the samples",
        rule: Rule::Mean(|sample| Some(different(sample.body()) as f64)),
    },
    Metric {
        name: "unique-characters",
        summary: "how many different characters the samples have together",
        unit: "characters",
        range: (0.0, f64::INFINITY),
        direction: Direction::Higher,
        origin: "seed 4's unique_chars, on the continuations alone",
        pitfall: GROWS,
        rule: Rule::Set(|group| some_of(group, unique_characters(texts(group)))),
    },
    Metric {
        name: "unique-characters-with-prompt",
        summary: "how many different characters prompt and samples have together",
        unit: "characters",
        range: (0.0, f64::INFINITY),
        direction: Direction::Higher,
        origin: "seed 4's unique_chars, as that seed counts it",
        pitfall: "a long prompt has all characters already",
        rule: Rule::Set(|group| {
            some_of(group, unique_characters(texts(group).chain([group.prompt])))
        }),
    },
    Metric {
        name: "rep-2",
        summary: "the share of a sample's pairs of tokens that came in it before",
        unit: "share",
        range: (0.0, 1.0),
        direction: Direction::Lower,
        origin: WELLECK,
        pitfall: "grows with the length of the samples; natural text repeats pairs too",
        rule: Rule::Mean(|sample| rep(sample.body(), 2)),
    },
    Metric {
        name: "rep-4",
        summary: "the share of a sample's spans of four tokens that came in it before",
        unit: "share",
        range: (0.0, 1.0),
        direction: Direction::Lower,
        origin: WELLECK,
        pitfall: "grows with the length of the samples",
        rule: Rule::Mean(|sample| rep(sample.body(), 4)),
    },
    Metric {
        name: "longest-repeat",
        summary: "the longest span of tokens that comes twice in a sample, on average",
        unit: "tokens",
        range: (0.0, f64::INFINITY),
        direction: Direction::Lower,
        origin: "exact, by a suffix automaton (Blumer et al. 1985)",
        pitfall: "the two places may overlap, so that a loop counts nearly whole",
        rule: Rule::Mean(|sample| Some(longest_repeat(sample.body()) as f64)),
    },
    Metric {
        name: "loops",
        summary: "the share of samples that end in a loop",
        unit: "share",
        range: (0.0, 1.0),
        direction: Direction::Lower,
        origin: "Holtzman et al. 2020, The curious case of neural text degeneration (ICLR): a phrase \
                 of two tokens or more, three times at the end",
        pitfall: "a loop that began too late for three rounds is not seen",
        rule: Rule::Mean(|sample| {
            Some(if loop_at_end(sample.body()).is_some() { 1.0 } else { 0.0 })
        }),
    },
    Metric {
        name: "nats-per-token",
        summary: "surprisal of the tokens under the model itself, untouched by the policy",
        unit: "nats",
        range: (0.0, f64::INFINITY),
        direction: Direction::Neither,
        origin: "cross-entropy, Shannon 1948",
        pitfall: OWN_MODEL,
        rule: Rule::Pooled(surprisal, |nats| nats),
    },
    Metric {
        name: "bits-per-token",
        summary: "the same in bits",
        unit: "bits",
        range: (0.0, f64::INFINITY),
        direction: Direction::Neither,
        origin: "cross-entropy, Shannon 1948",
        pitfall: OWN_MODEL,
        rule: Rule::Pooled(surprisal, stats::bits),
    },
    Metric {
        name: "perplexity",
        summary: "the same as e to the nats: equally likely tokens that would surprise as much",
        unit: "tokens",
        range: (1.0, f64::INFINITY),
        direction: Direction::Neither,
        origin: "Jelinek et al. 1977",
        pitfall: OWN_MODEL,
        rule: Rule::Pooled(surprisal, math::exp),
    },
    Metric {
        name: "judge-perplexity",
        summary: "perplexity under a second model, of its own tokens, behind the prompt",
        unit: "tokens",
        range: (1.0, f64::INFINITY),
        direction: Direction::Neither,
        origin: "Holtzman et al. 2020 (ICLR), with the model's own in place of a second one's",
        pitfall: JUDGE,
        rule: Rule::Pooled(|sample| judged(sample, |it| it.tokens), math::exp),
    },
    Metric {
        name: "judge-bits-per-byte",
        summary: "bits of surprisal under a second model for each byte of text",
        unit: "bits",
        range: (0.0, f64::INFINITY),
        direction: Direction::Neither,
        origin: "Gao et al. 2020, The Pile",
        pitfall: JUDGE,
        rule: Rule::Pooled(|sample| judged(sample, |it| it.bytes), stats::bits),
    },
    Metric {
        name: "policy-nats-per-token",
        summary: "surprisal of the tokens under the law that they were drawn from",
        unit: "nats",
        range: (0.0, f64::INFINITY),
        direction: Direction::Higher,
        origin: "cross-entropy, Shannon 1948",
        pitfall: "0 for greedy by definition",
        rule: Rule::Pooled(
            |sample| [minus_sum(&sample.logprobs), sample.logprobs.len() as f64],
            |nats| nats,
        ),
    },
    Metric {
        name: "entropy",
        summary: "entropy of the model's distribution at the tokens drawn",
        unit: "nats",
        range: (0.0, f64::INFINITY),
        direction: Direction::Neither,
        origin: "Shannon 1948",
        pitfall: "of the places that the policy led to, which are others for each policy",
        rule: Rule::Pooled(|sample| pooled(sample.raw_entropies.iter().copied()), |nats| nats),
    },
    Metric {
        name: "policy-entropy",
        summary: "entropy of the law that the tokens were drawn from",
        unit: "nats",
        range: (0.0, f64::INFINITY),
        direction: Direction::Higher,
        origin: "Shannon 1948",
        pitfall: "of the places that the policy led to, which are others for each policy",
        rule: Rule::Pooled(|sample| pooled(sample.entropies.iter().copied()), |nats| nats),
    },
    Metric {
        name: "kept",
        summary: "tokens left to draw from at each step, the size of the nucleus",
        unit: "tokens",
        range: (1.0, f64::INFINITY),
        direction: Direction::Higher,
        origin: "Holtzman et al. 2020, The curious case of neural text degeneration (ICLR)",
        pitfall: "a mean over steps, which few wide ones can rule",
        rule: Rule::Pooled(
            |sample| pooled(sample.kept.iter().map(|&kept| f64::from(kept))),
            |kept| kept,
        ),
    },
    Metric {
        name: "length",
        summary: "tokens drawn, the one that ended the text included",
        unit: "tokens",
        range: (0.0, f64::INFINITY),
        direction: Direction::Neither,
        origin: "counted",
        pitfall: "cut at --max-new-tokens",
        rule: Rule::Mean(|sample| Some(sample.token_ids.len() as f64)),
    },
];

/// The metric of this name; hyphens and underscores are the same here.
///
/// ```
/// assert_eq!(kelvin_lab::measure::find("self_bleu").unwrap().name, "self-bleu");
/// assert!(kelvin_lab::measure::find("quality").is_none());
/// ```
pub fn find(name: &str) -> Option<&'static Metric> {
    let name = name.replace('_', "-");
    ALL.iter().find(|metric| metric.name == name)
}

fn bodies<'a>(group: &'a Group<'_>) -> impl Iterator<Item = &'a [TokenId]> {
    group.samples.iter().map(|sample| sample.body())
}

fn texts<'a>(group: &'a Group<'_>) -> impl Iterator<Item = &'a str> {
    group.samples.iter().map(|sample| sample.text.as_str())
}

/// A count over samples, where there are any.
fn some_of(group: &Group<'_>, count: usize) -> Option<f64> {
    (!group.samples.is_empty()).then_some(count as f64)
}

/// The nats of a judged sample, and so many of what it is made of.
fn judged(sample: &Sample, of: fn(&Judged) -> usize) -> [f64; 2] {
    sample.judged.as_ref().map_or([0.0; 2], |it| [it.nats, of(it) as f64])
}

fn surprisal(sample: &Sample) -> [f64; 2] {
    [minus_sum(&sample.raw_logprobs), sample.raw_logprobs.len() as f64]
}
