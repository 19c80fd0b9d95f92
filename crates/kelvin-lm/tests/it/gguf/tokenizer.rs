//! Vocabularies out of files: what is read, and what holds where a file is silent.

use kelvin_lm::Result;
use kelvin_lm::format::gguf::Gguf;
use kelvin_lm::tokenizer::{Scheme, TokenKind, Vocabulary};

use super::writer::{File, Piece, array_pair, pair, piece, string_pair, u32_pair};

fn read(pairs: Vec<Piece>) -> Result<Vocabulary> {
    Vocabulary::from_gguf(&Gguf::parse(File { pairs, ..File::empty() }.bytes())?)
}

fn key(name: &str) -> String {
    format!("tokenizer.ggml.{name}")
}

fn tokens(strings: &[&[u8]]) -> Piece {
    let elements = strings.iter().fold(piece(), Piece::string);
    array_pair(&key("tokens"), 8, strings.len() as u64, elements)
}

fn numbers(name: &str, code: u32, numbers: &[u32]) -> Piece {
    let elements = numbers.iter().fold(piece(), |all, &number| all.u32(number));
    array_pair(&key(name), code, numbers.len() as u64, elements)
}

fn sentence_piece() -> Vec<Piece> {
    let scores = [0.0, -1.0_f32].map(f32::to_bits);
    vec![
        string_pair(&key("model"), "llama"),
        tokens(&[b"<s>", "▁a".as_bytes()]),
        numbers("scores", 6, &scores),
    ]
}

#[test]
fn what_a_file_says_is_read() -> Result<()> {
    let mut pairs = sentence_piece();
    pairs.push(numbers("token_type", 5, &[3, 1]));
    pairs.push(u32_pair(&key("bos_token_id"), 0));
    pairs.push(u32_pair(&key("eot_token_id"), 1));
    pairs.push(pair(key("add_bos_token"), 7, piece().raw(&[0])));
    pairs.push(pair(key("add_space_prefix"), 7, piece().raw(&[0])));
    let vocabulary = read(pairs)?;
    let expected = Vocabulary {
        pieces: vec!["<s>".to_owned(), "▁a".to_owned()],
        kinds: vec![TokenKind::Control, TokenKind::Normal],
        scheme: Scheme::SentencePiece { scores: vec![0.0, -1.0], space_prefix: false },
        bos: Some(0),
        eos: None,
        eot: Some(1),
        eom: None,
        add_bos: false,
        add_eos: false,
    };
    assert_eq!(vocabulary, expected);
    Ok(())
}

#[test]
fn defaults_where_a_file_is_silent() -> Result<()> {
    let mut pairs = sentence_piece();
    let silent = read(pairs.clone())?;
    assert!(matches!(silent.scheme, Scheme::SentencePiece { space_prefix: true, .. }));
    assert_eq!(
        (silent.kinds, silent.bos, silent.add_bos),
        (vec![TokenKind::Normal; 2], None, false)
    );
    pairs.push(u32_pair(&key("bos_token_id"), 0));
    assert!(read(pairs)?.add_bos);

    let merges = array_pair(&key("merges"), 8, 0, piece());
    let mut pairs = vec![string_pair(&key("model"), "gpt2"), tokens(&[b"a"]), merges];
    pairs.push(u32_pair(&key("bos_token_id"), 0));
    let silent = read(pairs.clone())?;
    assert_eq!(silent.scheme, Scheme::ByteLevel { pre: "default".to_owned(), merges: vec![] });
    assert!(!silent.add_bos);
    pairs.push(string_pair(&key("pre"), "llama-bpe"));
    assert!(read(pairs)?.add_bos);
    Ok(())
}
