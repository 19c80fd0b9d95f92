//! Safetensors files that lie about themselves.

use kelvin_lm::ErrorKind::{Format, Unsupported};
use kelvin_lm::format::Safetensors;

use super::{BESIDE, Case, case};
use crate::oracle::safetensors::framed;

pub(super) const FORMAT: super::Format = super::Format {
    name: "safetensors",
    cases: || {
        let tables = [starts, records, layouts, grammar, limits];
        tables.into_iter().flat_map(|table| table()).collect()
    },
    beside: BESIDE,
    read: |file| Safetensors::parse(file).map(drop),
};

/// A file of this header and as many bytes of data.
fn file(header: &str, n_data: u8) -> Vec<u8> {
    framed(header.as_bytes(), &(0..n_data).collect::<Vec<_>>())
}

/// A file of one tensor, `x`.
fn one(dtype: &str, shape: &str, span: &str, n_data: u8) -> Vec<u8> {
    let record = format!(r#""dtype":"{dtype}","shape":{shape},"data_offsets":{span}"#);
    file(&format!(r#"{{"x":{{{record}}}}}"#), n_data)
}

/// A file of tensors of single bytes at these places.
fn placed(spans: &[(&str, &str)], n_data: u8) -> Vec<u8> {
    let records = spans.iter().map(|(name, span)| {
        format!(r#""{name}":{{"dtype":"U8","shape":[1],"data_offsets":{span}}}"#)
    });
    file(&format!("{{{}}}", records.collect::<Vec<_>>().join(",")), n_data)
}

/// What stands before the header, and files of another kind.
#[rustfmt::skip]
fn starts() -> Vec<Case> {
    let length = |n: u64, rest: &[u8]| [&n.to_le_bytes(), rest].concat();
    vec![
        case(*b"", Format,
         "the file is empty, expected a safetensors file (byte 0)").hint("the download failed: try it again"),
        case([2, 0, 0, 0], Format,
         "starts with \"\\u{2}\\0\\0\\0\", expected a length of 8 bytes and \"{\" (byte 0)"),
        case(length(2, b""), Format,
         "starts with \"\\u{2}\\0\\0\\0\\0\\0\\0\\0\", expected a length of 8 bytes and \"{\" (byte 0)"),
        case(length(2, b"{"), Format,
         "the header has 2 bytes, but 1 are left in the file (byte 0)").hint("the download is incomplete: try it again"),
        case(length(0, b"{}"), Format,
         "the header: EOF while parsing a value (byte 8)"),
        case(length(150_000_000, b"{"), Format,
         "the header has 150000000 bytes, but 1 are left in the file (byte 0)"),
        case(length(1 << 48, b"{"), Format,
         "starts with \"\\0\\0\\0\\0\\0\\0\\u{1}\\0{\", expected a length of 8 bytes and \"{\" (byte 0)"),
        case(length(u64::MAX, b"{}"), Format,
         "starts with \"\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff{\", expected a length of 8 bytes and \"{\" (byte 0)"),
        case(length(3, b" {}"), Format,
         "starts with \"\\u{3}\\0\\0\\0\\0\\0\\0\\0 \", expected a length of 8 bytes and \"{\" (byte 0)").known("safetensors first byte"),
        case(length(4, b"\xef\xbb\xbf{}"), Format,
         "starts with \"\\u{4}\\0\\0\\0\\0\\0\\0\\0\\xef\", expected a length of 8 bytes and \"{\" (byte 0)").known("safetensors first byte"),
        case(length(2, b"[]"), Format,
         "starts with \"\\u{2}\\0\\0\\0\\0\\0\\0\\0[\", expected a length of 8 bytes and \"{\" (byte 0)"),
        case(*b"\x80\x02}q\x00X\x05\x00\x00\x00", Format,
         "starts with \"\\x80\\u{2}}q\\0X\\u{5}\\0\\0\", expected a length of 8 bytes and \"{\": the file is a Python pickle, which is never read: it can run code (byte 0)").known("pickle"),
        case(*b"\x80\x05\x95\x0c\x00\x00\x00\x00\x00", Format,
         "starts with \"\\x80\\u{5}\\x95\\u{c}\\0\\0\\0\\0\\0\", expected a length of 8 bytes and \"{\": the file is a Python pickle, which is never read: it can run code (byte 0)").known("pickle"),
        case(*b"PK\x03\x04 and so on", Format,
         "starts with \"PK\\u{3}\\u{4} and \", expected a length of 8 bytes and \"{\": the file is a zip archive, as PyTorch and NumPy write (byte 0)").known("pickle"),
        case(*b"GGUF\x03\0\0\0 and so on", Format,
         "starts with \"GGUF\\u{3}\\0\\0\\0 \", expected a length of 8 bytes and \"{\": the file is in the GGUF format (byte 0)"),
        case(*b"\x89HDF\r\n\x1a\n and so on", Format,
         "starts with \"\\x89HDF\\r\\n\\u{1a}\\n \", expected a length of 8 bytes and \"{\": the file is in the HDF5 format, as Keras writes (byte 0)"),
        case(*b"version https://git-lfs.github.com/spec/v1\n", Format,
         "starts with \"version h\", expected a length of 8 bytes and \"{\": the file is a Git LFS pointer (byte 0)")
            .hint("run `git lfs pull` to fetch the model itself"),
        case([0; 64], Format,
         "starts with \"\\0\\0\\0\\0\\0\\0\\0\\0\\0\", expected a length of 8 bytes and \"{\": the file is blank, as an unfinished download is (byte 0)"),
    ]
}

/// A record by itself.
#[rustfmt::skip]
fn records() -> Vec<Case> {
    vec![
        case(one("F32", "[2]", "[0,4]", 4), Format,
         "tensor \"x\" of F32 [2] takes 8 bytes, but its offsets span 4 (byte 9)"),
        case(one("F32", "[1]", "[0,8]", 8), Format,
         "tensor \"x\" of F32 [1] takes 4 bytes, but its offsets span 8 (byte 9)"),
        case(one("F32", "[1]", "[0,4]", 3), Format,
         "tensor \"x\" lies at 0 to 4 of 3 bytes of data (byte 9)"),
        case(one("F32", "[1]", "[4,0]", 4), Format,
         "tensor \"x\" lies at 4 to 0 of 4 bytes of data (byte 9)"),
        case(one("F32", "[0,4]", "[0,0]", 0), Format,
         "tensor \"x\" has shape [0, 4], expected dimensions of at least 1 (byte 9)"),
        case(one("F4", "[3]", "[0,2]", 2), Format,
         "tensor \"x\" of F4 [3] is no whole number of bytes (byte 9)"),
        case(one("F32", "[4294967296,4294967296]", "[0,4]", 4), Format,
         "tensor \"x\" of F32 [4294967296, 4294967296] is larger than 2^64 bits (byte 9)")
            .known("safetensors multiplication"),
        case(one("U8", "[9223372036854775808,2]", "[0,0]", 0), Format,
         "tensor \"x\" of U8 [9223372036854775808, 2] is larger than 2^64 bits (byte 9)")
            .known("safetensors multiplication"),
        case(one("F32", "[18446744073709551615]", "[0,4]", 4), Format,
         "tensor \"x\" of F32 [18446744073709551615] is larger than 2^64 bits (byte 9)")
            .known("safetensors multiplication"),
        case(one("F33", "[1]", "[0,4]", 4), Format,
         "the header: unknown variant `F33`, expected one of `BOOL`, `F4`, `F6_E2M3`, `F6_E3M2`, `U8`, `I8`, `F8_E5M2`, `F8_E4M3`, `F8_E8M0`, `F8_E4M3FNUZ`, `F8_E5M2FNUZ`, `I16`, `U16`, `F16`, `BF16`, `I32`, `U32`, `F32`, `C64`, `F64`, `I64`, `U64` (byte 26)"),
        case(one("f32", "[1]", "[0,4]", 4), Format,
         "the header: unknown variant `f32`, expected one of `BOOL`, `F4`, `F6_E2M3`, `F6_E3M2`, `U8`, `I8`, `F8_E5M2`, `F8_E4M3`, `F8_E8M0`, `F8_E4M3FNUZ`, `F8_E5M2FNUZ`, `I16`, `U16`, `F16`, `BF16`, `I32`, `U32`, `F32`, `C64`, `F64`, `I64`, `U64` (byte 26)"),
        case(one("F33\\u001b[2J", "[1]", "[0,4]", 4), Format,
         "the header: unknown variant `F33\\u{1b}[2J`, expected one of `BOOL`, `F4`, `F6_E2M3`, `F6_E3M2`, `U8`, `I8`, `F8_E5M2`, `F8_E4M3`, `F8_E8M0`, `F8_E4M3FNUZ`, `F8_E5M2FNUZ`, `I16`, `U16`, `F16`, `BF16`, `I32`, `U32`, `F32`, `C64`, `F64`, `I64`, `U64` (byte 35)"),
        case(one("F32", "[-1]", "[0,4]", 4), Format,
         "the header: invalid value: integer `-1`, expected usize (byte 38)"),
        case(one("F32", "[1.5]", "[0,4]", 4), Format,
         "the header: invalid type: floating point `1.5`, expected usize (byte 39)"),
        case(one("F32", "[1e999]", "[0,4]", 4), Format,
         "the header: number out of range (byte 41)"),
        case(one("F32", "[18446744073709551616]", "[0,4]", 4), Format,
         "the header: invalid type: floating point `1.8446744073709552e+19`, expected usize (byte 56)"),
        case(one("F32", "[\"1\"]", "[0,4]", 4), Format,
         "the header: invalid type: string \"1\", expected usize (byte 39)"),
        case(one("F32", "[1]", "[0]", 4), Format,
         "the header: invalid length 1, expected a tuple of size 2 (byte 57)"),
        case(one("F32", "[1]", "[0,4,4]", 4), Format,
         "the header: trailing characters (byte 60)"),
        case(one("F32", "[1]", "[0,18446744073709551615]", 4), Format,
         "tensor \"x\" lies at 0 to 18446744073709551615 of 4 bytes of data (byte 9)"),
    ]
}

/// The records together.
#[rustfmt::skip]
fn layouts() -> Vec<Case> {
    vec![
        case(one("F32", "[1]", "[4,8]", 8), Format,
         "tensor \"x\" leaves a gap after the one before it (byte 9)"),
        case(one("F32", "[1]", "[0,4]", 8), Format,
         "4 bytes follow the last tensor (byte 66)").known("safetensors polyglots"),
        case(file("{}", 1), Format,
         "1 bytes follow the last tensor (byte 10)").known("safetensors polyglots"),
        case(placed(&[("a", "[0,1]"), ("b", "[2,3]")], 3), Format,
         "tensor \"b\" leaves a gap after the one before it (byte 61)")
            .known("safetensors polyglots"),
        case(placed(&[("a", "[0,1]"), ("b", "[0,1]")], 1), Format,
         "tensor \"b\" overlaps the one before it (byte 61)"),
        case(placed(&[("a", "[0,1]"), ("b", "[0,1]")], 2), Format,
         "tensor \"b\" overlaps the one before it (byte 61)"),
        case(placed(&[("a", "[0,1]"), ("a", "[1,2]")], 2), Format,
         "the header: an object has a key twice (byte 112)")
            .known("safetensors duplicate keys"),
        case(placed(&[("a", "[0,1]"), ("\\u0061", "[1,2]")], 2), Format,
         "the header: an object has a key twice (byte 117)")
            .known("safetensors duplicate keys"),
        case(file(r#"{"x":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}"#, 1), Format,
         "the header: an object has a key twice (byte 72)")
            .known("safetensors duplicate keys"),
        case(file(r#"{"__metadata__":{"a":"1","a":"2"}}"#, 0), Format,
         "the header: an object has a key twice (byte 40)")
            .known("safetensors duplicate keys"),
    ]
}

/// The header as JSON.
#[rustfmt::skip]
fn grammar() -> Vec<Case> {
    vec![
        case(file(r#"{"x":{"dtype":"F32","shape":[1]}}"#, 0), Format,
         "the header: missing field `data_offsets` (byte 39)"),
        case(file(r#"{"x":1"#, 0), Format,
         "the header: EOF while parsing an object (byte 13)"),
        case(file(r#"{"x":[]}"#, 0), Format,
         "the header: invalid type: sequence, expected an object (byte 12)"),
        case(file(r#"{"x":null}"#, 0), Format,
         "the header: invalid type: null, expected an object (byte 16)"),
        case(file("{}{}", 0), Format,
         "the header: trailing characters (byte 10)").known("safetensors polyglots"),
        case(file("{}\0\0", 0), Format,
         "the header: trailing characters (byte 10)").known("safetensors polyglots"),
        case(file("{'x':1}", 0), Format,
         "the header: key must be a string (byte 9)"),
        case(file("{\"x\n\":1}", 0), Format,
         "the header: control character (\\u0000-\\u001F) found while parsing a string (byte 12)"),
        case(file(r#"{"\ud800":1}"#, 0), Format,
         "the header: unexpected end of hex escape (byte 16)"),
        case(framed(b"{\"\xff\":1}", b""), Format,
         "the header: invalid unicode code point (byte 10)"),
        case(file(&"{\"x\":".repeat(100), 0), Format,
         "the header: nested deeper than 64 (byte 331)"),
        case(file(&format!("{{\"x\":{}", "[".repeat(100_000)), 0), Format,
         "the header: nested deeper than 64 (byte 76)"),
        case(file(r#"{"__metadata__":{"a":1}}"#, 0), Format,
         "the header: invalid type: integer `1`, expected a string (byte 29)"),
        case(file(r#"{"__metadata__":"a"}"#, 0), Format,
         "the header: invalid type: string \"a\", expected a table of strings (byte 26)"),
        case(file(r#"{"__metadata__":null}"#, 0), Format,
         "the header: invalid type: null, expected a table of strings (byte 27)"),
    ]
}

/// Sound files beyond the limits.
#[rustfmt::skip]
fn limits() -> Vec<Case> {
    let line = |i: u16| {
        format!(r#""{i}":{{"dtype":"U8","shape":[1],"data_offsets":[{i},{}]}}"#, i + 1)
    };
    let many = format!("{{{}}}", (0..4097).map(line).collect::<Vec<_>>().join(","));
    let long = format!(r#"{{"__metadata__":{{"x":"{}"}}}}"#, "x".repeat(300_000));
    vec![
        case(one("U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]", 1), Unsupported,
         "the header: an array of more than 8 (byte 53)"),
        case(framed(many.as_bytes(), &[0; 4097]), Unsupported,
         "the header: more than 16384 keys (byte 246543)"),
        case(file(&long, 0), Unsupported,
         "the header: a string of more than 262144 bytes (byte 29)"),
    ]
}
