//! Parts of tokenizer files that break a rule: each is refused with the file, the place and the rule.

use kelvin_lm::tokenizer::Tokenizer;
use serde_json::json;

use crate::counting::peak;

/// The parts of a sound file; each case spoils one.
struct Parts {
    added: String,
    normalizer: String,
    pre_tokenizer: String,
    post_processor: String,
    decoder: String,
    model: String,
}

const MODEL: &str = r#"{"type":"BPE","vocab":{"a":0,"b":1,"ab":2,"é":3},"merges":["a b"]}"#;

impl Parts {
    fn sound() -> Self {
        let null = || "null".to_owned();
        Self {
            added: "[]".to_owned(),
            normalizer: null(),
            pre_tokenizer: null(),
            post_processor: null(),
            decoder: null(),
            model: MODEL.to_owned(),
        }
    }

    fn json(&self) -> String {
        let Self { added, normalizer, pre_tokenizer, post_processor, decoder, model } = self;
        format!(
            r#"{{"version":"1.0","added_tokens":{added},"normalizer":{normalizer},"pre_tokenizer":{pre_tokenizer},"post_processor":{post_processor},"decoder":{decoder},"model":{model}}}"#
        )
    }
}

/// A place where a case puts something else.
type Spot = fn(&mut Parts) -> &mut String;

/// The error of a file, held to its memory.
#[track_caller]
fn refusal(json: &[u8], config: Option<&[u8]>) -> String {
    let (read, peak) = peak(|| Tokenizer::from_json(json, config));
    let error = read.expect_err("refused").to_string();
    let most = 2 * (json.len() + config.map_or(0, <[u8]>::len)) + (1 << 20);
    assert!(peak <= most, "{peak} bytes at most, expected at most {most}: {error}");
    error
}

#[track_caller]
fn each_refused(spot: Spot, cases: &[(&str, &str)]) {
    for (part, expected) in cases {
        let mut parts = Parts::sound();
        (*part).clone_into(spot(&mut parts));
        let found = refusal(parts.json().as_bytes(), None);
        assert_eq!(found, *expected, "{part}");
    }
}

#[test]
fn the_sound_file_is_read() {
    let tokenizer = Tokenizer::from_json(Parts::sound().json().as_bytes(), None).expect("sound");
    assert_eq!(tokenizer.vocab_size(), 4);
}

#[test]
fn documents() {
    let sound = Parts::sound().json();
    let cases: [(String, &str); 11] = [
        (String::new(), "tokenizer.json: EOF while parsing a value (byte 0)"),
        ("[]".to_owned(), "tokenizer.json: invalid type: sequence, expected an object (byte 0)"),
        (
            sound[..sound.len() - 3].to_owned(),
            "tokenizer.json: EOF while parsing a list (byte 183)",
        ),
        (format!("{sound} x"), "tokenizer.json: trailing characters (byte 188)"),
        (format!("\u{feff}{sound}"), "tokenizer.json: expected value (byte 0)"),
        (
            sound.replacen("1.0", "2.0", 1),
            r#"tokenizer.json: version "2.0", expected "1.0" (byte 11)"#,
        ),
        (
            sound.replacen('{', r#"{"model":{},"#, 1),
            "tokenizer.json: an object has a key twice (byte 197)",
        ),
        (
            sound.replacen("null", &("[".repeat(65) + &"]".repeat(65)), 1),
            "tokenizer.json: nested deeper than 64 (byte 111)",
        ),
        (
            sound.replacen("null", &format!("\"{}\"", "x".repeat(600_000)), 1),
            "tokenizer.json: a string of more than 262144 bytes (byte 48)",
        ),
        (
            sound.replacen("\"model\"", "\"mode\"", 1),
            "tokenizer.json: missing field `model` (byte 185)",
        ),
        (
            sound.replacen("[]", "{}", 1),
            "tokenizer.json: added_tokens: invalid type: map, expected tokens that are found as a whole (byte 32)",
        ),
    ];
    for (json, expected) in cases {
        let found = refusal(json.as_bytes(), None);
        assert_eq!(found, expected, "{json:.60}");
    }
    let mut bytes = sound.into_bytes();
    bytes[2] = 0xFF;
    assert_eq!(refusal(&bytes, None), "tokenizer.json: invalid unicode code point (byte 2)");
}

#[test]
fn models() {
    let cases = [
        (
            r#"{"type":"Unigram","vocab":[["a",0.0]]}"#,
            r#"tokenizer.json: model: type "Unigram" is not known here, expected one of BPE, WordLevel (byte 119)"#,
        ),
        (
            r#"{"type":"WordPiece","vocab":{"a":0},"unk_token":"a","max_input_chars_per_word":9}"#,
            r#"tokenizer.json: model: type "WordPiece" is not known here, expected one of BPE, WordLevel (byte 119)"#,
        ),
        (r#"{"type":"BPE","vocab":{"a":0}}"#, "tokenizer.json: model: no merges (byte 119)"),
        (
            r#"{"type":"BPE","merges":[]}"#,
            "tokenizer.json: model: missing field `vocab` (byte 144)",
        ),
        (
            r#"{"type":1,"vocab":{"a":0},"merges":[]}"#,
            "tokenizer.json: model: invalid type: integer `1`, expected a string (byte 127)",
        ),
        (
            r#"{"vocab":{"a":0},"merges":[],"dropout":0.1}"#,
            "tokenizer.json: model: dropout is 0.1, which is for training, expected 0 (byte 119)",
        ),
        (
            r###"{"vocab":{"a":0,"##b":1},"merges":["a ##b"],"continuing_subword_prefix":"##"}"###,
            r###"tokenizer.json: model: continuing_subword_prefix is "##", expected none (byte 119)"###,
        ),
        (
            r#"{"vocab":{"a":0,"é":1},"merges":["a é"],"continuing_subword_prefix":"xé"}"#,
            r#"tokenizer.json: model: continuing_subword_prefix is "xé", expected none (byte 119)"#,
        ),
        (
            r#"{"vocab":{"a":0,"b</w>":1},"merges":[],"end_of_word_suffix":"</w>"}"#,
            r#"tokenizer.json: model: end_of_word_suffix is "</w>", expected none (byte 119)"#,
        ),
        (
            r#"{"vocab":{"a":0},"merges":[],"byte_fallback":1}"#,
            "tokenizer.json: model: invalid type: integer `1`, expected a boolean (byte 164)",
        ),
        (
            r#"{"type":"WordLevel","vocab":{"a":0},"unk_token":0}"#,
            "tokenizer.json: model: invalid type: integer `0`, expected a string (byte 167)",
        ),
    ];
    each_refused(|parts| &mut parts.model, &cases);
}

#[test]
fn vocabularies() {
    let of = |vocab: &str| format!(r#"{{"vocab":{vocab},"merges":[]}}"#);
    let long = format!(r#"{{"{}":0,"a":1,"a":2}}"#, "x".repeat(1000));
    let cases = [
        ("{}", "tokenizer.json: model.vocab: no pieces (byte 128)"),
        (
            r#"["a"]"#,
            "tokenizer.json: model.vocab: invalid type: sequence, expected an object of pieces and their ids (byte 128)",
        ),
        (r#"{"a":0,"a":1}"#, "tokenizer.json: an object has a key twice (byte 140)"),
        (r#"{"a":0,"\u0061":1}"#, "tokenizer.json: an object has a key twice (byte 145)"),
        (
            r#"{"a":0,"b":0}"#,
            r#"tokenizer.json: model.vocab: "b" has id 0, which another piece has too (byte 140)"#,
        ),
        (
            r#"{"a":0,"b":2}"#,
            r#"tokenizer.json: model.vocab: "b" has id 2, expected 0 to 1, each once (byte 140)"#,
        ),
        (
            r#"{"a":0,"b":4000000000}"#,
            r#"tokenizer.json: model.vocab: "b" has id 4000000000, expected 0 to 1, each once (byte 149)"#,
        ),
        (
            r#"{"a":0,"b":4294967295}"#,
            r#"tokenizer.json: model.vocab: "b" has id 4294967295, expected 0 to 1, each once (byte 149)"#,
        ),
        (
            r#"{"a":0,"b":4294967296}"#,
            "tokenizer.json: model.vocab: invalid value: integer `4294967296`, expected u32 (byte 148)",
        ),
        (
            r#"{"a":0,"b":1e3}"#,
            "tokenizer.json: model.vocab: invalid type: floating point `1000.0`, expected u32 (byte 141)",
        ),
        (
            r#"{"a":0,"b":-1}"#,
            "tokenizer.json: model.vocab: invalid value: integer `-1`, expected u32 (byte 140)",
        ),
        (
            r#"{"a":0,"b":"1"}"#,
            r#"tokenizer.json: model.vocab: invalid type: string "1", expected u32 (byte 141)"#,
        ),
        (&*long, "tokenizer.json: an object has a key twice (byte 1145)"),
    ];
    for (vocab, expected) in cases {
        each_refused(|parts| &mut parts.model, &[(&of(vocab), expected)]);
    }
}

#[test]
fn merges() {
    let of = |merges: &str| {
        format!(r#"{{"vocab":{{"a":0,"b":1,"ab":2,"é":3,"":4,"a b":5}},"merges":{merges}}}"#)
    };
    let many = format!("[{}]", [r#""a b""#; 20].join(","));
    let cases = [
        (
            "{}",
            "tokenizer.json: model.merges: invalid type: map, expected an array of merges (byte 178)",
        ),
        (
            r#"["ab"]"#,
            r#"tokenizer.json: model.merges: merge 0 is "ab", expected two pieces and a space between (byte 182)"#,
        ),
        (
            r#"["a b b"]"#,
            r#"tokenizer.json: model.merges: merge 0 is "a b b", expected two pieces and a space between (byte 185)"#,
        ),
        (
            r#"["a  b"]"#,
            r#"tokenizer.json: model.merges: merge 0 is "a  b", expected two pieces and a space between (byte 184)"#,
        ),
        (
            r#"[["a","b","a"]]"#,
            "tokenizer.json: model.merges: merge 0 has not two pieces (byte 191)",
        ),
        (r#"[["a"]]"#, "tokenizer.json: model.merges: merge 0 has not two pieces (byte 183)"),
        (
            r#"[["a",1]]"#,
            "tokenizer.json: model.merges: invalid type: integer `1`, expected a string (byte 184)",
        ),
        (
            "[7]",
            r#"tokenizer.json: model.merges: invalid type: integer `7`, expected merge 0 to be "left right" or ["left", "right"] (byte 179)"#,
        ),
        (
            r#"["a b","a x"]"#,
            r#"tokenizer.json: model.merges: merge 1 unites "a" and "x", but "x" is not in the vocabulary (byte 189)"#,
        ),
        (
            r#"["a é"]"#,
            r#"tokenizer.json: model.merges: merge 0 unites "a" and "é", but "aé" is not in the vocabulary (byte 184)"#,
        ),
        (
            r#"[["ab","ab"]]"#,
            r#"tokenizer.json: model.merges: merge 0 unites "ab" and "ab", but "abab" is not in the vocabulary (byte 189)"#,
        ),
        (
            r#"[["é","\u00e9\u00e9"]]"#,
            r#"tokenizer.json: model.merges: merge 0 unites "é" and "éé", but "éé" is not in the vocabulary (byte 199)"#,
        ),
        (
            r#"[["","a"]]"#,
            r#"tokenizer.json: model.merges: merge 0 unites "" and "a", but a side is empty (byte 186)"#,
        ),
        (
            r#"["a b",["a","b"]]"#,
            "tokenizer.json: model.merges: merge 1 is merge 0 again (byte 194)",
        ),
        (
            &*many,
            "tokenizer.json: model.merges: 20 merges, but the vocabulary has room for 9 (byte 178)",
        ),
    ];
    for (merges, expected) in cases {
        each_refused(|parts| &mut parts.model, &[(&of(merges), expected)]);
    }
}

fn added(id: &str, content: &str) -> String {
    format!(
        r#"{{"id":{id},"content":{content},"single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}}"#
    )
}

#[test]
fn added_tokens() {
    let list = |tokens: &[String]| format!("[{}]", tokens.join(","));
    let long = format!("\"{}\"", "x".repeat(257));
    let cases = [
        (
            list(&[added("7", r#""<s>""#)]),
            r#"tokenizer.json: added_tokens: "<s>" has id 7, expected 4 (byte 141)"#,
        ),
        (
            list(&[added("4", r#""<s>""#), added("6", r#""</s>""#)]),
            r#"tokenizer.json: added_tokens: "</s>" has id 6, expected 5 (byte 251)"#,
        ),
        (
            list(&[added("4", r#""<s>""#), added("5", r#""<s>""#)]),
            "tokenizer.json: added_tokens: tokens 4 and 5 have one content (byte 32)",
        ),
        (
            list(&[added("1", r#""b""#), added("1", r#""b""#)]),
            "tokenizer.json: added_tokens: token 1 comes twice (byte 32)",
        ),
        (
            list(&[added("0", r#""b""#)]),
            r#"tokenizer.json: added_tokens: "b" has id 0, expected 1 (byte 139)"#,
        ),
        (
            list(&[added("4", r#""""#)]),
            "tokenizer.json: added_tokens: token 4 has no content (byte 138)",
        ),
        (
            list(&[added("4", &long)]),
            "tokenizer.json: added_tokens: token 4 is 257 bytes long, the longest is 256 (byte 395)",
        ),
        (
            list(&[added("4", "4")]),
            "tokenizer.json: added_tokens: invalid type: integer `4`, expected a string (byte 51)",
        ),
        (
            list(&[added("-4", r#""<s>""#)]),
            "tokenizer.json: added_tokens: invalid value: integer `-4`, expected u32 (byte 40)",
        ),
        (
            list(&[added("4", r#""<s>""#).replace(",\"special\":true", "")]),
            "tokenizer.json: added_tokens: missing field `special` (byte 125)",
        ),
        (
            "[4]".to_owned(),
            "tokenizer.json: added_tokens: invalid type: integer `4`, expected an object (byte 33)",
        ),
    ];
    for (json, expected) in cases {
        each_refused(|parts| &mut parts.added, &[(&json, expected)]);
    }
}

#[test]
fn normalizers() {
    let bomb = format!(
        r#"{{"type":"Sequence","normalizers":[{}]}}"#,
        [r#"{"type":"Replace","pattern":{"String":"a"},"content":"aaaaaaaaaaaaaaaa"}"#; 9]
            .join(",")
    );
    let many = |n: usize| {
        let steps = vec![r#"{"type":"NFC"}"#; n].join(",");
        format!(r#"{{"type":"Sequence","normalizers":[{steps}]}}"#)
    };
    let long = format!(r#"{{"type":"Prepend","prepend":"{}"}}"#, "x".repeat(65));
    // read twice at each depth, were it not refused
    let inner = format!("[{}0]", "0,".repeat(200_000));
    let nested = (0..28).fold(format!(r#"{{"type":"NFC","x":{inner}}}"#), |inner, _| {
        format!(r#"{{"type":"Sequence","normalizers":[{inner}]}}"#)
    });
    let cases = [
        (
            r#"{"type":"Precompiled","precompiled_charsmap":"AAAA"}"#,
            r#"tokenizer.json: normalizer: type "Precompiled" is not known here, expected one of Lowercase, NFC, NFD, NFKC, NFKD, Prepend, Replace, Sequence, Strip, StripAccents (byte 48)"#,
        ),
        (
            r#"{"type":"BertNormalizer"}"#,
            r#"tokenizer.json: normalizer: type "BertNormalizer" is not known here, expected one of Lowercase, NFC, NFD, NFKC, NFKD, Prepend, Replace, Sequence, Strip, StripAccents (byte 48)"#,
        ),
        (
            r#"{"type":"\u001b[2J"}"#,
            r#"tokenizer.json: normalizer: type "\u{1b}[2J" is not known here, expected one of Lowercase, NFC, NFD, NFKC, NFKD, Prepend, Replace, Sequence, Strip, StripAccents (byte 48)"#,
        ),
        (r#"{"prepend":"x"}"#, "tokenizer.json: normalizer: missing field `type` (byte 62)"),
        (
            r#""NFC""#,
            r#"tokenizer.json: normalizer: invalid type: string "NFC", expected an object (byte 52)"#,
        ),
        (
            r#"["NFC"]"#,
            "tokenizer.json: normalizer: invalid type: sequence, expected an object (byte 48)",
        ),
        (r#"{"type":"Prepend"}"#, "tokenizer.json: normalizer: missing field `prepend` (byte 65)"),
        (
            r#"{"type":"Replace","pattern":{"String":""},"content":"x"}"#,
            "tokenizer.json: normalizer: a pattern that matches nothing between characters (byte 48)",
        ),
        (
            r#"{"type":"Replace","pattern":{"Regex":"x*"},"content":"y"}"#,
            "tokenizer.json: normalizer: a pattern that matches nothing between characters (byte 48)",
        ),
        (
            r#"{"type":"Replace","pattern":{"Glob":"*"},"content":"y"}"#,
            "tokenizer.json: normalizer: unknown variant `Glob`, expected `String` or `Regex` (byte 82)",
        ),
        (
            r#"{"type":"Replace","pattern":"x","content":"y"}"#,
            "tokenizer.json: normalizer: unknown variant `x`, expected `String` or `Regex` (byte 78)",
        ),
        (
            r#"{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Nmt"}]}"#,
            r#"tokenizer.json: normalizer: type "Nmt" is not known here, expected one of Lowercase, NFC, NFD, NFKC, NFKD, Prepend, Replace, Sequence, Strip, StripAccents (byte 97)"#,
        ),
        (
            &*nested,
            "tokenizer.json: normalizer: 401030 bytes long, the longest is 262144 (byte 48)",
        ),
        (
            &*bomb,
            "tokenizer.json: normalizer and pre_tokenizer: can make a text 68719476736 times as long, the most is 128 (byte 48)",
        ),
        (&*many(33), "tokenizer.json: normalizer: more than 32 steps (byte 562)"),
        (&*many(65), "tokenizer.json: normalizer: an array of more than 64 (byte 1056)"),
        (&*long, "tokenizer.json: normalizer: puts 65 bytes in a place, the most is 64 (byte 48)"),
    ];
    each_refused(|parts| &mut parts.normalizer, &cases);
}

#[test]
fn patterns() {
    let long = "x".repeat(1025);
    let classes = r"\w".repeat(33);
    let groups = "(".repeat(40);
    let cases = [
        (r"(?=a)b", "look-around, including look-ahead and look-behind, is not supported"),
        (r"(?<!a)b", "look-around, including look-ahead and look-behind, is not supported"),
        (r"a|\s+(?!\S)|\s+", "look-around, including look-ahead and look-behind, is not supported"),
        (r"(a)\1", "backreferences are not supported"),
        (r"(a*)*b", "it can read far past a match, and so take quadratic time"),
        (r"a*b|a", "it can read far past a match, and so take quadratic time"),
        (r"(a|a)*c", "it can read far past a match, and so take quadratic time"),
        (r"a+$", "it can read far past a match, and so take quadratic time"),
        (r"(a+){9}", "it can read far past a match, and so take quadratic time"),
        (r"a++", "it repeats a repetition, which elsewhere means never to go back"),
        (r"a?+", "it repeats a repetition, which elsewhere means never to go back"),
        (r"[\s\S]{300}", "it can read 1200 bytes past a match, the most is 256"),
        (r"(\p{L}{16}){4}", "it is made of 43328 ranges of characters, the most is 16384"),
        (
            r"\w{60}|\W{60}|[^\p{L}\p{N}]{60}",
            "it is made of 141840 ranges of characters, the most is 16384",
        ),
        (r"((a{100}){100}){100}", "it can read 1000000 bytes past a match, the most is 256"),
        (r"\p{Nonsense}", "Unicode property not found"),
        (r"[a", "unclosed character class"),
        (r"a{1,4294967296}", "decimal literal invalid"),
        (&*groups, "unclosed group"),
        (&*long, "1025 bytes long, the longest is 1024"),
        (&*classes, "33 classes and escapes, the most is 32"),
    ];
    for (pattern, rule) in cases {
        let split = json!({
            "type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false
        });
        let parts = Parts { pre_tokenizer: split.to_string(), ..Parts::sound() };
        let found = refusal(parts.json().as_bytes(), None);
        assert!(found.starts_with("tokenizer.json: pre_tokenizer: pattern \""), "{found}");
        assert!(found.ends_with(&format!("\" cannot be used: {rule} (byte 69)")), "{found}");
    }
}

#[test]
fn pre_tokenizers() {
    let metaspace = |rest: &str| format!(r#"{{"type":"Metaspace","replacement":{rest}}}"#);
    let cases = [
        (
            r#"{"type":"BertPreTokenizer"}"#.to_owned(),
            r#"tokenizer.json: pre_tokenizer: type "BertPreTokenizer" is not known here, expected one of ByteLevel, Digits, Metaspace, Sequence, Split, Whitespace, WhitespaceSplit (byte 69)"#,
        ),
        (
            r#"{"type":"UnicodeScripts"}"#.to_owned(),
            r#"tokenizer.json: pre_tokenizer: type "UnicodeScripts" is not known here, expected one of ByteLevel, Digits, Metaspace, Sequence, Split, Whitespace, WhitespaceSplit (byte 69)"#,
        ),
        (
            r#"{"type":"ByteLevel"}"#.to_owned(),
            "tokenizer.json: pre_tokenizer: missing field `add_prefix_space` (byte 88)",
        ),
        (
            r#"{"type":"Split","pattern":{"String":"a"},"behavior":"Kept","invert":false}"#
                .to_owned(),
            "tokenizer.json: pre_tokenizer: unknown variant `Kept`, expected one of `Removed`, `Isolated`, `MergedWithPrevious`, `MergedWithNext`, `Contiguous` (byte 126)",
        ),
        (
            metaspace(r#""__""#),
            r#"tokenizer.json: pre_tokenizer: invalid value: string "__", expected a character (byte 106)"#,
        ),
        (
            metaspace(r#""_","prepend_scheme":"last""#),
            "tokenizer.json: pre_tokenizer: unknown variant `last`, expected one of `first`, `never`, `always` (byte 129)",
        ),
        (
            metaspace(r#""_","add_prefix_space":false,"prepend_scheme":"first""#),
            "tokenizer.json: Metaspace: add_prefix_space is false, but prepend_scheme is not never (byte 69)",
        ),
        (
            format!(
                r#"{{"type":"Sequence","pretokenizers":[{},{}]}}"#,
                metaspace(r#""_""#),
                metaspace(r#""_","prepend_scheme":"first""#)
            ),
            r#"tokenizer.json: pre_tokenizer: Metaspace with prepend_scheme "first" behind what changes the start of a text (byte 144)"#,
        ),
    ];
    for (json, expected) in cases {
        each_refused(|parts| &mut parts.pre_tokenizer, &[(&json, expected)]);
    }
}

#[test]
fn post_processors() {
    let template = |single: &str, special: &str| {
        format!(
            r#"{{"type":"TemplateProcessing","single":{single},"pair":[],"special_tokens":{special}}}"#
        )
    };
    let a = r#"{"Sequence":{"id":"A","type_id":0}}"#;
    let s = r#"{"SpecialToken":{"id":"a","type_id":0}}"#;
    let ids = |ids: &str| format!(r#"{{"a":{{"id":"a","ids":{ids},"tokens":["a"]}}}}"#);
    let cases = [
        (
            r#"{"type":"RobertaProcessing","sep":["a",0],"cls":["a",0]}"#.to_owned(),
            r#"tokenizer.json: post_processor: type "RobertaProcessing" is not known here, expected one of ByteLevel, Sequence, TemplateProcessing (byte 91)"#,
        ),
        (
            template(&format!("[{s},{a}]"), "{}"),
            r#"tokenizer.json: post_processor.special_tokens: "a" is not there (byte 234)"#,
        ),
        (
            template(&format!("[{s},{a}]"), &ids("[4]")),
            r#"tokenizer.json: post_processor.special_tokens: "a" is token 4, outside the vocabulary of 4 tokens (byte 234)"#,
        ),
        (
            template(&format!("[{s},{a}]"), &ids("[0,1]")),
            r#"tokenizer.json: post_processor.special_tokens: "a" is 2 tokens, expected one (byte 234)"#,
        ),
        (
            template(&format!("[{s},{s},{a}]"), &ids("[0]")),
            "tokenizer.json: post_processor: expected the text A once, with at most one special token before it and one after it (byte 91)",
        ),
        (
            template(&format!("[{a},{a}]"), &ids("[0]")),
            "tokenizer.json: post_processor: expected the text A once, with at most one special token before it and one after it (byte 91)",
        ),
        (
            template("[]", &ids("[0]")),
            "tokenizer.json: post_processor: expected the text A once, with at most one special token before it and one after it (byte 91)",
        ),
        (
            template(r#"["$A"]"#, &ids("[0]")),
            "tokenizer.json: post_processor: unknown variant `$A`, expected `Sequence` or `SpecialToken` (byte 133)",
        ),
        (
            format!(
                r#"{{"type":"Sequence","processors":[{0},{0}]}}"#,
                template(&format!("[{s},{a}]"), &ids("[0]"))
            ),
            "tokenizer.json: post_processor: more than one template, expected one (byte 310)",
        ),
    ];
    for (json, expected) in cases {
        each_refused(|parts| &mut parts.post_processor, &[(&json, expected)]);
    }
}

#[test]
fn decoders() {
    let sequence = |steps: &str| format!(r#"{{"type":"Sequence","decoders":[{steps}]}}"#);
    let strip = r#"{"type":"Strip","content":" ","start":1,"stop":0}"#;
    let cases = [
        (
            r#"{"type":"WordPiece","prefix":"","cleanup":true}"#.to_owned(),
            r#"tokenizer.json: decoder: type "WordPiece" is not known here, expected one of ByteFallback, ByteLevel, Fuse, Metaspace, Replace, Sequence, Strip (byte 106)"#,
        ),
        (
            r#"{"type":"Strip","content":" ","start":0,"stop":1}"#.to_owned(),
            "tokenizer.json: decoder: Strip takes 1 characters off the end, expected 0 (byte 106)",
        ),
        (
            r#"{"type":"Replace","pattern":{"Regex":"a"},"content":""}"#.to_owned(),
            "tokenizer.json: decoder: Replace by a regular expression, expected a text (byte 106)",
        ),
        (
            r#"{"type":"Replace","pattern":{"String":"a"},"content":"aa"}"#.to_owned(),
            r#"tokenizer.json: decoder: Replace makes "a" longer, expected it not to (byte 106)"#,
        ),
        (
            sequence(r#"{"type":"Fuse"},{"type":"ByteLevel"}"#),
            r#"tokenizer.json: decoder: "ByteLevel" behind what joins tokens, expected it before (byte 153)"#,
        ),
        (
            sequence(&format!(r#"{{"type":"ByteFallback"}},{strip}"#)),
            "tokenizer.json: decoder: Strip between ByteFallback and Fuse (byte 161)",
        ),
        (
            sequence(&format!(r#"{{"type":"Fuse"}},{strip},{strip}"#)),
            "tokenizer.json: decoder: more than one rule for the start of a text (byte 203)",
        ),
    ];
    for (json, expected) in cases {
        each_refused(|parts| &mut parts.decoder, &[(&json, expected)]);
    }
}

#[test]
fn configurations() {
    let json = Parts::sound().json();
    let listed = |id: &str, content: &str| {
        let token = added("0", content).replace("\"id\":0,", "");
        format!(r#"{{"added_tokens_decoder":{{"{id}":{token}}}}}"#)
    };
    let cases = [
        (
            r#"{"added_tokens_decoder":[]}"#,
            "tokenizer_config.json: added_tokens_decoder: invalid type: sequence, expected tokens that are found as a whole (byte 24)",
        ),
        (
            r#"{"added_tokens_decoder":{"2":{"content":"ab"}}}"#,
            "tokenizer_config.json: added_tokens_decoder: missing field `single_word` (byte 44)",
        ),
        (
            &*listed("x", r#""<s>""#),
            r#"tokenizer_config.json: added_tokens_decoder: "x" is no token id (byte 130)"#,
        ),
        (
            &*listed("9", r#""<s>""#),
            r#"tokenizer_config.json: added_tokens_decoder: "<s>" has id 9, expected 4 (byte 24)"#,
        ),
        (
            &*listed("2", r#""a""#),
            r#"tokenizer_config.json: added_tokens_decoder: "a" has id 2, expected 0 (byte 24)"#,
        ),
        (
            &*listed("4", r#""""#),
            "tokenizer_config.json: added_tokens_decoder: token 4 has no content (byte 24)",
        ),
        (
            r#"{"eos_token":"</s>"}"#,
            r#"tokenizer_config.json: eos_token is "</s>", which is not in the vocabulary (byte 13)"#,
        ),
        (
            r#"{"bos_token":{"content":"<s>"}}"#,
            r#"tokenizer_config.json: bos_token is "<s>", which is not in the vocabulary (byte 13)"#,
        ),
        (
            r#"{"bos_token":{"special":true}}"#,
            "tokenizer_config.json: bos_token: missing field `content` (byte 28)",
        ),
        (
            r#"{"bos_token":7}"#,
            "tokenizer_config.json: bos_token: invalid type: integer `7`, expected a token's text, or an object with its content (byte 13)",
        ),
        (
            r#"{"add_bos_token":"yes"}"#,
            r#"tokenizer_config.json: invalid type: string "yes", expected a boolean (byte 21)"#,
        ),
        (
            r#"{"add_bos_token":true,"add_bos_token":false}"#,
            "tokenizer_config.json: an object has a key twice (byte 43)",
        ),
        (
            r#"{"additional_special_tokens":[1]}"#,
            "tokenizer_config.json: invalid type: integer `1`, expected a token's text, or an object with its content (byte 30)",
        ),
        ("", "tokenizer_config.json: EOF while parsing a value (byte 0)"),
    ];
    for (config, expected) in cases {
        assert_eq!(refusal(json.as_bytes(), Some(config.as_bytes())), expected, "{config}");
    }
}

#[test]
fn vocab_and_merges() {
    let cases: [(&str, &[u8], &str); 7] = [
        (
            r#"{"a":0,"b":0}"#,
            b"",
            r#"vocab.json: the vocabulary: "b" has id 0, which another piece has too (byte 12)"#,
        ),
        (
            "[]",
            b"",
            "vocab.json: the vocabulary: invalid type: sequence, expected an object of pieces and their ids (byte 0)",
        ),
        (
            r#"{"a":0,"b":1}"#,
            b"#version: 0.2\na b\n",
            r#"merges.txt: line 2: "ab" is not in the vocabulary (byte 14)"#,
        ),
        (
            r#"{"a":0,"b":1}"#,
            b"ab\n",
            "merges.txt: line 1: expected two pieces and a space between (byte 0)",
        ),
        (r#"{"a":0,"b":1}"#, b"a \xFF\n", "merges.txt: line 1: not UTF-8 (byte 0)"),
        (
            r#"{"a":0,"b":1,"ab":2}"#,
            b"#version: 0.2\r\na b\r\n\r\na b\r\n",
            "merges.txt: line 4: a merge that was there before (byte 22)",
        ),
        (r#"{"a":0}"#, b"a a\na a\n", "merges.txt: 2 merges, but the vocabulary has room for 1"),
    ];
    for (vocab, merges, expected) in cases {
        let read = || Tokenizer::from_vocab_and_merges(vocab.as_bytes(), merges, None);
        let (read, peak) = peak(read);
        assert_eq!(read.expect_err("refused").to_string(), expected, "{vocab}");
        assert!(peak <= 2 * (vocab.len() + merges.len()) + (1 << 20));
    }
}

/// Files of megabytes that break a rule late, or whose smallest parts are what they have most of.
#[test]
fn large_files_take_little_more_than_themselves() {
    let entries = |n: usize, id: fn(usize) -> usize| -> String {
        let entries: Vec<String> = (0..n).map(|at| format!("\"{at:x}\":{}", id(at))).collect();
        entries.join(",")
    };
    let vocab = |entries: &str, merges: &str| {
        let mut parts = Parts::sound();
        parts.model = format!(r#"{{"vocab":{{{entries}}},"merges":{merges}}}"#);
        parts.json()
    };
    let cases = [
        vocab(&entries(262_145, |_| 0), "[]"),
        vocab(&entries(300_000, |at| at), &format!("[{}\"0 x\"]", "\"0 1\",".repeat(200_000))),
        vocab(&entries(300_000, |at| at), &format!("[{}7]", "[],".repeat(500_000))),
        Parts { normalizer: format!("[{}0]", "0,".repeat(1 << 20)), ..Parts::sound() }.json(),
        Parts {
            added: format!("[{}0]", added("1", "\"b\"").as_str().to_owned() + ","),
            ..Parts::sound()
        }
        .json(),
        Parts {
            added: format!("[{}0]", (added("1", "\"b\"") + ",").repeat(20_000)),
            ..Parts::sound()
        }
        .json(),
        Parts {
            decoder: format!(r#"{{"type":"Sequence","decoders":[{}0]}}"#, "0,".repeat(1 << 20)),
            ..Parts::sound()
        }
        .json(),
        Parts { added: format!("\"{}\"", "x".repeat(500_000)), ..Parts::sound() }.json(),
    ];
    for json in cases {
        refusal(json.as_bytes(), None);
    }
}
