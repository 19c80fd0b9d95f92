//! A context that shifts: the model sees what the formula says, however the tokens got there.

use kelvin::{Pipeline, Sampler, Seed, stream_of};
use kelvin_lm::format::gguf::Gguf;
use kelvin_lm::generate::{Batch, Chooser as _, Context, Detok, Event, Request};
use kelvin_lm::model::Scratch;
use kelvin_lm::tokenizer::{Scheme, TokenKind, Tokenizer, Vocabulary};
use kelvin_lm::{EngineOptions, ErrorKind, Model, Session};

use crate::tiny::{self, Shape, Stored, Tiny};

fn model(shape: Shape, threads: usize) -> Model {
    let gguf = Gguf::parse(Tiny::new(shape).file(Stored::Q8)).expect("well formed");
    let options = EngineOptions { threads: Some(threads), ..EngineOptions::default() };
    Model::from_gguf(&gguf, options).expect("well formed")
}

fn ids(n: u32) -> Vec<u32> {
    (0..n).map(|i| (i * i * 3 + 5 * i + 2) % 67).collect()
}

/// Windows of different shapes; the last ones reach into a second page of the cache.
fn contexts() -> Vec<Context> {
    let some = [(9, 0, 5), (9, 3, 3), (10, 1, 9), (1, 0, 1), (5, 4, 1), (80, 1, 40), (70, 66, 2)];
    some.map(|(limit, keep, drop)| Context::dropping(limit, keep, drop).expect("in range")).to_vec()
}

fn session(model: &Model, context: Context, chunk: usize) -> Session<'_> {
    let session = Session::with_scratch(model, Scratch::with_chunk(chunk));
    session.with_context(context).expect("within the model's")
}

/// The definition: the tokens in view as a sequence of their own, computed from nothing.
fn by_definition(model: &Model, context: Context, ids: &[u32]) -> Vec<Vec<f32>> {
    let logits = |len: usize| {
        let [kept, rest] = context.in_view(len);
        let view = [&ids[kept], &ids[rest]].concat();
        Session::new(model).feed(&view).expect("a view fits").to_vec()
    };
    (1..=ids.len()).map(logits).collect()
}

fn stepwise(session: &mut Session<'_>, ids: &[u32]) -> Vec<Vec<f32>> {
    ids.iter().map(|&id| session.feed(&[id]).expect("it goes on").to_vec()).collect()
}

fn all_at_once(session: &mut Session<'_>, ids: &[u32]) -> Vec<Vec<f32>> {
    let (mut rows, first) = (Vec::new(), session.pos());
    let note = |pos: usize, logits: &[f32]| {
        assert_eq!(pos, first + rows.len());
        rows.push(logits.to_vec());
    };
    session.feed_all(ids, note).expect("it goes on");
    rows
}

#[test]
fn what_is_in_view_decides_every_logit() {
    for shape in [tiny::LLAMA, tiny::GEMMA] {
        let (model, ids) = (model(shape, 1), ids(130));
        for context in contexts() {
            let expected = by_definition(&model, context, &ids);
            assert_eq!(stepwise(&mut session(&model, context, 64), &ids), expected, "{context:?}");
            for chunk in [1, 7, 64] {
                let mut session = session(&model, context, chunk);
                assert_eq!(all_at_once(&mut session, &ids), expected, "{context:?}, {chunk}");
                assert_eq!((session.pos(), session.ids()), (130, &ids[..]));
            }
            for len in [1, 9, 10, 40, 81, 130] {
                let whole = session(&model, context, 64).feed(&ids[..len]).map(<[f32]>::to_vec);
                assert_eq!(whole.expect("it goes on"), expected[len - 1], "{context:?}, {len}");
            }
        }
    }
}

#[test]
fn threads_change_no_bit_of_a_shifted_sequence() {
    let ids = ids(100);
    let rows = |threads| {
        let model = model(tiny::GEMMA, threads);
        let context = Context::shifting(70, 1).expect("in range");
        all_at_once(&mut session(&model, context, 64), &ids)
    };
    let expected = rows(1);
    assert_eq!(rows(2), expected);
    assert_eq!(rows(5), expected);
}

#[test]
fn a_shifted_sequence_rewinds_and_forks_to_any_length() {
    let (model, ids) = (model(tiny::LLAMA, 1), ids(40));
    for context in [Context::shifting(9, 0), Context::shifting(9, 3)] {
        let context = context.expect("in range");
        let expected = by_definition(&model, context, &ids);
        let mut whole = session(&model, context, 64);
        stepwise(&mut whole, &ids);
        for len in 0..40 {
            let mut fork = whole.fork_at(len);
            assert_eq!(all_at_once(&mut fork, &ids[len..]), expected[len..], "fork at {len}");
            fork.rewind(len);
            assert_eq!(stepwise(&mut fork, &ids[len..]), expected[len..], "rewound to {len}");
            for deeper in [len - len / 3, len / 2] {
                fork.rewind(deeper);
                let next = fork.feed(&ids[deeper..=len]).expect("it goes on").to_vec();
                assert_eq!(next, expected[len], "rewound to {deeper}, then fed to {len}");
            }
        }
        let again = stepwise(&mut whole.fork(), &[3])[0].clone();
        assert_eq!(whole.feed(&[3]).expect("it goes on"), again, "a fork leaves no trace");
    }
}

#[test]
fn another_context_is_another_view_of_the_same_tokens() {
    let (model, ids) = (model(tiny::LLAMA, 1), ids(40));
    let mut sequence = Session::new(&model);
    sequence.feed(&ids[..30]).expect("it fits");
    let context = Context::shifting(9, 1).expect("in range");
    let mut sequence = sequence.with_context(context).expect("within the model's");
    let rows = all_at_once(&mut sequence, &ids[30..]);
    assert_eq!(rows, by_definition(&model, context, &ids)[30..]);
    assert_eq!(sequence.context(), context);
    let narrow = sequence.with_context(Context::fixed(39)).expect_err("40 tokens");
    assert_eq!(
        (narrow.kind(), narrow.to_string().as_str()),
        (ErrorKind::Context, "40 tokens exceed the context of 39")
    );
}

#[test]
fn a_fixed_context_ends_and_none_exceeds_the_models() {
    let model = model(tiny::LLAMA, 1);
    let mut narrow = session(&model, Context::fixed(8), 64);
    narrow.feed(&ids(8)).expect("it fits");
    for refused in [narrow.feed(&[1]).map(|_| ()), narrow.feed_all(&[1], |_, _| panic!("visited"))]
    {
        assert_eq!(refused.expect_err("full").to_string(), "9 tokens exceed the context of 8");
    }
    assert_eq!(narrow.pos(), 8);
    let shifting = Context::shifting(257, 0).expect("in range");
    for context in [Context::fixed(257), shifting] {
        let refused = Session::new(&model).with_context(context).expect_err("beyond 256");
        assert_eq!(refused.kind(), ErrorKind::Parameter);
        let told = "a context of 257 tokens exceeds the model's of 256";
        assert_eq!(refused.to_string(), told);
    }
}

#[test]
fn bad_tokens_leave_a_shifted_sequence_as_it_was() {
    let (model, ids) = (model(tiny::LLAMA, 1), ids(30));
    let context = Context::shifting(9, 1).expect("in range");
    let mut sequence = session(&model, context, 64);
    stepwise(&mut sequence, &ids[..26]);
    for bad in [&[][..], &[4, 70], &[70; 20]] {
        assert_eq!(sequence.feed(bad).expect_err("refused").kind(), ErrorKind::Prompt);
        assert_eq!(sequence.pos(), 26);
    }
    let expected = by_definition(&model, context, &ids);
    assert_eq!(stepwise(&mut sequence, &ids[26..]), expected[26..]);
}

/// A letter for each token, and no end.
fn tokenizer() -> Tokenizer {
    let letter = |i: u32| char::from_u32(0x4E00 + i).expect("a letter").to_string();
    let pieces: Vec<String> = (0..tiny::GEMMA.vocab_size).map(letter).collect();
    Tokenizer::new(Vocabulary {
        kinds: vec![TokenKind::Normal; pieces.len()],
        scheme: Scheme::SentencePiece { scores: vec![0.0; pieces.len()], space_prefix: false },
        pieces,
        bos: None,
        eos: None,
        eot: None,
        eom: None,
        add_bos: false,
        add_eos: false,
    })
    .expect("a sound vocabulary")
}

fn sampler(prompt: &[u32], choice: u32) -> Sampler {
    let pipeline: Pipeline = "repetition-penalty(1.2) | top-k(40)".parse().expect("a pipeline");
    let seed = Seed::new(3).with_stream(stream_of(prompt)).with_choice(choice);
    let sampler = Sampler::new(pipeline, tiny::GEMMA.vocab_size as usize).expect("it fits");
    sampler.with_seed(seed).with_prompt(prompt).expect("ids of the vocabulary")
}

/// One sequence token by token, each from the tokens in view alone; and where the view moved.
fn alone(
    model: &Model,
    context: Context,
    prompt: &[u32],
    choice: u32,
) -> (Vec<u32>, Vec<(usize, usize)>) {
    let (mut ids, mut sampler) = (prompt.to_vec(), sampler(prompt, choice));
    let (mut shifts, mut seen) = (Vec::new(), 0);
    for _ in 0..25 {
        let [kept, rest] = context.in_view(ids.len());
        let dropped = rest.start - kept.end;
        if dropped > seen {
            shifts.push((ids.len(), dropped));
            seen = dropped;
        }
        let view = [&ids[kept], &ids[rest]].concat();
        let mut session = Session::new(model);
        ids.push(sampler.choose(session.feed(&view).expect("a view fits")).expect("a token"));
    }
    (ids.split_off(prompt.len()), shifts)
}

/// Prompts on both sides of the limit, in one batch: tokens and shifts are those of each alone, and
/// the random numbers those of absolute positions.
#[test]
fn sequences_of_a_batch_shift_as_they_would_alone() {
    let (model, tokenizer) = (model(tiny::GEMMA, 2), tokenizer());
    let context = Context::shifting(14, 2).expect("in range");
    let mut batch = Batch::new(&model, &tokenizer).with_context(context).expect("it fits");
    let mut expected = Vec::new();
    for n in [3, 13, 14, 15, 40] {
        let (prompt, detok) = (ids(n), Detok::new(Vec::new()).expect("no stops"));
        let choosers = (0..2).map(|choice| sampler(&prompt, choice)).collect();
        expected.extend((0..2).map(|choice| alone(&model, context, &prompt, choice)));
        batch.join(Request { prompt, choosers, detok, max_new_tokens: 25 }).expect("it goes on");
    }
    let mut found = vec![(Vec::new(), Vec::new()); expected.len()];
    while batch.is_live() {
        for event in batch.step().expect("it runs") {
            match event {
                Event::Token { sequence, id, .. } => found[sequence].0.push(id),
                Event::Shift { sequence, pos, dropped } => found[sequence].1.push((pos, dropped)),
                Event::Failed { error, .. } => panic!("{error}"),
                Event::Text { .. } | Event::Done { .. } => (),
            }
        }
    }
    assert_eq!(found, expected);
    assert!(expected.iter().all(|(_, shifts)| shifts.len() > 1));
}
