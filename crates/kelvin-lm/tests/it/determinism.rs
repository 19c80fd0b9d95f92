//! Same sequence, same bits: whatever the threads, the instructions, the chunks, the neighbours and
//! what was cached.
//!
//! Rows of logits are compared by a 64-bit hash of their bits.

use kelvin_lm::format::gguf::Gguf;
use kelvin_lm::kernel::{Activations, Level, Profile};
use kelvin_lm::model::{Row, Scratch, Wanted};
use kelvin_lm::{Checkpoint, EngineOptions, KvCache, Model, ModelOptions, Session, WeightDtype};

use crate::tiny::{self, Shape, Stored, Tiny};
use crate::{folders, real};

/// The hash of each row of logits of one prompt.
type Rows = Vec<u64>;

/// FNV-1a over words.
fn hash(logits: &[f32]) -> u64 {
    logits.iter().fold(0xcbf2_9ce4_8422_2325, |hash, x| {
        (hash ^ u64::from(x.to_bits())).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Each prompt alone, computed at most `chunk` positions at a time.
fn alone(model: &Model, prompts: &[Vec<u32>], chunk: usize) -> Vec<Rows> {
    let one = |prompt: &Vec<u32>| {
        let mut session = Session::with_scratch(model, Scratch::with_chunk(chunk));
        let mut rows = Rows::new();
        session.feed_all(prompt, |_, logits| rows.push(hash(logits))).expect("the prompt fits");
        rows
    };
    prompts.iter().map(one).collect()
}

/// Each prompt alone, token by token.
fn stepwise(model: &Model, prompts: &[Vec<u32>]) -> Vec<Rows> {
    let one = |prompt: &Vec<u32>| {
        let mut session = Session::new(model);
        let step = |token| hash(session.feed(&[token]).expect("the prompt fits"));
        prompt.iter().copied().map(step).collect()
    };
    prompts.iter().map(one).collect()
}

/// All prompts in one batch: the first half of each, then the rest.
fn together(model: &Model, prompts: &[Vec<u32>]) -> Vec<Rows> {
    let mut caches: Vec<KvCache> = prompts.iter().map(|_| model.new_cache()).collect();
    let mut scratch = Scratch::default();
    let mut all: Vec<Rows> = vec![Rows::new(); prompts.len()];
    for half in [0, 1] {
        let part = |prompt: &'_ Vec<u32>| match half {
            0 => 0..prompt.len() / 2,
            _ => prompt.len() / 2..prompt.len(),
        };
        let mut rows: Vec<Row<'_>> = caches
            .iter_mut()
            .zip(prompts)
            .map(|(cache, prompt)| Row {
                cache,
                tokens: &prompt[part(prompt)],
                wanted: Wanted::All,
            })
            .collect();
        let logits = model.forward(&mut rows, &mut scratch).expect("the prompts fit");
        let mut logits = logits.chunks_exact(model.config().vocab_size).map(hash);
        for (rows, prompt) in all.iter_mut().zip(prompts) {
            rows.extend(logits.by_ref().take(part(prompt).len()));
        }
    }
    all
}

/// Each prompt with its end computed again: after a rewind, and in a fork.
fn recomputed(model: &Model, prompts: &[Vec<u32>]) -> Vec<Rows> {
    let one = |prompt: &Vec<u32>| {
        let cut = prompt.len() * 2 / 3;
        let mut session = Session::new(model);
        let mut rows = Rows::new();
        session.feed_all(prompt, |_, logits| rows.push(hash(logits))).expect("the prompt fits");
        let mut fork = session.fork_at(cut);
        session.rewind(cut);
        session.feed(&[prompt[0]]).expect("there is room for another end");
        rows.truncate(cut);
        fork.feed_all(&prompt[cut..], |_, logits| rows.push(hash(logits))).expect("it fits");
        session.rewind(cut);
        let mut again = Rows::new();
        session.feed_all(&prompt[cut..], |_, logits| again.push(hash(logits))).expect("it fits");
        assert_eq!(again, rows[cut..], "a rewound session and a fork differ");
        rows
    };
    prompts.iter().map(one).collect()
}

/// What decides the bits of a model's logits.
struct Case {
    checkpoint: Checkpoint,
    dtype: WeightDtype,
    activations: Activations,
    profile: Profile,
}

impl Case {
    fn new(checkpoint: Checkpoint) -> Self {
        let (dtype, activations) = (WeightDtype::Auto, Activations::Int8);
        Self { checkpoint, dtype, activations, profile: Profile::detect() }
    }

    fn model(&self, threads: usize, level: Option<Level>) -> Model {
        let (profile, activations) = (Some(self.profile), self.activations);
        let engine = EngineOptions {
            threads: Some(threads),
            level,
            profile,
            activations,
            ..EngineOptions::default()
        };
        let options = ModelOptions { engine, dtype: self.dtype };
        Model::open(&self.checkpoint, options).expect("it holds a model")
    }

    /// Everything that must not matter, against one plain run. `slow` prompts also run without
    /// vector instructions.
    fn check(&self, prompts: &[Vec<u32>], slow: &[Vec<u32>]) {
        let plain = self.model(1, None);
        let expected = alone(&plain, prompts, 64);
        for chunk in [1, 7] {
            assert_eq!(alone(&plain, prompts, chunk), expected, "chunks of {chunk}");
        }
        assert_eq!(stepwise(&plain, prompts), expected, "token by token");
        assert_eq!(together(&plain, prompts), expected, "in a batch");
        assert_eq!(recomputed(&plain, prompts), expected, "recomputed");
        let expected_slow = alone(&plain, slow, 64);
        drop(plain);
        for threads in [2, 5] {
            let threaded = self.model(threads, None);
            assert_eq!(alone(&threaded, prompts, 64), expected, "{threads} threads");
            assert_eq!(together(&threaded, prompts), expected, "{threads} threads, in a batch");
        }
        for level in Level::available() {
            let forced = self.model(2, Some(level));
            for chunk in [1, 7, 64] {
                assert_eq!(
                    alone(&forced, slow, chunk),
                    expected_slow,
                    "{level}, chunks of {chunk}"
                );
            }
            assert_eq!(together(&forced, slow), expected_slow, "{level}, in a batch");
        }
    }
}

/// Eight prompts of different lengths, the first of which is the longest.
fn prompts(vocab_size: u32, longest: u32) -> Vec<Vec<u32>> {
    let id = |prompt: u32, i: u32| (prompt * 7919 + i * i * 31 + i * 5 + 3) % vocab_size;
    let len = |prompt: u32| (longest / (prompt + 1)).max(2) + prompt % 2;
    (0..8).map(|prompt| (0..len(prompt)).map(|i| id(prompt, i)).collect()).collect()
}

fn file(tiny: &Tiny, stored: Stored) -> Checkpoint {
    Checkpoint::Gguf(Gguf::parse(tiny.file(stored)).expect("the file is well formed"))
}

/// The folder of one test, which no other writes while it reads.
fn folder(test: &str, tiny: &Tiny, stored: Stored) -> Checkpoint {
    let name = format!("determinism-{test}-{}-{stored:?}", tiny.shape.architecture);
    Checkpoint::open(&tiny.write_folder(&name, stored)).expect("the folder is well formed")
}

const SHAPES: [Shape; 3] = [tiny::GPT2, tiny::LLAMA, tiny::GEMMA];

#[test]
fn small_models_give_the_same_bits_however_they_are_run() {
    for shape in SHAPES {
        for (stored, activations) in [
            (Stored::F32, Activations::Int8),
            (Stored::Q8, Activations::F32),
            (Stored::Q8, Activations::Int8),
        ] {
            let case = Case { activations, ..Case::new(file(&Tiny::new(shape), stored)) };
            let prompts = prompts(shape.vocab_size, 135);
            case.check(&prompts, &prompts);
        }
    }
}

#[test]
fn folders_give_the_same_bits_however_they_are_run_in_every_format() {
    for shape in SHAPES {
        let prompts = prompts(shape.vocab_size, 100);
        for stored in [Stored::F32, Stored::F16, Stored::BF16] {
            let tiny = Tiny::new(shape).rounded(stored);
            Case::new(folder("formats", &tiny, stored)).check(&prompts, &prompts);
        }
        let case = || Case::new(folder("formats", &Tiny::new(shape), Stored::F32));
        for dtype in [WeightDtype::BF16, WeightDtype::Q8_0] {
            Case { dtype, ..case() }.check(&prompts, &prompts);
        }
    }
}

/// Folders whose settings the small models above have not: an untied head, other rotary positions,
/// caps.
#[test]
fn variants_give_the_same_bits_however_they_are_run() {
    for name in ["gpt2-untied", "llama3", "gemma3-softcap", "gemma3-image"] {
        let case = || Case::new(folders::open(name));
        let config = case().checkpoint.config().expect("sound");
        let vocab_size = u32::try_from(config.vocab_size).expect("a small one");
        let prompts = prompts(vocab_size, 100);
        case().check(&prompts, &prompts);
        Case { profile: Profile::Portable, ..case() }.check(&prompts, &prompts);
        let (dtype, activations) = (WeightDtype::Q8_0, Activations::F32);
        Case { dtype, activations, ..case() }.check(&prompts, &prompts);
    }
}

#[test]
fn each_profile_has_its_own_bits_on_every_level() {
    for shape in SHAPES {
        let prompts = prompts(shape.vocab_size, 70);
        let rows = [Profile::Fast, Profile::Portable].map(|profile| {
            let case = Case::new(folder("profiles", &Tiny::new(shape), Stored::F32));
            let case = Case { profile, ..case };
            case.check(&prompts, &prompts);
            alone(&case.model(1, None), &prompts, 64)
        });
        assert_ne!(rows[0], rows[1], "{}", shape.architecture);
    }
}

#[cfg(feature = "embedded")]
#[test]
fn the_embedded_model_gives_the_same_bits_however_it_is_run() {
    let case = Case::new(kelvin_lm::embedded::checkpoint().expect("sound"));
    let prompts = prompts(65, 100);
    case.check(&prompts, &prompts);
}

#[test]
fn smollm2_gives_the_same_bits_however_it_is_run() {
    real_model("smollm2-135m-instruct-q4_1.gguf");
}

#[test]
fn gemma_gives_the_same_bits_however_it_is_run() {
    real_model("gemma-3-270m-q4_k_m.gguf");
}

fn real_model(file: &str) {
    let Some(path) = real::path(file) else { return };
    let case = Case::new(Checkpoint::open(&path).expect("the file is whole"));
    let prompts = prompts(40_000, 70);
    let slow = vec![prompts[7].clone()];
    case.check(&prompts, &slow);
}
