//! Reads the golden files of llama.cpp.

use std::fmt;

use serde_json::Value;

/// One file: a model, its weights, and what llama.cpp said.
pub(crate) struct Golden(Value);

/// What llama.cpp said before it chose a token.
pub(crate) struct Step {
    /// The ten ids with the largest logits, best first.
    pub(crate) ids: Vec<u32>,
    /// Their logits.
    pub(crate) logits: Vec<f64>,
}

/// One prompt and the tokens that llama.cpp chose greedily after it.
pub(crate) struct Prompt {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) input: Vec<u32>,
    /// As many as there are steps.
    pub(crate) ids: Vec<u32>,
    pub(crate) steps: Vec<Step>,
}

/// llama.cpp's perplexity over the first ids of a text.
pub(crate) struct Perplexity {
    /// How many ids.
    pub(crate) ids: usize,
    /// Names them.
    pub(crate) ids_fnv1a64: u64,
    /// How many of them are scored: all but the first.
    pub(crate) scored: usize,
    pub(crate) value: f64,
    /// Positions per element of `span_losses`.
    pub(crate) span: usize,
    /// Sums of −ln p.
    pub(crate) span_losses: Vec<f64>,
}

/// How much llama.cpp differs from itself.
pub(crate) struct SelfNoise {
    rms: f64,
    flip_rate: f64,
    widest_flip: f64,
}

impl fmt::Display for SelfNoise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rms, flip_rate, widest_flip } = self;
        let percent = 100.0 * flip_rate;
        write!(f, "rms {rms:.3}, flips {percent:.1} %, the widest at a gap of {widest_flip:.3}")
    }
}

impl Golden {
    /// The file of this model (`smollm2`, `gemma3`) and these weights (`f32`, `quant`).
    pub(crate) fn read(model: &str, weights: &str) -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
        let path = format!("{folder}/llama-cpp-{model}-{weights}.json");
        let text = std::fs::read_to_string(&path).expect("golden files are in the repository");
        Self(serde_json::from_str(&text).expect("golden files are JSON"))
    }

    /// The model's file name.
    pub(crate) fn model(&self) -> &str {
        string(&self.0["model"])
    }

    /// Whether llama.cpp ran with the dequantised weights and an f32 cache.
    pub(crate) fn is_f32(&self) -> bool {
        string(&self.0["weights"]) == "f32"
    }

    pub(crate) fn prompts(&self) -> Vec<Prompt> {
        list(&self.0["prompts"], prompt)
    }

    pub(crate) fn perplexity(&self) -> Perplexity {
        let value = &self.0["perplexity"];
        let hex = string(&value["ids_fnv1a64"]);
        Perplexity {
            ids: count(&value["ids"]),
            ids_fnv1a64: u64::from_str_radix(hex, 16).expect("it is hexadecimal"),
            scored: count(&value["scored"]),
            value: number(&value["value"]),
            span: count(&value["span"]),
            span_losses: list(&value["span_losses"], number),
        }
    }

    pub(crate) fn self_noise(&self) -> SelfNoise {
        let value = &self.0["self_noise"];
        SelfNoise {
            rms: number(&value["rms"]),
            flip_rate: number(&value["flip_rate"]),
            widest_flip: number(&value["largest_gap_at_a_flip"]),
        }
    }
}

fn prompt(value: &Value) -> Prompt {
    let top_ids = list(&value["top_ids"], |step| list(step, id));
    let top_logits = list(&value["top_logits"], |step| list(step, number));
    let ids = list(&value["ids"], id);
    assert_eq!((top_ids.len(), top_logits.len()), (ids.len(), ids.len()));
    Prompt {
        name: string(&value["name"]).to_owned(),
        text: string(&value["text"]).to_owned(),
        input: list(&value["prompt_ids"], id),
        ids,
        steps: top_ids
            .into_iter()
            .zip(top_logits)
            .map(|(ids, logits)| Step { ids, logits })
            .collect(),
    }
}

fn string(value: &Value) -> &str {
    value.as_str().expect("it is a string")
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("it is a number")
}

fn count(value: &Value) -> usize {
    value.as_u64().and_then(|count| count.try_into().ok()).expect("it is a count")
}

fn id(value: &Value) -> u32 {
    value.as_u64().and_then(|id| id.try_into().ok()).expect("it is a token id")
}

fn list<T>(value: &Value, read: impl Fn(&Value) -> T) -> Vec<T> {
    value.as_array().expect("it is a list").iter().map(read).collect()
}

/// FNV-1a-64 over ids as little-endian u32, as the script that made the files has it.
pub(crate) fn fnv1a64(ids: &[u32]) -> u64 {
    ids.iter().flat_map(|id| id.to_le_bytes()).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
