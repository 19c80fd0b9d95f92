//! One model in several layouts and formats: the same logits, to the bit, wherever its numbers are the
//! same.

use kelvin_lm::dtype::Dtype;
use kelvin_lm::format::gguf::Gguf;
use kelvin_lm::kernel::Activations;
use kelvin_lm::{Checkpoint, EngineOptions, ErrorKind, Model, ModelOptions, WeightDtype};

use crate::folders::logits;
use crate::tiny::{self, Shape, Stored, Tiny};

const SHAPES: [Shape; 3] = [tiny::GPT2, tiny::LLAMA, tiny::GEMMA];

/// With activations that give a quantised matrix the bits of its dequantised copy.
fn options(dtype: WeightDtype) -> ModelOptions {
    let engine = EngineOptions { activations: Activations::F32, ..EngineOptions::default() };
    ModelOptions { engine, dtype }
}

fn gguf(tiny: &Tiny, stored: Stored) -> Checkpoint {
    Checkpoint::Gguf(Gguf::parse(tiny.file(stored)).expect("the file is well formed"))
}

fn folder(tiny: &Tiny, stored: Stored) -> Checkpoint {
    let name = format!("{}-{stored:?}", tiny.shape.architecture);
    Checkpoint::open(&tiny.write_folder(&name, stored)).expect("the folder is well formed")
}

/// Logits of ids that reach the third page of the cache and leave every window.
fn rows(checkpoint: &Checkpoint, dtype: WeightDtype) -> Vec<Vec<f32>> {
    let model = Model::open(checkpoint, options(dtype)).expect("it holds a model");
    let vocab_size = u32::try_from(model.config().vocab_size).expect("a small one");
    logits(&model, &crate::forward::ids(vocab_size))
}

#[test]
fn a_folder_and_a_gguf_file_give_the_same_bits() {
    for shape in SHAPES {
        for stored in [Stored::F32, Stored::F16, Stored::BF16] {
            let tiny = Tiny::new(shape).rounded(stored);
            let (file, folder) = (gguf(&tiny, stored), folder(&tiny, stored));
            let expected = rows(&file, WeightDtype::Auto);
            let name = shape.architecture;
            assert_eq!(rows(&folder, WeightDtype::Auto), expected, "{name}, {stored:?}");
        }
    }
}

#[test]
fn both_layouts_have_the_same_blueprint() {
    for shape in SHAPES {
        let tiny = Tiny::new(shape);
        let [file, folder] =
            [gguf(&tiny, Stored::F32), folder(&tiny, Stored::F32)].map(|it| it.config());
        assert_eq!(file.expect("sound"), folder.expect("sound"));
    }
}

#[test]
fn a_wider_format_changes_no_bit() {
    for shape in SHAPES {
        for stored in [Stored::F32, Stored::F16, Stored::BF16, Stored::Q8] {
            let file = gguf(&Tiny::new(shape).rounded(stored), stored);
            let expected = rows(&file, WeightDtype::Auto);
            let name = shape.architecture;
            assert_eq!(rows(&file, WeightDtype::F32), expected, "{name}, {stored:?}");
        }
    }
}

#[test]
fn a_narrower_format_is_the_same_from_either_layout_and_near_the_wide_one() {
    for shape in SHAPES {
        let tiny = Tiny::new(shape);
        let (file, folder) = (gguf(&tiny, Stored::F32), folder(&tiny, Stored::F32));
        let exact = rows(&file, WeightDtype::Auto);
        for (dtype, limit) in
            [(WeightDtype::F16, 5e-3), (WeightDtype::BF16, 4e-2), (WeightDtype::Q8_0, 5e-2)]
        {
            let found = rows(&file, dtype);
            assert_eq!(rows(&folder, dtype), found, "{}, {dtype}", shape.architecture);
            let rms = rms(&found, &exact);
            assert!(rms > 0.0 && rms < limit, "{}, {dtype}: {rms}", shape.architecture);
        }
    }
}

/// Root mean square of the differences over that of `exact`.
fn rms(found: &[Vec<f32>], exact: &[Vec<f32>]) -> f64 {
    let square = |x: f32| f64::from(x).powi(2);
    let pairs = found.iter().flatten().zip(exact.iter().flatten());
    let off: f64 = pairs.map(|(a, b)| square(a - b)).sum();
    let all: f64 = exact.iter().flatten().map(|&x| square(x)).sum();
    (off / all).sqrt()
}

#[test]
fn each_matrix_is_held_in_the_format_asked_for_or_the_nearest_that_fits_its_rows() {
    // heads of 24, so that the rows of one matrix are no multiple of 32
    let shape = Shape { n_heads: 3, n_kv_heads: 1, ..tiny::GEMMA };
    let file = gguf(&Tiny::new(shape), Stored::F32);
    let dtypes = |dtype| Model::open(&file, options(dtype)).expect("a model").dtypes();
    let of_one = 7 * 3 * 24 * 64;
    let total = 90 * 64 + 7 * (2 * 3 * 24 * 64 + 2 * 24 * 64 + 3 * 64 * 128);
    assert_eq!(dtypes(WeightDtype::Auto), [(Dtype::F32, total)]);
    assert_eq!(dtypes(WeightDtype::BF16), [(Dtype::BF16, total)]);
    assert_eq!(dtypes(WeightDtype::Q8_0), [(Dtype::F16, of_one), (Dtype::Q8_0, total - of_one)]);
}

#[test]
fn numbers_that_a_format_cannot_hold_are_an_error_that_names_the_tensor() {
    let mut file = Tiny::new(tiny::LLAMA).parts(Stored::F32);
    let at = file.data.len() - 4;
    file.data[at..].copy_from_slice(&1e6_f32.to_le_bytes());
    let checkpoint = Checkpoint::Gguf(Gguf::parse(file.bytes()).expect("well formed"));
    let error = Model::open(&checkpoint, options(WeightDtype::F16)).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let text = error.to_string();
    assert!(text.contains("1000000 is beyond the largest number of F16, 65504"), "{text}");
    assert!(text.starts_with("tensor ") && error.offset().is_some(), "{text}");
    assert!(error.way_out().is_some_and(|hint| hint.contains("bf16")));
}

#[test]
fn choices_of_a_format_are_named() {
    for dtype in WeightDtype::ALL {
        assert_eq!(dtype.name().parse::<WeightDtype>().ok(), Some(dtype));
    }
    let error = "int4".parse::<WeightDtype>().expect_err("no such choice");
    assert_eq!(error.to_string(), "dtype \"int4\" is none of auto, f32, f16, bf16, q8_0");
}

#[test]
fn a_head_beside_the_embedding_that_it_is_tied_to_is_a_copy_of_it() {
    for shape in [tiny::GPT2, tiny::GEMMA] {
        let name = shape.architecture;
        let mut tiny = Tiny::new(shape);
        let expected = rows(&folder(&tiny, Stored::F32), WeightDtype::Auto);
        let embedding = tiny.tensors["token_embd.weight"].clone();
        tiny.tensors.insert("output.weight".to_owned(), embedding);
        let path = tiny.write_folder(&format!("tied-{name}"), Stored::F32);
        let copied = Checkpoint::open(&path).expect("well formed");
        assert_eq!(rows(&copied, WeightDtype::Auto), expected, "{name}");
        let head = tiny.tensors.get_mut("output.weight").expect("it was put there");
        *head.1.last_mut().expect("numbers") += 1.0;
        let path = tiny.write_folder(&format!("tied-no-more-{name}"), Stored::F32);
        let other = Checkpoint::open(&path).expect("well formed");
        let error = Model::open(&other, options(WeightDtype::Auto)).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Shape);
        assert!(error.to_string().contains("config.json ties them"), "{error}");
        assert!(error.way_out().is_some_and(|hint| hint.contains("tie_word_embeddings")));
    }
}
