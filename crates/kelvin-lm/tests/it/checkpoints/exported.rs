//! A model alone, as others read it.

use std::fs;
use std::path::Path;

use kelvin_lm::dtype::Dtype;
use kelvin_lm::format::Safetensors;
use kelvin_lm::train::{Layout, Params, Size, export};
use kelvin_lm::{Checkpoint, Config, EngineOptions, ErrorKind, Model};
use serde_json::Value;

use super::{Scene, bits, config, names, provenance, sha256, state, state_of};
use crate::folders::logits;

#[test]
fn a_model_alone_has_its_five_files() {
    let scene = Scene::new("export");
    let dir = scene.0.join("a/model");
    let state = state(1);
    let tokenizer = provenance().tokenizer;
    let small = |x: f32| if x.abs() > 6e4 { x / 1e38 } else { x };
    let mut params = state.params.clone();
    params.as_mut_slice().iter_mut().for_each(|x| *x = small(*x));
    for dtype in [Dtype::F32, Dtype::F16, Dtype::BF16] {
        export(&dir, &state.config, &params, &tokenizer, dtype).expect("it is written");
        let five = [
            "config.json",
            "generation_config.json",
            "model.safetensors",
            "tokenizer.json",
            "tokenizer_config.json",
        ];
        assert_eq!(names(&dir), five);
        assert_eq!(names(&scene.0.join("a")), ["model"]);
        let checkpoint = Checkpoint::open(&dir).expect("a folder");
        assert_eq!(checkpoint.config().expect("a blueprint"), config());
        assert!(checkpoint.tensors().iter().all(|tensor| tensor.dtype == Some(dtype)));
        kelvin_lm::Model::open(&checkpoint, kelvin_lm::EngineOptions::default()).expect("a model");
        fs::remove_dir_all(&dir).expect("removed");
    }
}

#[test]
fn an_exported_model_in_f32_has_the_bits_of_the_state() {
    let scene = Scene::new("export-bits");
    let dir = scene.0.join("model");
    let state = state_of(Config { tied_head: false, n_layers: 2, ..config() }, 5);
    export(&dir, &state.config, &state.params, &provenance().tokenizer, Dtype::F32)
        .expect("written");
    let file = Safetensors::open(&dir.join("model.safetensors")).expect("sound");
    assert_eq!(file.tensors().len(), state.layout.tensors().len());
    for tensor in state.layout.tensors() {
        let found = file.tensor(tensor.name()).expect("there");
        assert_eq!(found.offset() % 4, 0);
        let bytes = file.bytes(found).expect("read");
        let words: Vec<u32> =
            bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
        assert_eq!(words, bits(&state.params)[tensor.range()]);
    }
}

#[test]
fn what_is_there_is_never_written_over() {
    let scene = Scene::new("export-there");
    let (state, tokenizer) = (state(1), provenance().tokenizer);
    let dir = scene.0.join("model");
    let refused = |dtype| {
        let error = export(&dir, &state.config, &state.params, &tokenizer, dtype);
        error.expect_err("refused")
    };
    fs::create_dir(&dir).expect("made");
    fs::write(dir.join("notes.txt"), "mine").expect("written");
    let error = refused(Dtype::F32);
    assert_eq!(error.kind(), ErrorKind::Write);
    assert!(error.to_string().ends_with("model: is there already, and is not empty"), "{error}");
    assert_eq!(names(&dir), ["notes.txt"]);
    fs::remove_file(dir.join("notes.txt")).expect("removed");

    // f32::MAX is among the weights
    let error = refused(Dtype::F16);
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let text = "is beyond the largest number of F16, 65504";
    assert!(error.to_string().starts_with("tensor transformer.h.0.attn.c_attn.bias: "), "{error}");
    assert!(error.to_string().contains(text), "{error}");
    assert_eq!(error.way_out(), Some("BF16 and F32 reach further"));
    let error = refused(Dtype::Q8_0).to_string();
    assert_eq!(error, "weights are written in F32, F16 or BF16, not in Q8_0");
    assert_eq!(names(&scene.0), ["model"], "nothing is left");
    assert!(names(&dir).is_empty());

    // an empty folder takes a model
    export(&dir, &state.config, &state.params, &tokenizer, Dtype::F32).expect("it is written");
    assert_eq!(names(&dir).len(), 5);
}

/// Writes the models that `scripts/golden/exported.py` has read: `target/tmp/exported/NAME`.
fn export_golden(name: &str, dtype: Dtype, tied_head: bool) -> std::path::PathBuf {
    let size = Size { n_layers: 2, n_heads: 3, d_model: 24, max_seq: 16, ..Size::all()[0].clone() };
    let config = Config { tied_head, ..size.config(5).expect("sound") };
    let layout = Layout::new(&config).expect("sound");
    let mut params = Params::zeros(&layout);
    for (x, index) in params.as_mut_slice().iter_mut().zip(1_u32..) {
        let bits = index.wrapping_mul(0x9E37_79B9);
        let bits = (bits ^ bits >> 15).wrapping_mul(0x85EB_CA6B);
        *x = ((bits >> 8) as f32 / 16_777_216.0 - 0.5) * 1.2;
    }
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("exported").join(name);
    fs::remove_dir_all(&dir).ok();
    export(&dir, &config, &params, &provenance().tokenizer, dtype).expect("it is written");
    dir
}

/// `golden/exported.json`, by `scripts/golden/exported.py`: what transformers computes with these very
/// files, and what the safetensors package of Python writes of their tensors.
#[test]
fn transformers_reads_an_export_and_gives_the_same_logits() {
    let text = include_str!("../../golden/exported.json");
    let golden: Value = serde_json::from_str(text).expect("JSON");
    let exported = [
        ("tied-f32", Dtype::F32, true),
        ("untied-f32", Dtype::F32, false),
        ("tied-f16", Dtype::F16, true),
        ("tied-bf16", Dtype::BF16, true),
    ]
    .map(|(name, dtype, tied_head)| (name, export_golden(name, dtype, tied_head)));
    for (name, dir) in exported {
        let golden = &golden["models"][name];
        for (file, expected) in golden["sha256"].as_object().expect("files") {
            let bytes = fs::read(dir.join(file)).expect("there");
            assert_eq!(Some(&*sha256(&bytes)), expected.as_str(), "{name}/{file}");
        }
        assert_eq!(golden["python_writes_the_same_bytes"], true, "{name}");

        let ids: Vec<u32> = serde_json::from_value(golden["ids"].clone()).expect("ids");
        let rows: Vec<Vec<f32>> = serde_json::from_value(golden["logits"].clone()).expect("rows");
        let checkpoint = Checkpoint::open(&dir).expect("a folder");
        let model = Model::open(&checkpoint, EngineOptions::default()).expect("a model");
        let found = logits(&model, &ids);
        assert_eq!((found.len(), found[0].len()), (rows.len(), rows[0].len()));
        let pairs = found.iter().flatten().zip(rows.iter().flatten());
        let largest = pairs.map(|(a, b)| (a - b).abs()).fold(0.0_f32, f32::max);
        assert!(largest < 1e-4, "{name}: {largest}");
    }
}
