//! What a model's files ask for: `generation_config.json` and `general.sampling.*`.

use std::fs;
use std::path::Path;

use kelvin_lm::defaults::{GenerationDefaults, Length, Source};
use kelvin_lm::format::gguf::Gguf;
use kelvin_lm::{Checkpoint, ErrorKind};

use crate::folders::path;
use crate::gguf::writer::{File, pair, piece};

fn read(json: &str) -> GenerationDefaults {
    GenerationDefaults::from_generation_config(json.as_bytes()).expect("a sound file")
}

fn refused(json: &[u8]) -> String {
    let error = GenerationDefaults::from_generation_config(json).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Format);
    error.to_string()
}

/// `top-k(64) top-p(0.95)`.
fn pipeline(defaults: &GenerationDefaults) -> String {
    let stage =
        |it: &kelvin_lm::defaults::DefaultSetting| format!("{}({})", it.stage, it.arguments);
    defaults.settings().iter().map(stage).collect::<Vec<_>>().join(" ")
}

const CONFIG: Source = Source::GenerationConfig;

/// A copy of a golden folder, with this `eos_token_id` and this `generation_config.json`.
fn folder(name: &str, eos: &str, generation: Option<&str>) -> Checkpoint {
    let (from, to) = (path("llama3"), Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
    fs::create_dir_all(&to).expect("the folder can be made");
    let config = fs::read_to_string(from.join("config.json")).expect("a golden file");
    let config = config.replace("\"eos_token_id\": 2", &format!("\"eos_token_id\": {eos}"));
    fs::write(to.join("config.json"), config).expect("writable");
    fs::copy(from.join("model.safetensors"), to.join("model.safetensors")).expect("writable");
    if let Some(json) = generation {
        fs::write(to.join("generation_config.json"), json).expect("writable");
    }
    Checkpoint::open(&to).expect("sound")
}

#[test]
fn a_folder_without_generation_config_ends_where_its_config_says() {
    let ends = |checkpoint: &Checkpoint| {
        let alone = checkpoint.ends().map(|it| it.ends().to_vec());
        let all = checkpoint.generation_defaults().map(|it| it.ends().to_vec());
        assert_eq!(all.as_ref().ok(), alone.as_ref().ok());
        all
    };
    let sound = |checkpoint: Checkpoint| ends(&checkpoint).expect("sound");
    assert_eq!(sound(folder("ends-one", "2", None)), [2]);
    assert_eq!(sound(folder("ends-two", "[106, 1, 1]", None)), [1, 106]);
    assert!(sound(folder("ends-none", "null", None)).is_empty());
    assert_eq!(sound(folder("ends-other", "2", Some("{\"eos_token_id\": 3}"))), [3]);
    assert!(sound(folder("ends-else", "2", Some("{}"))).is_empty());
    let error = ends(&folder("ends-text", "\"</s>\"", None)).expect_err("no token");
    assert!(error.to_string().contains("expected eos_token_id to be a token id"), "{error}");
    assert!(ends(&folder("ends-negative", "-1", None)).is_err());
}

#[test]
fn ends_alone_pass_over_everything_else() {
    let json = "{\"top_p\": \"hot\", \"eos_token_id\": [7, 3]}";
    let checkpoint = folder("ends-hot", "2", Some(json));
    assert!(checkpoint.generation_defaults().is_err());
    assert_eq!(checkpoint.ends().expect("sound").ends(), [3, 7]);
}

#[test]
fn files_as_they_are_published() {
    let llama = read(
        r#"{"bos_token_id": 128000, "do_sample": true, "eos_token_id": [128001, 128008, 128009],
            "temperature": 0.6, "top_p": 0.9, "transformers_version": "4.42.3"}"#,
    );
    assert_eq!(pipeline(&llama), "temperature(0.6) top-p(0.9)");
    assert_eq!(llama.ends(), [128_001, 128_008, 128_009]);
    assert_eq!((llama.samples(), llama.warnings()), (Some((true, CONFIG)), &[][..]));
    let gemma = read(
        r#"{"bos_token_id": 2, "cache_implementation": "hybrid", "do_sample": true,
            "eos_token_id": [106, 1, 106], "pad_token_id": 0, "top_k": 64, "top_p": 0.95}"#,
    );
    assert_eq!((pipeline(&gemma).as_str(), gemma.ends()), ("top-k(64) top-p(0.95)", &[1, 106][..]));
    let gpt2 = read(
        r#"{"_from_model_config": true, "bos_token_id": 50256, "eos_token_id": 50256,
            "transformers_version": "4.26.0.dev0"}"#,
    );
    assert_eq!((pipeline(&gpt2).as_str(), gpt2.ends()), ("", &[50_256][..]));
    assert_eq!((gpt2.samples(), gpt2.length(), gpt2.warnings()), (None, None, &[][..]));
    let chatty = read(
        r#"{"chat_format": "chatml", "do_sample": true, "max_new_tokens": 2048, "max_length": 4096,
            "repetition_penalty": 1.05, "top_k": 0, "top_p": 1.0, "stop_strings": "END"}"#,
    );
    assert_eq!(pipeline(&chatty), "top-k(off) top-p(1) repetition-penalty(1.05)");
    assert_eq!(chatty.length(), Some((Length::MaxNewTokens(2048), CONFIG)));
    assert_eq!(chatty.stops(), Some((&["END".to_owned()][..], CONFIG)));
    assert_eq!(read("{}"), GenerationDefaults::default());
}

#[test]
fn lengths_count_the_prompt_or_they_do_not() {
    let length = |json| read(json).length().expect("a length").0;
    let whole = length(r#"{"max_length": 100}"#);
    assert_eq!([99, 100, 101].map(|n| whole.max_new_tokens(n)), [Some(1), None, None]);
    assert_eq!(length(r#"{"max_new_tokens": 7}"#).max_new_tokens(1000), Some(7));
}

/// Every key that `GenerationConfig` of transformers 5.23.0 has, and a value that means something.
const KEYS: [&str; 73] = [
    "\"_from_model_config\": true",
    "\"assistant_confidence_threshold\": 0.4",
    "\"assistant_early_exit\": 2",
    "\"assistant_ensemble_weight\": 0.5",
    "\"assistant_lookbehind\": 10",
    "\"bad_words_ids\": [[1, 2]]",
    "\"begin_suppress_tokens\": [1]",
    "\"bos_token_id\": 1",
    "\"cache_config\": {\"a\": 1}",
    "\"cache_implementation\": \"static\"",
    "\"compile_config\": {\"a\": 1}",
    "\"constraints\": [1]",
    "\"continuous_batching_config\": {\"a\": 1}",
    "\"decoder_start_token_id\": 1",
    "\"disable_compile\": true",
    "\"diversity_penalty\": 0.5",
    "\"do_sample\": true",
    "\"dola_layers\": \"high\"",
    "\"early_stopping\": true",
    "\"encoder_no_repeat_ngram_size\": 2",
    "\"encoder_repetition_penalty\": 1.5",
    "\"eos_token_id\": 1",
    "\"epsilon_cutoff\": 0.0003",
    "\"eta_cutoff\": 0.0003",
    "\"exponential_decay_length_penalty\": [10, 1.1]",
    "\"force_words_ids\": [[1]]",
    "\"forced_bos_token_id\": 1",
    "\"forced_eos_token_id\": 1",
    "\"guidance_scale\": 1.5",
    "\"is_assistant\": true",
    "\"length_penalty\": 2.0",
    "\"low_memory\": true",
    "\"max_cache_len\": 100",
    "\"max_length\": 100",
    "\"max_matching_ngram_size\": 2",
    "\"max_new_tokens\": 100",
    "\"max_time\": 1.5",
    "\"min_length\": 5",
    "\"min_new_tokens\": 5",
    "\"min_p\": 0.05",
    "\"no_repeat_ngram_size\": 3",
    "\"num_assistant_tokens\": 20",
    "\"num_assistant_tokens_schedule\": \"constant\"",
    "\"num_beam_groups\": 2",
    "\"num_beams\": 4",
    "\"num_return_sequences\": 2",
    "\"output_attentions\": true",
    "\"output_hidden_states\": true",
    "\"output_logits\": true",
    "\"output_scores\": true",
    "\"pad_token_id\": 1",
    "\"penalty_alpha\": 0.6",
    "\"prefill_chunk_size\": 64",
    "\"prompt_lookup_num_tokens\": 10",
    "\"remove_invalid_values\": true",
    "\"renormalize_logits\": true",
    "\"repetition_penalty\": 1.2",
    "\"return_dict_in_generate\": true",
    "\"sequence_bias\": [[[1, 2], -1.5]]",
    "\"speculation_type\": \"x\"",
    "\"stop_strings\": [\"###\"]",
    "\"suppress_tokens\": [1, 2]",
    "\"target_lookbehind\": 10",
    "\"temperature\": 0.7",
    "\"token_healing\": true",
    "\"top_h\": 0.4",
    "\"top_k\": 50",
    "\"top_p\": 0.9",
    "\"transformers_version\": \"5.23.0\"",
    "\"typical_p\": 0.9",
    "\"use_cache\": true",
    "\"use_mtp\": true",
    "\"watermarking_config\": {\"bias\": 2.5}",
];

/// A key is applied, warned of, or harmless: each in one way, and none unknown.
#[test]
fn every_key_of_transformers_is_known() {
    let (mut applied, mut warned, mut harmless) = (0, 0, 0);
    for key in KEYS {
        let found = read(&format!("{{{key}}}"));
        match found.warnings() {
            [] if found == GenerationDefaults::default() => harmless += 1,
            [] => applied += 1,
            [warning] => {
                let name = key.split('"').nth(1).expect("a name");
                assert!(
                    warning.starts_with(&format!("generation_config.json: {name} = ")),
                    "{warning}"
                );
                assert!(warning.ends_with(" is not applied"), "{warning}");
                warned += 1;
            }
            warnings => panic!("{key}: {warnings:?}"),
        }
    }
    assert_eq!((applied, warned, harmless), (15, 23, 35));
}

#[test]
fn what_asks_for_nothing_needs_no_word() {
    let neutral = read(
        r#"{"num_beams": 1, "num_beam_groups": 1, "guidance_scale": 1.0, "min_length": 0, "penalty_alpha": 0.0,
            "begin_suppress_tokens": [], "watermarking_config": {}, "token_healing": false, "top_h": null,
            "encoder_repetition_penalty": 1.0, "bad_words_ids": [], "sequence_bias": []}"#,
    );
    assert_eq!(neutral, GenerationDefaults::default());
    assert_eq!(read(r#"{"num_beams": 0}"#).warnings().len(), 1);
}

#[test]
fn unknown_keys_are_named_once_and_cannot_command_a_terminal() {
    let found = read(r#"{"smoothing": 1, "\u001b[2J": 2, "top_p": 0.5}"#);
    let expected = r#"generation_config.json has keys that this version does not know: "\u{1b}[2J", smoothing"#;
    assert_eq!(found.warnings(), [expected]);
}

#[test]
fn single_tokens_are_banned_and_biased_and_longer_words_are_said_not_to_be() {
    let found = read(
        r#"{"suppress_tokens": [9, 4], "bad_words_ids": [[5], [6, 7], [1]], "eos_token_id": 1,
            "sequence_bias": [[[3], -2.5], [[4, 5], 1]]}"#,
    );
    assert_eq!(
        pipeline(&found),
        "banned-tokens(9,4,5) logit-bias(3=-2.5)",
        "an end is no bad word"
    );
    let expected = [
        "generation_config.json: bad_words_ids = words of several tokens is not applied",
        "generation_config.json: sequence_bias = sequences of several tokens is not applied",
    ];
    assert_eq!(found.warnings(), expected);
    assert!(found.settings().iter().all(|setting| setting.check().is_ok()));
    assert!(found.check_tokens(10).is_ok());
    let error = found.check_tokens(9).expect_err("token 9");
    assert_eq!(error.kind(), ErrorKind::Format);
    assert_eq!(
        error.to_string(),
        "generation_config.json: suppress_tokens has token 9, outside 0 to 8"
    );
}

#[test]
fn values_outside_their_range_name_file_key_and_range() {
    for (json, said) in [
        ("\"top_p\": 1.5", "top_p = 1.5 is outside 0 < p ≤ 1 (use 1 to keep every token)"),
        ("\"top_k\": -2", "top_k = -2 is outside k ≥ 1 (off, 0 or -1 keeps every token)"),
        ("\"temperature\": -0.1", "temperature = -0.1 is outside 0 ≤ T < ∞"),
        ("\"no_repeat_ngram_size\": 1.5", "no_repeat_ngram_size = 1.5 is outside n ≥ 1"),
    ] {
        let found = read(&format!("{{{json}}}"));
        let error = found.settings()[0].check().expect_err("outside");
        assert_eq!(error.kind(), ErrorKind::Format);
        let (error, said) = (error.to_string(), format!("generation_config.json: {said}"));
        assert!(error.starts_with(&said), "{error}");
    }
    for sound in
        ["\"top_k\": -1", "\"top_k\": 0", "\"temperature\": 0", "\"no_repeat_ngram_size\": 0"]
    {
        read(&format!("{{{sound}}}")).settings()[0].check().expect("other words for off");
    }
}

#[test]
fn files_that_are_wrong_are_refused_in_one_line() {
    for (json, said) in [
        (&b"[1]"[..], "generation_config.json: invalid type"),
        (b"", "generation_config.json: EOF"),
        (
            b"{\"top_p\": 0.9, \"top_p\": 0.8}",
            "generation_config.json: an object has a key twice (byte 27)",
        ),
        (b"{\"top_p\": \"0.9\"}", "generation_config.json: top_p = \"0.9\", expected a number"),
        (b"{\"top_p\": NaN}", "generation_config.json: expected value (byte 10)"),
        (b"{\"do_sample\": 1}", "generation_config.json: do_sample = 1, expected true or false"),
        (
            b"{\"max_new_tokens\": -5}",
            "generation_config.json: max_new_tokens = -5, expected a whole number",
        ),
        (
            b"{\"eos_token_id\": [1, 4294967296]}",
            "generation_config.json: eos_token_id = [1,4294967296], expected a token id",
        ),
        (
            b"{\"stop_strings\": [\"a\", \"\"]}",
            "generation_config.json: stop_strings = [\"a\",\"\"], expected a string",
        ),
        (
            b"{\"bad_words_ids\": [1]}",
            "generation_config.json: bad_words_ids = [1], expected a list of lists",
        ),
        (
            b"{\"sequence_bias\": {\"(1,)\": 2}}",
            "generation_config.json: sequence_bias = {\"(1,)\":2}, expected a list of",
        ),
    ] {
        let error = refused(json);
        assert!(error.starts_with(said), "{error}");
        assert_eq!(error.lines().count(), 1);
    }
}

#[test]
fn one_file_stands_over_another() {
    let upper = read(
        r#"{"temperature": 0.5, "top_k": 0, "eos_token_id": 3, "max_length": 9, "num_beams": 2}"#,
    );
    let lower = read(
        r#"{"temperature": 0.9, "top_p": 0.8, "eos_token_id": [1, 3], "do_sample": false, "max_length": 5, "stop_strings": "x"}"#,
    );
    let both = upper.over(lower);
    assert_eq!(pipeline(&both), "temperature(0.5) top-k(off) top-p(0.8)");
    assert_eq!((both.ends(), both.samples()), (&[1, 3][..], Some((false, CONFIG))));
    assert_eq!(both.length(), Some((Length::MaxLength(9), CONFIG)));
    assert_eq!((both.stops().map(|it| it.0.len()), both.warnings().len()), (Some(1), 1));
}

#[test]
fn a_gguf_file_says_it_in_its_own_words() {
    let f32 = |key: &str, x: f32| {
        pair(format!("general.sampling.{key}"), 6, piece().number(&x.to_le_bytes()))
    };
    let i32 = |key: &str, n: i32| {
        pair(format!("general.sampling.{key}"), 5, piece().number(&n.to_le_bytes()))
    };
    let read = |pairs: Vec<_>| {
        let gguf = Gguf::parse(File { pairs, ..File::empty() }.bytes()).expect("well formed");
        GenerationDefaults::from_gguf(gguf.metadata())
    };
    let found = read(vec![
        f32("temp", 0.95),
        i32("top_k", 40),
        f32("penalty_repeat", 1.1),
        i32("penalty_last_n", 64),
        f32("xtc_probability", 0.0),
        i32("mirostat", 2),
    ]);
    assert_eq!(pipeline(&found), "temperature(0.95) top-k(40) repetition-penalty(1.1, last=64)");
    assert_eq!(found.warnings(), ["GGUF: general.sampling.mirostat is not applied"]);
    assert_eq!(found.settings()[0].source, Source::Gguf);
    let window =
        |n: i32| pipeline(&read(vec![f32("penalty_repeat", 1.1), i32("penalty_last_n", n)]));
    assert_eq!(window(0), "repetition-penalty(off)");
    assert_eq!(window(-1), "repetition-penalty(1.1)");
    let error = read(vec![f32("top_p", f32::NAN)]).settings()[0].check().expect_err("NaN");
    assert!(
        error.to_string().starts_with("GGUF: general.sampling.top_p = NaN is outside"),
        "{error}"
    );
}
