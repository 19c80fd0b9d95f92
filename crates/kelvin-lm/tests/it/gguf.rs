//! The GGUF reader: sound files are read exactly, broken ones are refused by name and place.

mod files;
mod mutation;
mod tokenizer;
pub(crate) mod writer;

use kelvin_lm::dtype::Dtype;
use kelvin_lm::format::gguf::{Gguf, Tensor, Value};
use kelvin_lm::{ErrorKind, Result};

use crate::counting;
use crate::oracle::gguf::parse;
use crate::real;
use writer::{File, Piece, array_pair, pair, piece, string_pair, tensor, u32_pair};

#[test]
fn a_sound_file_is_read_in_both_versions() -> Result<()> {
    for version in [2, 3] {
        let file = File { version, ..File::small() }.bytes();
        let gguf = parse(&file)?;
        assert_eq!((gguf.version(), gguf.n_bytes()), (version, file.len() as u64));

        let metadata = gguf.metadata();
        assert_eq!(metadata.len(), 14);
        assert_eq!(metadata.str("general.architecture")?, Some("llama"));
        assert_eq!(metadata.u32("llama.block_count")?, Some(30));
        assert_eq!(metadata.f32("llama.epsilon")?, Some(1e-5));
        assert_eq!(metadata.u64("u64")?, Some(u64::MAX));
        assert_eq!(metadata.i64("i64")?, Some(i64::MIN));
        assert_eq!(metadata.i64("i8")?, Some(-8));
        assert_eq!(metadata.bool("flag")?, Some(true));
        assert!(
            matches!(metadata.get("f64"), Some(Value::F64(n)) if n.to_bits() == 0.1_f64.to_bits())
        );
        assert_eq!(metadata.f32s("scores")?, Some(vec![-1.5, 0.0]));
        assert_eq!(metadata.i32s("types")?, Some(vec![1, -3]));
        let tokens = metadata.strings("tokens")?.expect("there are tokens");
        assert_eq!(tokens.iter().collect::<Vec<_>>(), [b"a", &b"\xff"[..], "▁b".as_bytes()]);
        assert_eq!((tokens.len(), tokens.get(1)), (3, &b"\xff"[..]));
        assert_eq!(file[usize::try_from(tokens.offset(2)).expect("it is in memory")], 4);
        assert!(metadata.strings("none")?.expect("it is there").is_empty());

        let tensors: Vec<_> = gguf.tensors().collect();
        let names: Vec<_> = tensors.iter().map(Tensor::name).collect();
        assert_eq!(names, ["norm", "matrix", "cube"]);
        let matrix = gguf.tensor("matrix").expect("it is in the table");
        assert_eq!((matrix.dtype(), matrix.shape()), (Dtype::Q8_0, &[2, 32][..]));
        assert_eq!(matrix.bytes(), (0..68).collect::<Vec<u8>>());
        assert_eq!(matrix.offset(), file.len() as u64 - 140);
        assert_eq!(
            gguf.tensor("norm").expect("it is in the table").bytes(),
            (96..112).collect::<Vec<u8>>()
        );
        assert_eq!(tensors[2].shape(), [1, 1, 3, 2]);
    }
    Ok(())
}

#[test]
fn what_is_absent_is_none() -> Result<()> {
    let gguf = parse(&File::small().bytes())?;
    let metadata = gguf.metadata();
    assert_eq!(metadata.str("no")?, None);
    assert_eq!(metadata.u32("no")?, None);
    assert_eq!(metadata.f32s("no")?, None);
    assert!(metadata.strings("no")?.is_none());
    assert_eq!((metadata.offset("no"), metadata.get("no").is_none()), (None, true));
    assert!(gguf.tensor("no").is_none());
    Ok(())
}

#[test]
fn a_value_of_another_type_is_an_error_with_its_place() -> Result<()> {
    let file = File::small().bytes();
    let gguf = parse(&file)?;
    let metadata = gguf.metadata();
    let cases = [
        ("i8", 1, metadata.str("i8").err(), "i8 -8, expected a string that is UTF-8"),
        ("i8", 1, metadata.u32("i8").err(), "i8 -8, expected an integer from 0 to 4294967295"),
        ("i8", 1, metadata.u64("i8").err(), "i8 -8, expected an integer, not negative"),
        (
            "u64",
            10,
            metadata.i64("u64").err(),
            "u64 18446744073709551615, expected an integer below 2^63",
        ),
        ("f64", 12, metadata.f32("f64").err(), "f64 0.1, expected an f32"),
        ("types", 9, metadata.bool("types").err(), "array [2 i32s] 1, -3, expected a bool"),
        (
            "scores",
            9,
            metadata.strings("scores").err(),
            "array [2 f32s] -1.5, 0, expected an array of strings",
        ),
        (
            "tokens",
            9,
            metadata.i32s("tokens").err(),
            "array [3 strings] a, \\xff, ▁b, expected an array of integers that fit in an i32",
        ),
        (
            "flags",
            9,
            metadata.f32s("flags").err(),
            "array [2 bools] false, true, expected an array of f32",
        ),
    ];
    for (key, code, error, message) in cases {
        let error = error.expect("the type is wrong");
        let place = error.offset().expect("it has a place");
        assert_eq!(error.to_string(), format!("\"{key}\" is {message} (byte {place})"));
        assert_eq!((error.kind(), metadata.offset(key)), (ErrorKind::Format, Some(place)));
        assert_eq!(file[usize::try_from(place).expect("it is in memory")], code);
    }
    Ok(())
}

#[test]
fn values_are_shown_short_and_safe() -> Result<()> {
    let numbers = (1..=5).fold(piece(), Piece::u32);
    let pairs = vec![
        string_pair("text", "two\nlines\x1b[31m"),
        string_pair("long", "x".repeat(65)),
        array_pair("five", 4, 5, numbers),
        array_pair("one", 8, 1, piece().string("en")),
        array_pair("none", 12, 0, piece()),
        pair("small", 6, piece().raw(&1e-5_f32.to_le_bytes())),
    ];
    let gguf = parse(&File { pairs, ..File::empty() }.bytes())?;
    let shown: Vec<_> =
        gguf.metadata().iter().map(|(key, value)| format!("{key}: {value}")).collect();
    let long = format!("long: {}...", "x".repeat(64));
    let expected = [
        "text: two\\nlines\\u{1b}[31m",
        &long,
        "five: [5 u32s] 1, 2, 3, 4, ...",
        "one: [1 string] en",
        "none: [0 f64s]",
        "small: 0.00001",
    ];
    assert_eq!(shown, expected);
    Ok(())
}

#[test]
fn every_tensor_type_has_its_code_and_size() -> Result<()> {
    let types = [
        (0, Dtype::F32, 4),
        (1, Dtype::F16, 2),
        (2, Dtype::Q4_0, 18),
        (3, Dtype::Q4_1, 20),
        (6, Dtype::Q5_0, 22),
        (7, Dtype::Q5_1, 24),
        (8, Dtype::Q8_0, 34),
        (12, Dtype::Q4K, 144),
        (13, Dtype::Q5K, 176),
        (14, Dtype::Q6K, 210),
        (30, Dtype::BF16, 2),
    ];
    assert_eq!(types.len(), Dtype::ALL.len());
    for (code, dtype, block_bytes) in types {
        let tensors = vec![tensor("t", &[dtype.block_len() as u64, 3], code, 0)];
        let gguf =
            parse(&File { tensors, data: vec![7; 3 * block_bytes], ..File::empty() }.bytes())?;
        let tensor = gguf.tensor("t").expect("it is in the table");
        assert_eq!((tensor.dtype(), tensor.bytes().len()), (dtype, 3 * block_bytes));
    }
    Ok(())
}

#[test]
fn alignment_is_what_the_file_says() -> Result<()> {
    for alignment in [1, 64, 4096] {
        let pairs = vec![u32_pair("general.alignment", alignment)];
        let tensors = vec![tensor("t", &[2], 1, 0)];
        let data = vec![1, 2, 3, 4];
        let alignment = usize::try_from(alignment).expect("it is small");
        let gguf = parse(&File { pairs, tensors, alignment, data, ..File::empty() }.bytes())?;
        let tensor = gguf.tensor("t").expect("it is in the table");
        assert_eq!(tensor.offset() % alignment as u64, 0);
        assert_eq!(tensor.bytes(), [1, 2, 3, 4]);
    }
    Ok(())
}

#[test]
fn gaps_and_trailing_bytes_are_allowed() -> Result<()> {
    let tensors = vec![tensor("late", &[1], 0, 128), tensor("early", &[1], 0, 32)];
    let gguf = parse(&File { tensors, data: vec![0; 500], ..File::empty() }.bytes())?;
    let first = gguf.tensors().next().expect("there are two");
    assert_eq!(first.name(), "late");
    Ok(())
}

#[test]
fn the_densest_file_stays_within_memory() -> Result<()> {
    let key = |i: u32| format!("{i:05}");
    let pairs = (0..65_536).map(|i| pair(key(i), 0, piece().raw(&[1]))).collect();
    let names = (0..65_536_u32).map(|i| (key(i), u64::from(i)));
    let tensors: Vec<_> = names.map(|(name, i)| tensor(name, &[1], 1, 32 * i)).collect();
    let data = vec![0; 32 * tensors.len()];
    let gguf = parse(&File { pairs, ..File::empty() }.bytes())?;
    assert_eq!(gguf.metadata().u32("65535")?, Some(1));
    let gguf = parse(&File { tensors, data, ..File::empty() }.bytes())?;
    assert_eq!(gguf.tensors().len(), 65_536);
    Ok(())
}

#[test]
fn smollm2_is_read() -> Result<()> {
    let Some(path) = real::path("smollm2-135m-instruct-q4_1.gguf") else { return Ok(()) };
    let gguf = Gguf::read(&path)?;
    let metadata = gguf.metadata();
    assert_eq!((gguf.version(), gguf.tensors().len(), metadata.len()), (3, 272, 33));
    assert_eq!(metadata.str("general.architecture")?, Some("llama"));
    assert_eq!(metadata.u32("llama.block_count")?, Some(30));
    let tokens = metadata.strings("tokenizer.ggml.tokens")?.expect("it has tokens");
    assert_eq!((tokens.len(), tokens.get(1)), (49152, &b"<|im_start|>"[..]));
    let embedding = gguf.tensor("token_embd.weight").expect("it has an embedding");
    assert_eq!((embedding.dtype(), embedding.shape()), (Dtype::Q8_0, &[49152, 576][..]));
    assert_eq!((embedding.offset(), embedding.bytes().len()), (1_785_664, 30_081_024));
    assert_eq!(n_of(&gguf, Dtype::Q4_1), 210);
    assert_eq!(n_of(&gguf, Dtype::F32), 61);
    Ok(())
}

#[test]
fn gemma_is_read_within_memory() -> Result<()> {
    let Some(path) = real::path("gemma-3-270m-q4_k_m.gguf") else { return Ok(()) };
    let (gguf, peak) = counting::peak(|| Gguf::read(&path));
    let gguf = gguf?;
    let beside = peak as u64 - gguf.n_bytes();
    assert!(beside < 65_536, "{beside} bytes held beside the file's");
    assert_eq!((gguf.tensors().len(), gguf.metadata().len()), (236, 33));
    let scores = gguf.metadata().f32s("tokenizer.ggml.scores")?.expect("it has scores");
    assert_eq!(scores.len(), 262_144);
    let last = gguf.tensors().last().expect("it has tensors");
    assert_eq!((last.name(), last.offset()), ("blk.17.post_ffw_norm.weight", 253_110_464));
    let counts = [Dtype::F32, Dtype::Q5_0, Dtype::Q4K, Dtype::Q8_0, Dtype::Q6K];
    assert_eq!(counts.map(|dtype| n_of(&gguf, dtype)), [109, 81, 27, 10, 9]);
    Ok(())
}

fn n_of(gguf: &Gguf, dtype: Dtype) -> usize {
    gguf.tensors().filter(|tensor| tensor.dtype() == dtype).count()
}
