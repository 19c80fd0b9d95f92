//! A stage that changes nothing and notes what it sees: the public door to kept sets and logits.

use std::fmt;
use std::sync::{Arc, Mutex};

use kelvin::pipeline::Pick;
use kelvin::stage::{Effect, Kind, Param, Stage, StageInfo, Step};
use kelvin::{Candidates, Pipeline, Result, Sampler, TokenId, build_stage};

/// What is left at one place of a pipeline.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Seen {
    /// The tokens left, in id order, with their logits as the stages so far left them.
    pub(crate) kept: Vec<(TokenId, f32)>,
    pub(crate) temperature: f64,
    /// W.
    pub(crate) total: u64,
}

impl Seen {
    /// The ids left, in id order.
    pub(crate) fn ids(&self) -> Vec<TokenId> {
        self.kept.iter().map(|&(id, _)| id).collect()
    }
}

/// The looking stage; clones share what they saw.
#[derive(Debug, Clone, Default)]
struct Probe(Arc<Mutex<Seen>>);

/// What `pipeline` leaves of `logits` after `prompt`, a copy of `seen` behind its last stage.
pub(crate) fn look(pipeline: &str, prompt: &[TokenId], logits: &[f32]) -> Result<Seen> {
    let probe = Probe::default();
    let mut stages = Vec::new();
    for text in pipeline.split('|').map(str::trim).filter(|&text| text != "neutral") {
        let (name, arguments) = text.split_once('(').expect("a stage is name(arguments)");
        stages.push(build_stage(name, arguments.trim_end_matches(')'))?);
    }
    stages.push(Box::new(probe.clone()));
    let pipeline = Pipeline::new(stages, Pick::Draw);
    Sampler::new(pipeline, logits.len())?.with_prompt(prompt)?.sample(logits)?;
    let seen = probe.0.lock().expect("no holder panics").clone();
    Ok(seen)
}

static INFO: StageInfo = StageInfo {
    name: "probe",
    aliases: &[],
    summary: "look",
    params: &[Param {
        name: "nothing",
        aliases: &[],
        kind: Kind::Integer,
        range: "anything",
        default: Some("0"),
        neutral: "off",
    }],
    effect: Effect::Mask,
    keeps_argmax: true,
    origin: "these tests",
    build: |_| Ok(Box::new(Probe::default())),
};

impl Stage for Probe {
    fn info(&self) -> &'static StageInfo {
        &INFO
    }

    fn apply(&self, candidates: &mut Candidates<'_>, _: &Step<'_>) {
        let ids = (0..).take(candidates.vocab_size());
        let kept = ids.filter(|&id| candidates.is_kept(id));
        let kept: Vec<_> = kept.map(|id| (id, candidates.logit(id))).collect();
        assert_eq!(kept.len(), candidates.kept(), "two ways to count what is left");
        let (temperature, total) = (candidates.temperature(), candidates.total());
        *self.0.lock().expect("no holder panics") = Seen { kept, temperature, total };
    }

    fn write_arguments(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        out.write_str("0")
    }

    fn is_neutral(&self) -> bool {
        false
    }
}
