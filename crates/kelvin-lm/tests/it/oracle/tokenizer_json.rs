//! `tokenizer.json`: raw bytes, and files of known components that the `tokenizers` crate reads too.

use arbitrary::{Result as Drawn, Unstructured};
use kelvin_lm::TokenId;
use kelvin_lm::tokenizer::{ShowSpecial, SpecialTokens, Tokenizer};
use serde_json::{Value, json};

use super::tokenizer::spelled;
use super::{BESIDE, Verdict, refusal, verdict};

/// The verdict on a `tokenizer.json`; after a zero byte, `input` goes on with `tokenizer_config.json`.
pub(crate) fn bytes(input: &[u8]) -> Verdict {
    let beside = BESIDE + 2 * input.len();
    let read = |input: Vec<u8>| {
        let mut parts = input.splitn(2, |&byte| byte == 0);
        let json = parts.next().unwrap_or_default();
        Tokenizer::from_json(json, parts.next())
    };
    verdict(input, beside, read, exercise)
}

/// Texts for a tokenizer of unknown making.
const TEXTS: [&str; 4] =
    ["", "it's a\u{301} test  of 12 é\n\n<s>▁<|end|>", "日本\u{200d}👍🏽ſ", "\0\u{7f} \t"];

/// Asks a tokenizer for everything; returns it as text.
fn exercise(tokenizer: &Tokenizer) -> String {
    let n = TokenId::try_from(tokenizer.vocab_size()).expect("it has 32 bits");
    for id in 0..=n {
        let known = (tokenizer.piece(id).is_some(), tokenizer.bytes(id).is_some());
        assert_eq!(known, (id < n, id < n), "{id}");
        let found = tokenizer.piece(id).and_then(|piece| tokenizer.token_id(piece));
        assert!(found.is_none_or(|found| tokenizer.piece(found) == tokenizer.piece(id)), "{id}");
    }
    let all: Vec<TokenId> = (0..n).collect();
    let shown = tokenizer.text_bytes(&all, ShowSpecial::Show).len();
    let texts = TEXTS.map(|text| {
        [SpecialTokens::Text, SpecialTokens::Parse].map(|special| {
            let ids =
                tokenizer.encode_prompt(text, special).map_err(|error| refusal(&error, text.len()));
            steers_nothing(tokenizer, text);
            ids
        })
    });
    format!("{shown} {texts:?} {:?}", tokenizer.ends())
}

/// The tokens of a text, if it has some, none of which steers a model.
fn steers_nothing(tokenizer: &Tokenizer, text: &str) -> Option<Vec<TokenId>> {
    let ids = tokenizer.encode(text, SpecialTokens::Text).ok()?;
    let roles = [tokenizer.bos(), tokenizer.eos()];
    let steers = |&id: &TokenId| tokenizer.is_end(id) || roles.contains(&Some(id));
    assert_eq!(ids.iter().copied().find(steers), None, "{text:?}");
    Some(ids)
}

/// A file of known components and a text: what is accepted here the crate accepts, with the same ids and
/// the same text back. The verdict is the ids, or why there are none.
pub(crate) fn differential(input: &[u8]) -> Verdict {
    let mut input = Unstructured::new(input);
    let file = draw_file(&mut input).expect("every draw has a default");
    let text = String::from_utf8_lossy(input.take_rest()).into_owned();
    let json = file.to_string();
    let ours =
        Tokenizer::from_json(json.as_bytes(), None).map_err(|error| refusal(&error, json.len()))?;
    let mut theirs = tokenizers::Tokenizer::from_bytes(&json)
        .unwrap_or_else(|error| panic!("only the crate refuses {json}: {error}"));
    theirs.set_encode_special_tokens(true);
    let ids =
        ours.encode(&text, SpecialTokens::Text).map_err(|error| refusal(&error, text.len()))?;
    let expected = theirs.encode_fast(&*text, false).expect("what is accepted is encoded");
    let forged = expected.get_ids().iter().any(|&id| ours.is_special(id)); // made of a text's pieces
    assert!(forged || ids == expected.get_ids(), "{ids:?} and {expected:?} of {text:?} by {json}");
    for (show, skip) in [(ShowSpecial::Hide, true), (ShowSpecial::Show, false)] {
        if skip && ids.iter().any(|&id| is_respelled(&ours, id)) {
            continue; // the crate looks for special tokens by their spelling, and shows these
        }
        let bytes = ours.text_bytes(&ids, show);
        if let Ok(back) = String::from_utf8(bytes) {
            let expected = theirs.decode(&ids, skip).expect("they are its own");
            assert_eq!(back, expected, "{ids:?} by {json}");
        }
    }
    Ok(format!("{ids:?}"))
}

/// Whether a special token is written otherwise than it is listed, as normalized.
fn is_respelled(tokenizer: &Tokenizer, id: TokenId) -> bool {
    tokenizer.is_special(id)
        && tokenizer
            .bytes(id)
            .is_some_and(|bytes| Some(bytes) != tokenizer.piece(id).map(str::as_bytes))
}

fn draw_file(input: &mut Unstructured<'_>) -> Drawn<Value> {
    let mut pieces = draw_alphabet(input)?;
    let model = draw_model(input, &mut pieces)?;
    Ok(json!({
        "version": "1.0",
        "added_tokens": draw_added(input, &mut pieces)?,
        "normalizer": draw_steps(input, "Sequence", "normalizers", draw_normalizer)?,
        "pre_tokenizer": draw_steps(input, "Sequence", "pretokenizers", draw_pre_tokenizer)?,
        "post_processor": null,
        "decoder": draw_steps(input, "Sequence", "decoders", draw_decoder)?,
        "model": model,
    }))
}

/// Nothing, one step, or several in a sequence.
fn draw_steps(
    input: &mut Unstructured<'_>,
    kind: &str,
    key: &str,
    draw: fn(&mut Unstructured<'_>) -> Drawn<Value>,
) -> Drawn<Value> {
    match input.int_in_range(0..=4)? {
        0 => Ok(Value::Null),
        1 => draw(input),
        n => {
            let steps = (1..n).map(|_| draw(input)).collect::<Drawn<Vec<_>>>()?;
            Ok(json!({ "type": kind, key: steps }))
        }
    }
}

/// A short text of characters that components care for.
fn draw_text(input: &mut Unstructured<'_>) -> Drawn<String> {
    let parts =
        ["a", "b", " ", "▁", "é", "e\u{301}", "Ġ", "1", "日", "<s>", "A", "\n", "'s", "Ⅷ", "ß"];
    (0..input.int_in_range(1..=3)?).map(|_| input.choose(&parts).copied()).collect()
}

fn draw_bool(input: &mut Unstructured<'_>) -> Drawn<bool> {
    input.ratio(1, 2)
}

fn draw_normalizer(input: &mut Unstructured<'_>) -> Drawn<Value> {
    let plain = ["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents"];
    Ok(match input.int_in_range(0..=8)? {
        0 => json!({ "type": "Prepend", "prepend": draw_text(input)? }),
        1 => json!({
            "type": "Strip", "strip_left": draw_bool(input)?, "strip_right": draw_bool(input)?,
        }),
        2 => json!({
            "type": "Replace", "pattern": { "String": draw_text(input)? }, "content": draw_text(input)?,
        }),
        at => json!({ "type": plain[at - 3] }),
    })
}

/// Patterns that model cards have, and some of our own.
const PATTERNS: [&str; 8] = [
    r"\p{N}{1,3}",
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"\s",
    r"[^a]",
    r"a|b?",
    r"\w+",
    r"",
];

fn draw_pre_tokenizer(input: &mut Unstructured<'_>) -> Drawn<Value> {
    Ok(match input.int_in_range(0..=6)? {
        0 => json!({
            "type": "ByteLevel", "add_prefix_space": draw_bool(input)?, "trim_offsets": true,
            "use_regex": draw_bool(input)?,
        }),
        1 => json!({ "type": "Digits", "individual_digits": draw_bool(input)? }),
        2 => json!({
            "type": "Metaspace", "replacement": "▁", "split": draw_bool(input)?,
            "prepend_scheme": input.choose(&["always", "never", "first"])?,
        }),
        3 => json!({ "type": "Whitespace" }),
        4 => json!({ "type": "WhitespaceSplit" }),
        at => {
            let behaviors =
                ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"];
            let pattern = match at {
                5 => json!({ "String": draw_text(input)? }),
                _ => json!({ "Regex": input.choose(&PATTERNS)? }),
            };
            json!({
                "type": "Split", "pattern": pattern, "behavior": input.choose(&behaviors)?,
                "invert": draw_bool(input)?,
            })
        }
    })
}

fn draw_decoder(input: &mut Unstructured<'_>) -> Drawn<Value> {
    let plain = ["ByteFallback", "Fuse"];
    Ok(match input.int_in_range(0..=5)? {
        0 => json!({
            "type": "Metaspace", "replacement": "▁", "split": true,
            "prepend_scheme": input.choose(&["always", "never", "first"])?,
        }),
        1 => json!({
            "type": "Replace", "pattern": { "String": draw_text(input)? }, "content": draw_text(input)?,
        }),
        2 => json!({
            "type": "Strip", "content": " ", "start": input.int_in_range(0..=2)?, "stop": 0,
        }),
        3 => json!({
            "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true,
        }),
        at => json!({ "type": plain[at - 4] }),
    })
}

/// Pieces of one character.
fn draw_alphabet(input: &mut Unstructured<'_>) -> Drawn<Vec<String>> {
    let letters = "abesAE1239 .'\n▁ĠéÉß日Ⅷ<>|".chars().map(String::from);
    Ok(match input.int_in_range(0..=2)? {
        0 => (0..=u8::MAX).map(|byte| spelled(&[byte])).collect(),
        1 => letters.collect(),
        _ => letters.chain((0..=u8::MAX).map(|byte| format!("<0x{byte:02X}>"))).collect(),
    })
}

fn draw_model(input: &mut Unstructured<'_>, pieces: &mut Vec<String>) -> Drawn<Value> {
    let mut merges: Vec<Value> = Vec::new();
    for _ in 0..input.int_in_range(0..=10)? {
        let (left, right) = (input.choose(pieces)?.clone(), input.choose(pieces)?.clone());
        let union = format!("{left}{right}");
        merges.push(json!([left, right]));
        if !pieces.contains(&union) {
            pieces.push(union);
        }
    }
    let unknown = input.choose(&[None, Some("<unk>"), Some("a")])?;
    if unknown.is_some_and(|unknown| !pieces.iter().any(|piece| piece == unknown)) {
        pieces.push("<unk>".to_owned());
    }
    let vocab: serde_json::Map<_, _> =
        pieces.iter().zip(0_usize..).map(|(piece, id)| (piece.clone(), id.into())).collect();
    if input.ratio(1, 6)? {
        return Ok(
            json!({ "type": "WordLevel", "vocab": vocab, "unk_token": unknown.unwrap_or("?") }),
        );
    }
    Ok(json!({
        "type": "BPE", "vocab": vocab, "merges": merges, "unk_token": unknown,
        "fuse_unk": draw_bool(input)?, "byte_fallback": draw_bool(input)?,
        "ignore_merges": draw_bool(input)?,
    }))
}

/// Up to three tokens that are found as a whole; those that are no piece have the next ids.
fn draw_added(input: &mut Unstructured<'_>, pieces: &mut Vec<String>) -> Drawn<Value> {
    let mut added: Vec<Value> = Vec::new();
    for _ in 0..input.int_in_range(0..=3)? {
        let content = draw_text(input)?;
        if added.iter().any(|token| token["content"] == *content) {
            continue;
        }
        let known = pieces.iter().position(|piece| *piece == content);
        let id = known.unwrap_or(pieces.len());
        if known.is_none() {
            pieces.push(content.clone());
        }
        let normalized = draw_bool(input)? && !content.trim().is_empty(); // the crate panics where one strips to nothing
        added.push(json!({
            "id": id, "content": content, "single_word": draw_bool(input)?, "lstrip": draw_bool(input)?,
            "rstrip": draw_bool(input)?, "normalized": normalized, "special": draw_bool(input)?,
        }));
    }
    Ok(added.into())
}
