//! GGUF files that are sound, around tokenizers that are not.

use kelvin_lm::ErrorKind::{Format, Tokenizer, Unsupported};
use kelvin_lm::format::gguf::Gguf;
use kelvin_lm::tokenizer::Tokenizer as Built;

use super::{BESIDE, Case, case};
use crate::gguf::writer::{File, Piece, array_pair, pair, piece, string_pair, u32_pair};

pub(super) const FORMAT: super::Format = super::Format {
    name: "tokenizer in GGUF",
    cases: || {
        let tables = [lists, merges, roles, spellings];
        tables.into_iter().flat_map(|table| table()).collect()
    },
    beside: BESIDE,
    read: |file| Gguf::parse(file).and_then(|gguf| Built::from_gguf(&gguf)).map(drop),
};

fn key(name: &str) -> String {
    format!("tokenizer.ggml.{name}")
}

fn strings(name: &str, strings: &[&[u8]]) -> Piece {
    let elements = strings.iter().fold(piece(), Piece::string);
    array_pair(&key(name), 8, strings.len() as u64, elements)
}

fn numbers(name: &str, code: u32, numbers: &[u32]) -> Piece {
    let elements = numbers.iter().fold(piece(), |all, &number| all.u32(number));
    array_pair(&key(name), code, numbers.len() as u64, elements)
}

/// A file whose tokenizer is SentencePiece: `<s>`, `▁`, `a`, with these pairs in place of its own.
fn sentence_piece(instead: Vec<Piece>) -> Vec<u8> {
    let scores = [0.0, -1.0, -2.0_f32].map(f32::to_bits);
    let own = vec![
        string_pair(&key("model"), "llama"),
        strings("tokens", &[b"<s>", "▁".as_bytes(), b"a"]),
        numbers("scores", 6, &scores),
        numbers("token_type", 5, &[3, 1, 1]),
    ];
    written(own, instead)
}

/// A file whose tokenizer is byte-level: `a`, `b`, `ab`, one merge, with these pairs in place of its own.
fn byte_level(instead: Vec<Piece>) -> Vec<u8> {
    let own = vec![
        string_pair(&key("model"), "gpt2"),
        string_pair(&key("pre"), "gpt-2"),
        strings("tokens", &[b"a", b"b", b"ab"]),
        strings("merges", &[b"a b"]),
    ];
    written(own, instead)
}

fn written(own: Vec<Piece>, instead: Vec<Piece>) -> Vec<u8> {
    let name = |pair: &Piece| pair.bytes[..8 + usize::from(pair.bytes[0])].to_vec();
    let replaced: Vec<_> = instead.iter().map(name).collect();
    let kept = own.into_iter().filter(|pair| !replaced.contains(&name(pair)));
    File { pairs: kept.chain(instead).collect(), ..File::empty() }.bytes()
}

/// Lists of another length or type, or absent.
#[rustfmt::skip]
fn lists() -> Vec<Case> {
    let without = |pairs: Vec<Piece>| File { pairs, ..File::empty() }.bytes();
    let tokens = || strings("tokens", &[b"a"]);
    let model = |name: &str| string_pair(&key("model"), name);
    let nan = |at: usize, number: f32| {
        let mut scores = [0.0_f32; 3];
        scores[at] = number;
        sentence_piece(vec![numbers("scores", 6, &scores.map(f32::to_bits))])
    };
    vec![
        case(without(vec![]), Tokenizer,
         "tokenizer.ggml.tokens: missing"),
        case(without(vec![tokens()]), Tokenizer,
         "tokenizer.ggml.model: missing"),
        case(without(vec![tokens(), model("llama")]), Tokenizer,
         "tokenizer.ggml.scores: missing"),
        case(without(vec![tokens(), model("gpt2")]), Tokenizer,
         "tokenizer.ggml.merges: missing"),
        case(without(vec![tokens(), model("bert")]), Unsupported,
         "tokenizer.ggml.model: \"bert\" is unknown, expected \"gpt2\" or \"llama\" (byte 106)"),
        case(without(vec![tokens(), model(&"x\u{1b}".repeat(10_000))]), Unsupported,
         "tokenizer.ggml.model: \"x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}x\\u{1b}...\" is unknown, expected \"gpt2\" or \"llama\" (byte 106)"),
        case(sentence_piece(vec![strings("tokens", &[])]), Tokenizer,
         "tokenizer.ggml.tokens: 0 pieces, expected 1 to 4294967295"),
        case(sentence_piece(vec![strings("tokens", &[b"a", b"b"])]), Tokenizer,
         "tokenizer.ggml.token_type: 3 kinds for 2 pieces"),
        case(sentence_piece(vec![numbers("tokens", 4, &[1, 2, 3])]), Format,
         "\"tokenizer.ggml.tokens\" is array [3 u32s] 1, 2, 3, expected an array of strings (byte 216)"),
        case(sentence_piece(vec![numbers("scores", 6, &[0; 4])]), Tokenizer,
         "tokenizer.ggml.scores: 4 scores for 3 pieces"),
        case(sentence_piece(vec![numbers("scores", 5, &[0; 3])]), Format,
         "\"tokenizer.ggml.scores\" is array [3 i32s] 0, 0, 0, expected an array of f32 (byte 235)"),
        case(nan(1, f32::NAN), Tokenizer,
         "tokenizer.ggml.scores: score 1 is NaN, expected a finite number"),
        case(nan(2, f32::NEG_INFINITY), Tokenizer,
         "tokenizer.ggml.scores: score 2 is -inf, expected a finite number"),
        case(sentence_piece(vec![numbers("token_type", 5, &[3, 1])]), Tokenizer,
         "tokenizer.ggml.token_type: 2 kinds for 3 pieces"),
        case(sentence_piece(vec![numbers("token_type", 5, &[3, 1, 7])]), Tokenizer,
         "tokenizer.ggml.token_type: token 2 has type 7, expected 1 to 6 (byte 235)"),
        case(sentence_piece(vec![numbers("token_type", 5, &[3, 1, u32::MAX])]), Tokenizer,
         "tokenizer.ggml.token_type: token 2 has type -1, expected 1 to 6 (byte 235)")
            .known("GHSA-7rxv-5jhh-j6xx"),
        case(sentence_piece(vec![numbers("token_type", 4, &[3, 1, u32::MAX])]), Format,
         "\"tokenizer.ggml.token_type\" is array [3 u32s] 3, 1, 4294967295, expected an array of integers that fit in an i32 (byte 235)")
            .known("GHSA-7rxv-5jhh-j6xx"),
    ]
}

/// Merges of pieces that are not there.
#[rustfmt::skip]
fn merges() -> Vec<Case> {
    let with = |merges: &[&[u8]]| byte_level(vec![strings("merges", merges)]);
    vec![
        case(with(&[b"a b", b"a c"]), Tokenizer,
         "tokenizer.ggml.merges: merge 1 is \"a c\", expected both pieces and their union in the vocabulary").known("tokenizers#2094"),
        case(with(&[b"b a"]), Tokenizer,
         "tokenizer.ggml.merges: merge 0 is \"b a\", expected both pieces and their union in the vocabulary").known("tokenizers#2094"),
        case(with(&[b"ab"]), Tokenizer,
         "tokenizer.ggml.merges: merge 0 is \"ab\", expected two pieces").known("tokenizers#2198"),
        case(with(&[b""]), Tokenizer,
         "tokenizer.ggml.merges: merge 0 is \"\", expected two pieces").known("tokenizers#2198"),
        case(with(&[b"a "]), Tokenizer,
         "tokenizer.ggml.merges: merge 0 is \"a \", expected two pieces"),
        case(with(&[b" a"]), Tokenizer,
         "tokenizer.ggml.merges: merge 0 is \" a\", expected two pieces"),
        case(with(&["é é".as_bytes()]), Tokenizer,
         "tokenizer.ggml.merges: merge 0 is \"é é\", expected both pieces and their union in the vocabulary").known("tokenizers#2198"),
        case(with(&[b"a \xff"]), Tokenizer,
         "tokenizer.ggml.merges: string 0 is not UTF-8 (byte 229)"),
        case(byte_level(vec![string_pair(&key("pre"), "(a+)+$")]), Unsupported,
         "tokenizer.ggml.pre: \"(a+)+$\" is unknown, expected one of gpt-2, smollm, llama-bpe, llama3, llama-v3, default")
            .known("tokenizers#2060"),
    ]
}

/// Tokens with a role.
#[rustfmt::skip]
fn roles() -> Vec<Case> {
    let with = |pair: Piece| sentence_piece(vec![pair]);
    let id = |role: &str| key(&format!("{role}_token_id"));
    let number = |role: &str, code, bytes: &[u8]| with(pair(id(role), code, piece().raw(bytes)));
    vec![
        case(with(u32_pair(&id("bos"), 3)), Tokenizer,
         "tokenizer.ggml.bos_token_id: 3 is outside the vocabulary of 3 tokens"),
        case(with(u32_pair(&id("eos"), u32::MAX)), Tokenizer,
         "tokenizer.ggml.eos_token_id: 4294967295 is outside the vocabulary of 3 tokens").known("GHSA-7rxv-5jhh-j6xx"),
        case(number("bos", 5, &(-1_i32).to_le_bytes()), Format,
         "\"tokenizer.ggml.bos_token_id\" is i32 -1, expected an integer from 0 to 4294967295 (byte 298)").known("GHSA-7rxv-5jhh-j6xx"),
        case(number("eot", 11, &i64::MIN.to_le_bytes()), Format,
         "\"tokenizer.ggml.eot_token_id\" is i64 -9223372036854775808, expected an integer from 0 to 4294967295 (byte 298)").known("GHSA-7rxv-5jhh-j6xx"),
        case(number("eom", 10, &(1_u64 << 32).to_le_bytes()), Format,
         "\"tokenizer.ggml.eom_token_id\" is u64 4294967296, expected an integer from 0 to 4294967295 (byte 298)").known("GHSA-7rxv-5jhh-j6xx"),
        case(number("bos", 6, &1.0_f32.to_le_bytes()), Format,
         "\"tokenizer.ggml.bos_token_id\" is f32 1, expected an integer from 0 to 4294967295 (byte 298)"),
        case(with(pair(key("add_bos_token"), 7, piece().raw(&[1]))), Tokenizer,
         "tokenizer.ggml.add_bos_token: true, and there is no bos_token_id"),
        case(with(u32_pair(&key("add_eos_token"), 1)), Format,
         "\"tokenizer.ggml.add_eos_token\" is u32 1, expected a bool (byte 299)"),
    ]
}

/// Tokens that cannot be told apart, or are no text.
#[rustfmt::skip]
fn spellings() -> Vec<Case> {
    let long = "x".repeat(257);
    let tokens = |last: &[u8]| sentence_piece(vec![strings("tokens", &[b"<s>", b"a", last])]);
    let byte = |last: &[u8]| {
        let kinds = numbers("token_type", 5, &[3, 1, 6]);
        sentence_piece(vec![strings("tokens", &[b"<s>", b"a", last]), kinds])
    };
    vec![
        case(tokens(b"\xff"), Tokenizer,
         "tokenizer.ggml.tokens: string 2 is not UTF-8 (byte 252)"),
        case(tokens(b"a"), Tokenizer,
         "tokenizer.ggml.tokens: tokens 1 and 2 are both \"a\""),
        case(tokens(long.as_bytes()), Tokenizer,
         "tokenizer.ggml.tokens: piece 2 is 257 bytes long, the longest is 256"),
        case(byte(b"<0xGG>"), Tokenizer,
         "tokenizer.ggml.tokens: byte token 2 is \"<0xGG>\", expected \"<0x00>\" to \"<0xFF>\""),
        case(byte(b"<0x0a>"), Tokenizer,
         "tokenizer.ggml.tokens: byte token 2 is \"<0x0a>\", expected \"<0x00>\" to \"<0xFF>\""),
        case(byte(b"\x1b[2J"), Tokenizer,
         "tokenizer.ggml.tokens: byte token 2 is \"\\u{1b}[2J\", expected \"<0x00>\" to \"<0xFF>\""),
    ]
}
