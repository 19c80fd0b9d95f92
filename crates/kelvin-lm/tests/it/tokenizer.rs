//! Tokenizers against llama.cpp's ids (`tests/golden/MADE-tokenizer.md`), and on small vocabularies.

use std::fs;
use std::path::PathBuf;

use kelvin::TokenId;
use kelvin_lm::format::gguf::Gguf;
use kelvin_lm::tokenizer::{Scheme, ShowSpecial, SpecialTokens, TokenKind, Tokenizer, Vocabulary};
use kelvin_lm::{ErrorKind, Result};
use serde_json::Value;

use crate::real;

const SMOLLM2: &str = "smollm2-135m-instruct-q4_1.gguf";
const GEMMA3: &str = "gemma-3-270m-q4_k_m.gguf";

fn golden(name: &str) -> Value {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/golden", name].iter().collect();
    let text = fs::read_to_string(&path).expect("a golden file of this repository");
    serde_json::from_str(&text).expect("golden files are JSON")
}

fn strings() -> Vec<String> {
    serde_json::from_value(golden("tokenizer-strings.json")).expect("a list of strings")
}

/// Ids as the golden files hold them; none where the vocabulary lacks a byte of the string.
fn ids(line: &Value) -> Option<Vec<TokenId>> {
    let id = |id: &str| id.parse().expect("an id");
    line.as_str().map(|line| line.split_ascii_whitespace().map(id).collect())
}

fn vocabulary(file: &str) -> Result<Option<Vocabulary>> {
    let Some(path) = real::path(file) else { return Ok(None) };
    Vocabulary::from_gguf(&Gguf::read(&path)?).map(Some)
}

/// The ids, or none where the vocabulary lacks a character; any other error fails the test.
fn encoded(tokenizer: &Tokenizer, text: &str, special: SpecialTokens) -> Option<Vec<TokenId>> {
    match tokenizer.encode(text, special) {
        Ok(ids) => Some(ids),
        Err(error) => {
            assert!(error.to_string().contains("the vocabulary has no token for U+"), "{error}");
            None
        }
    }
}

/// Every string, with control tokens as text and parsed, gives llama.cpp's ids and comes back whole.
fn equals_llama_cpp(tokenizer: &Tokenizer, golden: &Value) {
    let lines = golden["text"].as_array().expect("a list");
    let strings = strings();
    assert_eq!((strings.len(), lines.len()), (2000, 2000));
    for (i, (text, line)) in strings.iter().zip(lines).enumerate() {
        let parsed = golden["parse"].get(i.to_string()).unwrap_or(line);
        for (special, line) in [(SpecialTokens::Text, line), (SpecialTokens::Parse, parsed)] {
            let ours = encoded(tokenizer, text, special);
            assert_eq!(ours, ids(line), "string {i}, {special:?}: {text:?}");
            let Some(ours) = ours else { continue };
            let control = ours.iter().any(|&id| tokenizer.is_special(id));
            assert!(special == SpecialTokens::Parse || !control, "string {i}: {text:?}");
            let back = tokenizer.text_bytes(&ours, ShowSpecial::Show);
            assert_eq!(back, comes_back(tokenizer, text).as_bytes(), "string {i}");
        }
    }
}

/// `text` as it is decoded: SentencePiece cannot tell a literal `▁` from a space.
fn comes_back(tokenizer: &Tokenizer, text: &str) -> String {
    let sentence_piece = tokenizer.token_id("▁").is_some();
    if sentence_piece { text.replace('▁', " ") } else { text.to_owned() }
}

fn ends(tokenizer: &Tokenizer) -> Vec<TokenId> {
    tokenizer.ends().iter().map(|end| end.token).collect()
}

#[test]
fn smollm2_equals_llama_cpp() -> Result<()> {
    let Some(vocabulary) = vocabulary(SMOLLM2)? else { return Ok(()) };
    let tokenizer = Tokenizer::new(vocabulary)?;
    let golden = golden("tokenizer-smollm2.json");
    equals_llama_cpp(&tokenizer, &golden);
    assert_eq!(serde_json::json!(ends(&tokenizer)), golden["ends"]);
    Ok(())
}

#[test]
fn gemma3_equals_llama_cpp() -> Result<()> {
    let Some(vocabulary) = vocabulary(GEMMA3)? else { return Ok(()) };
    let tokenizer = Tokenizer::new(vocabulary)?;
    let golden = golden("tokenizer-gemma3.json");
    equals_llama_cpp(&tokenizer, &golden);
    // llama.cpp takes the HTML tag `</s>`, which the file calls user-defined, for an end of sequence.
    assert_eq!(golden["ends"], serde_json::json!([1, 106, 212]));
    assert_eq!(ends(&tokenizer), [1, 106]);
    assert_eq!(tokenizer.encode("<s>x</s>", SpecialTokens::Text)?, [203, 236_781, 212]);
    Ok(())
}

/// The same merges behind the other word splitters.
#[test]
fn splitters_equal_llama_cpp() -> Result<()> {
    let Some(vocabulary) = vocabulary(SMOLLM2)? else { return Ok(()) };
    let golden = golden("tokenizer-smollm2.json");
    for pre in ["gpt-2", "default", "llama-bpe"] {
        let mut vocabulary = vocabulary.clone();
        let Scheme::ByteLevel { pre: name, .. } = &mut vocabulary.scheme else {
            panic!("SmolLM2 is byte-level");
        };
        pre.clone_into(name);
        let tokenizer = Tokenizer::new(vocabulary)?;
        let lines = golden["splitters"][pre].as_array().expect("a list");
        assert_eq!(lines.len(), 125);
        for (text, line) in strings().iter().step_by(16).zip(lines) {
            assert_eq!(
                encoded(&tokenizer, text, SpecialTokens::Text),
                ids(line),
                "{pre}: {text:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn bos_comes_once_and_only_where_the_model_wants_it() -> Result<()> {
    let plain_then_prompt = |tokenizer: &Tokenizer| -> Result<_> {
        let plain = tokenizer.encode("Ciao", SpecialTokens::Text)?;
        Ok((plain, tokenizer.encode_prompt("Ciao", SpecialTokens::Text)?))
    };
    let Some(vocabulary_of_smollm2) = vocabulary(SMOLLM2)? else { return Ok(()) };
    let (plain, prompt) = plain_then_prompt(&Tokenizer::new(vocabulary_of_smollm2)?)?;
    assert_eq!(prompt, plain);
    let Some(vocabulary_of_gemma) = vocabulary(GEMMA3)? else { return Ok(()) };
    let gemma = Tokenizer::new(vocabulary_of_gemma)?;
    let (plain, prompt) = plain_then_prompt(&gemma)?;
    assert_eq!(prompt, [vec![2], plain].concat());
    assert_eq!(gemma.encode_prompt("", SpecialTokens::Text)?, [2]);
    assert_eq!(gemma.encode_prompt("<bos>", SpecialTokens::Parse)?, [2]);
    assert_eq!(gemma.encode_prompt("<bos>", SpecialTokens::Text)?, [2, 236_820, 46_757, 236_813]);
    Ok(())
}

#[test]
fn smollm2_says_which_character_it_lacks() -> Result<()> {
    let Some(vocabulary) = vocabulary(SMOLLM2)? else { return Ok(()) };
    let tokenizer = Tokenizer::new(vocabulary)?;
    let error = tokenizer.encode("caffè \u{4}!", SpecialTokens::Text).expect_err("no byte 0x04");
    assert_eq!(error.kind(), ErrorKind::Tokenizer);
    assert_eq!(error.to_string(), "the vocabulary has no token for U+0004 (byte 7)");
    Ok(())
}

/// A megabyte without a word border, or with nothing else: the time is near-linear, so this ends.
#[test]
fn a_megabyte_of_one_character() -> Result<()> {
    for file in [SMOLLM2, GEMMA3] {
        let Some(vocabulary) = vocabulary(file)? else { return Ok(()) };
        let tokenizer = Tokenizer::new(vocabulary)?;
        let scrambled = (0..1 << 18_u32).map(|i: u32| i.wrapping_mul(0x9E37_79B1) >> 17);
        let scrambled: String = scrambled.filter_map(char::from_u32).collect();
        for text in ["a".repeat(1 << 20), " ".repeat(1 << 20), "\n <".repeat(1 << 18), scrambled] {
            let Some(ids) = encoded(&tokenizer, &text, SpecialTokens::Parse) else { continue };
            let back = tokenizer.text_bytes(&ids, ShowSpecial::Hide);
            assert!(back == comes_back(&tokenizer, &text).as_bytes(), "{file}: {text:.8}");
        }
    }
    Ok(())
}

/// A SentencePiece vocabulary of these pieces; one spelled `<…>` is a control token, one in brackets is
/// user-defined, the rest are normal, and all 256 bytes follow.
fn sentence_piece(pieces: &[(&str, f32)]) -> Vocabulary {
    let bytes = (0..=u8::MAX).map(|byte| (format!("<0x{byte:02X}>"), 0.0));
    let all: Vec<(String, f32)> =
        pieces.iter().map(|&(piece, score)| (piece.to_owned(), score)).chain(bytes).collect();
    let kind = |(piece, _): &(String, f32)| match piece.as_bytes() {
        [b'<', b'0', b'x', ..] => TokenKind::Byte,
        [b'<', .., b'>'] => TokenKind::Control,
        [b'[', .., b']'] => TokenKind::UserDefined,
        _ => TokenKind::Normal,
    };
    Vocabulary {
        kinds: all.iter().map(kind).collect(),
        scheme: Scheme::SentencePiece {
            scores: all.iter().map(|(_, score)| *score).collect(),
            space_prefix: false,
        },
        pieces: all.into_iter().map(|(piece, _)| piece).collect(),
        bos: None,
        eos: None,
        eot: None,
        eom: None,
        add_bos: false,
        add_eos: false,
    }
}

/// A byte-level vocabulary: one control token, the letters a to e and a space, and these merges.
fn byte_level(merges: &[&str]) -> Vocabulary {
    let letters = ["<end>", "Ġ", "a", "b", "c", "d", "e"].map(str::to_owned);
    let unions = merges.iter().map(|merge| merge.replace(' ', ""));
    let pieces: Vec<String> = letters.into_iter().chain(unions).collect();
    let mut kinds = vec![TokenKind::Normal; pieces.len()];
    kinds[0] = TokenKind::Control;
    let merges = merges.iter().map(|&merge| merge.to_owned()).collect();
    Vocabulary {
        scheme: Scheme::ByteLevel { pre: "gpt-2".to_owned(), merges },
        pieces,
        kinds,
        ..sentence_piece(&[])
    }
}

#[track_caller]
fn pieces_of(tokenizer: &Tokenizer, text: &str, special: SpecialTokens, expected: &[&str]) {
    let ids = tokenizer.encode(text, special).expect("a text that can be encoded");
    let pieces: Vec<&str> = ids.iter().filter_map(|&id| tokenizer.piece(id)).collect();
    assert_eq!(pieces, expected, "{text:?}");
}

#[test]
fn sentence_piece_merges_by_score_then_from_the_left() -> Result<()> {
    let pieces =
        [("a", -9.0), ("b", -9.5), ("ab", -2.0), ("ba", -1.0), ("aba", -3.0), ("aa", -4.0)];
    let tokenizer = Tokenizer::new(sentence_piece(&pieces))?;
    let cases: [(&str, &[&str]); 6] = [
        ("ab", &["ab"]),
        ("bab", &["ba", "b"]),
        ("aba", &["aba"]), // a ba: the split of aba that is reached, not ab a
        ("aaa", &["aa", "a"]),
        ("abab", &["aba", "b"]),
        ("é", &["<0xC3>", "<0xA9>"]),
    ];
    for (text, expected) in cases {
        pieces_of(&tokenizer, text, SpecialTokens::Text, expected);
    }
    Ok(())
}

/// SentencePiece's own rule, on the text instead of on merges: the neighbours whose union scores
/// highest, leftmost first.
fn by_scores(pieces: &[(String, f32)], text: &str) -> Vec<String> {
    let mut symbols: Vec<String> = text.chars().map(String::from).collect();
    let score = |a: &str, b: &str| {
        pieces.iter().find(|(piece, _)| *piece == [a, b].concat()).map(|&(_, score)| score)
    };
    loop {
        let scored = symbols.windows(2).enumerate();
        let scored = scored.filter_map(|(at, pair)| Some((score(&pair[0], &pair[1])?, at)));
        let best = scored.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        let Some((_, at)) = best else { return symbols };
        let right = symbols.remove(at + 1);
        symbols[at] += &right;
    }
}

#[test]
fn rebuilt_merges_equal_the_rule_on_random_vocabularies() -> Result<()> {
    let mut state = 7_u64;
    let mut random = |n: usize| {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        usize::try_from(state >> 33).expect("31 bits") % n
    };
    let mut merged = 0;
    for _ in 0..300 {
        let mut word = |longest: usize| -> String {
            (0..=random(longest)).map(|_| ['a', 'b', 'c'][random(3)]).collect()
        };
        let mut pieces: Vec<String> = (0..40).map(|_| word(6)).collect();
        pieces.extend(["a", "b", "c"].map(str::to_owned));
        pieces.sort();
        pieces.dedup();
        let texts: Vec<String> = (0..40).map(|_| word(24)).collect();
        // Distinct scores in random order, whole numbers and below zero.
        let mut scores: Vec<u16> = (1..).take(pieces.len()).collect();
        (1..scores.len()).for_each(|i| scores.swap(i, random(i + 1)));
        let ranked: Vec<(String, f32)> = pieces
            .into_iter()
            .zip(scores)
            .map(|(piece, score)| (piece, -f32::from(score)))
            .collect();
        let list: Vec<(&str, f32)> = ranked.iter().map(|(piece, s)| (piece.as_str(), *s)).collect();
        let tokenizer = Tokenizer::new(sentence_piece(&list))?;
        for text in texts {
            let expected = by_scores(&ranked, &text);
            merged += text.len() - expected.len();
            let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
            pieces_of(&tokenizer, &text, SpecialTokens::Text, &expected);
        }
    }
    assert!(merged > 50_000, "{merged} merges were compared");
    Ok(())
}

#[test]
fn control_tokens_are_parsed_only_where_asked() -> Result<()> {
    let pieces = [
        ("<e>", 0.0),
        ("[x]", 0.0),
        ("<", -3.0),
        ("e", -4.0),
        (">", -5.0),
        ("<e", -1.0),
        ("x", -6.0),
    ];
    let tokenizer = Tokenizer::new(sentence_piece(&pieces))?;
    pieces_of(&tokenizer, "x<e>", SpecialTokens::Text, &["x", "<e", ">"]);
    pieces_of(&tokenizer, "x<e>", SpecialTokens::Parse, &["x", "<e>"]);
    pieces_of(&tokenizer, "[x]x", SpecialTokens::Text, &["[x]", "x"]);
    pieces_of(
        &tokenizer,
        "<0x41>",
        SpecialTokens::Parse,
        &["<", "<0x30>", "x", "<0x34>", "<0x31>", ">"],
    );
    let ids = tokenizer.encode("x<e>A", SpecialTokens::Parse)?;
    assert_eq!(tokenizer.text_bytes(&ids, ShowSpecial::Hide), b"xA");
    assert_eq!(tokenizer.text_bytes(&ids, ShowSpecial::Show), b"x<e>A");
    assert_eq!((tokenizer.token_id("<e>"), tokenizer.token_id("[x]")), (Some(0), Some(1)));
    assert_eq!((tokenizer.bytes(0), tokenizer.bytes(1)), (Some(&b""[..]), Some(&b"[x]"[..])));
    assert_eq!((tokenizer.bytes(9999), tokenizer.piece(9999)), (None, None));
    Ok(())
}

#[test]
fn longer_whole_tokens_come_first_even_further_right() -> Result<()> {
    let defined =
        [("[ab]", 0.0), ("[]", 0.0), ("[[ab]", 0.0), ("]]", -1.0), ("[", -2.0), ("]", -3.0)];
    let tokenizer = Tokenizer::new(sentence_piece(&defined))?;
    pieces_of(&tokenizer, "[][[ab]]", SpecialTokens::Text, &["[]", "[[ab]", "]"]);
    pieces_of(&tokenizer, "[ab][ab][", SpecialTokens::Text, &["[ab]", "[ab]", "["]);
    Ok(())
}

#[test]
fn a_space_prefix_comes_at_the_start_and_after_special_tokens() -> Result<()> {
    let mut vocabulary = sentence_piece(&[("<s>", 0.0), ("▁", -1.0), ("a", -2.0), ("▁a", -3.0)]);
    if let Scheme::SentencePiece { space_prefix, .. } = &mut vocabulary.scheme {
        *space_prefix = true;
    }
    let tokenizer = Tokenizer::new(vocabulary)?;
    pieces_of(&tokenizer, "a<s>a", SpecialTokens::Parse, &["▁a", "<s>", "▁a"]);
    pieces_of(&tokenizer, "", SpecialTokens::Parse, &[]);
    Ok(())
}

#[test]
fn byte_level_merges_by_rank() -> Result<()> {
    let tokenizer = Tokenizer::new(byte_level(&["b c", "a b", "Ġ a", "Ġa bc"]))?;
    pieces_of(&tokenizer, "abc ab abc", SpecialTokens::Text, &["a", "bc", "Ġ", "ab", "Ġabc"]);
    pieces_of(&tokenizer, "a<end>", SpecialTokens::Parse, &["a", "<end>"]);
    assert_eq!(tokenizer.bytes(tokenizer.token_id("Ġabc").expect("a piece")), Some(&b" abc"[..]));
    let error = tokenizer.encode("a<end>", SpecialTokens::Text).expect_err("no < in it");
    assert!(error.to_string().contains("U+003C '<' (byte 1)"), "{error}");
    Ok(())
}

#[test]
fn repeated_merges_keep_their_first_rank() -> Result<()> {
    let mut vocabulary = byte_level(&["a b", "b c"]);
    if let Scheme::ByteLevel { merges, .. } = &mut vocabulary.scheme {
        merges.push("a b".to_owned());
    }
    pieces_of(&Tokenizer::new(vocabulary)?, "abc", SpecialTokens::Text, &["ab", "c"]);
    Ok(())
}

#[test]
fn vocabularies_that_contradict_themselves_are_refused() {
    type Spoil = fn(&mut Vocabulary);
    let pieces = [("<s>", 0.0), ("a", -1.0), ("b", -2.0), ("ab", -3.0)];
    let cases: [(Spoil, &str); 11] = [
        (|v| v.pieces.clear(), "tokens: 0 pieces"),
        (|v| v.kinds.truncate(3), "token_type: 3 kinds for 260 pieces"),
        (|v| v.pieces[2] = "a".to_owned(), "tokens: tokens 1 and 2 are both \"a\""),
        (|v| v.pieces[4] = "<0x0>".to_owned(), "tokens: byte token 4 is \"<0x0>\""),
        (
            |v| v.pieces[3] = "a".repeat(257),
            "tokens: piece 3 is 257 bytes long, the longest is 256",
        ),
        (
            |v| v.pieces[0] = "<".repeat(300),
            "special token 0 is 300 bytes long, the longest is 256",
        ),
        (|v| v.bos = Some(260), "bos_token_id: 260 is outside the vocabulary of 260 tokens"),
        (|v| v.eot = Some(u32::MAX), "eot_token_id: 4294967295 is outside"),
        (|v| v.add_eos = true, "add_eos_token: true, and there is no eos_token_id"),
        (|v| score(v, f32::NAN), "scores: score 1 is NaN, expected a finite number"),
        (|v| v.scheme = scheme("gpt-2", "a é"), "merge 0 is \"a é\", expected both pieces"),
    ];
    for (spoil, message) in cases {
        let mut vocabulary = sentence_piece(&pieces);
        spoil(&mut vocabulary);
        let error = Tokenizer::new(vocabulary).expect_err(message);
        assert!(error.to_string().contains(message), "{error}, expected {message}");
    }
    for (pre, merge, message) in [
        ("gpt-2", "ab", "expected two pieces"),
        ("gpt-2", "a a", "expected both pieces"),
        ("bert", "a b", "\"bert\" is unknown, expected one of gpt-2, smollm, llama-bpe"),
    ] {
        let vocabulary = Vocabulary { scheme: scheme(pre, merge), ..sentence_piece(&pieces) };
        let error = Tokenizer::new(vocabulary).expect_err(message);
        assert!(error.to_string().contains(message), "{error}, expected {message}");
    }
}

fn score(vocabulary: &mut Vocabulary, value: f32) {
    if let Scheme::SentencePiece { scores, .. } = &mut vocabulary.scheme {
        scores[1] = value;
    }
}

fn scheme(pre: &str, merge: &str) -> Scheme {
    Scheme::ByteLevel { pre: pre.to_owned(), merges: vec![merge.to_owned()] }
}
