//! `kelvin generate`: prompts to text, streamed.

use std::ops::Range;
use std::thread;

use anyhow::Result;
use clap::ArgMatches;
use kelvin::{Sampler, Seed, TokenId};
use kelvin_lab::trace::Header;
use kelvin_lm::chat::Message;
use kelvin_lm::defaults::Length;
use kelvin_lm::generate::{Batch, Context, Detok, Request, Session};
use kelvin_lm::tokenizer::{ShowSpecial, SpecialTokens, Tokenizer};
use serde_json::Value;

use crate::args::randomness::Randomness;
use crate::args::{context, policy, trace};
use crate::chat::Chat;
use crate::console::Console;
use crate::exit::{Code, Failure};
use crate::load::{self, Loaded};
use crate::playback::{
    self, Aside, InOrder, JsonLines, Opening, Recording, Tape, Totals, View, Watched, play,
};
use crate::settings::{self, Origin, Policy, Setting, UNTOUCHED};
use crate::term::number::{count, counted};

/// Tokens drawn where nobody says how many.
const MAX_NEW_TOKENS: usize = 256;

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Code> {
    let texts = matches.get_many::<String>("prompt").expect("a prompt is required");
    let kind = if matches.get_flag("chat") { Kind::Messages } else { Kind::Texts };
    run_once(matches, texts.cloned().collect(), kind, console)
}

/// What prompts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Texts to continue.
    Texts,
    /// Messages to answer.
    Messages,
}

/// Continues texts, or answers messages, each by itself.
///
/// # Errors
///
/// Those of loading the model, of what was typed, and of writing.
pub(super) fn run_once(
    matches: &ArgMatches,
    texts: Vec<String>,
    kind: Kind,
    console: &mut Console<'_>,
) -> Result<Code> {
    let (mut loaded, policy) = load::with_policy(matches, console)?;
    if policy.is_untouched() {
        console.hint(UNTOUCHED)?;
    }
    let randomness = Randomness::from_matches(matches);
    let chat = match kind {
        Kind::Texts => None,
        Kind::Messages => Some(Chat::from_matches(matches, &mut loaded)?),
    };
    let prompt = |text| match &chat {
        None => Prompt::text(text, &loaded, load::special_tokens(matches), randomness),
        Some(chat) => Prompt::message(text, &loaded, chat, randomness),
    };
    let prompts = texts.into_iter().map(prompt).collect::<Result<Vec<_>>>()?;
    let mut job = Job::from_matches(matches, prompts, &loaded, &policy)?;
    job.facts.extend(chat.iter().flat_map(Chat::facts));
    let mut tapes = trace::tapes(matches, console)?;
    job.record_on(&tapes);
    let mut batch = job.batch(&loaded, &policy)?;
    introduce(&job, &loaded, &policy, randomness, console)?;
    playback::listen_for_interrupts()?;
    let openings = job.openings(&loaded, &policy);
    let (tokenizer, is_json) = (&loaded.tokenizer, matches.get_flag("json"));
    let totals = recorded(&mut batch, &mut tapes, (&job, tokenizer, &openings), |batch, aside| {
        if is_json {
            let lines = JsonLines::new(console, tokenizer, job.show, &openings)?;
            play(batch, &mut (lines, aside))
        } else {
            let text = InOrder::new(console, tokenizer, job.view(), &openings)?;
            play(batch, &mut (text, aside))
        }
    })?;
    console.warn_all(&tapes.iter().filter_map(Tape::trouble).collect::<Vec<_>>())?;
    console.talk(&footer(&totals))?;
    Ok(code(&totals))
}

/// Plays a batch whose trace is written meanwhile, where there are tapes for one.
fn recorded<'m>(
    batch: &mut Batch<'m, Watched>,
    tapes: &mut [Tape],
    (job, tokenizer, openings): (&Job, &Tokenizer, &[Opening]),
    play: impl FnOnce(&mut Batch<'m, Watched>, Option<&mut Aside<'_>>) -> Result<Totals>,
) -> Result<Totals> {
    if tapes.is_empty() {
        return play(batch, None);
    }
    let recording = Recording::new(tapes, tokenizer, openings)?;
    let choosers = (0..openings.len()).filter_map(|sequence| batch.chooser(sequence));
    let samplers = choosers.map(|watched| watched.sampler().clone()).collect();
    thread::scope(|scope| {
        let mut aside = Aside::new(scope, recording, samplers, job.show.max(Recording::DEPTH));
        let totals = play(batch, Some(&mut aside))?;
        aside.finish()?;
        Ok(totals)
    })
}

/// What is to be generated.
pub(super) struct Job {
    prompts: Vec<Prompt>,
    history: Vec<TokenId>,
    n_samples: u32,
    /// The choice index of the first sample.
    pub(super) first_choice: u32,
    detok: Detok,
    /// As the flags have it, or the model.
    length: Length,
    /// What is set besides the pipeline, and by whom.
    settings: Vec<Setting>,
    /// How much of a sequence the model sees.
    context: Context,
    special: ShowSpecial,
    echo: bool,
    /// Candidates shown for each token.
    pub(super) show: usize,
    /// Places of each distribution that the account of a token lists; none where none is kept.
    depth: Option<usize>,
    /// Whether a trace is written.
    is_recorded: bool,
    /// Further facts for the header.
    facts: Vec<String>,
}

/// What is continued.
pub(super) struct Prompt {
    text: String,
    ids: Vec<TokenId>,
    seed: Seed,
    /// The conversation that it is, for the JSON header.
    chat: Option<Value>,
}

impl Job {
    /// From the flags.
    ///
    /// # Errors
    ///
    /// Something typed: prompts that do not fit the context, stop strings that would stop everything.
    pub(super) fn from_matches(
        matches: &ArgMatches,
        prompts: Vec<Prompt>,
        loaded: &Loaded,
        policy: &Policy,
    ) -> Result<Self> {
        let history = policy::history(matches);
        let asked = asked(matches);
        let context = context::read(matches, loaded)?;
        let mut settings = Vec::new();
        let length = length(asked, policy, &mut settings);
        for prompt in &prompts {
            let n_prompt = prompt.ids.len() + history.len();
            context::check(n_prompt, asked, context)
                .and_then(|()| context::check_room(n_prompt, context))
                .map_err(|failure| failure.or(context::SHIFT))?;
            check_length(n_prompt, length)?;
        }
        let stops = stops(matches, policy, &mut settings);
        let show = matches.get_flag("show-special");
        let shown = matches.get_one::<u32>("show").map_or(0, |&n| n as usize);
        Ok(Self {
            prompts,
            history,
            n_samples: matches.get_one("n").copied().unwrap_or(1),
            first_choice: 0,
            detok: Detok::new(stops)?,
            length,
            settings,
            context,
            special: if show { ShowSpecial::Show } else { ShowSpecial::Hide },
            echo: matches.get_flag("echo"),
            show: shown,
            depth: (shown > 0 || matches.get_flag("json")).then_some(shown.max(1)),
            is_recorded: false,
            facts: Vec::new(),
        })
    }

    /// Keeps the rows that traces need, where there are any.
    fn record_on(&mut self, tapes: &[Tape]) {
        self.is_recorded = !tapes.is_empty();
    }

    /// The batch with a sequence for each sample of each prompt, in their order.
    fn batch<'m>(&self, loaded: &'m Loaded, policy: &Policy) -> Result<Batch<'m, Watched>> {
        let mut batch = self.empty(loaded)?;
        for prompt in &self.prompts {
            batch.join(self.request(prompt, loaded, policy)?)?;
        }
        Ok(batch)
    }

    /// The same batch, which computes only what `session` has not and leaves a session behind.
    pub(super) fn batch_from<'m>(
        &self,
        loaded: &'m Loaded,
        policy: &Policy,
        session: &Session<'m>,
    ) -> Result<Batch<'m, Watched>> {
        let mut batch = self.empty(loaded)?.keep_sessions();
        for prompt in &self.prompts {
            batch.join_from(self.request(prompt, loaded, policy)?, session)?;
        }
        Ok(batch)
    }

    fn empty<'m>(&self, loaded: &'m Loaded) -> Result<Batch<'m, Watched>> {
        let batch = Batch::new(&loaded.model, &loaded.tokenizer).show_special(self.special);
        Ok(batch.with_context(self.context)?)
    }

    fn request(
        &self,
        prompt: &Prompt,
        loaded: &Loaded,
        policy: &Policy,
    ) -> Result<Request<Watched>> {
        let vocab_size = loaded.model.config().vocab_size;
        let sampler = Sampler::new(policy.pipeline.clone(), vocab_size)?;
        let mut sampler = sampler.with_seed(prompt.seed).with_prompt(&prompt.ids)?;
        self.history.iter().try_for_each(|&token| sampler.accept(token))?;
        Ok(Request {
            prompt: [&prompt.ids[..], &self.history].concat(),
            choosers: self
                .choices()
                .map(|choice| Watched::new(sampler.fork(choice), self.depth))
                .map(|watched| if self.is_recorded { watched.keeping_rows() } else { watched })
                .collect(),
            detok: self.detok.clone(),
            max_new_tokens: self.max_new_tokens(prompt),
        })
    }

    fn choices(&self) -> Range<u32> {
        self.first_choice..self.first_choice.saturating_add(self.n_samples)
    }

    /// The tokens that may follow a prompt.
    fn max_new_tokens(&self, prompt: &Prompt) -> usize {
        let n_prompt = prompt.ids.len() + self.history.len();
        self.length.max_new_tokens(n_prompt).unwrap_or(0)
    }

    /// Everything that is set, and by whom.
    fn settings(&self, policy: &Policy) -> Vec<Setting> {
        policy.settings.iter().chain(&self.settings).cloned().collect()
    }

    /// What people are shown of each sequence.
    pub(super) fn view(&self) -> View {
        if self.show > 0 { View::Candidates(self.show) } else { View::Text }
    }

    /// What is known of each sequence before it begins.
    pub(super) fn openings(&self, loaded: &Loaded, policy: &Policy) -> Vec<Opening> {
        let samples = |at: usize| self.choices().map(move |choice| (at, choice));
        let all = (0..self.prompts.len()).flat_map(samples);
        all.map(|(at, choice)| self.opening(at, choice, loaded, policy)).collect()
    }

    fn opening(&self, at: usize, choice: u32, loaded: &Loaded, policy: &Policy) -> Opening {
        let prompt = &self.prompts[at];
        let Prompt { text, ids, seed, chat } = prompt;
        let seed = seed.with_choice(choice);
        let echo =
            if self.echo { loaded.tokenizer.text_bytes(ids, self.special) } else { Vec::new() };
        Opening {
            label: self.label(at, choice),
            echo: String::from_utf8_lossy(&echo).into_owned(),
            header: Header {
                prompt: at,
                sample: choice as usize,
                dialect: policy.dialect.name.to_owned(),
                pipeline: policy.pipeline.to_string(),
                settings: crate::json::settings(&self.settings(policy)),
                seed: seed.seed,
                stream: seed.stream,
                choice: seed.choice,
                max_new_tokens: Some(self.max_new_tokens(prompt)),
                context: Some(crate::json::context(self.context)),
                history: self.history.clone(),
                text: text.clone(),
                chat: chat.clone().unwrap_or_default(),
                prompt_ids: ids.clone(),
                ..Header::new(loaded.json())
            },
        }
    }

    /// `prompt 2 of 3 · sample 1 of 4`, as far as there are several.
    fn label(&self, at: usize, choice: u32) -> String {
        let place = |what: &str, at: usize, n: usize| {
            (n > 1).then(|| format!("{what} {} of {}", count(at + 1), count(n)))
        };
        let prompt = place("prompt", at, self.prompts.len());
        let sample = place("sample", choice as usize, self.n_samples as usize);
        prompt.into_iter().chain(sample).collect::<Vec<_>>().join(" · ")
    }
}

/// What the model says of lengths and stop strings, where nobody typed any.
pub(super) fn of_model(matches: &ArgMatches, policy: &Policy) -> Vec<Setting> {
    let mut settings = Vec::new();
    length(asked(matches), policy, &mut settings);
    stops(matches, policy, &mut settings);
    settings
}

/// The length that was typed.
fn asked(matches: &ArgMatches) -> Option<usize> {
    matches.get_one::<u32>("max-new-tokens").map(|&n| n as usize)
}

/// The length that was typed, else the model's, else the built-in one.
fn length(asked: Option<usize>, policy: &Policy, settings: &mut Vec<Setting>) -> Length {
    match (asked, policy.length) {
        (Some(asked), _) => Length::MaxNewTokens(asked),
        (None, Some((length, source))) => {
            let (name, n) = match length {
                Length::MaxNewTokens(n) => ("max-new-tokens", n),
                Length::MaxLength(n) => ("max-length", n),
            };
            settings.push(Setting::new(name, format!("{name}({n})"), Origin::Model(source)));
            length
        }
        (None, None) => Length::MaxNewTokens(MAX_NEW_TOKENS),
    }
}

/// Whether a model's own length, which counts the prompt, leaves room for a token.
fn check_length(n_prompt: usize, length: Length) -> Result<(), Failure> {
    match length {
        Length::MaxLength(most) if length.max_new_tokens(n_prompt).is_none() => {
            let prompt = counted(n_prompt, "token");
            let rule = format!("the model's max_length = {most} counts them");
            Err(Failure::typed(format!("the prompt has {prompt}, and {rule}: none can follow"))
                .hint("--max-new-tokens says how many may follow, --raw ignores the model's"))
        }
        _ => Ok(()),
    }
}

/// The stop strings that were typed, else the model's.
fn stops(matches: &ArgMatches, policy: &Policy, settings: &mut Vec<Setting>) -> Vec<String> {
    if let Some(stops) = matches.get_many("stop") {
        return stops.cloned().collect();
    }
    let Some((stops, source)) = policy.stops.clone() else { return Vec::new() };
    let shown: Vec<String> = stops.iter().map(|stop| format!("{stop:?}")).collect();
    let shown = format!("stop({})", shown.join(", "));
    settings.push(Setting::new("stop", shown, Origin::Model(source)));
    stops
}

impl Prompt {
    /// A text to continue.
    fn text(
        text: String,
        loaded: &Loaded,
        special: SpecialTokens,
        randomness: Randomness,
    ) -> Result<Self> {
        let ids = loaded.encode(&text, special)?;
        let seed = randomness.for_prompt(&ids);
        Ok(Self { text, ids, seed, chat: None })
    }

    /// A message to answer.
    fn message(text: String, loaded: &Loaded, chat: &Chat, randomness: Randomness) -> Result<Self> {
        let messages = chat.beginning(&text);
        Ok(Self { text, ..Self::conversation(&messages, loaded, chat, randomness)? })
    }

    /// A conversation to go on with.
    ///
    /// # Errors
    ///
    /// Those of the template; something typed: a character that the vocabulary cannot spell.
    pub(super) fn conversation(
        messages: &[Message],
        loaded: &Loaded,
        chat: &Chat,
        randomness: Randomness,
    ) -> Result<Self> {
        let prompt = chat.render(messages)?;
        let ids = chat.encode(&prompt, loaded)?;
        let (seed, json) = (randomness.for_prompt(&ids), chat.json(messages, &prompt));
        let text = messages.last().map_or(String::new(), |message| message.content.clone());
        Ok(Self { text, ids, seed, chat: Some(json) })
    }

    /// What the template wrote, for a conversation; else the text.
    pub(super) fn rendered(&self) -> &str {
        let written = self.chat.as_ref().and_then(|chat| chat["prompt"].as_str());
        written.unwrap_or(&self.text)
    }

    /// How many tokens it has.
    pub(super) fn n_tokens(&self) -> usize {
        self.ids.len()
    }
}

/// What runs, before it runs: the model, the seed, each setting with its origin.
fn introduce(
    job: &Job,
    loaded: &Loaded,
    policy: &Policy,
    randomness: Randomness,
    console: &mut Console<'_>,
) -> Result<()> {
    let n_tokens = job.prompts.iter().map(|prompt| prompt.ids.len()).sum();
    let mut facts = loaded.facts();
    facts.push(counted(n_tokens, "prompt token"));
    facts.push(format!("dialect {}", policy.dialect.name));
    facts.extend(context::shown(job.context, loaded));
    facts.extend_from_slice(&job.facts);
    facts.push(format!("seed {}", randomness.shown()));
    console.talk(&facts.join(" · "))?;
    let settings = job.settings(policy);
    let settings = settings::origins(&settings, |setting| &setting.shown);
    Ok(console.talk(&settings.join(" · "))?)
}

/// What it came to: tokens, their speed, the time to the first, their surprisal, why it ended.
pub(super) fn footer(totals: &Totals) -> String {
    let mut parts = vec![counted(totals.n_tokens, "token")];
    parts.extend(totals.tokens_per_second().map(|speed| format!("{speed:.1} tok/s")));
    parts.push(format!("first token {:.0} ms", totals.first_token.as_secs_f64() * 1e3));
    if totals.n_tokens > 0 {
        parts.push(format!("{:.2} nats/token", totals.nats / totals.n_tokens as f64));
    }
    if totals.n_shifts > 0 {
        parts.push(counted(totals.n_shifts, "context shift"));
    }
    let ends = totals.finishes.iter().map(|(finish, n)| match n {
        1 => finish.name().to_owned(),
        n => format!("{n} {}", finish.name()),
    });
    parts.push(ends.collect::<Vec<_>>().join(", "));
    parts.join(" · ")
}

/// The exit code of a run that came to this.
pub(super) fn code(totals: &Totals) -> Code {
    match totals {
        totals if totals.is_interrupted() => Code::Interrupted,
        totals if totals.n_failed > 0 => Code::Failed,
        _ => Code::Done,
    }
}

#[cfg(test)]
mod tests {
    use kelvin::Pipeline;
    use kelvin_lm::defaults::Source;

    use super::*;

    #[test]
    fn a_length_is_typed_or_the_models_or_built_in() {
        let source = Source::GenerationConfig;
        let of = |asked, model: Option<Length>| {
            let mut policy = Policy::of_pipeline(Pipeline::neutral());
            policy.length = model.map(|length| (length, source));
            let mut settings = Vec::new();
            let length = length(asked, &policy, &mut settings);
            let told = settings.iter().map(|setting| setting.shown.clone()).collect::<String>();
            (length, told)
        };
        let model = Some(Length::MaxLength(99));
        assert_eq!(of(Some(7), model), (Length::MaxNewTokens(7), String::new()));
        assert_eq!(of(None, model), (Length::MaxLength(99), "max-length(99)".to_owned()));
        assert_eq!(of(None, None), (Length::MaxNewTokens(256), String::new()));
    }
}
