//! A model alone, as others read it.

use std::fs;

use kelvin_lm::dtype::Dtype;
use kelvin_lm::format::Safetensors;
use kelvin_lm::train::export;
use kelvin_lm::{Checkpoint, Config, ErrorKind};

use super::{Scene, bits, config, names, provenance, state, state_of};

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
