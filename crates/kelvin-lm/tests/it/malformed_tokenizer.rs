//! Tokenizer files that break a rule: each is refused with the file, the place and the rule, without a
//! panic, and with little more memory than the file takes.

use kelvin_lm::tokenizer::Tokenizer;

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
        (String::new(), ""),
        ("[]".to_owned(), ""),
        (sound[..sound.len() - 3].to_owned(), ""),
        (format!("{sound} x"), ""),
        (format!("\u{feff}{sound}"), ""),
        (sound.replacen("1.0", "2.0", 1), ""),
        (sound.replacen('{', r#"{"model":{},"#, 1), ""),
        (sound.replacen("null", &("[".repeat(65) + &"]".repeat(65)), 1), ""),
        (sound.replacen("null", &format!("\"{}\"", "x".repeat(600_000)), 1), ""),
        (sound.replacen("\"model\"", "\"mode\"", 1), ""),
        (sound.replacen("[]", "{}", 1), ""),
    ];
    for (json, expected) in cases {
        let found = refusal(json.as_bytes(), None);
        assert_eq!(found, expected, "{json:.60}");
    }
    let mut bytes = sound.into_bytes();
    bytes[2] = 0xFF;
    assert_eq!(refusal(&bytes, None), "");
}

#[test]
fn models() {
    let cases = [
        (r#"{"type":"Unigram","vocab":[["a",0.0]]}"#, ""),
        (
            r#"{"type":"WordPiece","vocab":{"a":0},"unk_token":"a","max_input_chars_per_word":9}"#,
            "",
        ),
        (r#"{"type":"BPE","vocab":{"a":0}}"#, ""),
        (r#"{"type":"BPE","merges":[]}"#, ""),
        (r#"{"type":1,"vocab":{"a":0},"merges":[]}"#, ""),
        (r#"{"vocab":{"a":0},"merges":[],"dropout":0.1}"#, ""),
        (
            r###"{"vocab":{"a":0,"##b":1},"merges":["a ##b"],"continuing_subword_prefix":"##"}"###,
            "",
        ),
        (r#"{"vocab":{"a":0,"é":1},"merges":["a é"],"continuing_subword_prefix":"xé"}"#, ""),
        (r#"{"vocab":{"a":0,"b</w>":1},"merges":[],"end_of_word_suffix":"</w>"}"#, ""),
        (r#"{"vocab":{"a":0},"merges":[],"byte_fallback":1}"#, ""),
        (r#"{"type":"WordLevel","vocab":{"a":0},"unk_token":0}"#, ""),
    ];
    each_refused(|parts| &mut parts.model, &cases);
}

#[test]
fn vocabularies() {
    let of = |vocab: &str| format!(r#"{{"vocab":{vocab},"merges":[]}}"#);
    let long = format!(r#"{{"{}":0,"a":1,"a":2}}"#, "x".repeat(1000));
    let cases = [
        ("{}", ""),
        (r#"["a"]"#, ""),
        (r#"{"a":0,"a":1}"#, ""),
        (r#"{"a":0,"\u0061":1}"#, ""),
        (r#"{"a":0,"b":0}"#, ""),
        (r#"{"a":0,"b":2}"#, ""),
        (r#"{"a":0,"b":4000000000}"#, ""),
        (r#"{"a":0,"b":4294967295}"#, ""),
        (r#"{"a":0,"b":4294967296}"#, ""),
        (r#"{"a":0,"b":1e3}"#, ""),
        (r#"{"a":0,"b":-1}"#, ""),
        (r#"{"a":0,"b":"1"}"#, ""),
        (&*long, ""),
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
        ("{}", ""),
        (r#"["ab"]"#, ""),
        (r#"["a b b"]"#, ""),
        (r#"["a  b"]"#, ""),
        (r#"[["a","b","a"]]"#, ""),
        (r#"[["a"]]"#, ""),
        (r#"[["a",1]]"#, ""),
        ("[7]", ""),
        (r#"["a b","a x"]"#, ""),
        (r#"["a é"]"#, ""),
        (r#"[["ab","ab"]]"#, ""),
        (r#"[["é","\u00e9\u00e9"]]"#, ""),
        (r#"[["","a"]]"#, ""),
        (r#"["a b",["a","b"]]"#, ""),
        (&*many, ""),
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
        (list(&[added("7", r#""<s>""#)]), ""),
        (list(&[added("4", r#""<s>""#), added("6", r#""</s>""#)]), ""),
        (list(&[added("4", r#""<s>""#), added("5", r#""<s>""#)]), ""),
        (list(&[added("1", r#""b""#), added("1", r#""b""#)]), ""),
        (list(&[added("0", r#""b""#)]), ""),
        (list(&[added("4", r#""""#)]), ""),
        (list(&[added("4", &long)]), ""),
        (list(&[added("4", "4")]), ""),
        (list(&[added("-4", r#""<s>""#)]), ""),
        (list(&[added("4", r#""<s>""#).replace(",\"special\":true", "")]), ""),
        ("[4]".to_owned(), ""),
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
    let cases = [
        (r#"{"type":"Precompiled","precompiled_charsmap":"AAAA"}"#, ""),
        (r#"{"type":"BertNormalizer"}"#, ""),
        (r#"{"type":"\u001b[2J"}"#, ""),
        (r#"{"prepend":"x"}"#, ""),
        (r#""NFC""#, ""),
        (r#"{"type":"Prepend"}"#, ""),
        (r#"{"type":"Replace","pattern":{"String":""},"content":"x"}"#, ""),
        (r#"{"type":"Replace","pattern":{"Regex":"x*"},"content":"y"}"#, ""),
        (r#"{"type":"Replace","pattern":{"Glob":"*"},"content":"y"}"#, ""),
        (r#"{"type":"Replace","pattern":"x","content":"y"}"#, ""),
        (r#"{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Nmt"}]}"#, ""),
        (&*bomb, ""),
        (&*many(33), ""),
        (&*many(65), ""),
        (&*long, ""),
    ];
    each_refused(|parts| &mut parts.normalizer, &cases);
}

#[test]
fn patterns() {
    let long = "x".repeat(1025);
    let classes = r"\w".repeat(33);
    let cases = [
        (r"(?=a)b", ""),
        (r"(?<!a)b", ""),
        (r"a\s+(?!\S)|\s+", ""),
        (r"(a)\\1", ""),
        (r"(a*)*b", ""),
        (r"a*b|a", ""),
        (r"(a|a)*c", ""),
        (r"a+$", ""),
        (r"(a+){9}", ""),
        (r"a++", ""),
        (r"a?+b", ""),
        (r"[\\s\\S]{300}", ""),
        (r"\\p{L}{1000}", ""),
        (r"((a{100}){100}){100}", ""),
        (r"\\p{Nonsense}", ""),
        (r"[a", ""),
        (r"a{1,4294967296}", ""),
        (&*"(".repeat(40), ""),
        (&*long, ""),
        (&*classes.replace('\\', r"\\"), ""),
    ];
    for (pattern, expected) in cases {
        let split = format!(
            r#"{{"type":"Split","pattern":{{"Regex":"{}"}},"behavior":"Isolated","invert":false}}"#,
            pattern.replace(r"\s", r"\\s").replace(r"\S", r"\\S").replace(r"\\\\", r"\\")
        );
        let expected = expected.to_owned();
        each_refused(|parts| &mut parts.pre_tokenizer, &[(&split, &expected)]);
    }
}

#[test]
fn pre_tokenizers() {
    let metaspace = |rest: &str| format!(r#"{{"type":"Metaspace","replacement":{rest}}}"#);
    let cases = [
        (r#"{"type":"BertPreTokenizer"}"#.to_owned(), ""),
        (r#"{"type":"UnicodeScripts"}"#.to_owned(), ""),
        (r#"{"type":"ByteLevel"}"#.to_owned(), ""),
        (
            r#"{"type":"Split","pattern":{"String":"a"},"behavior":"Kept","invert":false}"#
                .to_owned(),
            "",
        ),
        (metaspace(r#""__""#), ""),
        (metaspace(r#""_","prepend_scheme":"last""#), ""),
        (metaspace(r#""_","add_prefix_space":false,"prepend_scheme":"first""#), ""),
        (
            format!(
                r#"{{"type":"Sequence","pretokenizers":[{},{}]}}"#,
                metaspace(r#""_""#),
                metaspace(r#""_","prepend_scheme":"first""#)
            ),
            "",
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
        (r#"{"type":"RobertaProcessing","sep":["a",0],"cls":["a",0]}"#.to_owned(), ""),
        (template(&format!("[{s},{a}]"), "{}"), ""),
        (template(&format!("[{s},{a}]"), &ids("[4]")), ""),
        (template(&format!("[{s},{a}]"), &ids("[0,1]")), ""),
        (template(&format!("[{s},{s},{a}]"), &ids("[0]")), ""),
        (template(&format!("[{a},{a}]"), &ids("[0]")), ""),
        (template("[]", &ids("[0]")), ""),
        (template(r#"["$A"]"#, &ids("[0]")), ""),
        (
            format!(
                r#"{{"type":"Sequence","processors":[{0},{0}]}}"#,
                template(&format!("[{s},{a}]"), &ids("[0]"))
            ),
            "",
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
        (r#"{"type":"WordPiece","prefix":"","cleanup":true}"#.to_owned(), ""),
        (r#"{"type":"Strip","content":" ","start":0,"stop":1}"#.to_owned(), ""),
        (r#"{"type":"Replace","pattern":{"Regex":"a"},"content":""}"#.to_owned(), ""),
        (r#"{"type":"Replace","pattern":{"String":"a"},"content":"aa"}"#.to_owned(), ""),
        (sequence(r#"{"type":"Fuse"},{"type":"ByteLevel"}"#), ""),
        (sequence(&format!(r#"{{"type":"ByteFallback"}},{strip}"#)), ""),
        (sequence(&format!(r#"{{"type":"Fuse"}},{strip},{strip}"#)), ""),
    ];
    for (json, expected) in cases {
        each_refused(|parts| &mut parts.decoder, &[(&json, expected)]);
    }
}

#[test]
fn configurations() {
    let json = Parts::sound().json();
    let cases = [
        (r#"{"eos_token":"</s>"}"#, ""),
        (r#"{"bos_token":{"content":"<s>"}}"#, ""),
        (r#"{"bos_token":{"special":true}}"#, ""),
        (r#"{"bos_token":7}"#, ""),
        (r#"{"add_bos_token":"yes"}"#, ""),
        (r#"{"add_bos_token":true,"add_bos_token":false}"#, ""),
        (r#"{"additional_special_tokens":[1]}"#, ""),
        ("", ""),
    ];
    for (config, expected) in cases {
        assert_eq!(refusal(json.as_bytes(), Some(config.as_bytes())), expected, "{config}");
    }
}

#[test]
fn vocab_and_merges() {
    let cases: [(&str, &[u8], &str); 7] = [
        (r#"{"a":0,"b":0}"#, b"", ""),
        ("[]", b"", ""),
        (r#"{"a":0,"b":1}"#, b"#version: 0.2\na b\n", ""),
        (r#"{"a":0,"b":1}"#, b"ab\n", ""),
        (r#"{"a":0,"b":1}"#, b"a \xFF\n", ""),
        (r#"{"a":0,"b":1,"ab":2}"#, b"#version: 0.2\r\na b\r\n\r\na b\r\n", ""),
        (r#"{"a":0}"#, b"a a\na a\n", ""),
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
        (0..n).map(|at| format!("\"{at:x}\":{},", id(at))).collect::<Vec<_>>().concat()
    };
    let vocab = |entries: &str, merges: &str| {
        let mut parts = Parts::sound();
        parts.model =
            format!(r#"{{"vocab":{{{}}},"merges":{merges}}}"#, entries.trim_end_matches(','));
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
