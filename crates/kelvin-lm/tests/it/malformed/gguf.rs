//! GGUF files that lie about themselves.

use kelvin_lm::ErrorKind::{Format, Unsupported};
use kelvin_lm::format::gguf::Gguf;

use super::{BESIDE, Case, case};
use crate::gguf::writer::{File, Piece, array_pair, pair, piece, string_pair, tensor, u32_pair};

pub(super) const FORMAT: super::Format = super::Format {
    name: "GGUF",
    cases: || {
        let tables = [others, starts, metadata, alignments, tables, places, sizes];
        tables.into_iter().flat_map(|table| table()).collect()
    },
    beside: BESIDE,
    read: |file| Gguf::parse(file).map(drop),
};

fn with_pairs(pairs: Vec<Piece>) -> Vec<u8> {
    File { pairs, ..File::empty() }.bytes()
}

/// Tensors over 64 bytes of data, which start at the next multiple of 32.
fn with_tensors(tensors: Vec<Piece>) -> Vec<u8> {
    File { tensors, data: vec![0; 64], ..File::empty() }.bytes()
}

/// What stands before the first key.
#[rustfmt::skip]
fn starts() -> Vec<Case> {
    let version = |version| File { version, ..File::empty() }.bytes();
    let counts = |n_tensors, n_pairs| {
        File { n_tensors: Some(n_tensors), n_pairs: Some(n_pairs), ..File::small() }.bytes()
    };
    let cut = |end| File::small().bytes()[..end].to_vec();
    vec![
        case(b"GGU".to_vec(), Format,
         "magic is \"GGU\", expected \"GGUF\": the file is text (byte 0)"),
        case(cut(4), Format,
         "the file ends within the version: 4 bytes expected, 0 left (byte 4)"),
        case(cut(7), Format,
         "the file ends within the version: 4 bytes expected, 3 left (byte 4)"),
        case(cut(8), Format,
         "the file ends within the tensor count: 8 bytes expected, 0 left (byte 8)"),
        case(cut(23), Format,
         "the file ends within the metadata count: 8 bytes expected, 7 left (byte 16)"),
        case(version(0), Unsupported,
         "version is 0, expected 2 or 3 (byte 4)"),
        case(version(1), Unsupported,
         "version is 1, expected 2 or 3 (byte 4)"),
        case(version(4), Unsupported,
         "version is 4, expected 2 or 3 (byte 4)"),
        case(version(3_u32.swap_bytes()), Unsupported,
         "version is 3, big-endian, expected little-endian (byte 4)"),
        case(counts(3, 1 << 40), Format,
         "metadata count is 1099511627776, but the rest of the file holds at most 44 (byte 16)")
            .known("CVE-2024-21802"),
        case(counts(3, u64::MAX), Format,
         "metadata count is 18446744073709551615, but the rest of the file holds at most 44 (byte 16)"),
        case(counts(u64::MAX, 14), Format,
         "tensor count is 18446744073709551615, but the rest of the file holds at most 21 (byte 8)")
            .known("CVE-2024-21802"),
        case(counts(21, 14), Format,
         "metadata count is 14, but the rest of the file holds at most 2 (byte 16)"),
        case(counts(3, 15), Format,
         "tensor name 0 is empty (byte 476)"),
        case(counts(4, 14), Format,
         "tensor name 3 is empty (byte 601)"),
    ]
}

/// Keys and values.
#[rustfmt::skip]
fn metadata() -> Vec<Case> {
    let key = |bytes: &[u8]| with_pairs(vec![pair(bytes, 4, piece().u32(1))]);
    let long = |n| with_pairs(vec![piece().u64(n).raw(b"a key, a type and a value")]);
    let value = |code, value| with_pairs(vec![pair("k", code, value)]);
    let array = |code, n, elements| with_pairs(vec![array_pair("k", code, n, elements)]);
    vec![
        case(long(1 << 63), Format,
         "metadata key 0 is 9223372036854775808 bytes long, but 25 are left (byte 24)"),
        case(long(u64::MAX), Format,
         "metadata key 0 is 18446744073709551615 bytes long, but 25 are left (byte 24)")
            .known("llama.cpp#19856 strings"),
        case(long(26), Format,
         "metadata key 0 is 26 bytes long, but 25 are left (byte 24)"),
        case(key(b""), Format,
         "metadata key 0 is empty (byte 24)"),
        case(key(b"ab\xffcd"), Format,
         "metadata key 0 is \"ab\\xffcd\", expected UTF-8 (byte 34)"),
        case(with_pairs(vec![u32_pair("a", 1), u32_pair("b", 1), string_pair("a", "x")]), Format,
         "metadata key \"a\" was used before, at byte 24 (byte 58)"),
        case(value(13, piece().u64(0)), Format,
         "the value of \"k\" has type 13, expected 0 to 12 (byte 33)"),
        case(value(u32::MAX, piece().u64(0)), Format,
         "the value of \"k\" has type 4294967295, expected 0 to 12 (byte 33)")
            .known("llama.cpp#19856 types"),
        case(value(10, piece().u32(0)), Format,
         "the file ends within the value of \"k\": 8 bytes expected, 4 left (byte 37)"),
        case(value(8, piece().u64(1 << 63)), Format,
         "the value of \"k\" is 9223372036854775808 bytes long, but 0 are left (byte 37)")
            .known("CVE-2024-21802"),
        case(value(7, piece().raw(&[2])), Format,
         "the value of \"k\" is 2, expected a bool of 0 or 1 (byte 37)"),
        case(value(9, piece().u32(4).u32(0)), Format,
         "the file ends within the array count of \"k\": 8 bytes expected, 4 left (byte 41)"),
        case(array(9, 1, piece().u32(4).u64(0)), Unsupported,
         "the array of \"k\" holds arrays, expected numbers, bools or strings (byte 37)"),
        case(array(13, 1, piece().u64(0)), Format,
         "the array of \"k\" has type 13, expected 0 to 12 (byte 37)"),
        case(array(0, 1 << 40, piece().u64(0)), Format,
         "the array of \"k\" has 1099511627776 u8s, but the 8 bytes left hold at most 8 (byte 41)"),
        case(array(8, 1 << 37, piece().u64(0)), Format,
         "the array of \"k\" has 137438953472 strings, but the 8 bytes left hold at most 1 (byte 41)")
            .known("llama.cpp#19856 arrays"),
        case(array(12, (1 << 61) + 1, piece().u64(0)), Format,
         "the array of \"k\" has 2305843009213693953 f64s, but the 8 bytes left hold at most 1 (byte 41)")
            .known("KV_BAD_VALUE_SIZE"),
        case(array(4, 3, piece().u64(0)), Format,
         "the array of \"k\" has 3 u32s, but the 8 bytes left hold at most 2 (byte 41)"),
        case(array(8, 2, piece().string("x").u64(99)), Format,
         "element 1 of \"k\" is 99 bytes long, but 0 are left (byte 58)"),
        case(array(8, 2, piece().string("seven b").u32(0)), Format,
         "the file ends within the length of element 1 of \"k\": 8 bytes expected, 4 left (byte 64)"),
        case(array(7, 3, piece().raw(&[0, 1, 0xff])), Format,
         "element 2 of \"k\" is 255, expected a bool of 0 or 1 (byte 51)"),
    ]
}

/// Where tensors start.
#[rustfmt::skip]
fn alignments() -> Vec<Case> {
    let aligned = |code, value| with_pairs(vec![pair("general.alignment", code, value)]);
    vec![
        case(aligned(4, piece().u32(0)), Format,
         "\"general.alignment\" is u32 0, expected a u32 that is a power of two up to 4096 (byte 49)"),
        case(aligned(4, piece().u32(24)), Format,
         "\"general.alignment\" is u32 24, expected a u32 that is a power of two up to 4096 (byte 49)")
            .known("llama.cpp#19856 alignment"),
        case(aligned(4, piece().u32(8192)), Format,
         "\"general.alignment\" is u32 8192, expected a u32 that is a power of two up to 4096 (byte 49)"),
        case(aligned(10, piece().u64(32)), Format,
         "\"general.alignment\" is u64 32, expected a u32 that is a power of two up to 4096 (byte 49)"),
        case(aligned(8, piece().string("32")), Format,
         "\"general.alignment\" is string 32, expected a u32 that is a power of two up to 4096 (byte 49)"),
    ]
}

/// Names, shapes and types of tensors.
#[rustfmt::skip]
fn tables() -> Vec<Case> {
    let one = |line| with_tensors(vec![line]);
    let shaped = |dims: &[u64], code| with_tensors(vec![tensor("t", dims, code, 0)]);
    let twice = vec![tensor("t", &[1], 0, 0), tensor("t", &[1], 0, 32)];
    vec![
        case(one(tensor("", &[1], 0, 0)), Format,
         "tensor name 0 is empty (byte 24)"),
        case(one(tensor("\u{1b}[2J", &[0], 0, 0)), Format,
         "tensor \"\\u{1b}[2J\" has a dimension of 0, expected at least 1 (byte 40)"),
        case(one(tensor(b"t\xc3", &[1], 0, 0)), Format,
         "tensor name 0 is \"t\\xc3\", expected UTF-8 (byte 33)"),
        case(one(piece().u64(1 << 62).raw(b"tensor")), Format,
         "tensor name 0 is 4611686018427387904 bytes long, but 96 are left (byte 24)"),
        case(with_tensors(twice), Format,
         "tensor name \"t\" was used before, at byte 24 (byte 57)"),
        case(shaped(&[], 0), Format,
         "tensor \"t\" has 0 dimensions, expected 1 to 4 (byte 33)"),
        case(shaped(&[1; 5], 0), Format,
         "tensor \"t\" has 5 dimensions, expected 1 to 4 (byte 33)"),
        case(one(piece().string("t").u32(u32::MAX).u64(1)), Format,
         "tensor \"t\" has 4294967295 dimensions, expected 1 to 4 (byte 33)"),
        case(shaped(&[4, 0], 0), Format,
         "tensor \"t\" has a dimension of 0, expected at least 1 (byte 45)"),
        case(shaped(&[1 << 32, 1 << 32], 0), Format,
         "tensor \"t\" of shape [4294967296, 4294967296] is larger than 2^64 bytes (byte 37)"),
        case(shaped(&[1 << 63, 1 << 63, 4], 0), Format,
         "tensor \"t\" of shape [4, 9223372036854775808, 9223372036854775808] is larger than 2^64 bytes (byte 37)")
            .known("CVE-2025-53630"),
        case(shaped(&[u64::MAX], 0), Format,
         "tensor \"t\" of shape [18446744073709551615] is larger than 2^64 bytes (byte 37)"),
        case(shaped(&[u64::MAX - 31; 4], 8), Format,
         "tensor \"t\" of shape [18446744073709551584, 18446744073709551584, 18446744073709551584, 18446744073709551584] is larger than 2^64 bytes (byte 37)"),
        case(shaped(&[32, 1 << 60], 8), Format,
         "tensor \"t\" of shape [1152921504606846976, 32] is larger than 2^64 bytes (byte 37)")
            .known("CVE-2025-53630"),
        case(shaped(&[32], 17), Unsupported,
         "tensor \"t\" is IQ2_XS, expected one of F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K (byte 45)"),
        case(shaped(&[32], 4), Unsupported,
         "tensor \"t\" is of type 4, expected one of F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K (byte 45)"),
        case(shaped(&[32], u32::MAX), Unsupported,
         "tensor \"t\" is of type 4294967295, expected one of F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K (byte 45)")
            .known("llama.cpp#19856 types"),
        case(shaped(&[33], 8), Format,
         "tensor \"t\" has rows of 33, expected a multiple of 32, the block of Q8_0 (byte 37)"),
        case(shaped(&[32, 256], 12), Format,
         "tensor \"t\" has rows of 32, expected a multiple of 256, the block of Q4_K (byte 37)"),
    ]
}

/// Where tensors lie.
#[rustfmt::skip]
fn places() -> Vec<Case> {
    let placed = |offset| with_tensors(vec![tensor("t", &[8], 0, offset)]);
    let shifted = |alignment: u32, offset| {
        let pairs = vec![u32_pair("general.alignment", alignment)];
        let tensors = vec![tensor("t", &[8], 0, offset)];
        File { pairs, tensors, data: vec![0; 256], ..File::empty() }.bytes()
    };
    let two = |first, second| {
        with_tensors(vec![tensor("a", &[9], 0, first), tensor("b", &[4], 0, second)])
    };
    vec![
        case(placed(16), Format,
         "tensor \"t\" has offset 16, expected a multiple of 32, the alignment (byte 49)"),
        case(shifted(64, 32), Format,
         "tensor \"t\" has offset 32, expected a multiple of 64, the alignment (byte 82)"),
        case(placed(64), Format,
         "tensor \"t\" ends at byte 160, but the file ends at 128 (byte 49)"),
        case(placed(u64::MAX - 31), Format,
         "tensor \"t\" ends at byte 18446744073709551680, but the file ends at 128 (byte 49)")
            .known("CVE-2026-27940"),
        case(with_tensors(vec![tensor("t", &[1 << 60], 0, 0)]), Format,
         "tensor \"t\" ends at byte 4611686018427387968, but the file ends at 128 (byte 49)").known("CVE-2026-33298"),
        case(with_tensors(vec![tensor("t", &[1 << 61, 2], 0, 0)]), Format,
         "tensor \"t\" of shape [2, 2305843009213693952] is larger than 2^64 bytes (byte 37)").known("CVE-2026-33298"),
        case(with_tensors(vec![tensor("t", &[17], 0, 0)]), Format,
         "tensor \"t\" ends at byte 132, but the file ends at 128 (byte 49)")
            .known("CVE-2026-7482"),
        case(File { tensors: vec![tensor("t", &[1], 0, 0)], ..File::empty() }.bytes(), Format,
         "tensor \"t\" ends at byte 68, but the file ends at 64 (byte 49)"),
        case(two(0, 0), Format,
         "tensor \"b\" has offset 0, but tensor \"a\" ends at 36 (byte 82)"),
        case(two(0, 32), Format,
         "tensor \"b\" has offset 32, but tensor \"a\" ends at 36 (byte 82)"),
    ]
}

/// Sound files beyond the limits.
#[rustfmt::skip]
fn sizes() -> Vec<Case> {
    let bytes = |n| with_pairs(vec![array_pair("k", 0, n, piece().raw(&vec![0; 64 << 20]))]);
    let counts = |n_tensors, n_pairs| {
        let counts = File { n_tensors: Some(n_tensors), n_pairs: Some(n_pairs), ..File::empty() };
        File { data: vec![0; 4 << 20], ..counts }.bytes()
    };
    vec![
        case(bytes(64 << 20), Unsupported,
         "the array of \"k\" ends at byte 67108913, beyond the metadata limit of 67108864 bytes (byte 49)"),
        case(counts(0, 65_537), Unsupported,
         "metadata count is 65537, beyond the limit of 65536 (byte 16)"),
        case(counts(65_537, 0), Unsupported,
         "tensor count is 65537, beyond the limit of 65536 (byte 8)"),
    ]
}

/// Files of another kind.
#[rustfmt::skip]
fn others() -> Vec<Case> {
    vec![
        case(*b"", Format,
         "the file is empty, expected a GGUF file (byte 0)")
            .hint("the download failed: try it again"),
        case(*b"\x00\x00\x00\x00\x00", Format,
         "magic is \"\\0\\0\\0\\0\", expected \"GGUF\": the file is blank, as an unfinished download is (byte 0)")
            .hint("the download failed: try it again"),
        case(*b"The cat sat on the mat.\n", Format,
         "magic is \"The \", expected \"GGUF\": the file is text (byte 0)")
            .hint("give the path of the model itself"),
        case("Il était une fois".as_bytes(), Format,
         "magic is \"Il \\xc3\", expected \"GGUF\": the file is text (byte 0)")
            .hint("give the path of the model itself"),
        case(*b"version https://git-lfs.github.com/spec/v1\n", Format,
         "magic is \"vers\", expected \"GGUF\": the file is a Git LFS pointer (byte 0)")
            .hint("run `git lfs pull` to fetch the model itself"),
        case(*b"<!DOCTYPE html>", Format,
         "magic is \"<!DO\", expected \"GGUF\": the file is a web page (byte 0)")
            .hint("the download failed: try it again"),
        case(*b"PK\x03\x04\x00\x00", Format,
         "magic is \"PK\\u{3}\\u{4}\", expected \"GGUF\": the file is a zip archive, as PyTorch and NumPy write (byte 0)")
            .hint("convert the model to safetensors or GGUF, or take one that is"),
        case(*b"\x80\x04\x95\x0c", Format,
         "magic is \"\\x80\\u{4}\\x95\\u{c}\", expected \"GGUF\": the file is a Python pickle, which is never read: it can run code (byte 0)")
            .hint("convert the model to safetensors or GGUF, or take one that is"),
        case(*b"\x40\x01\x00\x00\x00\x00\x00\x00{\"__metadata__\"", Format,
         "magic is \"@\\u{1}\\0\\0\", expected \"GGUF\": the file is in the safetensors format (byte 0)")
            .hint("name the folder that it lies in"),
        case(*b"lmgg\x01\x00", Format,
         "magic is \"lmgg\", expected \"GGUF\": the file is in a GGML format older than GGUF (byte 0)")
            .hint("convert the model to safetensors or GGUF, or take one that is"),
        case(*b"\x1f\x8b\x08\x00", Format,
         "magic is \"\\u{1f}\\x8b\\u{8}\\0\", expected \"GGUF\": the file is compressed by gzip (byte 0)")
            .hint("unpack it first"),
        case(*b"FUGG\x00\x00\x00\x03", Format,
         "magic is \"FUGG\", expected \"GGUF\" (byte 0)")
            .hint("convert the model to safetensors or GGUF, or take one that is"),
        case(*b"GG", Format,
         "magic is \"GG\", expected \"GGUF\": the file is text (byte 0)")
            .hint("give the path of the model itself"),
        case(*b"\xff\xfe\x00\x01", Format,
         "magic is \"\\xff\\xfe\\0\\u{1}\", expected \"GGUF\" (byte 0)")
            .hint("convert the model to safetensors or GGUF, or take one that is"),
    ]
}
