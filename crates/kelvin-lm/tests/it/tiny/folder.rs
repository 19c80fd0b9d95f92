//! A small model as a folder in Hugging Face layout, its settings as versions before 5 write them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::{Shape, Stored, Tiny};

impl Tiny {
    /// Writes the model into a folder of its own, whose name begins so; all of its tensors are stored alike.
    pub(crate) fn write_folder(&self, name: &str, stored: Stored) -> PathBuf {
        static WRITTEN: AtomicUsize = AtomicUsize::new(0);
        let name = format!("{name}-{}", WRITTEN.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("folders").join(name);
        fs::create_dir_all(&folder).expect("the folder can be made");
        let config = self.shape.config_json().to_string();
        fs::write(folder.join("config.json"), config).expect("the file can be written");
        fs::write(folder.join("model.safetensors"), self.safetensors(stored)).expect("likewise");
        folder
    }

    fn safetensors(&self, stored: Stored) -> Vec<u8> {
        let (mut table, mut data) = (serde_json::Map::new(), Vec::new());
        for (name, (dims, numbers)) in &self.tensors {
            let (name, dims, numbers) = self.published(name, dims, numbers);
            let start = data.len();
            data.extend(numbers.iter().flat_map(|&x| stored.bytes(x)));
            let dtype = format!("{stored:?}");
            let entry = json!({"dtype": dtype, "shape": dims, "data_offsets": [start, data.len()]});
            table.insert(name, entry);
        }
        let header = Value::Object(table).to_string();
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend(header.into_bytes());
        file.extend(data);
        file
    }

    /// A tensor as it is published: what llama.cpp's converter does is undone.
    fn published(
        &self,
        name: &str,
        dims: &[usize],
        numbers: &[f32],
    ) -> (String, Vec<usize>, Vec<f32>) {
        let architecture = self.shape.architecture;
        let published = published_name(architecture, name);
        match (architecture, dims) {
            ("llama", [_, cols]) if name.contains("attn_q.") || name.contains("attn_k.") => {
                (published, dims.to_vec(), halves(numbers, *cols, self.shape.head_dim))
            }
            ("gpt2", [rows, cols]) if name.starts_with("blk.") => {
                let column = |at: usize| (0..*rows).map(move |row| numbers[row * cols + at]);
                (published, vec![*cols, *rows], (0..*cols).flat_map(column).collect())
            }
            ("gemma3", [_]) => {
                (published, dims.to_vec(), numbers.iter().map(|x| x - 1.0).collect())
            }
            _ => (published, dims.to_vec(), numbers.to_vec()),
        }
    }
}

/// Rows of each head as 0, 2, 4, … then 1, 3, 5, …
fn halves(numbers: &[f32], cols: usize, head_dim: usize) -> Vec<f32> {
    let mut out = Vec::new();
    for head in numbers.chunks(head_dim * cols) {
        for parity in [0, 1] {
            head.chunks(cols).skip(parity).step_by(2).for_each(|row| out.extend(row));
        }
    }
    out
}

/// `blk.0.attn_q.weight` → `model.layers.0.self_attn.q_proj.weight`
fn published_name(architecture: &str, name: &str) -> String {
    let gpt2 = architecture == "gpt2";
    let (stem, suffix) = name.rsplit_once('.').expect("weight or bias");
    let stem = match stem {
        "token_embd" if gpt2 => "transformer.wte".to_owned(),
        "position_embd" => "transformer.wpe".to_owned(),
        "output_norm" if gpt2 => "transformer.ln_f".to_owned(),
        "token_embd" => "model.embed_tokens".to_owned(),
        "output_norm" => "model.norm".to_owned(),
        "output" => "lm_head".to_owned(),
        of_layer => {
            let mut parts = of_layer.split('.').skip(1);
            let (layer, part) = (parts.next().expect("a number"), parts.next().expect("a part"));
            let start = if gpt2 { "transformer.h" } else { "model.layers" };
            format!("{start}.{layer}.{}", published_part(architecture, part))
        }
    };
    format!("{stem}.{suffix}")
}

fn published_part(architecture: &str, part: &str) -> &'static str {
    match (architecture, part) {
        ("gpt2", "attn_norm") => "ln_1",
        ("gpt2", "attn_qkv") => "attn.c_attn",
        ("gpt2", "attn_output") => "attn.c_proj",
        ("gpt2", "ffn_norm") => "ln_2",
        ("gpt2", "ffn_up") => "mlp.c_fc",
        ("gpt2", "ffn_down") => "mlp.c_proj",
        ("gemma3", "ffn_norm") => "pre_feedforward_layernorm",
        ("gemma3", "post_ffw_norm") => "post_feedforward_layernorm",
        ("llama", "ffn_norm") | ("gemma3", "post_attention_norm") => "post_attention_layernorm",
        (_, "attn_norm") => "input_layernorm",
        (_, "attn_q") => "self_attn.q_proj",
        (_, "attn_k") => "self_attn.k_proj",
        (_, "attn_v") => "self_attn.v_proj",
        (_, "attn_q_norm") => "self_attn.q_norm",
        (_, "attn_k_norm") => "self_attn.k_norm",
        (_, "attn_output") => "self_attn.o_proj",
        (_, "ffn_gate") => "mlp.gate_proj",
        (_, "ffn_up") => "mlp.up_proj",
        (_, "ffn_down") => "mlp.down_proj",
        other => panic!("no part is called {other:?}"),
    }
}

impl Shape {
    fn config_json(&self) -> Value {
        if self.architecture == "gpt2" {
            return json!({
                "architectures": ["GPT2LMHeadModel"],
                "model_type": "gpt2",
                "vocab_size": self.vocab_size,
                "n_ctx": self.max_seq,
                "n_positions": self.max_seq,
                "n_embd": self.d_model,
                "n_layer": self.n_layers,
                "n_head": self.n_heads,
                "n_inner": self.d_ff,
                "activation_function": "gelu_new",
                "layer_norm_epsilon": 1e-5,
            });
        }
        let gemma = self.architecture == "gemma3";
        let mut config = json!({
            "architectures": [if gemma { "Gemma3ForCausalLM" } else { "LlamaForCausalLM" }],
            "model_type": if gemma { "gemma3_text" } else { "llama" },
            "vocab_size": self.vocab_size,
            "hidden_size": self.d_model,
            "intermediate_size": self.d_ff,
            "num_hidden_layers": self.n_layers,
            "num_attention_heads": self.n_heads,
            "num_key_value_heads": self.n_kv_heads,
            "head_dim": self.head_dim,
            "max_position_embeddings": self.max_seq,
            "rms_norm_eps": 1e-5,
            "rope_theta": 50_000,
            "rope_scaling": null,
        });
        if gemma {
            config["sliding_window"] = self.window.into();
            config["sliding_window_pattern"] = 6.into();
            config["rope_local_base_freq"] = 10_000.0.into();
            config["query_pre_attn_scalar"] = self.head_dim.into();
        }
        config
    }
}
