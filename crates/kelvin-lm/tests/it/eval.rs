//! Scores of texts: their law, their windows, and what float64 says.

use kelvin::{Softmax, math};
use kelvin_lm::eval::{Scoring, Text, TokenScore, Totals, Windows};
use kelvin_lm::format::gguf::Gguf;
use kelvin_lm::kernel::{Activations, Level};
use kelvin_lm::{EngineOptions, ErrorKind, Model, Result, Session};
use serde_json::Value;

use crate::counting;
use crate::real;
use crate::tiny::{self, Shape, Stored, Tiny};

fn model_with(shape: Shape, options: EngineOptions) -> Model {
    let gguf = Gguf::parse(Tiny::new(shape).file(Stored::Q8)).expect("well formed");
    Model::from_gguf(&gguf, options).expect("well formed")
}

fn model(shape: Shape) -> Model {
    model_with(shape, EngineOptions { threads: Some(1), ..EngineOptions::default() })
}

fn ids(n: u32) -> Vec<u32> {
    (0..n).map(|i| (i * i * 3 + 5 * i + 2) % 67).collect()
}

fn text(bos: Option<u32>, ids: &[u32]) -> Text {
    Text::from_ids(bos, ids, 4 * ids.len()).expect("something to score")
}

fn scores(model: &Model, text: &Text, size: usize, stride: usize) -> Vec<TokenScore> {
    let windows = Windows::new(size, stride).expect("in range");
    let scores = Scoring::new(model, text, windows).expect("within the context");
    scores.collect::<Result<_>>().expect("sound logits")
}

/// The probabilities of all texts of two tokens, by the chain rule from their scores.
#[test]
fn the_probabilities_of_all_texts_sum_to_one() {
    let model = model(Shape { vocab_size: 12, n_layers: 1, ..tiny::LLAMA });
    for bos in [None, Some(3)] {
        let mut sum = 0.0;
        for first in 0..12 {
            for second in 0..12 {
                let ids = if bos.is_some() { vec![first, second] } else { vec![7, first, second] };
                let scored = scores(&model, &text(bos, &ids), 8, 4);
                assert_eq!(scored.len(), 2);
                sum += math::exp(-scored.into_iter().collect::<Totals>().nats);
            }
        }
        assert!((sum - 1.0).abs() < 1e-12, "{sum}");
    }
}

/// The windows as a loop over them, each fed to a session of its own.
fn by_windows(model: &Model, text: &Text, size: usize, stride: usize) -> Vec<TokenScore> {
    let kept = usize::from(text.has_bos());
    let (bos, ids) = text.ids().split_at(kept);
    let (mut scores, mut previous, mut begin) = (Vec::new(), 0, 0);
    while previous < ids.len() {
        let end = ids.len().min(begin + size - kept);
        let window = [bos, &ids[begin..end]].concat();
        let mut session = Session::new(model);
        for place in 1..window.len() {
            let (id, logits) = (window[place], session.feed(&window[place - 1..place]));
            let (logits, pos) = (logits.expect("it fits"), begin + place);
            if pos >= previous + kept {
                let softmax = Softmax::new(logits).expect("sound logits");
                let rank = kelvin::softmax::rank(logits, id);
                let surprisal_nats = 0.0 - softmax.logprob(logits[id as usize]);
                let entropy_nats = softmax.entropy_nats();
                scores.push(TokenScore { pos, id, surprisal_nats, rank, entropy_nats });
            }
        }
        previous = end;
        begin += stride;
    }
    scores
}

#[test]
fn each_token_is_scored_once_in_the_first_window_that_reaches_it() {
    let model = model(tiny::GEMMA);
    for bos in [None, Some(1)] {
        for n in [2, 3, 8, 9, 10, 77] {
            let text = text(bos, &ids(n));
            for (size, stride) in [(3, 1), (8, 1), (8, 4), (9, 7), (70, 3), (256, 128)] {
                let name = format!("bos {bos:?}, {n} tokens, windows of {size} every {stride}");
                let found = scores(&model, &text, size, stride);
                assert_eq!(found, by_windows(&model, &text, size, stride), "{name}");
                let positions: Vec<usize> = found.iter().map(|score| score.pos).collect();
                assert_eq!(positions, (1..text.ids().len()).collect::<Vec<_>>(), "{name}");
                assert_eq!(found.len(), text.n_scored(), "{name}");
            }
        }
    }
}

#[test]
fn threads_and_instruction_sets_change_no_bit() {
    let text = text(None, &ids(150));
    let bits = |options| -> Vec<[u64; 2]> {
        let model = model_with(tiny::LLAMA, options);
        let scores = scores(&model, &text, 100, 30);
        scores.iter().map(|it| [it.surprisal_nats.to_bits(), it.entropy_nats.to_bits()]).collect()
    };
    let options = |threads, level| EngineOptions {
        threads: Some(threads),
        level,
        ..EngineOptions::default()
    };
    let expected = bits(options(1, None));
    for threads in [2, 5] {
        assert_eq!(bits(options(threads, None)), expected, "{threads} threads");
    }
    for level in Level::available() {
        assert_eq!(bits(options(1, Some(level))), expected, "{level}");
    }
}

#[test]
fn memory_does_not_grow_with_the_text() {
    let model = model(tiny::LLAMA);
    let peak = |n| {
        let text = text(None, &ids(n));
        let windows = Windows::new(64, 32).expect("in range");
        let totals = || Scoring::new(&model, &text, windows)?.collect::<Result<Totals>>();
        let (totals, peak) = counting::peak(totals);
        assert_eq!(totals.expect("sound logits").n_tokens, text.n_scored());
        peak
    };
    let (short, long) = (peak(200), peak(3000));
    let all_logits = 3000 * 70 * 4;
    assert!(long < short + 16 * 3000 && long < all_logits, "{short} and {long} bytes");
}

#[test]
fn figures_are_those_of_the_definitions() {
    let score = |surprisal_nats: f64| TokenScore {
        pos: 1,
        id: 0,
        surprisal_nats,
        rank: 1,
        entropy_nats: 0.0,
    };
    let totals: Totals = [1.0, 2.0, 6.0].map(score).into_iter().collect();
    assert_eq!((totals.n_tokens, totals.nats.to_bits()), (3, 9.0_f64.to_bits()));
    assert_eq!(totals.nats_per_token().to_bits(), 3.0_f64.to_bits());
    assert!((totals.perplexity() - 20.085_536_923_187_668).abs() < 1e-12);
    assert!((totals.bits_per_byte(12) - 1.082_021_280_666_723).abs() < 1e-14);
    let ruled_out: Totals = [1.0, f64::INFINITY].map(score).into_iter().collect();
    assert!(ruled_out.perplexity().is_infinite() && ruled_out.bits_per_byte(1).is_infinite());
    assert!(Totals::default().perplexity().is_nan());
}

#[test]
fn what_cannot_be_scored_is_said() {
    let model = model(tiny::LLAMA);
    let told = |text: Result<Text>| {
        let error = text.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Prompt);
        error.to_string()
    };
    assert_eq!(told(Text::from_ids(Some(1), &[], 0)), "the text is empty, nothing to score");
    let one = "the text is one token, and this model puts none before it: nothing to score";
    assert_eq!(told(Text::from_ids(None, &[5], 0)), one);
    let windows = Windows::halves(256).expect("in range");
    let outside = text(None, &[5, 70]);
    let error = Scoring::new(&model, &outside, windows).expect_err("no such token");
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::Prompt, "token id 70 is outside 0 to 69")
    );
    let sound = text(None, &[5, 6]);
    let wide = Scoring::new(&model, &sound, Windows::new(257, 9).expect("in range"));
    let wide = wide.expect_err("beyond 256");
    assert_eq!(wide.kind(), ErrorKind::Parameter);
    assert_eq!(wide.to_string(), "windows of 257 tokens exceed the model's context of 256");
    for (size, stride) in [(2, 1), (8, 0), (8, 7)] {
        let refused = Windows::new(size, stride).expect_err("out of range");
        assert_eq!(refused.kind(), ErrorKind::Parameter);
        assert!(
            refused.to_string().contains(&format!("{}", if size == 2 { size } else { stride }))
        );
    }
}

#[test]
fn a_model_that_says_no_numbers_ends_the_scores() {
    let shape = tiny::LLAMA;
    let mut parts = Tiny::new(shape).parts(Stored::F32);
    parts.data.iter_mut().for_each(|byte| *byte = 0xFF);
    let gguf = Gguf::parse(parts.bytes()).expect("well formed");
    let model =
        Model::from_gguf(&gguf, EngineOptions::default()).expect("numbers are not looked at");
    let text = text(None, &ids(100));
    let windows = Windows::of(&model).expect("in range");
    let mut scores = Scoring::new(&model, &text, windows).expect("it fits");
    let error = scores.next().expect("an item").expect_err("NaN");
    assert_eq!(error.kind(), ErrorKind::Logits);
    assert!(scores.next().is_none());
}

fn numbers(value: &Value) -> Vec<f64> {
    let items = value.as_array().expect("a list").iter();
    items.map(|item| item.as_f64().expect("a number")).collect()
}

/// `tests/golden/MADE.md` says how the figures were made.
#[test]
fn surprisals_are_those_of_float64() {
    let golden = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/golden/float64-scores.json"
    ));
    let golden: Value = serde_json::from_str(&golden.expect("it is there")).expect("it is JSON");
    for record in golden.as_array().expect("a list") {
        let file = record["model"].as_str().expect("a name");
        let Some(path) = real::path(file) else { continue };
        let options = EngineOptions { activations: Activations::F32, ..EngineOptions::default() };
        let model = Model::load(path, options).expect("a sound file");
        let bos = record["bos"].as_u64().map(|id| u32::try_from(id).expect("an id"));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "they are ids")]
        let ids: Vec<u32> = numbers(&record["ids"]).iter().map(|&id| id as u32).collect();
        let text = text(bos, &ids);
        let mut worst = [0.0_f64; 2];
        for window in record["windows"].as_array().expect("a list") {
            let number = |name: &str| usize::try_from(window[name].as_u64().expect("a count"));
            let (size, stride) = (number("size").expect("small"), number("stride").expect("small"));
            let found = scores(&model, &text, size, stride);
            let (surprisals, entropies) =
                (numbers(&window["surprisal_nats"]), numbers(&window["entropy_nats"]));
            assert_eq!(found.len(), surprisals.len());
            for (score, (surprisal, entropy)) in found.iter().zip(surprisals.iter().zip(&entropies))
            {
                worst[0] = worst[0].max((score.surprisal_nats - surprisal).abs());
                worst[1] = worst[1].max((score.entropy_nats - entropy).abs());
            }
            let ranks = found.iter().map(|score| Value::from(score.rank));
            let golden = window["rank"].as_array().expect("a list");
            let differing = ranks.zip(golden).filter(|(rank, golden)| rank != *golden);
            assert!(differing.count() <= 2, "{file}: ranks, windows of {size}");
        }
        real::say(&format!(
            "{file}: surprisals within {:.1e}, entropies within {:.1e}",
            worst[0], worst[1]
        ));
        assert!(worst[0] < 2e-4 && worst[1] < 2e-4, "{file}: {worst:?}");
    }
}
