//! Tokenizers: vocabularies of any make, and texts of any kind through them and back.

use std::sync::OnceLock;

use arbitrary::{Result as Drawn, Unstructured};
use kelvin_lm::tokenizer::{Scheme, ShowSpecial, SpecialTokens, TokenKind, Tokenizer, Vocabulary};

use super::{Verdict, refusal};

/// The printable character that GPT-2 writes for a byte.
pub(crate) fn symbol(byte: u8) -> char {
    let printable = |byte: &u8| matches!(byte, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF);
    if printable(&byte) {
        return byte.into();
    }
    let before = (0..byte).filter(|byte| !printable(byte)).count();
    char::from_u32(0x100 + u32::try_from(before).expect("a few")).expect("a letter")
}

/// Bytes as GPT-2 writes them.
pub(crate) fn spelled(bytes: &[u8]) -> String {
    bytes.iter().copied().map(symbol).collect()
}

/// A byte-level vocabulary: these control tokens, then every byte, those of text last.
pub(crate) fn byte_level(control: &[&str]) -> Vocabulary {
    let bytes = (0..=u8::MAX).map(|byte| spelled(&[byte.wrapping_add(128)]));
    let pieces: Vec<String> = control.iter().map(|&piece| piece.to_owned()).chain(bytes).collect();
    let mut kinds = vec![TokenKind::Normal; pieces.len()];
    kinds[..control.len()].fill(TokenKind::Control);
    Vocabulary {
        pieces,
        kinds,
        scheme: Scheme::ByteLevel { pre: "gpt-2".to_owned(), merges: Vec::new() },
        bos: None,
        eos: None,
        eot: None,
        eom: None,
        add_bos: false,
        add_eos: false,
    }
}

/// A SentencePiece vocabulary: these control tokens, then every byte, then some characters.
fn sentence_piece(control: &[&str]) -> Vocabulary {
    let mut vocabulary = byte_level(control);
    for (byte, piece) in (0..=u8::MAX).zip(&mut vocabulary.pieces[control.len()..]) {
        *piece = format!("<0x{byte:02X}>");
    }
    vocabulary.kinds[control.len()..].fill(TokenKind::Byte);
    vocabulary.pieces.extend("▁abcdefgh\n<|>im_né日👍".chars().map(String::from));
    vocabulary.kinds.resize(vocabulary.pieces.len(), TokenKind::Normal);
    let scores = vec![0.0; vocabulary.pieces.len()];
    vocabulary.scheme = Scheme::SentencePiece { scores, space_prefix: false };
    vocabulary
}

/// The word splitters that have a name.
const PRES: [&str; 4] = ["gpt-2", "smollm", "llama-bpe", "default"];

const CONTROL: [&str; 3] = ["<s>", "<|im_end|>", "▁<"];

/// Merges of a small byte-level tokenizer: words, spaces, line ends, cuts inside characters.
const MERGES: [&str; 20] = [
    "h e",
    "Ġ t",
    "Ġt he",
    "i n",
    "e r",
    "Ġ a",
    "Ġa n",
    "Ġ Ġ",
    "ĠĠ ĠĠ",
    "Ċ Ċ",
    "' s",
    "l l",
    "' ll",
    "1 2",
    "Ã ©",
    "â ĸ",
    "âĸ ģ",
    "ð Ł",
    "< |",
    "| >",
];

/// Small tokenizers of each kind, by the first byte of an input.
fn small(kind: u8) -> &'static Tokenizer {
    static SMALL: OnceLock<Vec<Tokenizer>> = OnceLock::new();
    let all = SMALL.get_or_init(|| {
        let pres = PRES.map(|pre| {
            let mut vocabulary = byte_level(&CONTROL);
            let united = MERGES.map(|merge| merge.replace(' ', ""));
            vocabulary.pieces.extend(united.clone());
            vocabulary.kinds.extend(united.map(|_| TokenKind::Normal));
            let merges = MERGES.map(str::to_owned).to_vec();
            vocabulary.scheme = Scheme::ByteLevel { pre: pre.to_owned(), merges };
            vocabulary
        });
        let all = pres.into_iter().chain([sentence_piece(&CONTROL)]);
        all.map(|vocabulary| Tokenizer::new(vocabulary).expect("it is sound")).collect()
    });
    &all[usize::from(kind) % all.len()]
}

/// A text through a small tokenizer, which its first byte picks, and back.
pub(crate) fn round_trip(input: &[u8]) -> String {
    let (&kind, text) = input.split_first().unwrap_or((&0, &[]));
    comes_back(small(kind), &String::from_utf8_lossy(text))
}

/// A text through a tokenizer of any vocabulary that has all bytes, and back. The verdict is the tokens,
/// or why the vocabulary is refused.
pub(crate) fn vocabulary(input: &[u8]) -> Verdict {
    let mut input = Unstructured::new(input);
    let vocabulary = draw(&mut input).expect("every draw has a default");
    match Tokenizer::new(vocabulary) {
        Ok(tokenizer) => Ok(comes_back(&tokenizer, &String::from_utf8_lossy(input.take_rest()))),
        Err(error) => Err(refusal(&error, 0)),
    }
}

/// The tokens of a text, which spell it; none of them is a control token that was not asked for.
fn comes_back(tokenizer: &Tokenizer, text: &str) -> String {
    let spaced = |text: &str| text.replace('▁', " "); // SentencePiece cannot tell them apart
    let encode = |special| tokenizer.encode(text, special).expect("every byte has a token");
    let shown = |ids: &[u32]| {
        let bytes = tokenizer.text_bytes(ids, ShowSpecial::Show);
        spaced(&String::from_utf8(bytes).expect("the tokens spell a text"))
    };
    let ids = encode(SpecialTokens::Text);
    assert!(ids.iter().all(|&id| !tokenizer.is_special(id)), "{ids:?}");
    assert_eq!(shown(&ids), spaced(text));
    assert_eq!(encode(SpecialTokens::Text), ids);
    let parsed = encode(SpecialTokens::Parse);
    assert_eq!(shown(&parsed), spaced(text));
    format!("{ids:?} {parsed:?}")
}

/// A vocabulary of either scheme, with some pieces that belong to no other.
fn draw(input: &mut Unstructured<'_>) -> Drawn<Vocabulary> {
    let scheme = input.int_in_range(0..=PRES.len())?;
    let mut vocabulary = match PRES.get(scheme) {
        Some(_) => byte_level(&CONTROL),
        None => sentence_piece(&CONTROL),
    };
    let mut merges = Vec::new();
    for _ in 0..input.int_in_range(0..=12)? {
        let piece = if input.ratio(1, 2)? {
            let normal = &vocabulary.pieces[vocabulary.pieces.len() - 96..];
            let (left, right) = (input.choose(normal)?, input.choose(normal)?);
            merges.push(format!("{left} {right}"));
            format!("{left}{right}")
        } else {
            draw_piece(input, &vocabulary.scheme)?
        };
        vocabulary.pieces.push(piece);
        let kinds =
            [TokenKind::Normal, TokenKind::Normal, TokenKind::UserDefined, TokenKind::Control];
        vocabulary.kinds.push(*input.choose(&kinds)?);
    }
    match (&mut vocabulary.scheme, PRES.get(scheme)) {
        (Scheme::ByteLevel { merges: none, pre }, Some(&name)) => {
            (*none, *pre) = (merges, name.to_owned());
        }
        (Scheme::SentencePiece { scores, .. }, _) => {
            for _ in scores.len()..vocabulary.pieces.len() {
                scores.push(input.arbitrary::<i8>()?.into());
            }
        }
        _ => unreachable!("the first is byte-level where it has a name"),
    }
    Ok(vocabulary)
}

/// A few characters.
fn draw_piece(input: &mut Unstructured<'_>, scheme: &Scheme) -> Drawn<String> {
    let n = input.int_in_range(1..=6)?;
    let bytes = input.bytes(input.len().min(n))?;
    let text = String::from_utf8_lossy(bytes);
    Ok(match scheme {
        Scheme::ByteLevel { .. } => spelled(text.as_bytes()),
        Scheme::SentencePiece { .. } => text.replace(' ', "▁"),
    })
}
