//! Sequences that grow together are those they would be alone.

use std::collections::BTreeMap;

use kelvin::{Pipeline, Sampler, Seed, stream_of};
use kelvin_lm::format::gguf::Gguf;
use kelvin_lm::generate::{Batch, Chooser, Context, Detok, Event, Finish, Request};
use kelvin_lm::tokenizer::{Scheme, ShowSpecial, TokenKind, Tokenizer, Vocabulary};
use kelvin_lm::{
    Checkpoint, EngineOptions, Error, ErrorKind, Model, ModelOptions, Result, Session, WeightDtype,
};

use crate::tiny::{self, Shape, Stored, Tiny};

fn model() -> Model {
    let gguf = Gguf::parse(Tiny::new(tiny::GEMMA).file(Stored::Q8)).expect("well formed");
    Model::from_gguf(&gguf, EngineOptions::default()).expect("well formed")
}

/// The model of the other tests, and others with as many tokens: a folder, and one whose weights were
/// quantised when they were loaded.
fn models() -> [Model; 3] {
    let shape = Shape { vocab_size: tiny::GEMMA.vocab_size, ..tiny::GPT2 };
    let folder = Tiny::new(shape).rounded(Stored::BF16).write_folder("batch-gpt2", Stored::BF16);
    let file = Tiny::new(tiny::GEMMA).file(Stored::F32);
    let file = Checkpoint::Gguf(Gguf::parse(file).expect("well formed"));
    let quantised = ModelOptions { dtype: WeightDtype::Q8_0, ..ModelOptions::default() };
    [
        model(),
        Model::load(folder, EngineOptions::default()).expect("well formed"),
        Model::open(&file, quantised).expect("well formed"),
    ]
}

/// As many letters as the small model has tokens; token 1 ends a text.
fn tokenizer() -> Tokenizer {
    let letter = |i: u32| char::from_u32(0x4E00 + i).expect("a letter").to_string();
    let pieces: Vec<String> = (0..tiny::GEMMA.vocab_size).map(letter).collect();
    let mut kinds = vec![TokenKind::Normal; pieces.len()];
    kinds[1] = TokenKind::Control;
    Tokenizer::new(Vocabulary {
        scheme: Scheme::SentencePiece { scores: vec![0.0; pieces.len()], space_prefix: false },
        pieces,
        kinds,
        bos: None,
        eos: Some(1),
        eot: None,
        eom: None,
        add_bos: false,
        add_eos: false,
    })
    .expect("a sound vocabulary")
}

fn sampler(prompt: &[u32], choice: u32) -> Sampler {
    let pipeline: Pipeline = "temperature(1.5) | top-k(40)".parse().expect("a pipeline");
    let seed = Seed::new(3).with_stream(stream_of(prompt)).with_choice(choice);
    let sampler = Sampler::new(pipeline, tiny::GEMMA.vocab_size as usize).expect("it fits");
    sampler.with_seed(seed).with_prompt(prompt).expect("ids of the vocabulary")
}

fn prompts() -> Vec<Vec<u32>> {
    let id = |p: u32, i: u32| 2 + (p * 31 + i * i * 7 + i) % 80;
    (0..8).map(|p| (0..=p * 11).map(|i| id(p, i)).collect()).collect()
}

fn request<C>(prompt: &[u32], choosers: Vec<C>, max_new_tokens: usize) -> Request<C> {
    let detok = Detok::new(Vec::new()).expect("no stops");
    Request { prompt: prompt.to_vec(), choosers, detok, max_new_tokens }
}

/// What became of one sequence.
#[derive(Debug, Default, PartialEq, Clone)]
struct Outcome {
    ids: Vec<u32>,
    text: String,
    /// Position and tokens out of view.
    shifts: Vec<(usize, usize)>,
    end: Option<std::result::Result<Finish, ErrorKind>>,
}

fn note(outcomes: &mut BTreeMap<usize, Outcome>, event: Event) {
    match event {
        Event::Token { sequence, id, .. } => {
            outcomes.entry(sequence).or_default().ids.push(id);
        }
        Event::Shift { sequence, pos, dropped } => {
            outcomes.entry(sequence).or_default().shifts.push((pos, dropped));
        }
        Event::Text { sequence, text } => outcomes.entry(sequence).or_default().text += &text,
        Event::Done { sequence, finish } => {
            outcomes.entry(sequence).or_default().end = Some(Ok(finish));
        }
        Event::Failed { sequence, error } => {
            outcomes.entry(sequence).or_default().end = Some(Err(error.kind()));
        }
    }
}

fn step<C: Chooser>(batch: &mut Batch<'_, C>, outcomes: &mut BTreeMap<usize, Outcome>) {
    batch.step().expect("it runs").for_each(|event| note(outcomes, event));
}

fn go_on<C: Chooser>(batch: &mut Batch<'_, C>, outcomes: &mut BTreeMap<usize, Outcome>) {
    while batch.is_live() {
        step(batch, outcomes);
    }
}

fn run<C: Chooser>(batch: &mut Batch<'_, C>) -> BTreeMap<usize, Outcome> {
    let mut outcomes = BTreeMap::new();
    go_on(batch, &mut outcomes);
    outcomes
}

/// One sequence through a session, without any batch.
fn alone(model: &Model, tokenizer: &Tokenizer, prompt: &[u32], choice: u32, n: usize) -> Vec<u32> {
    let (mut session, mut sampler) = (Session::new(model), sampler(prompt, choice));
    let mut ids = Vec::new();
    let mut fed = prompt.to_vec();
    while ids.len() < n && !ids.last().is_some_and(|&id| tokenizer.is_end(id)) {
        let id = sampler.choose(session.feed(&fed).expect("it fits")).expect("a token");
        fed = vec![id];
        ids.push(id);
    }
    ids
}

#[test]
fn each_sequence_has_the_tokens_it_has_alone() {
    let ended = models().iter().filter(|model| check_alone(model)).count();
    assert!(ended > 0, "no sequence met the end token");
}

/// Whether one of the sequences met the end token.
fn check_alone(model: &Model) -> bool {
    let tokenizer = tokenizer();
    let mut batch = Batch::new(model, &tokenizer);
    let mut expected = Vec::new();
    for (p, prompt) in prompts().iter().enumerate() {
        let choosers = (0..3).map(|choice| sampler(prompt, choice)).collect();
        let n = 10 + p;
        batch.join(request(prompt, choosers, n)).expect("it fits");
        expected.extend((0..3).map(|choice| alone(model, &tokenizer, prompt, choice, n)));
    }
    let found = run(&mut batch);
    assert_eq!(found.values().map(|it| it.ids.clone()).collect::<Vec<_>>(), expected);
    for outcome in found.values() {
        let ended = outcome.ids.ends_with(&[1]);
        let finish = if ended { Finish::Eos } else { Finish::Length };
        assert_eq!(outcome.end, Some(Ok(finish)));
        assert_eq!(outcome.text.chars().count(), outcome.ids.len() - usize::from(ended));
    }
    expected.iter().any(|ids| ids.ends_with(&[1]))
}

#[test]
fn sequences_join_and_leave_between_steps() {
    let (model, tokenizer, prompts) = (model(), tokenizer(), prompts());
    let mut batch = Batch::new(&model, &tokenizer);
    let mut outcomes = BTreeMap::new();
    let mut waiting = prompts[3..6].iter();
    while batch.is_live() || waiting.len() > 0 {
        if let Some(prompt) = waiting.next() {
            batch.join(request(prompt, vec![sampler(prompt, 0)], 9)).expect("it fits");
        }
        step(&mut batch, &mut outcomes);
    }
    for (outcome, prompt) in outcomes.values().zip(&prompts[3..6]) {
        assert_eq!(outcome.ids, alone(&model, &tokenizer, prompt, 0, 9));
    }
}

/// A sampler whose row is spoilt at one step.
struct Spoilt {
    sampler: Sampler,
    at: usize,
}

impl Chooser for Spoilt {
    fn choose(&mut self, logits: &[f32]) -> Result<u32> {
        let mut logits = logits.to_vec();
        if self.at == 0 {
            logits[5] = f32::NAN;
        }
        self.at = self.at.wrapping_sub(1);
        self.sampler.choose(&logits)
    }
}

#[test]
fn a_spoilt_row_ends_its_sequence_and_leaves_its_neighbours_untouched() {
    let (model, tokenizer, prompts) = (model(), tokenizer(), prompts());
    let choosers = |spoilt: usize| -> Vec<Spoilt> {
        let at = |choice| if choice == 1 { spoilt } else { usize::MAX };
        let new = |choice: u32| Spoilt { sampler: sampler(&prompts[2], choice), at: at(choice) };
        (0..3).map(new).collect()
    };
    let outcomes = |spoilt| {
        let mut batch = Batch::new(&model, &tokenizer);
        batch.join(request(&prompts[2], choosers(spoilt), 8)).expect("it fits");
        run(&mut batch)
    };
    let (sound, spoilt) = (outcomes(usize::MAX), outcomes(4));
    assert_eq!((&spoilt[&0], &spoilt[&2]), (&sound[&0], &sound[&2]));
    assert_eq!(spoilt[&1].ids, sound[&1].ids[..4]);
    assert_eq!(spoilt[&1].end, Some(Err(ErrorKind::Logits)));
}

/// Chooses what it was told.
struct Script(Vec<u32>);

impl Chooser for Script {
    fn choose(&mut self, _: &[f32]) -> Result<u32> {
        if self.0.is_empty() {
            return Err(Error::new(ErrorKind::Parameter, "the script is over"));
        }
        Ok(self.0.remove(0))
    }
}

fn scripted(ids: &[u32], stops: &[&str], show: ShowSpecial) -> Outcome {
    let (model, tokenizer) = (model(), tokenizer());
    let mut batch = Batch::new(&model, &tokenizer).show_special(show);
    let stops = stops.iter().map(|&stop| stop.to_owned()).collect();
    let detok = Detok::new(stops).expect("no stop is empty");
    let choosers = vec![Script(ids.to_vec())];
    batch.join(Request { prompt: vec![7], choosers, detok, max_new_tokens: 6 }).expect("it fits");
    run(&mut batch).remove(&0).expect("one sequence")
}

#[test]
fn every_way_to_end() {
    let outcome = |ids: &[u32], text: &str, end| Outcome {
        ids: ids.to_vec(),
        text: text.to_owned(),
        shifts: Vec::new(),
        end: Some(end),
    };
    let hide = ShowSpecial::Hide;
    let cut = scripted(&[2, 3, 4, 5, 6, 7, 8], &["\u{4E04}\u{4E05}"], hide);
    assert_eq!(cut, outcome(&[2, 3, 4, 5], "\u{4E02}\u{4E03}", Ok(Finish::Stop)));
    let eos = scripted(&[2, 4, 1, 3], &["\u{4E04}\u{4E05}"], hide);
    assert_eq!(eos, outcome(&[2, 4, 1], "\u{4E02}\u{4E04}", Ok(Finish::Eos)));
    let shown = scripted(&[2, 1], &[], ShowSpecial::Show);
    assert_eq!(shown, outcome(&[2, 1], "\u{4E02}\u{4E01}", Ok(Finish::Eos)));
    let full = scripted(&[2, 3, 2, 3, 2, 4, 2], &["\u{4E04}\u{4E05}"], hide);
    assert_eq!(full.end, Some(Ok(Finish::Length)));
    assert_eq!((full.ids.len(), full.text.chars().count()), (6, 6));
    let failed = scripted(&[2, 3], &[], hide);
    let over = outcome(&[2, 3], "\u{4E02}\u{4E03}", Err(ErrorKind::Parameter));
    assert_eq!(failed, over);
    let outside = scripted(&[2, 90], &[], hide);
    assert_eq!(outside, outcome(&[2], "\u{4E02}", Err(ErrorKind::Parameter)));
}

/// Tokens that end a text are the tokenizer's own and those that the model's publisher names.
#[test]
fn ends_may_be_added_to_a_tokenizer() {
    let (model, plain) = (model(), tokenizer());
    let tokenizer = tokenizer().with_ends(&[5, 1, 5], "a file").expect("in the vocabulary");
    let ends: Vec<(u32, &str)> = tokenizer.ends().iter().map(|end| (end.token, end.why)).collect();
    assert_eq!(ends, [(1, "the file's end of sequence"), (5, "a file")]);
    let ids = |tokenizer: &Tokenizer| {
        let mut batch = Batch::new(&model, tokenizer);
        batch.join(request(&[7], vec![Script(vec![4, 5, 6, 1])], 9)).expect("it fits");
        run(&mut batch).remove(&0).expect("one sequence")
    };
    let ended = ids(&tokenizer);
    assert_eq!(
        (ended.ids, ended.text.as_str(), ended.end),
        (vec![4, 5], "\u{4E04}", Some(Ok(Finish::Eos)))
    );
    assert_eq!(ids(&plain).ids, [4, 5, 6, 1]);
    let error = plain.with_ends(&[90], "a file").expect_err("90 tokens");
    assert_eq!(error.to_string(), "a file has token 90, outside 0 to 89");
}

#[test]
fn an_interrupt_keeps_what_there_is() {
    let (model, tokenizer, prompts) = (model(), tokenizer(), prompts());
    let mut batch = Batch::new(&model, &tokenizer);
    let mut outcomes = BTreeMap::new();
    for prompt in &prompts[2..4] {
        let choosers = vec![Script(vec![4; 50])];
        batch.join(request(prompt, choosers, 50)).expect("it fits");
    }
    step(&mut batch, &mut outcomes);
    batch.interrupt(1);
    batch.interrupt(77);
    step(&mut batch, &mut outcomes);
    batch.interrupt_all();
    go_on(&mut batch, &mut outcomes);
    let expected = |n: usize| Outcome {
        ids: vec![4; n],
        text: "\u{4E04}".repeat(n),
        shifts: Vec::new(),
        end: Some(Ok(Finish::Interrupted)),
    };
    assert_eq!(outcomes[&0], expected(2));
    assert_eq!(outcomes[&1], expected(1));
}

#[test]
fn the_context_is_a_limit_with_both_numbers() {
    let (model, tokenizer) = (model(), tokenizer());
    let context = tiny::GEMMA.max_seq;
    let mut batch = Batch::new(&model, &tokenizer);
    let script = || vec![Script(vec![4; 50])];
    let join =
        |batch: &mut Batch<'_, Script>, n: usize| batch.join(request(&vec![3; n], script(), 50));
    let error = join(&mut batch, context + 1).expect_err("one too many");
    assert_eq!(error.kind(), ErrorKind::Context);
    assert!(error.to_string().contains("257") && error.to_string().contains("256"), "{error}");
    let empty = join(&mut batch, 0).expect_err("nothing to feed");
    assert_eq!(empty.kind(), ErrorKind::Prompt);
    for room in [0, 1, 3] {
        join(&mut batch, context - room).expect("it fits");
    }
    let outcomes = run(&mut batch);
    let lengths: Vec<usize> = outcomes.values().map(|outcome| outcome.ids.len()).collect();
    assert_eq!(lengths, [0, 1, 3]);
    assert!(outcomes.values().all(|outcome| outcome.end == Some(Ok(Finish::Length))));
}

/// A conversation: each prompt is what was said so far and a few tokens more, or an edit of it.
#[test]
fn a_kept_session_saves_work_and_changes_nothing() {
    let (model, tokenizer) = (model(), tokenizer());
    for context in [None, Some(Context::shifting(60, 9).expect("room"))] {
        let context = context.unwrap_or_else(|| Context::fixed(model.config().max_seq));
        let batch = || Batch::new(&model, &tokenizer).keep_sessions().with_context(context);
        let (mut kept, mut prompt, mut shared) = (Session::new(&model), vec![7, 9, 12], Vec::new());
        for turn in 0..6 {
            let request = |n| request(&prompt, vec![sampler(&prompt, turn)], n);
            let mut fresh = batch().expect("a context that fits");
            fresh.join(request(12)).expect("it fits");
            let expected = run(&mut fresh);
            let mut cached = batch().expect("a context that fits");
            cached.join_from(request(12), &kept).expect("it fits");
            assert!(cached.take_session(0).is_none(), "it has not ended");
            assert_eq!(run(&mut cached), expected, "turn {turn}, {context:?}");
            shared.push(kept.shared_with(&prompt));
            kept = cached.take_session(0).expect("it ended");
            assert!(cached.take_session(0).is_none(), "it was taken");
            assert_eq!(kept.ids(), [&prompt[..], &expected[&0].ids].concat());
            prompt = kept.ids().to_vec();
            prompt.truncate(if turn == 3 { 8 } else { prompt.len() }); // an edit, at the fourth
            prompt.extend([20 + turn, 30, 40]);
        }
        assert_eq!((shared[0], shared[4]), (0, 8));
        assert!(shared.windows(2).enumerate().all(|(at, pair)| at == 3 || pair[0] < pair[1]));
    }
}

/// A prompt read in pieces before the step, of whatever size, in whatever context.
#[test]
fn reading_ahead_changes_the_work_of_a_step_and_nothing_else() {
    let (model, tokenizer) = (model(), tokenizer());
    let prompt: Vec<u32> = (0..40).map(|at| 2 + at * 7 % 80).collect();
    let contexts = [Context::fixed(64), Context::shifting(24, 3).expect("in range")];
    for context in contexts {
        let begun = || {
            let mut batch = Batch::new(&model, &tokenizer).with_context(context).expect("smaller");
            for prompt in [&prompt[..], &prompt[5..9]] {
                let choosers = (0..2).map(|choice| sampler(prompt, choice)).collect();
                batch.join(request(prompt, choosers, 9)).expect("it fits");
            }
            batch
        };
        let expected = run(&mut begun());
        let in_view: usize = context.in_view(prompt.len()).iter().map(ExactSizeIterator::len).sum();
        for n_tokens in [0, 1, 7, 39, 40] {
            let (mut batch, mut lefts) = (begun(), Vec::new());
            while let Some(left) = batch.read_ahead(n_tokens).expect("it runs") {
                lefts.push(left);
            }
            assert!(lefts.is_sorted_by(|a, b| a > b || *b <= 4), "{lefts:?}");
            assert_eq!(lefts.is_empty(), n_tokens >= in_view, "{lefts:?}");
            assert_eq!(run(&mut batch), expected, "{n_tokens} tokens at a time");
        }
        let mut batch = begun();
        assert!(batch.read_ahead(7).expect("it runs").is_some());
        batch.interrupt_all();
        assert_eq!(batch.read_ahead(7).expect("it runs"), None, "nobody waits for the rest");
        let ended = run(&mut batch);
        assert!(
            ended.values().all(|it| it.ids.is_empty() && it.end == Some(Ok(Finish::Interrupted)))
        );
    }
}

#[test]
fn sessions_of_another_model_or_context_are_no_use_and_do_no_harm() {
    let (model, other, tokenizer) = (model(), model(), tokenizer());
    let prompt = [5, 6, 7, 8];
    let mut expected = Batch::new(&model, &tokenizer);
    expected.join(request(&prompt, vec![sampler(&prompt, 0)], 9)).expect("it fits");
    let expected = run(&mut expected);
    let mut foreign = Session::new(&other);
    foreign.feed(&prompt).expect("it fits");
    let elsewhere = Context::fixed(50);
    let mut narrow = Session::new(&model).with_context(elsewhere).expect("it fits");
    narrow.feed(&prompt).expect("it fits");
    for session in [&foreign, &narrow] {
        let mut batch = Batch::new(&model, &tokenizer);
        batch.join_from(request(&prompt, vec![sampler(&prompt, 0)], 9), session).expect("it fits");
        assert_eq!(run(&mut batch), expected);
        assert!(batch.take_session(0).is_none(), "nothing is kept unless asked for");
    }
}
