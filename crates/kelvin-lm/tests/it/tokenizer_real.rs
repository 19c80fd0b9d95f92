//! The vocabularies of the two real models on ten thousand strings: against llama.cpp
//! (`tests/golden/MADE-tokenizer.md`), and made into `tokenizer.json` files.

use std::fs;

use kelvin_lm::format::gguf::Gguf;
use kelvin_lm::tokenizer::{Scheme, SpecialTokens, TokenKind, Tokenizer, Vocabulary};
use kelvin_lm::{Result, TokenId};
use serde_json::{Map, Value, json};

use crate::real;
use crate::strings::{COUNT, Strings};

const SMOLLM2: &str = "smollm2-135m-instruct-q4_1.gguf";
const GEMMA3: &str = "gemma-3-270m-q4_k_m.gguf";

/// FNV-1a, 64 bits.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3);
        }
    }

    fn hex(&self) -> String {
        format!("{:016x}", self.0)
    }
}

fn golden() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/tokenizer-ids.json");
    let text = fs::read_to_string(path).expect("a golden file of this repository");
    serde_json::from_str(&text).expect("golden files are JSON")
}

/// The strings as the script has them: Gemma's `</s>` has a test of its own.
fn strings() -> Vec<String> {
    let strings = Strings::with(Vec::new());
    (0..COUNT).map(|number| strings.get(number).replace("</s>", "</i>")).collect()
}

/// One hash for each hundred strings.
fn hashes(strings: &[String], add: impl Fn(&mut Fnv, &str)) -> Value {
    let hash = |group: &[String]| {
        let mut fnv = Fnv::new();
        for text in group {
            add(&mut fnv, text);
        }
        fnv.hex()
    };
    strings.chunks(100).map(hash).collect()
}

#[test]
fn the_strings_are_the_scripts() {
    let found = hashes(&strings(), |fnv, text| fnv.add(&[text.as_bytes(), b"\xFF"].concat()));
    assert_eq!(found, golden()["strings"]);
}

fn equals_llama_cpp(file: &str, name: &str) -> Result<()> {
    let Some(path) = real::path(file) else { return Ok(()) };
    let tokenizer = Tokenizer::from_gguf(&Gguf::read(&path)?)?;
    let (strings, golden) = (strings(), golden());
    for (key, special) in [("text", SpecialTokens::Text), ("parse", SpecialTokens::Parse)] {
        let found = hashes(&strings, |fnv, text| match tokenizer.encode(text, special) {
            Ok(ids) => {
                let n = u32::try_from(ids.len()).expect("a short text");
                [n].iter().chain(&ids).for_each(|number| fnv.add(&number.to_le_bytes()));
            }
            Err(error) => {
                assert!(error.to_string().contains("no token for U+"), "{error}");
                fnv.add(&u32::MAX.to_le_bytes());
            }
        });
        assert_eq!(found, golden[name][key], "{name}, {key}");
    }
    Ok(())
}

#[test]
fn smollm2_equals_llama_cpp_on_ten_thousand() -> Result<()> {
    equals_llama_cpp(SMOLLM2, "smollm2")
}

#[test]
fn gemma3_equals_llama_cpp_on_ten_thousand() -> Result<()> {
    equals_llama_cpp(GEMMA3, "gemma3")
}

/// The `tokenizer.json` that says the same as a vocabulary of a GGUF file.
fn file(vocabulary: &Vocabulary) -> Value {
    let Vocabulary { pieces, kinds, scheme, .. } = vocabulary;
    let ids: Map<String, Value> =
        (0..).zip(pieces).map(|(id, piece): (u32, _)| (piece.clone(), json!(id))).collect();
    let added =
        |(id, (piece, kind)): (u32, (&String, &TokenKind))| {
            let special = !matches!(kind, TokenKind::UserDefined);
            let listed =
                matches!(kind, TokenKind::UserDefined | TokenKind::Control | TokenKind::Unknown);
            listed.then(|| json!({
            "id": id, "content": piece, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": special,
        }))
        };
    let added: Value = (0..).zip(pieces.iter().zip(kinds)).filter_map(added).collect();
    let spaces = |from: &str, to: &str| json!({"type": "Replace", "pattern": {"String": from}, "content": to});
    let byte_level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true});
    match scheme {
        Scheme::ByteLevel { merges, .. } => json!({
            "version": "1.0", "added_tokens": added, "decoder": byte_level,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                {"type": "Digits", "individual_digits": true}, byte_level
            ]},
            "model": {"type": "BPE", "vocab": ids, "merges": merges},
        }),
        Scheme::SentencePiece { scores, .. } => json!({
            "version": "1.0", "added_tokens": added, "normalizer": spaces(" ", "▁"),
            "decoder": {"type": "Sequence", "decoders": [
                spaces("▁", " "), {"type": "ByteFallback"}, {"type": "Fuse"}
            ]},
            "model": {
                "type": "BPE", "vocab": ids, "merges": splits(vocabulary, scores),
                "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true,
            },
        }),
    }
}

/// Each split of a piece into two pieces, by the score of the piece and then its id: more merges than a
/// tokenizer from GGUF has, which has one for each piece.
fn splits(vocabulary: &Vocabulary, scores: &[f32]) -> Value {
    let Vocabulary { pieces, kinds, .. } = vocabulary;
    let normal = |&id: &usize| matches!(kinds[id], TokenKind::Normal | TokenKind::UserDefined);
    let mut known: Vec<&str> = (0..pieces.len()).filter(normal).map(|id| &*pieces[id]).collect();
    known.sort_unstable();
    let is_known = |piece: &str| known.binary_search(&piece).is_ok();
    let mut ranked: Vec<usize> = (0..pieces.len()).filter(normal).collect();
    ranked.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    let of = |id: usize| {
        let piece = pieces[id].as_str();
        let borders = piece.char_indices().skip(1).map(move |(at, _)| piece.split_at(at));
        borders.filter(|(left, right)| is_known(left) && is_known(right))
    };
    ranked.into_iter().flat_map(of).map(|(left, right)| json!([left, right])).collect()
}

/// The vocabulary gives the same ids from either form, and the crate's from the file.
fn is_the_same_as_a_file(name: &str) -> Result<()> {
    let Some(path) = real::path(name) else { return Ok(()) };
    let vocabulary = Vocabulary::from_gguf(&Gguf::read(&path)?)?;
    let json = serde_json::to_vec(&file(&vocabulary)).expect("JSON");
    let (one, two) = (Tokenizer::new(vocabulary)?, Tokenizer::from_json(&json, None)?);
    for token in 0..TokenId::try_from(one.vocab_size()).expect("small") {
        assert_eq!(one.piece(token), two.piece(token));
        assert_eq!(one.bytes(token), two.bytes(token), "{:?}", one.piece(token));
    }
    for (number, text) in strings().iter().enumerate() {
        for special in [SpecialTokens::Text, SpecialTokens::Parse] {
            let ids = [&one, &two].map(|tokenizer| tokenizer.encode(text, special).ok());
            assert_eq!(ids[0], ids[1], "string {number}, {special:?}: {text:?}");
        }
    }
    Ok(())
}

#[test]
fn smollm2_is_the_same_from_a_file() -> Result<()> {
    is_the_same_as_a_file(SMOLLM2)
}

#[test]
fn gemma3_is_the_same_from_a_file() -> Result<()> {
    is_the_same_as_a_file(GEMMA3)
}
