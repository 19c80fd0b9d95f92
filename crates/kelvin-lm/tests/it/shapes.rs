//! Models of published sizes, without their numbers: files of zeros, most of which take no disk.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use kelvin_lm::dtype::Dtype;
use kelvin_lm::{Checkpoint, EngineOptions, Model, Session};
use serde_json::{Value, json};

use crate::counting;
use crate::real::say;

/// The sizes of a GPT-2.
struct Gpt2 {
    n_layers: usize,
    d_model: usize,
    n_heads: usize,
}

/// GPT-2 124M and 1,558M: the smallest and the largest of the four.
const SMALL: Gpt2 = Gpt2 { n_layers: 12, d_model: 768, n_heads: 12 };
const LARGE: Gpt2 = Gpt2 { n_layers: 48, d_model: 1600, n_heads: 25 };

impl Gpt2 {
    /// The settings that the hub has for these models, without those of training.
    fn config_json(&self) -> Value {
        json!({
            "activation_function": "gelu_new",
            "architectures": ["GPT2LMHeadModel"],
            "bos_token_id": 50_256,
            "eos_token_id": 50_256,
            "layer_norm_epsilon": 1e-5,
            "model_type": "gpt2",
            "n_ctx": 1024,
            "n_embd": self.d_model,
            "n_head": self.n_heads,
            "n_layer": self.n_layers,
            "n_positions": 1024,
            "vocab_size": 50_257,
        })
    }

    /// Names and shapes as the hub has them: without `transformer.`, with buffers.
    fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let d = self.d_model;
        let mut all = vec![
            ("wte.weight".to_owned(), vec![50_257, d]),
            ("wpe.weight".to_owned(), vec![1024, d]),
            ("ln_f.weight".to_owned(), vec![d]),
            ("ln_f.bias".to_owned(), vec![d]),
        ];
        for layer in 0..self.n_layers {
            let mut add = |part: &str, dims: Vec<usize>| {
                let name = |suffix| format!("h.{layer}.{part}.{suffix}");
                all.push((name("bias"), vec![dims[dims.len() - 1]]));
                all.push((name("weight"), dims));
            };
            add("ln_1", vec![d]);
            add("attn.c_attn", vec![d, 3 * d]);
            add("attn.c_proj", vec![d, d]);
            add("ln_2", vec![d]);
            add("mlp.c_fc", vec![d, 4 * d]);
            add("mlp.c_proj", vec![4 * d, d]);
            all.push((format!("h.{layer}.attn.bias"), vec![1, 1, 1024, 1024]));
        }
        all
    }

    /// Writes the folder; of the weights, only the header takes room on most disks.
    fn write(&self, name: &str, dtype: Dtype) -> Scrap {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).expect("the folder can be made");
        let config = self.config_json().to_string();
        fs::write(folder.join("config.json"), config).expect("the file can be written");
        let (mut table, mut end) = (serde_json::Map::new(), 0);
        for (name, dims) in self.tensors() {
            let start = end;
            end += dims.iter().product::<usize>() * dtype.block_bytes();
            let entry = json!({"dtype": dtype.name(), "shape": dims, "data_offsets": [start, end]});
            table.insert(name, entry);
        }
        let header = Value::Object(table).to_string();
        let start = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
        let weights = folder.join("model.safetensors");
        fs::write(&weights, &start).expect("the header can be written");
        let file = File::options().write(true).open(weights).expect("the file is there");
        file.set_len((start.len() + end) as u64).expect("the disk takes a sparse file");
        Scrap(folder)
    }
}

/// A folder that goes when the test does, however it ends.
struct Scrap(PathBuf);

impl Drop for Scrap {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0)); // what is left is in the build folder
    }
}

fn loaded(folder: &Scrap) -> Model {
    // one thread, so that one counter sees every allocation
    let options = EngineOptions { threads: Some(1), ..EngineOptions::default() };
    let checkpoint = Checkpoint::open(&folder.0).expect("the folder is sound");
    Model::open(&checkpoint, options).expect("the folder holds a model")
}

#[test]
fn gpt2_of_124m_has_its_vocabulary_and_its_parameters() {
    let folder = SMALL.write("gpt2-124m", Dtype::F32);
    let model = loaded(&folder);
    let config = model.config();
    say(&format!("V = {}, {} parameters", config.vocab_size, config.n_params()));
    assert_eq!((config.vocab_size, config.n_params()), (50_257, 124_439_808));
    assert_eq!(model.n_bytes() / 4, 124_439_808 + 15 * 768, "the embedding has 15 rows of padding");
    let mut session = Session::new(&model);
    let logits = session.feed(&[50_256]).expect("a token of the vocabulary");
    assert_eq!(logits, vec![0.0; 50_257], "zeros give zeros");
}

#[test]
fn gpt2_has_four_sizes() {
    let config = |name: &str, n_layers, d_model, n_heads| {
        let folder = Gpt2 { n_layers, d_model, n_heads }.write(name, Dtype::BF16);
        Checkpoint::open(&folder.0).expect("sound").config().expect("known").n_params()
    };
    assert_eq!(config("gpt2-sizes-1", 12, 768, 12), 124_439_808);
    assert_eq!(config("gpt2-sizes-2", 24, 1024, 16), 354_823_168);
    assert_eq!(config("gpt2-sizes-3", 36, 1280, 20), 774_030_080);
    assert_eq!(config("gpt2-sizes-4", 48, 1600, 25), 1_557_611_200);
}

#[test]
#[ignore = "holds 3.2 GB of memory"]
fn gpt2_of_1558m_takes_little_more_than_its_file() {
    let folder = LARGE.write("gpt2-1558m", Dtype::BF16);
    let n_bytes = folder.0.join("model.safetensors").metadata().expect("there").len();
    // the buffers are in the file, and not in the model
    let n_bytes = n_bytes - 48 * 1024 * 1024 * 2;
    let (model, here) = counting::peak(|| loaded(&folder));
    let peak = here + model.engine().install(counting::most_of_this_thread);
    assert_eq!(model.config().n_params(), 1_557_611_200);
    let ratio = peak as f64 / n_bytes as f64;
    say(&format!("{n_bytes} bytes of weights, {peak} of memory at most: {ratio:.3}"));
    say(&resident());
    assert!(ratio < 1.15, "{ratio}");
    assert!(ratio > 0.99, "{ratio} cannot be: something is not counted");
}

/// What the system says of the whole process: right where this test runs alone.
fn resident() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.unwrap_or("no /proc/self/status here").to_owned()
}
