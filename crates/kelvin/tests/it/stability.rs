//! Whole sequences of tokens per seed. A change here changes what users get for the same request: it
//! must be meant, and the changelog must call it value-breaking.

use kelvin::{Sampler, Seed, TokenId};
use serde_json::Value;

use crate::conformance::read;

fn ids(value: &Value) -> Vec<TokenId> {
    let id = |value: &Value| value.as_u64().and_then(|id| id.try_into().ok()).expect("an id");
    value.as_array().expect("a list").iter().map(id).collect()
}

#[test]
fn a_seed_gives_the_tokens_it_always_gave() {
    let file = read("streams.json");
    #[expect(clippy::cast_possible_truncation, reason = "logits are f32")]
    let mut row: Vec<f32> = file["row"]
        .as_array()
        .expect("a row")
        .iter()
        .map(|z| z.as_f64().expect("a number") as f32)
        .collect();
    let streams = file["streams"].as_array().expect("streams");
    assert_eq!(streams.len(), 24);
    for stream in streams {
        let (prompt, wanted) = (ids(&stream["prompt"]), ids(&stream["tokens"]));
        let seed = Seed::new(stream["seed"].as_u64().expect("a seed")).with_prompt(&prompt);
        let choice = stream["choice"].as_u64().and_then(|choice| choice.try_into().ok());
        let pipeline = stream["pipeline"].as_str().expect("a pipeline").parse().expect("valid");
        let sampler = Sampler::new(pipeline, row.len()).expect("no ids");
        let sampler = sampler.with_seed(seed.with_choice(choice.expect("a choice")));
        let mut sampler = sampler.with_prompt(&prompt).expect("inside the vocabulary");
        let mut found = Vec::new();
        while found.len() < wanted.len() {
            let shift = sampler.history().tokens().len() * 7 % row.len();
            row.rotate_left(shift);
            let token = sampler.sample(&row).expect("finite logits");
            row.rotate_right(shift);
            sampler.accept(token).expect("inside the vocabulary");
            found.push(token);
        }
        assert_eq!(found, wanted, "{stream}");
    }
}
