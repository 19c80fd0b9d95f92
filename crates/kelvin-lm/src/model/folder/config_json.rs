//! The blueprint as a `config.json`, in the words of transformers.

use serde::Serialize;

use super::config::ACTIVATIONS;
use crate::config::{Architecture, Config};
use crate::dtype::Dtype;
use crate::{Error, ErrorKind, Result, TokenId};

/// The settings of `GPT2Config` that are not its defaults, or whose defaults changed.
#[derive(Serialize)]
struct Gpt2 {
    activation_function: &'static str,
    architectures: [&'static str; 1],
    attn_pdrop: f32,
    bos_token_id: Option<TokenId>,
    dtype: &'static str,
    embd_pdrop: f32,
    eos_token_id: Option<TokenId>,
    layer_norm_epsilon: f32,
    model_type: &'static str,
    n_embd: usize,
    n_head: usize,
    n_inner: usize,
    n_layer: usize,
    n_positions: usize,
    resid_pdrop: f32,
    tie_word_embeddings: bool,
    vocab_size: usize,
}

impl Gpt2 {
    fn to_json(&self) -> String {
        let mut json = serde_json::to_string_pretty(self).expect("strings and numbers are JSON");
        json.push('\n');
        json
    }
}

/// What `config.json` says besides the blueprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfigNotes {
    /// How the weights beside it are stored: F32, F16 or BF16.
    pub dtype: Dtype,
    /// The token that begins a text.
    pub bos: Option<TokenId>,
    /// The token that ends one.
    pub eos: Option<TokenId>,
}

impl Config {
    /// The blueprint as a `config.json`, which transformers reads too. Today of GPT-2 alone.
    ///
    /// What is written is read again, and has to be the same blueprint. Dropout is 0: it belongs to a
    /// training run and not to the model.
    ///
    /// ```
    /// use kelvin_lm::dtype::Dtype;
    /// use kelvin_lm::{Config, ConfigNotes};
    ///
    /// let gpt2 = Config::from_json(br#"{"model_type": "gpt2"}"#)?;
    /// let notes = ConfigNotes { dtype: Dtype::F32, bos: None, eos: Some(50_256) };
    /// let json = gpt2.to_json(notes)?;
    /// assert!(json.contains("\"n_embd\": 768"));
    /// assert_eq!(Config::from_json(json.as_bytes())?, gpt2);
    /// # Ok::<(), kelvin_lm::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] for another architecture, for a blueprint that no `config.json` of
    /// GPT-2 describes, and for a format other than these three; those of [`Config::check`].
    pub fn to_json(&self, notes: ConfigNotes) -> Result<String> {
        self.check()?;
        if self.architecture != Architecture::Gpt2 {
            let detail =
                format!("a config.json is written for gpt2, not for {}", self.architecture);
            return Err(Error::new(ErrorKind::Unsupported, detail));
        }
        let gpt2 = Gpt2 {
            activation_function: self.activation_name(),
            architectures: ["GPT2LMHeadModel"],
            attn_pdrop: 0.0,
            bos_token_id: notes.bos,
            dtype: torch_name(notes.dtype)?,
            embd_pdrop: 0.0,
            eos_token_id: notes.eos,
            layer_norm_epsilon: self.norm_eps,
            model_type: "gpt2",
            n_embd: self.d_model,
            n_head: self.n_heads,
            n_inner: self.d_ff,
            n_layer: self.n_layers,
            n_positions: self.max_seq,
            resid_pdrop: 0.0,
            tie_word_embeddings: self.tied_head,
            vocab_size: self.vocab_size,
        };
        let json = gpt2.to_json();
        if Self::from_json(json.as_bytes()).is_ok_and(|read| read == *self) {
            return Ok(json);
        }
        let detail = "the blueprint has what no config.json of GPT-2 says";
        Err(Error::new(ErrorKind::Unsupported, detail))
    }

    /// What transformers calls the activation; the first of several names.
    fn activation_name(&self) -> &'static str {
        let known = ACTIVATIONS.iter().find(|(_, activation)| *activation == self.activation);
        known.expect("every activation has a name").0
    }
}

fn torch_name(dtype: Dtype) -> Result<&'static str> {
    match dtype {
        Dtype::F32 => Ok("float32"),
        Dtype::F16 => Ok("float16"),
        Dtype::BF16 => Ok("bfloat16"),
        other => {
            let detail = format!("weights are written in F32, F16 or BF16, not in {other}");
            Err(Error::new(ErrorKind::Unsupported, detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Activation, QueryScale};
    use crate::train::Size;

    const NOTES: ConfigNotes = ConfigNotes { dtype: Dtype::F32, bos: None, eos: None };

    fn sizes() -> impl Iterator<Item = Config> {
        let widths = [(1, 1), (2, 1), (8, 2), (48, 3), (64, 4), (384, 6), (768, 12), (1600, 25)];
        let of = |(d_model, n_heads): (usize, usize)| {
            [1, 3, 12].into_iter().flat_map(move |n_layers| {
                let size = Size { n_layers, n_heads, d_model, ..Size::all()[0].clone() };
                [1, 5, 50_257].map(|vocab_size| size.config(vocab_size).expect("sound"))
            })
        };
        widths.into_iter().flat_map(of)
    }

    #[test]
    fn a_blueprint_comes_back_from_its_json() {
        let mut n = 0;
        for (index, config) in sizes().enumerate() {
            for tied_head in [true, false] {
                let step = index as f32;
                let config = Config {
                    tied_head,
                    max_seq: 1 + 37 * index,
                    d_ff: 3 * config.d_model + index,
                    norm_eps: 1e-5 / (1.0 + step / 7.0),
                    activation: [Activation::GeluTanh, Activation::GeluErf, Activation::Silu]
                        [index % 3],
                    ..config.clone()
                };
                let json = config.to_json(NOTES).expect("GPT-2");
                assert_eq!(Config::from_json(json.as_bytes()).expect("it is ours"), config);
                n += 1;
            }
        }
        assert_eq!(n, 144);
    }

    #[test]
    fn what_gpt2_is_not_is_refused() {
        let config = Size::all()[0].config(65).expect("sound");
        let refusal = |config: Config| config.to_json(NOTES).expect_err("refused").to_string();
        let odd = Config { query_scale: QueryScale::Uniform(0.3), ..config.clone() };
        assert_eq!(refusal(odd), "the blueprint has what no config.json of GPT-2 says");
        let llama = Config { architecture: Architecture::Llama, ..config.clone() };
        assert_eq!(refusal(llama), "a config.json is written for gpt2, not for llama");
        let none = Config { vocab_size: 0, ..config.clone() };
        assert_eq!(refusal(none), "vocab_size = 0 is outside 1 to 16777216");
        let quantised = ConfigNotes { dtype: Dtype::Q8_0, ..NOTES };
        let error = config.to_json(quantised).expect_err("refused").to_string();
        assert_eq!(error, "weights are written in F32, F16 or BF16, not in Q8_0");
    }
}
