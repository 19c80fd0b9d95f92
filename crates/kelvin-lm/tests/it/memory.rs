//! What is said before a model is loaded against what it takes once it is.

use kelvin_lm::dtype::Dtype;
use kelvin_lm::format::gguf::Gguf;
use kelvin_lm::kernel::Matrix;
use kelvin_lm::memory::MemoryNeed;
use kelvin_lm::model::{Row, Scratch, Wanted};
use kelvin_lm::{Checkpoint, EngineOptions, Model, ModelOptions, WeightDtype};

use crate::tiny::{self, Shape, Stored, Tiny};

#[test]
fn matrices_take_what_was_said_in_every_type_and_odd_shape() {
    for dtype in Dtype::ALL {
        for (rows, blocks) in [(1, 1), (15, 2), (16, 3), (17, 4), (33, 9)] {
            let cols = blocks * dtype.block_len();
            let bytes = vec![0; rows * blocks * dtype.block_bytes()];
            let matrix = Matrix::new(dtype, rows, cols, &bytes).expect("a matrix");
            let said = Matrix::bytes_for(dtype, rows as u64, cols as u64);
            assert_eq!(said, matrix.n_bytes() as u64, "{dtype} [{rows}, {cols}]");
        }
    }
}

fn need(checkpoint: &Checkpoint, dtype: WeightDtype, threads: usize) -> MemoryNeed {
    let config = checkpoint.config().expect("a model");
    let weights = Model::weight_bytes(checkpoint, dtype).expect("weights");
    MemoryNeed::of(&config, weights, threads)
}

#[track_caller]
fn holds(shape: Shape, stored: Stored, threads: usize) {
    let file = Tiny::new(shape).rounded(stored).file(stored);
    let checkpoint = Checkpoint::Gguf(Gguf::parse(file).expect("the file is well formed"));
    let need = need(&checkpoint, WeightDtype::Auto, threads);
    let options = EngineOptions { threads: Some(threads), ..EngineOptions::default() };
    let model = Model::open(&checkpoint, options).expect("the model is well formed");
    let ids: Vec<u32> = (0..128).map(|id| id % shape.vocab_size).collect();
    let (mut cache, mut scratch) = (model.new_cache(), Scratch::default());
    let rows = &mut [Row { cache: &mut cache, tokens: &ids, wanted: Wanted::Last }];
    model.forward(rows, &mut scratch).expect("the ids fit");
    let page = need.cache_per_position * 128;
    assert_eq!(page, cache.bytes() as u64, "{} on {threads}", shape.architecture);
    let (held, said) = (scratch.n_bytes() as u64, need.scratch + 128 * need.scratch_per_position);
    assert!(held <= said, "{held} bytes held, {said} said");
    assert!(said <= 4 * held, "{held} bytes held, {said} said");
    let read_by_a_step = model.bytes_per_token() as u64;
    assert!(need.weights >= read_by_a_step, "{} of {read_by_a_step}", need.weights);
}

#[test]
fn a_model_takes_what_was_said() {
    for shape in [tiny::GPT2, tiny::LLAMA, tiny::GEMMA] {
        for stored in [Stored::F32, Stored::Q8] {
            for threads in [1, 3] {
                holds(shape, stored, threads);
            }
        }
    }
}

#[test]
fn weights_take_what_was_said_in_every_format_and_layout() {
    for shape in [tiny::GPT2, tiny::LLAMA, tiny::GEMMA] {
        let tiny = Tiny::new(shape);
        let name = format!("{}-memory", shape.architecture);
        let folder = Checkpoint::open(&tiny.write_folder(&name, Stored::F32)).expect("sound");
        let file = Gguf::parse(tiny.file(Stored::F32)).expect("well formed");
        for checkpoint in [folder, Checkpoint::Gguf(file)] {
            for dtype in WeightDtype::ALL {
                let engine = EngineOptions { threads: Some(1), ..EngineOptions::default() };
                let options = ModelOptions { engine, dtype };
                let model = Model::open(&checkpoint, options).expect("a model");
                let said = need(&checkpoint, dtype, 1).weights;
                let held = model.n_bytes() as u64;
                assert_eq!(said, held, "{name}, {dtype}");
            }
        }
    }
}
