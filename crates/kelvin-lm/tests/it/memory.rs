//! What is said before a model is loaded against what it takes once it is.

use kelvin_lm::dtype::Dtype;
use kelvin_lm::format::gguf::Gguf;
use kelvin_lm::kernel::Matrix;
use kelvin_lm::memory::MemoryNeed;
use kelvin_lm::model::{Row, Scratch, Wanted};
use kelvin_lm::{Checkpoint, EngineOptions, Model, ModelOptions, WeightDtype};

use crate::folders;
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
    let (config, tensors) = (checkpoint.config().expect("a model"), checkpoint.tensors());
    let weights = tensors.iter().filter_map(|tensor| Some((tensor.dtype?, &tensor.shape[..])));
    MemoryNeed::of(&config, weights, dtype, threads)
}

#[track_caller]
fn holds(shape: Shape, stored: Stored, threads: usize) {
    let file = Tiny::new(shape).rounded(stored).file(stored);
    let gguf = Checkpoint::Gguf(Gguf::parse(file).expect("the file is well formed"));
    compare(shape.architecture, &gguf, WeightDtype::Auto, threads);
}

#[track_caller]
fn compare(name: &str, checkpoint: &Checkpoint, dtype: WeightDtype, threads: usize) {
    let need = need(checkpoint, dtype, threads);
    let engine = EngineOptions { threads: Some(threads), ..EngineOptions::default() };
    let model = Model::open(checkpoint, ModelOptions { engine, dtype }).expect("a model");
    let vocab_size = u32::try_from(model.config().vocab_size).expect("a small one");
    let len = model.config().max_seq.min(128) / 64 * 64;
    let ids: Vec<u32> = (0..).map(|id| id % vocab_size).take(len).collect();
    let (mut cache, mut scratch) = (model.new_cache(), Scratch::default());
    let rows = &mut [Row { cache: &mut cache, tokens: &ids, wanted: Wanted::Last }];
    model.forward(rows, &mut scratch).expect("the ids fit");
    let len = len as u64;
    assert_eq!(need.cache_per_position * len, cache.bytes() as u64, "{name} on {threads}");
    let (held, said) = (scratch.n_bytes() as u64, need.scratch + len * need.scratch_per_position);
    assert!(held <= said, "{name}: {held} bytes held, {said} said");
    assert!(said <= 4 * held, "{name}: {held} bytes held, {said} said");
    // a step reads everything but the rows of an embedding that is no head
    let read = model.bytes_per_token() as u64;
    let said = need.weights;
    assert!(read <= said && said <= 2 * read, "{name} in {dtype}: {read} bytes read, {said} said");
}

#[test]
fn a_model_takes_what_was_said() {
    for shape in [tiny::LLAMA, tiny::GEMMA] {
        for stored in [Stored::F32, Stored::Q8] {
            for threads in [1, 3] {
                holds(shape, stored, threads);
            }
        }
    }
}

#[test]
fn folders_take_what_was_said_in_every_type() {
    for folder in ["gpt2", "gpt2-untied", "llama-bf16", "gemma3-sharded"] {
        for dtype in WeightDtype::ALL {
            compare(folder, &folders::open(folder), dtype, 2);
        }
    }
}
