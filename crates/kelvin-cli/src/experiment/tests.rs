//! Samples of a batch are those of `generate`, whatever runs beside them.

use kelvin_lm::generate::Chooser as _;
use kelvin_lm::tokenizer::SpecialTokens;
use kelvin_lm::{EngineOptions, embedded};

use super::*;

const POLICIES: [&str; 4] =
    ["greedy", "temperature(0.7) | top-p(0.9)", "temperature(1.6)", "banned-tokens(1) | top-k(3)"];

fn models(threads: usize) -> (Model, Tokenizer) {
    let checkpoint = embedded::checkpoint().expect("it is sound");
    let options = EngineOptions { threads: Some(threads), ..EngineOptions::default() };
    let model = Model::open(&checkpoint, options).expect("it is sound");
    (model, Tokenizer::open(&checkpoint).expect("it is sound"))
}

fn cell(policy: &str) -> Cell {
    Cell { label: policy.to_owned(), pipeline: policy.parse().expect("a pipeline") }
}

fn prompt(text: &str, tokenizer: &Tokenizer) -> Prompt {
    let ids = tokenizer.encode_prompt(text, SpecialTokens::Text).expect("letters it knows");
    let seed = Seed::new(7).with_stream(kelvin::stream_of(&ids));
    Prompt { text: text.to_owned(), ids, seed }
}

fn samples((model, tokenizer): &(Model, Tokenizer), rows: usize) -> Vec<Sample> {
    let cells = POLICIES.map(cell);
    let prompts = ["ROMEO:", "R", "ROMEO: But soft"].map(|text| prompt(text, tokenizer));
    let detok = Detok::new(vec!["\n\n".to_owned()]).expect("not empty");
    let rows = Rows::exactly(rows);
    let (cells, prompts) = (&cells[..], &prompts[..]);
    let experiment =
        Experiment { model, tokenizer, cells, prompts, detok, max_new_tokens: 40, rows };
    let mut collected = Collected::default();
    let ended = experiment.run(experiment.keys(3), &mut collected).expect("it runs");
    assert_eq!((ended, collected.failures.len()), (Ended::Whole, 0));
    collected.into_samples()
}

#[test]
fn neither_rows_nor_threads_change_a_sample() {
    let one = models(1);
    let expected = samples(&one, 1);
    assert_eq!(expected.len(), 4 * 3 * 3);
    assert!(expected.iter().any(|it| it.finish == "stop") && expected[0].finish == "length");
    let keys = expected.iter().map(Sample::key);
    assert!(keys.is_sorted());
    for rows in [2, 5, 64] {
        assert_eq!(samples(&one, rows), expected, "{rows} rows");
    }
    assert_eq!(samples(&models(3), 7), expected, "three threads");
}

#[test]
fn a_sample_has_the_tokens_and_numbers_it_has_alone() {
    let models = models(1);
    let (model, tokenizer) = &models;
    for sample in samples(&models, 8) {
        let pipeline = cell(POLICIES[sample.cell]).pipeline;
        let Prompt { ids, seed, .. } =
            prompt(["ROMEO:", "R", "ROMEO: But soft"][sample.prompt], tokenizer);
        let sampler = Sampler::new(pipeline, model.config().vocab_size).expect("it fits");
        let sampler = sampler.with_seed(seed.with_choice(sample.sample)).with_prompt(&ids);
        let (mut sampler, mut session) = (sampler.expect("it fits"), Session::new(model));
        let mut fed = ids;
        for (at, &id) in sample.token_ids.iter().enumerate() {
            let logits = session.feed(&fed).expect("it fits");
            let step = sampler.sample_traced(logits, 1).expect("a usable row");
            assert_eq!(sampler.choose(logits).expect("a usable row"), id);
            let numbers =
                [step.raw_logprob, step.logprob, step.raw_entropy_nats, step.entropy_nats];
            let Sample { raw_logprobs, logprobs, raw_entropies, entropies, kept, .. } = &sample;
            let found = [raw_logprobs, logprobs, raw_entropies, entropies].map(|list| list[at]);
            assert_eq!((found, kept[at] as usize), (numbers, step.kept));
            fed = vec![id];
        }
    }
}

#[test]
fn a_sample_that_fails_is_told_and_the_others_go_on() {
    let (model, tokenizer) = models(1);
    let everything: Vec<String> = (0..model.config().vocab_size).map(|id| id.to_string()).collect();
    let cells = [cell(&format!("banned-tokens({})", everything.join(", "))), cell("top-k(2)")];
    let prompts = [prompt("ROMEO:", &tokenizer)];
    let (detok, rows) = (Detok::new(Vec::new()).expect("no stops"), Rows::exactly(4));
    let (model, tokenizer, cells, prompts) = (&model, &tokenizer, &cells[..], &prompts[..]);
    let experiment =
        Experiment { model, tokenizer, cells, prompts, detok, max_new_tokens: 5, rows };
    let mut collected = Collected::default();
    experiment.run(experiment.keys(2), &mut collected).expect("it runs");
    let failed: Vec<usize> = collected.failures.iter().map(|(key, _)| key.cell).collect();
    assert_eq!(failed, [0, 0]);
    let told = &collected.failures[0].1;
    assert!(told.contains("banned-tokens"), "{told}");
    let whole = collected.into_samples();
    assert_eq!(whole.iter().map(|it| it.token_ids.len()).collect::<Vec<_>>(), [5, 5]);
}
