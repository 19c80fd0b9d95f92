//! How GGUF files name a decoder's hyper-parameters and tensors, and what llama.cpp's converter
//! does to them.

use std::collections::BTreeSet;

use super::weights::{Layer, Weights};
use crate::config::{Activation, Architecture, Config, Window};
use crate::format::Text;
use crate::format::gguf::{Gguf, Tensor};
use crate::kernel::Matrix;
use crate::{Error, ErrorKind, Result};

/// Positions between Gemma 3's layers that see everything, and the rotary base of the others:
/// llama.cpp's defaults, as most files leave them out.
const GEMMA3_EVERY: u32 = 6;
const GEMMA3_LOCAL_BASE: f32 = 10_000.0;
/// The rotary base where a file names none.
const DEFAULT_ROPE_BASE: f32 = 10_000.0;
/// Gemma 3's 27 billion parameter model, known by its depth, scales queries by its own rule.
const GEMMA3_27B_LAYERS: usize = 62;

/// Settings that change the result and that this version does not know: refused, not ignored.
/// Each with the value that means nothing is changed.
const REFUSED_NUMBERS: [(&str, f32); 6] = [
    ("rope.scaling.factor", 1.0),
    ("rope.scale_linear", 1.0),
    ("attn_logit_softcapping", 0.0),
    ("final_logit_softcapping", 0.0),
    ("attention.clamp_kqv", 0.0),
    ("logit_scale", 0.0),
];

/// Reads the hyper-parameters of one architecture: `llama.block_count`, `gemma3.block_count`.
struct Keys<'a> {
    gguf: &'a Gguf,
    architecture: Architecture,
}

impl Keys<'_> {
    fn name(&self, suffix: &str) -> String {
        format!("{}.{suffix}", self.architecture)
    }

    fn size(&self, suffix: &str) -> Result<Option<usize>> {
        let found = self.gguf.metadata().u32(&self.name(suffix))?;
        Ok(found.map(|size| size as usize))
    }

    fn number(&self, suffix: &str) -> Result<Option<f32>> {
        self.gguf.metadata().f32(&self.name(suffix))
    }

    fn need<T>(&self, suffix: &str, found: Option<T>) -> Result<T> {
        found.ok_or_else(|| {
            let name = self.name(suffix);
            Error::new(ErrorKind::Format, format!("metadata lacks {name}"))
        })
    }

    fn needed_size(&self, suffix: &str) -> Result<usize> {
        self.need(suffix, self.size(suffix)?)
    }

    fn refuse(&self) -> Result<()> {
        for (suffix, neutral) in REFUSED_NUMBERS {
            if let Some(given) =
                self.number(suffix)?.filter(|given| given.to_bits() != neutral.to_bits())
            {
                return Err(self.unsupported(suffix, &given.to_string(), &neutral.to_string()));
            }
        }
        if let Some(experts) = self.size("expert_count")?.filter(|experts| *experts > 0) {
            return Err(self.unsupported("expert_count", &experts.to_string(), "0"));
        }
        let scaling = self.gguf.metadata().str(&self.name("rope.scaling.type"))?;
        match scaling.filter(|kind| *kind != "none") {
            Some(kind) => Err(self.unsupported("rope.scaling.type", kind, "none")),
            None => Ok(()),
        }
    }

    fn unsupported(&self, suffix: &str, given: &str, known: &str) -> Error {
        let (name, given) = (self.name(suffix), Text(given.as_bytes()));
        Error::new(ErrorKind::Unsupported, format!("{name} = {given}, but only {known} is known"))
    }

    fn head_dim(&self, d_model: usize, n_heads: usize) -> Result<usize> {
        let head_dim = match self.size("attention.key_length")? {
            Some(given) => given,
            None if d_model.is_multiple_of(n_heads.max(1)) => d_model / n_heads.max(1),
            None => {
                return Err(Error::new(
                    ErrorKind::Shape,
                    format!("d_model = {d_model} is not a multiple of n_heads = {n_heads}"),
                ));
            }
        };
        for suffix in ["attention.value_length", "rope.dimension_count"] {
            if let Some(other) = self.size(suffix)?.filter(|other| *other != head_dim) {
                return Err(self.unsupported(suffix, &other.to_string(), &head_dim.to_string()));
            }
        }
        Ok(head_dim)
    }

    fn window(&self) -> Result<Option<Window>> {
        let Some(size) = self.size("attention.sliding_window")?.filter(|size| *size > 0) else {
            return Ok(None);
        };
        if self.architecture == Architecture::Llama {
            return Err(self.unsupported("attention.sliding_window", &size.to_string(), "0"));
        }
        let every = self.size("attention.sliding_window_pattern")?;
        let rope_base = self.number("rope.freq_base_swa")?.unwrap_or(GEMMA3_LOCAL_BASE);
        Ok(Some(Window { size, every: every.unwrap_or(GEMMA3_EVERY as usize), rope_base }))
    }
}

impl Config {
    /// The blueprint in a file's metadata and in the shape of its embedding; no weights are read.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for an architecture or setting this version does not know,
    /// [`ErrorKind::Format`] for a missing key, [`ErrorKind::Shape`] for numbers that contradict
    /// each other.
    pub fn from_gguf(gguf: &Gguf) -> Result<Self> {
        config(gguf)
    }
}

pub(super) fn config(gguf: &Gguf) -> Result<Config> {
    let name = gguf.metadata().str("general.architecture")?;
    let Some(name) = name else {
        return Err(Error::new(ErrorKind::Format, "metadata lacks general.architecture"));
    };
    let architecture = Architecture::from_name(name)?;
    let keys = Keys { gguf, architecture };
    keys.refuse()?;
    let n_layers = keys.needed_size("block_count")?;
    let d_model = keys.needed_size("embedding_length")?;
    let n_heads = keys.needed_size("attention.head_count")?;
    let head_dim = keys.head_dim(d_model, n_heads)?;
    let gemma = architecture == Architecture::Gemma3;
    let query_width =
        if gemma && n_layers == GEMMA3_27B_LAYERS { d_model / n_heads.max(1) } else { head_dim };
    let config = Config {
        architecture,
        n_layers,
        d_model,
        n_heads,
        n_kv_heads: keys.size("attention.head_count_kv")?.unwrap_or(n_heads),
        head_dim,
        d_ff: keys.needed_size("feed_forward_length")?,
        vocab_size: vocab_size(&keys)?,
        max_seq: keys.needed_size("context_length")?,
        norm_eps: keys.need(
            "attention.layer_norm_rms_epsilon",
            keys.number("attention.layer_norm_rms_epsilon")?,
        )?,
        rope_base: keys.number("rope.freq_base")?.unwrap_or(DEFAULT_ROPE_BASE),
        window: keys.window()?,
        activation: if gemma { Activation::GeGlu } else { Activation::SwiGlu },
        embedding_scale: if gemma { (d_model as f32).sqrt() } else { 1.0 },
        query_scale: 1.0 / (query_width as f32).sqrt(),
        qk_norm: gemma,
        post_norms: gemma,
        tied_head: gguf.tensor("output.weight").is_none(),
    };
    config.check()?;
    Ok(config)
}

/// Rows of the embedding, held to what the metadata and the tokenizer say.
fn vocab_size(keys: &Keys<'_>) -> Result<usize> {
    let Some(embedding) = keys.gguf.tensor(EMBEDDING) else {
        return Err(Error::new(ErrorKind::Shape, format!("the file lacks tensor {EMBEDDING}")));
    };
    // what does not fit is beyond every limit that the blueprint is held to
    let rows = usize::try_from(embedding.shape()[0]).unwrap_or(usize::MAX);
    let tokens = keys.gguf.metadata().strings("tokenizer.ggml.tokens")?;
    let given = [keys.size("vocab_size")?, tokens.map(|tokens| tokens.len())];
    match given.into_iter().flatten().find(|given| *given != rows) {
        Some(given) => Err(Error::new(
            ErrorKind::Shape,
            format!("the vocabulary has {given} tokens, but {EMBEDDING} has {rows} rows"),
        )
        .at(embedding.offset())),
        None => Ok(rows),
    }
}

const EMBEDDING: &str = "token_embd.weight";

/// The weights, each tensor held to the shape that `config` gives it.
///
/// # Errors
/// [`ErrorKind::Shape`] for a tensor that is missing or has another shape, with its byte offset;
/// [`ErrorKind::Unsupported`] for a tensor that this version would leave unused.
pub(super) fn weights(gguf: &Gguf, config: &Config) -> Result<Weights> {
    let mut reader = Reader { gguf, config, used: BTreeSet::new() };
    let d_model = config.d_model;
    let weights = Weights {
        embedding: reader.matrix(EMBEDDING, config.vocab_size, d_model)?,
        head: (!config.tied_head)
            .then(|| reader.matrix("output.weight", config.vocab_size, d_model))
            .transpose()?,
        output_norm: reader.vector("output_norm.weight", d_model)?,
        layers: (0..config.n_layers).map(|layer| reader.layer(layer)).collect::<Result<_>>()?,
    };
    reader.refuse_unused()?;
    Ok(weights)
}

struct Reader<'a> {
    gguf: &'a Gguf,
    config: &'a Config,
    used: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    fn layer(&mut self, layer: usize) -> Result<Layer> {
        let Config { d_model, d_ff, head_dim, .. } = *self.config;
        let (d_query, d_kv) = (self.config.d_query(), self.config.d_kv());
        let (qk_norm, post_norms) = (self.config.qk_norm, self.config.post_norms);
        let name = |part: &str| format!("blk.{layer}.{part}.weight");
        Ok(Layer {
            attn_norm: self.vector(&name("attn_norm"), d_model)?,
            query: self.rotated(&name("attn_q"), d_query)?,
            key: self.rotated(&name("attn_k"), d_kv)?,
            value: self.matrix(&name("attn_v"), d_kv, d_model)?,
            qk_norm: self.vector_if(qk_norm, &name("attn_q_norm"), head_dim)?.zip(self.vector_if(
                qk_norm,
                &name("attn_k_norm"),
                head_dim,
            )?),
            output: self.matrix(&name("attn_output"), d_model, d_query)?,
            post_attn_norm: self.vector_if(post_norms, &name("post_attention_norm"), d_model)?,
            ffn_norm: self.vector(&name("ffn_norm"), d_model)?,
            gate: self.matrix(&name("ffn_gate"), d_ff, d_model)?,
            up: self.matrix(&name("ffn_up"), d_ff, d_model)?,
            down: self.matrix(&name("ffn_down"), d_model, d_ff)?,
            post_ffn_norm: self.vector_if(post_norms, &name("post_ffw_norm"), d_model)?,
        })
    }

    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Tensor<'a>> {
        let Some(tensor) = self.gguf.tensor(name) else {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("the file lacks tensor {name}, expected of shape {shape:?}"),
            ));
        };
        let found = tensor.shape();
        if !found.iter().copied().eq(shape.iter().map(|&size| size as u64)) {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("tensor {name} has shape {found:?}, expected {shape:?}"),
            )
            .at(tensor.offset()));
        }
        self.used.insert(name.to_owned());
        Ok(tensor)
    }

    fn matrix(&mut self, name: &str, rows: usize, cols: usize) -> Result<Matrix> {
        let tensor = self.tensor(name, &[rows, cols])?;
        Matrix::new(tensor.dtype(), rows, cols, tensor.bytes())
            .map_err(|error| error.at(tensor.offset()))
    }

    /// A query or key matrix, `[rows, d_model]`, with the pairs that rotary positions turn half a
    /// head apart.
    ///
    /// For Llama the converter stores them side by side: row 2i and 2i + 1 of a head are what the
    /// published weights have at i and i + `head_dim` / 2.
    fn rotated(&mut self, name: &str, rows: usize) -> Result<Matrix> {
        let d_model = self.config.d_model;
        if self.config.architecture != Architecture::Llama {
            return self.matrix(name, rows, d_model);
        }
        let tensor = self.tensor(name, &[rows, d_model])?;
        let bytes = apart(tensor.bytes(), tensor.bytes().len() / rows, self.config.head_dim);
        Matrix::new(tensor.dtype(), rows, d_model, &bytes)
            .map_err(|error| error.at(tensor.offset()))
    }

    fn vector(&mut self, name: &str, len: usize) -> Result<Vec<f32>> {
        let tensor = self.tensor(name, &[len])?;
        let mut numbers = vec![0.0; len];
        Matrix::new(tensor.dtype(), 1, len, tensor.bytes())
            .map_err(|error| error.at(tensor.offset()))?
            .row(0, &mut numbers);
        Ok(numbers)
    }

    fn vector_if(&mut self, present: bool, name: &str, len: usize) -> Result<Option<Vec<f32>>> {
        present.then(|| self.vector(name, len)).transpose()
    }

    fn refuse_unused(&self) -> Result<()> {
        match self.gguf.tensors().find(|tensor| !self.used.contains(tensor.name())) {
            Some(extra) => Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "tensor {} is no part of a {} model here",
                    Text(extra.name().as_bytes()),
                    self.config.architecture
                ),
            )
            .at(extra.offset())),
            None => Ok(()),
        }
    }
}

/// Rows of each head reordered from (0, 1), (2, 3), … pairs to halves: even rows first, then odd.
fn apart(rows: &[u8], row_bytes: usize, head_dim: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(rows.len());
    for head in rows.chunks_exact(row_bytes * head_dim) {
        let parity = |odd| head.chunks_exact(row_bytes).skip(odd).step_by(2);
        for row in parity(0).chain(parity(1)) {
            out.extend_from_slice(row);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::apart;

    #[test]
    fn pairs_side_by_side_become_halves_of_each_head() {
        let rows = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7];
        assert_eq!(apart(&rows, 2, 4), [0, 0, 2, 2, 1, 1, 3, 3, 4, 4, 6, 6, 5, 5, 7, 7]);
    }
}
