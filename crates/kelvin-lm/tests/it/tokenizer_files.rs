//! `tokenizer.json` files against the `tokenizers` crate on the same files: the same ids for 10,000
//! strings, and the same text back. The files are in `tests/golden/tokenizers` (`MADE.md` there).

use std::fs;

use kelvin_lm::TokenId;
use kelvin_lm::tokenizer::{ShowSpecial, SpecialTokens, Tokenizer};
use serde_json::{Value, json};

use crate::real;
use crate::strings::{COUNT, Draw, Strings};

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/tokenizers");
    fs::read(format!("{folder}/{name}")).expect("a golden file of this repository")
}

/// One tokenizer, twice.
pub(crate) struct Pair {
    ours: Tokenizer,
    /// The crate's, with special tokens as text, and parsed.
    theirs: [tokenizers::Tokenizer; 2],
    strings: Strings,
}

impl Pair {
    pub(crate) fn new(json: &[u8]) -> Self {
        let theirs = tokenizers::Tokenizer::from_bytes(json).expect("the crate takes it");
        let value: Value = serde_json::from_slice(json).expect("JSON");
        let content = |token: &Value| token["content"].as_str().expect("a content").to_owned();
        let added = value["added_tokens"].as_array().expect("a list").iter().map(content);
        let mut text = theirs.clone();
        text.set_encode_special_tokens(true);
        Self {
            ours: Tokenizer::from_json(json, None).expect("ours takes it"),
            theirs: [text, theirs],
            strings: Strings::with(added.collect()),
        }
    }

    /// The same for all strings whose number is a multiple of `stride`. `refused` says which texts have
    /// no tokens here, where the crate drops characters.
    pub(crate) fn compare(&self, stride: usize, refused: impl Fn(&str) -> bool) {
        for number in (0..COUNT).step_by(stride) {
            let text = self.strings.get(number);
            for (at, special) in [SpecialTokens::Text, SpecialTokens::Parse].into_iter().enumerate()
            {
                let theirs = &self.theirs[at];
                let expected = theirs.encode_fast(&*text, false).expect("the crate encodes");
                let place = || format!("string {number}, {special:?}: {text:?}");
                match self.ours.encode(&text, special) {
                    Ok(ids) if self.forges(&text, special, expected.get_ids()) => {
                        assert!(!self.forges("", special, &ids), "{}", place());
                        self.compare_back(&ids, &place());
                    }
                    Ok(ids) => {
                        assert_eq!(ids, expected.get_ids(), "{}", place());
                        assert!(!refused(&text), "{}", place());
                        self.compare_back(&ids, &place());
                        self.compare_prompt(&text, special, &ids, &place());
                    }
                    Err(error) => assert!(refused(&text), "{}: {error}", place()),
                }
            }
        }
    }

    /// Whether special tokens are there that `text` spells and that were to stay text. The crate makes
    /// them where a file has merges into them, or takes words that are pieces whole.
    fn forges(&self, text: &str, special: SpecialTokens, ids: &[TokenId]) -> bool {
        let unknown = self.ours.token_id("<unk>").filter(|_| !text.contains("<unk>"));
        let special_token = |&id: &TokenId| self.ours.is_special(id) && Some(id) != unknown;
        special == SpecialTokens::Text && ids.iter().any(special_token)
    }

    /// The text of these ids, with special tokens hidden and shown.
    fn compare_back(&self, ids: &[TokenId], place: &str) {
        for (show, skip) in [(ShowSpecial::Hide, true), (ShowSpecial::Show, false)] {
            let expected = self.theirs[0].decode(ids, skip).expect("the crate decodes");
            let ours = self.ours.text_bytes(ids, show);
            let ours = String::from_utf8_lossy(&ours);
            assert_eq!(ours, expected, "{show:?}, {place}");
        }
    }

    /// What goes around a prompt; a text that has it keeps its own here.
    fn compare_prompt(&self, text: &str, special: SpecialTokens, ids: &[TokenId], place: &str) {
        let theirs = &self.theirs[usize::from(special == SpecialTokens::Parse)];
        let expected = theirs.encode_fast(text, true).expect("the crate encodes");
        let ours = self.ours.encode_prompt(text, special).expect("it was encoded before");
        let own = self.ours.add_bos() && ids.first().copied() == self.ours.bos();
        assert_eq!(ours, expected.get_ids()[usize::from(own)..], "{place}");
    }

    /// Back from ids that no text has: where they are no UTF-8 after byte fallback, each byte is a
    /// replacement character in the crate, and each run that begins a character here.
    fn compare_any_ids(&self) {
        let lossy = self.ours.token_id("<0x41>").is_none();
        let mut compared = 0;
        for number in 0..2000 {
            let mut draw = Draw::new(number);
            let size = self.ours.vocab_size();
            let token = |draw: &mut Draw| TokenId::try_from(draw.below(size + 3)).expect("small");
            let ids: Vec<TokenId> = (0..=draw.below(6)).map(|_| token(&mut draw)).collect();
            if lossy || String::from_utf8(self.ours.text_bytes(&ids, ShowSpecial::Show)).is_ok() {
                compared += 1;
                self.compare_back(&ids, &format!("{ids:?}"));
            }
        }
        assert!(compared > 200, "{compared} rows of ids were text");
    }

    /// Every token has one spelling on both sides.
    fn compare_vocabularies(&self) {
        let n = self.theirs[0].get_vocab_size(true);
        assert_eq!(self.ours.vocab_size(), n);
        for token in 0..=TokenId::try_from(n).expect("small") {
            let theirs = self.theirs[0].id_to_token(token);
            assert_eq!(self.ours.piece(token), theirs.as_deref(), "{token}");
            let found = theirs.map(|piece| self.ours.token_id(&piece).expect("it is a piece"));
            assert_eq!(found, found.map(|_| token));
        }
    }
}

fn equals_the_crate(name: &str, refused: impl Fn(&str) -> bool) {
    let pair = Pair::new(&fixture(name));
    pair.compare_vocabularies();
    pair.compare(1, refused);
    pair.compare_any_ids();
}

#[test]
fn gpt2_equals_the_crate() {
    equals_the_crate("gpt2.json", |_| false);
}

/// Four byte values have no token: control characters, and no part of other characters.
#[test]
fn smollm2_equals_the_crate() {
    let lacking = ['\u{1}', '\u{4}', '\u{b}', '\u{13}'];
    equals_the_crate("smollm2.json", |text| text.contains(lacking));
}

#[test]
fn llama3_equals_the_crate() {
    equals_the_crate("llama3.json", |_| false);
}

#[test]
fn llama_equals_the_crate() {
    equals_the_crate("llama.json", |_| false);
}

#[test]
fn metaspace_equals_the_crate() {
    equals_the_crate("metaspace.json", |_| false);
}

#[test]
fn gemma3_equals_the_crate() {
    equals_the_crate("gemma3.json", |_| false);
}

#[test]
fn characters_equal_the_crate() {
    equals_the_crate("characters.json", |_| false);
}

/// A fixture with one component, and perhaps the end of another, replaced.
fn with(name: &str, changes: &[(&str, Value)]) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(&fixture(name)).expect("JSON");
    for (pointer, change) in changes {
        *value.pointer_mut(pointer).expect("a component of the file") = change.clone();
    }
    serde_json::to_vec(&value).expect("JSON")
}

/// Each change to a fixture gives the crate's ids for every 20th string.
fn changes_equal_the_crate(name: &str, changes: Vec<Vec<(&str, Value)>>) {
    for change in changes {
        real::say(&format!("{name} with {change:?}"));
        let pair = Pair::new(&with(name, &change));
        pair.compare(20, |_| false);
    }
}

#[test]
fn normalizers_equal_the_crate() {
    let regex = |pattern: &str, content: &str| json!({"type": "Replace", "pattern": {"Regex": pattern}, "content": content});
    let text = |pattern: &str, content: &str| json!({"type": "Replace", "pattern": {"String": pattern}, "content": content});
    let strip = |left: bool, right: bool| json!({"type": "Strip", "strip_left": left, "strip_right": right});
    let plain = ["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents"];
    let mut all: Vec<Value> = plain.iter().map(|kind| json!({"type": kind})).collect();
    all.extend([strip(true, true), strip(true, false), strip(false, true)]);
    all.extend([text("a", ""), text("ab", "x"), text("  ", " "), regex(r"\s{2,}", "_")]);
    all.extend([
        regex(r"[aeiou]+", "oo"),
        regex(r"\p{M}", ""),
        json!({"type": "Prepend", "prepend": "xy"}),
    ]);
    let sequence =
        json!([{"type": "NFKC"}, {"type": "Lowercase"}, strip(true, true), regex(r"\s+", "▁")]);
    all.push(json!({"type": "Sequence", "normalizers": sequence}));
    let changes = all.into_iter().map(|value| vec![("/normalizer", value)]);
    changes_equal_the_crate("llama.json", changes.collect());
}

const BEHAVIORS: [&str; 5] =
    ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"];

#[test]
fn splits_equal_the_crate() {
    let patterns = [
        json!({"String": " "}),
        json!({"String": ""}),
        json!({"String": "ab"}),
        json!({"Regex": r"\p{N}{1,3}"}),
        json!({"Regex": "[aeiou ]"}),
        json!({"Regex": "a*"}),
        json!({"Regex": r"\b"}),
        json!({"Regex": r"(?i)[a-f]+|\s"}),
    ];
    let mut changes = Vec::new();
    for pattern in patterns {
        for behavior in BEHAVIORS {
            for invert in [false, true] {
                let split = json!({
                    "type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert
                });
                changes.push(vec![("/pre_tokenizer", split)]);
            }
        }
    }
    changes_equal_the_crate("metaspace.json", changes);
}

#[test]
fn pre_tokenizers_equal_the_crate() {
    let metaspace = |scheme: &str, split: bool| json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split});
    let digits = |apart: bool| json!({"type": "Digits", "individual_digits": apart});
    let sequence = |steps: Value| json!({"type": "Sequence", "pretokenizers": steps});
    let all = [
        metaspace("first", true),
        metaspace("always", true),
        metaspace("always", false),
        metaspace("never", true),
        json!({"type": "Metaspace", "replacement": "_", "add_prefix_space": true}),
        digits(true),
        digits(false),
        json!({"type": "Whitespace"}),
        json!({"type": "WhitespaceSplit"}),
        sequence(json!([digits(true), metaspace("first", true)])),
        sequence(json!([metaspace("always", true), digits(false)])),
        sequence(json!([{"type": "WhitespaceSplit"}, metaspace("always", true)])),
        sequence(json!([])),
    ];
    let changes = all.into_iter().map(|value| vec![("/pre_tokenizer", value)]);
    changes_equal_the_crate("metaspace.json", changes.collect());
}

/// The patterns that look ahead and are rewritten here.
#[test]
fn known_patterns_equal_the_crate() {
    let ends = r"|\s+(?!\S)|\s+";
    let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
    let words = r"[^\r\n\p{L}\p{N}]?\p{L}+";
    let rest = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+";
    let (upper, lower) = (r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}");
    let prefix = r"[^\r\n\p{L}\p{N}]?";
    let patterns = [
        format!(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{{L}}+| ?\p{{N}}+| ?[^\s\p{{L}}\p{{N}}]+{ends}"),
        format!(r"{contractions}|{words}|\p{{N}}{{1,3}}{rest}{ends}"),
        format!(r"{contractions}|{words}|\p{{N}}{rest}{ends}"),
        format!(
            r"{prefix}[{upper}]*[{lower}]+{contractions}?|{prefix}[{upper}]+[{lower}]*{contractions}?|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|\s*[\r\n]+{ends}"
        ),
    ];
    let mut changes = Vec::new();
    for pattern in patterns {
        for behavior in BEHAVIORS {
            let split = json!({
                "type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": false
            });
            changes.push(vec![("/pre_tokenizer/pretokenizers/0", split)]);
        }
    }
    changes_equal_the_crate("llama3.json", changes);
}

#[test]
fn byte_levels_equal_the_crate() {
    let byte_level = |prefix: bool, regex: bool| {
        let value = json!({
            "type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": true, "use_regex": regex
        });
        vec![("/pre_tokenizer", value)]
    };
    let mut changes =
        vec![byte_level(true, true), byte_level(true, false), byte_level(false, false)];
    let nfc = ("/normalizer", json!({"type": "NFC"}));
    changes.push([byte_level(false, true), vec![nfc]].concat());
    changes_equal_the_crate("gpt2.json", changes);
}

#[test]
fn decoders_equal_the_crate() {
    let space = json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "});
    let strip = |start: usize| json!({"type": "Strip", "content": " ", "start": start, "stop": 0});
    let (fuse, bytes) = (json!({"type": "Fuse"}), json!({"type": "ByteFallback"}));
    let metaspace =
        |scheme: &str| json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme});
    let sequences = [
        json!([space, bytes, fuse, strip(3)]),
        json!([strip(1), space, fuse]),
        json!([space, strip(2), bytes]),
        json!([metaspace("always"), fuse]),
        json!([{"type": "Replace", "pattern": {"String": "▁t"}, "content": "é"}, bytes, fuse]),
    ];
    let mut all: Vec<Value> =
        sequences.iter().map(|steps| json!({"type": "Sequence", "decoders": steps})).collect();
    all.extend([
        Value::Null,
        fuse,
        bytes,
        metaspace("always"),
        metaspace("never"),
        metaspace("first"),
    ]);
    let changes = all.into_iter().map(|value| vec![("/decoder", value)]);
    changes_equal_the_crate("metaspace.json", changes.collect());
}

#[test]
fn models_equal_the_crate() {
    let flags = [false, true].map(Value::Bool);
    let mut changes = Vec::new();
    for fuse in &flags {
        for bytes in &flags {
            for ignore in &flags {
                changes.push(vec![
                    ("/model/fuse_unk", fuse.clone()),
                    ("/model/byte_fallback", bytes.clone()),
                    ("/model/ignore_merges", ignore.clone()),
                    ("/pre_tokenizer/split", Value::Bool(true)),
                ]);
            }
        }
    }
    changes_equal_the_crate("metaspace.json", changes);
}

/// Added tokens that overlap, take white space along and are looked for in normalized text, behind a
/// normalizer that changes them.
#[test]
fn added_tokens_equal_the_crate() {
    let mut value: Value = serde_json::from_slice(&fixture("llama.json")).expect("JSON");
    let vocab = value["model"]["vocab"].as_object().expect("an object").clone();
    let mut next = vocab.len();
    let mut add = |content: &str, flags: &[&str]| {
        let has = |flag: &str| flags.contains(&flag);
        let id = vocab.get(content).cloned().unwrap_or_else(|| {
            next += 1;
            json!(next - 1)
        });
        json!({
            "id": id, "content": content, "single_word": has("single_word"), "lstrip": has("lstrip"),
            "rstrip": has("rstrip"), "normalized": has("normalized"), "special": has("special"),
        })
    };
    let more = [
        add("<r>", &["rstrip"]),
        add("\n\n", &[]),
        add(" \n", &["rstrip"]),
        add("\t\t", &["lstrip", "rstrip"]),
        add("<l>", &["lstrip"]),
        add("<l><r>", &["special"]),
        add("qu", &["single_word"]),
        add("the", &["normalized"]),
        add(" a", &["normalized", "lstrip"]),
        add("x y", &["normalized", "rstrip", "single_word"]),
        add("<N>", &["normalized"]),
        add("é", &[]),
    ];
    value["added_tokens"].as_array_mut().expect("a list").extend(more);
    for normalizer in [value["normalizer"].clone(), Value::Null, json!({"type": "Lowercase"})] {
        value["normalizer"] = normalizer;
        let pair = Pair::new(&serde_json::to_vec(&value).expect("JSON"));
        pair.compare(1, |_| false);
    }
}

/// What `add_bos_token` and `add_eos_token` say counts where the tokenizer's own file cannot say it, as
/// in transformers since version 5.
#[test]
fn the_file_says_what_goes_around_a_prompt() {
    let plain = fixture("gpt2.json");
    let end = Tokenizer::from_json(&plain, None).expect("sound").eos().expect("the end of text");
    let template = json!({
        "type": "TemplateProcessing",
        "single": [
            {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
        ],
        "pair": [],
        "special_tokens": {
            "<|endoftext|>": {"id": "<|endoftext|>", "ids": [end], "tokens": ["<|endoftext|>"]},
        },
    });
    let around = with("gpt2.json", &[("/post_processor", template)]);
    let (vocab, merges) = (fixture("gpt2-vocab.json"), fixture("gpt2-merges.txt"));
    for (added, from_pair) in
        [("", false), (", \"add_bos_token\": false", false), (", \"add_bos_token\": true", true)]
    {
        let config = format!("{{\"bos_token\": \"<|endoftext|>\"{added}}}");
        let config = Some(config.as_bytes());
        let begins = |tokenizer: kelvin_lm::Result<Tokenizer>| {
            let ids = tokenizer.expect("sound").encode_prompt("a", SpecialTokens::Text);
            ids.expect("bytes").first() == Some(&end)
        };
        assert!(!begins(Tokenizer::from_json(&plain, config)), "{added}");
        assert!(begins(Tokenizer::from_json(&around, config)), "{added}");
        let pair = Tokenizer::from_vocab_and_merges(&vocab, &merges, config);
        assert_eq!(begins(pair), from_pair, "{added}");
    }
}

/// `added_tokens_decoder` has the last word about how a token is found, and adds tokens.
#[test]
fn the_configuration_adds_tokens_and_says_how_they_are_found() {
    let mut value: Value = serde_json::from_slice(&fixture("gpt2.json")).expect("JSON");
    let mut added = value["added_tokens"].as_array().expect("a list").clone();
    let next = 1 + added
        .iter()
        .chain(value["model"]["vocab"].as_object().expect("an object").values())
        .map(|it| it.get("id").unwrap_or(it).as_u64().expect("an id"))
        .max()
        .expect("some");
    added[0]["lstrip"] = json!(true);
    added[0]["rstrip"] = json!(true);
    let mut new = added[0].clone();
    new["id"] = json!(next);
    new["content"] = json!("<NEW>");
    new["special"] = json!(false);
    added.push(new);
    let mut decoder = serde_json::Map::new();
    for token in &added {
        let mut token = token.clone();
        let id = token.as_object_mut().expect("an object").remove("id").expect("an id");
        decoder.insert(id.to_string(), token);
    }
    let config = json!({ "added_tokens_decoder": decoder }).to_string();
    let two = Tokenizer::from_json(&fixture("gpt2.json"), Some(config.as_bytes())).expect("sound");
    value["added_tokens"] = Value::from(added);
    let one = serde_json::to_vec(&value).expect("JSON");
    let one = Tokenizer::from_json(&one, None).expect("sound");
    let strings = Strings::with(vec!["<|endoftext|>".to_owned(), "<NEW>".to_owned()]);
    for number in 0..COUNT {
        let text = strings.get(number);
        for special in [SpecialTokens::Text, SpecialTokens::Parse] {
            let (two, one) = (two.encode(&text, special), one.encode(&text, special));
            assert_eq!(two.expect("tokens"), one.expect("tokens"), "{special:?}: {text:?}");
        }
    }
}

/// GPT-2's two files are its `tokenizer.json` without the list of added tokens.
#[test]
fn vocab_and_merges_are_the_same_tokenizer() {
    let (vocab, merges) = (fixture("gpt2-vocab.json"), fixture("gpt2-merges.txt"));
    let two = Tokenizer::from_vocab_and_merges(&vocab, &merges, None).expect("sound");
    let one = Tokenizer::from_json(&fixture("gpt2.json"), None).expect("sound");
    let strings = Strings::with(vec!["<|endoftext|>".to_owned()]);
    for number in 0..COUNT {
        let text = strings.get(number);
        for special in [SpecialTokens::Text, SpecialTokens::Parse] {
            let (two, one) = (two.encode(&text, special), one.encode(&text, special));
            assert_eq!(two.expect("tokens"), one.expect("tokens"), "{special:?}: {text:?}");
        }
    }
    let end = two.token_id("<|endoftext|>");
    for tokenizer in [&one, &two] {
        let roles = (tokenizer.bos(), tokenizer.eos(), tokenizer.add_bos());
        assert_eq!(roles, (end, end, false));
    }
    assert!(two.is_end(two.eos().expect("the end of text")));
}
