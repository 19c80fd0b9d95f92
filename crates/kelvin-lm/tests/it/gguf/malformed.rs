//! Malformed files, each with the error it must give: kind, sentence, byte offset.

use std::fs;
use std::path::Path;

use kelvin_lm::ErrorKind::{self, Format, Io, Unsupported};
use kelvin_lm::format::gguf::Gguf;

use super::parse;
use super::writer::{File, Piece, array_pair, pair, piece, string_pair, tensor, u32_pair};

/// A file, and the error it must give.
type Case = (Vec<u8>, ErrorKind, &'static str);

/// Every file gives its error, with a place, and no file needs more memory than promised.
fn check(cases: &[Case]) {
    let errors: Vec<_> = cases.iter().map(|(file, ..)| parse(file).map(drop)).collect();
    let errors = errors.iter().map(|verdict| verdict.as_ref().expect_err("the file is malformed"));
    let found: Vec<_> = errors.clone().map(|error| (error.kind(), error.to_string())).collect();
    let expected: Vec<_> =
        cases.iter().map(|(_, kind, text)| (*kind, (*text).to_owned())).collect();
    assert_eq!(found, expected);
    assert!(errors.clone().all(|error| error.offset().is_some()));
}

fn with_pairs(pairs: Vec<Piece>) -> Vec<u8> {
    File { pairs, ..File::empty() }.bytes()
}

/// Tensors over 64 bytes of data, which start at the next multiple of 32.
fn with_tensors(tensors: Vec<Piece>) -> Vec<u8> {
    File { tensors, data: vec![0; 64], ..File::empty() }.bytes()
}

#[test]
#[rustfmt::skip]
fn starts_that_lie() {
    let version = |version| File { version, ..File::empty() }.bytes();
    let counts = |n_tensors, n_pairs| {
        File { n_tensors: Some(n_tensors), n_pairs: Some(n_pairs), ..File::small() }.bytes()
    };
    let cut = |end| File::small().bytes()[..end].to_vec();
    check(&[
        (b"GGU".to_vec(), Format,
         "magic is \"GGU\", expected \"GGUF\": the file is text (byte 0)"),
        (cut(4), Format,
         "the file ends within the version: 4 bytes expected, 0 left (byte 4)"),
        (cut(7), Format,
         "the file ends within the version: 4 bytes expected, 3 left (byte 4)"),
        (cut(8), Format,
         "the file ends within the tensor count: 8 bytes expected, 0 left (byte 8)"),
        (cut(23), Format,
         "the file ends within the metadata count: 8 bytes expected, 7 left (byte 16)"),
        (version(0), Unsupported,
         "version is 0, expected 2 or 3 (byte 4)"),
        (version(1), Unsupported,
         "version is 1, expected 2 or 3 (byte 4)"),
        (version(4), Unsupported,
         "version is 4, expected 2 or 3 (byte 4)"),
        (version(3_u32.swap_bytes()), Unsupported,
         "version is 3, big-endian, expected little-endian (byte 4)"),
        (counts(3, 1 << 40), Format,
         "metadata count is 1099511627776, but the rest of the file holds at most 44 (byte 16)"),
        (counts(3, u64::MAX), Format,
         "metadata count is 18446744073709551615, but the rest of the file holds at most 44 (byte 16)"),
        (counts(u64::MAX, 14), Format,
         "tensor count is 18446744073709551615, but the rest of the file holds at most 21 (byte 8)"),
        (counts(21, 14), Format,
         "metadata count is 14, but the rest of the file holds at most 2 (byte 16)"),
        (counts(3, 15), Format,
         "tensor name 0 is empty (byte 476)"),
        (counts(4, 14), Format,
         "tensor name 3 is empty (byte 601)"),
    ]);
}

#[test]
#[rustfmt::skip]
fn metadata_that_lies() {
    let key = |bytes: &[u8]| with_pairs(vec![pair(bytes, 4, piece().u32(1))]);
    let long = |n| with_pairs(vec![piece().u64(n).raw(b"a key, a type and a value")]);
    let value = |code, value| with_pairs(vec![pair("k", code, value)]);
    let array = |code, n, elements| with_pairs(vec![array_pair("k", code, n, elements)]);
    check(&[
        (long(1 << 63), Format,
         "metadata key 0 is 9223372036854775808 bytes long, but 25 are left (byte 24)"),
        (long(u64::MAX), Format,
         "metadata key 0 is 18446744073709551615 bytes long, but 25 are left (byte 24)"),
        (long(26), Format,
         "metadata key 0 is 26 bytes long, but 25 are left (byte 24)"),
        (key(b""), Format,
         "metadata key 0 is empty (byte 24)"),
        (key(b"ab\xffcd"), Format,
         "metadata key 0 is \"ab\\xffcd\", expected UTF-8 (byte 34)"),
        (with_pairs(vec![u32_pair("a", 1), u32_pair("b", 1), string_pair("a", "x")]), Format,
         "metadata key \"a\" was used before, at byte 24 (byte 58)"),
        (value(13, piece().u64(0)), Format,
         "the value of \"k\" has type 13, expected 0 to 12 (byte 33)"),
        (value(u32::MAX, piece().u64(0)), Format,
         "the value of \"k\" has type 4294967295, expected 0 to 12 (byte 33)"),
        (value(10, piece().u32(0)), Format,
         "the file ends within the value of \"k\": 8 bytes expected, 4 left (byte 37)"),
        (value(8, piece().u64(1 << 63)), Format,
         "the value of \"k\" is 9223372036854775808 bytes long, but 0 are left (byte 37)"),
        (value(7, piece().raw(&[2])), Format,
         "the value of \"k\" is 2, expected a bool of 0 or 1 (byte 37)"),
        (value(9, piece().u32(4).u32(0)), Format,
         "the file ends within the array count of \"k\": 8 bytes expected, 4 left (byte 41)"),
        (array(9, 1, piece().u32(4).u64(0)), Unsupported,
         "the array of \"k\" holds arrays, expected numbers, bools or strings (byte 37)"),
        (array(13, 1, piece().u64(0)), Format,
         "the array of \"k\" has type 13, expected 0 to 12 (byte 37)"),
        (array(0, 1 << 40, piece().u64(0)), Format,
         "the array of \"k\" has 1099511627776 u8s, but the 8 bytes left hold at most 8 (byte 41)"),
        (array(8, 1 << 37, piece().u64(0)), Format,
         "the array of \"k\" has 137438953472 strings, but the 8 bytes left hold at most 1 (byte 41)"),
        (array(12, (1 << 61) + 1, piece().u64(0)), Format,
         "the array of \"k\" has 2305843009213693953 f64s, but the 8 bytes left hold at most 1 (byte 41)"),
        (array(4, 3, piece().u64(0)), Format,
         "the array of \"k\" has 3 u32s, but the 8 bytes left hold at most 2 (byte 41)"),
        (array(8, 2, piece().string("x").u64(99)), Format,
         "element 1 of \"k\" is 99 bytes long, but 0 are left (byte 58)"),
        (array(8, 2, piece().string("seven b").u32(0)), Format,
         "the file ends within the length of element 1 of \"k\": 8 bytes expected, 4 left (byte 64)"),
        (array(7, 3, piece().raw(&[0, 1, 0xff])), Format,
         "element 2 of \"k\" is 255, expected a bool of 0 or 1 (byte 51)"),
    ]);
}

#[test]
#[rustfmt::skip]
fn alignments_that_are_none() {
    let aligned = |code, value| with_pairs(vec![pair("general.alignment", code, value)]);
    check(&[
        (aligned(4, piece().u32(0)), Format,
         "\"general.alignment\" is u32 0, expected a u32 that is a power of two up to 4096 (byte 49)"),
        (aligned(4, piece().u32(24)), Format,
         "\"general.alignment\" is u32 24, expected a u32 that is a power of two up to 4096 (byte 49)"),
        (aligned(4, piece().u32(8192)), Format,
         "\"general.alignment\" is u32 8192, expected a u32 that is a power of two up to 4096 (byte 49)"),
        (aligned(10, piece().u64(32)), Format,
         "\"general.alignment\" is u64 32, expected a u32 that is a power of two up to 4096 (byte 49)"),
        (aligned(8, piece().string("32")), Format,
         "\"general.alignment\" is string 32, expected a u32 that is a power of two up to 4096 (byte 49)"),
    ]);
}

#[test]
#[rustfmt::skip]
fn tensor_tables_that_lie() {
    let one = |line| with_tensors(vec![line]);
    let shaped = |dims: &[u64], code| with_tensors(vec![tensor("t", dims, code, 0)]);
    let twice = vec![tensor("t", &[1], 0, 0), tensor("t", &[1], 0, 32)];
    check(&[
        (one(tensor("", &[1], 0, 0)), Format,
         "tensor name 0 is empty (byte 24)"),
        (one(tensor("\u{1b}[2J", &[0], 0, 0)), Format,
         "tensor \"\\u{1b}[2J\" has a dimension of 0, expected at least 1 (byte 40)"),
        (one(tensor(b"t\xc3", &[1], 0, 0)), Format,
         "tensor name 0 is \"t\\xc3\", expected UTF-8 (byte 33)"),
        (one(piece().u64(1 << 62).raw(b"tensor")), Format,
         "tensor name 0 is 4611686018427387904 bytes long, but 96 are left (byte 24)"),
        (with_tensors(twice), Format,
         "tensor name \"t\" was used before, at byte 24 (byte 57)"),
        (shaped(&[], 0), Format,
         "tensor \"t\" has 0 dimensions, expected 1 to 4 (byte 33)"),
        (shaped(&[1; 5], 0), Format,
         "tensor \"t\" has 5 dimensions, expected 1 to 4 (byte 33)"),
        (one(piece().string("t").u32(u32::MAX).u64(1)), Format,
         "tensor \"t\" has 4294967295 dimensions, expected 1 to 4 (byte 33)"),
        (shaped(&[4, 0], 0), Format,
         "tensor \"t\" has a dimension of 0, expected at least 1 (byte 45)"),
        (shaped(&[1 << 32, 1 << 32], 0), Format,
         "tensor \"t\" of shape [4294967296, 4294967296] is larger than 2^64 bytes (byte 37)"),
        (shaped(&[1 << 63, 1 << 63, 4], 0), Format,
         "tensor \"t\" of shape [4, 9223372036854775808, 9223372036854775808] is larger than 2^64 bytes (byte 37)"),
        (shaped(&[u64::MAX], 0), Format,
         "tensor \"t\" of shape [18446744073709551615] is larger than 2^64 bytes (byte 37)"),
        (shaped(&[u64::MAX - 31; 4], 8), Format,
         "tensor \"t\" of shape [18446744073709551584, 18446744073709551584, 18446744073709551584, 18446744073709551584] is larger than 2^64 bytes (byte 37)"),
        (shaped(&[32, 1 << 60], 8), Format,
         "tensor \"t\" of shape [1152921504606846976, 32] is larger than 2^64 bytes (byte 37)"),
        (shaped(&[32], 17), Unsupported,
         "tensor \"t\" is IQ2_XS, expected one of F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K (byte 45)"),
        (shaped(&[32], 4), Unsupported,
         "tensor \"t\" is of type 4, expected one of F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K (byte 45)"),
        (shaped(&[32], u32::MAX), Unsupported,
         "tensor \"t\" is of type 4294967295, expected one of F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K (byte 45)"),
        (shaped(&[33], 8), Format,
         "tensor \"t\" has rows of 33, expected a multiple of 32, the block of Q8_0 (byte 37)"),
        (shaped(&[32, 256], 12), Format,
         "tensor \"t\" has rows of 32, expected a multiple of 256, the block of Q4_K (byte 37)"),
    ]);
}

#[test]
#[rustfmt::skip]
fn tensors_out_of_place() {
    let placed = |offset| with_tensors(vec![tensor("t", &[8], 0, offset)]);
    let shifted = |alignment: u32, offset| {
        let pairs = vec![u32_pair("general.alignment", alignment)];
        let tensors = vec![tensor("t", &[8], 0, offset)];
        File { pairs, tensors, data: vec![0; 256], ..File::empty() }.bytes()
    };
    let two = |first, second| {
        with_tensors(vec![tensor("a", &[9], 0, first), tensor("b", &[4], 0, second)])
    };
    check(&[
        (placed(16), Format,
         "tensor \"t\" has offset 16, expected a multiple of 32, the alignment (byte 49)"),
        (shifted(64, 32), Format,
         "tensor \"t\" has offset 32, expected a multiple of 64, the alignment (byte 82)"),
        (placed(64), Format,
         "tensor \"t\" ends at byte 160, but the file ends at 128 (byte 49)"),
        (placed(u64::MAX - 31), Format,
         "tensor \"t\" ends at byte 18446744073709551680, but the file ends at 128 (byte 49)"),
        (with_tensors(vec![tensor("t", &[17], 0, 0)]), Format,
         "tensor \"t\" ends at byte 132, but the file ends at 128 (byte 49)"),
        (File { tensors: vec![tensor("t", &[1], 0, 0)], ..File::empty() }.bytes(), Format,
         "tensor \"t\" ends at byte 68, but the file ends at 64 (byte 49)"),
        (two(0, 0), Format,
         "tensor \"b\" has offset 0, but tensor \"a\" ends at 36 (byte 82)"),
        (two(0, 32), Format,
         "tensor \"b\" has offset 32, but tensor \"a\" ends at 36 (byte 82)"),
    ]);
}

#[test]
#[rustfmt::skip]
fn sizes_beyond_the_limits() {
    let bytes = |n| with_pairs(vec![array_pair("k", 0, n, piece().raw(&vec![0; 64 << 20]))]);
    let counts = |n_tensors, n_pairs| {
        let counts = File { n_tensors: Some(n_tensors), n_pairs: Some(n_pairs), ..File::empty() };
        File { data: vec![0; 4 << 20], ..counts }.bytes()
    };
    check(&[
        (bytes(64 << 20), Unsupported,
         "the array of \"k\" ends at byte 67108913, beyond the metadata limit of 67108864 bytes (byte 49)"),
        (counts(0, 65_537), Unsupported,
         "metadata count is 65537, beyond the limit of 65536 (byte 16)"),
        (counts(65_537, 0), Unsupported,
         "tensor count is 65537, beyond the limit of 65536 (byte 8)"),
    ]);
}

#[test]
fn the_metadata_limit_can_be_set() {
    let file = File::small().bytes();
    let error = Gguf::parse_within(file.clone(), 100).expect_err("the header is longer");
    let message = "the value of \"general.alignment\" ends at byte 102, beyond the metadata limit of \
                   100 bytes (byte 98)";
    assert_eq!((error.kind(), error.to_string()), (Unsupported, message.to_owned()));
    assert!(Gguf::parse_within(file, 1000).is_ok());
}

#[rustfmt::skip]
/// Files of another kind: their start, the error without the path, the hint.
const OTHERS: [(&[u8], &str, &str); 14] = [
    (b"",
     "the file is empty, expected a GGUF file",
     "the download failed: try it again"),
    (b"\x00\x00\x00\x00\x00",
     "magic is \"\\0\\0\\0\\0\", expected \"GGUF\": the file is blank, as an unfinished download is",
     "the download failed: try it again"),
    (b"The cat sat on the mat.\n",
     "magic is \"The \", expected \"GGUF\": the file is text",
     "give the path of the model itself"),
    ("Il était une fois".as_bytes(),
     "magic is \"Il \\xc3\", expected \"GGUF\": the file is text",
     "give the path of the model itself"),
    (b"version https://git-lfs.github.com/spec/v1\n",
     "magic is \"vers\", expected \"GGUF\": the file is a Git LFS pointer",
     "run `git lfs pull` to fetch the model itself"),
    (b"<!DOCTYPE html>",
     "magic is \"<!DO\", expected \"GGUF\": the file is a web page",
     "the download failed: try it again"),
    (b"PK\x03\x04\x00\x00",
     "magic is \"PK\\u{3}\\u{4}\", expected \"GGUF\": the file is a zip archive, as PyTorch and NumPy write",
     "convert the model to safetensors or GGUF, or take one that is"),
    (b"\x80\x04\x95\x0c",
     "magic is \"\\x80\\u{4}\\x95\\u{c}\", expected \"GGUF\": the file is a Python pickle, which is never read: it can run code",
     "convert the model to safetensors or GGUF, or take one that is"),
    (b"\x40\x01\x00\x00\x00\x00\x00\x00{\"__metadata__\"",
     "magic is \"@\\u{1}\\0\\0\", expected \"GGUF\": the file is in the safetensors format",
     "name the folder that it lies in"),
    (b"lmgg\x01\x00",
     "magic is \"lmgg\", expected \"GGUF\": the file is in a GGML format older than GGUF",
     "convert the model to safetensors or GGUF, or take one that is"),
    (b"\x1f\x8b\x08\x00",
     "magic is \"\\u{1f}\\x8b\\u{8}\\0\", expected \"GGUF\": the file is compressed by gzip",
     "unpack it first"),
    (b"FUGG\x00\x00\x00\x03",
     "magic is \"FUGG\", expected \"GGUF\"",
     "convert the model to safetensors or GGUF, or take one that is"),
    (b"GG",
     "magic is \"GG\", expected \"GGUF\": the file is text",
     "give the path of the model itself"),
    (b"\xff\xfe\x00\x01",
     "magic is \"\\xff\\xfe\\0\\u{1}\", expected \"GGUF\"",
     "convert the model to safetensors or GGUF, or take one that is"),
];

#[test]
fn files_of_another_kind_are_named() {
    let folder = tempfolder("other-kinds");
    let found = OTHERS.map(|(start, ..)| {
        let path = folder.join("model.gguf");
        fs::write(&path, start).expect("the folder is ours");
        let error = Gguf::read(&path).expect_err("it is no GGUF");
        assert_eq!((error.kind(), error.path(), error.offset()), (Format, Some(&*path), Some(0)));
        let message = error.to_string();
        let message = message.strip_prefix(&format!("{}: ", path.display()));
        let message = message.and_then(|message| message.strip_suffix(" (byte 0)"));
        let message = message.expect("path and offset are told").to_owned();
        (message, error.way_out().expect("it has a hint").to_owned())
    });
    assert_eq!(found, OTHERS.map(|(_, message, hint)| (message.to_owned(), hint.to_owned())));
    fs::remove_dir_all(folder).expect("the folder is ours");
}

#[test]
fn what_is_no_file_is_named() {
    let folder = tempfolder("no-files");
    let cases = [
        (folder.clone(), "is a folder, expected a GGUF file"),
        (folder.join("missing.gguf"), "no such file"),
        (Path::new("/dev/null").into(), "is a device or a pipe, expected a GGUF file"),
    ];
    for (path, message) in cases {
        let error = Gguf::read(&path).expect_err(message);
        assert_eq!(error.to_string(), format!("{}: {message}", path.display()));
        assert_eq!((error.kind(), error.path()), (Io, Some(&*path)));
        assert!(error.way_out().is_some());
    }
    fs::remove_dir_all(folder).expect("the folder is ours");
}

fn tempfolder(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("kelvin-gguf-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("the temporary folder takes files");
    folder
}
