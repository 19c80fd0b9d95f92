//! Where templates come from: GGUF files, folders in Hugging Face layout, bytes.

use std::path::Path;

use kelvin_lm::chat::{ChatTemplate, Message, RenderOptions};
use kelvin_lm::format::Folder;
use kelvin_lm::format::gguf::Gguf;
use kelvin_lm::{ErrorKind, Result};

use crate::gguf::writer::{File, Piece, string_pair, u32_pair};

fn rendered(template: Result<Option<ChatTemplate>>) -> Option<String> {
    let prompt = template.expect("sound")?.render(&[Message::user("x")], &RenderOptions::default());
    Some(prompt.expect("it renders").text().to_owned())
}

fn gguf(pairs: Vec<Piece>) -> Gguf {
    Gguf::parse(File { pairs, ..File::empty() }.bytes()).expect("a sound file")
}

#[test]
fn a_gguf_file_has_a_template_and_named_ones() {
    let file = gguf(vec![
        string_pair("tokenizer.chat_template", "a {{ messages[0].content }}"),
        string_pair("tokenizer.chat_template.rag", "b {{ messages[0].content }}"),
    ]);
    assert_eq!(rendered(ChatTemplate::from_gguf(&file, None)).as_deref(), Some("a x"));
    assert_eq!(rendered(ChatTemplate::from_gguf(&file, Some("rag"))).as_deref(), Some("b x"));
    assert_eq!(rendered(ChatTemplate::from_gguf(&file, Some("tool_use"))), None);
    assert_eq!(rendered(ChatTemplate::from_gguf(&gguf(Vec::new()), None)), None);
    let nameless = gguf(vec![string_pair("tokenizer.chat_template.rag", "b")]);
    let error = ChatTemplate::from_gguf(&nameless, None).expect_err("none is the default");
    assert_eq!(error.to_string(), "the model has chat templates called rag, and no default");
}

#[test]
fn a_broken_template_is_named_with_its_place_in_the_file() {
    let file = gguf(vec![string_pair("tokenizer.chat_template", "a\n{% if")]);
    let error = ChatTemplate::from_gguf(&file, None).expect_err("unfinished");
    assert_eq!(error.kind(), ErrorKind::Template);
    assert!(error.to_string().starts_with("chat template, line 2: "), "{error}");
    assert!(error.offset().is_some(), "{error}");
    let number = gguf(vec![u32_pair("tokenizer.chat_template", 1)]);
    let error = ChatTemplate::from_gguf(&number, None).expect_err("a number");
    assert_eq!(error.kind(), ErrorKind::Format);
}

#[test]
fn tokenizer_config_has_one_template_or_named_ones() {
    let read = |json: &str, name| ChatTemplate::from_tokenizer_config(json.as_bytes(), name);
    let one = r#"{"bos_token": "<s>", "chat_template": "a {{ messages[0].content }}", "x": [1]}"#;
    assert_eq!(rendered(read(one, None)).as_deref(), Some("a x"));
    assert_eq!(rendered(read(one, Some("rag"))), None);
    let named = r#"{"chat_template": [{"name": "rag", "template": "b"}, {"name": "default", "template": "c"}]}"#;
    assert_eq!(rendered(read(named, None)).as_deref(), Some("c"));
    assert_eq!(rendered(read(named, Some("rag"))).as_deref(), Some("b"));
    assert_eq!(rendered(read(r#"{"chat_template": null}"#, None)), None);
    let nameless = r#"{"chat_template": [{"name": "rag", "template": "b"}, {"name": "tools", "template": "c"}]}"#;
    let error = read(nameless, None).expect_err("none is the default");
    let expected = "the model has chat templates called rag, tools, and no default";
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Template, expected));
    assert_eq!(error.way_out(), Some("pick one of them by name: --chat-template NAME"));
    assert_eq!(rendered(read(nameless, Some("tools"))).as_deref(), Some("c"));
    assert_eq!(rendered(read(r#"{"chat_template": []}"#, None)), None);
    assert_eq!(rendered(read("{}", None)), None);
    for broken in [
        "",
        "[]",
        r#"{"chat_template": 1}"#,
        r#"{"chat_template": [{"name": "x"}]}"#,
        "{\"a\":1,\"a\":2}",
    ] {
        let error = read(broken, None).expect_err(broken);
        assert_eq!(error.kind(), ErrorKind::Format, "{broken}: {error}");
    }
}

#[test]
fn tokens_that_only_the_settings_name_are_handed_on() {
    let tokens = r#""unk_token": "<unk>", "pad_token": {"content": "<pad>", "lstrip": false}"#;
    let source = "{{ unk_token }}{{ pad_token }}{{ bos_token }}";
    let read = |tokens: &str| {
        let json = format!(r#"{{"chat_template": "{source}", {tokens}}}"#);
        let template = ChatTemplate::from_tokenizer_config(json.as_bytes(), None);
        template.map(|template| template.map(|it| it.for_tokenizer(&super::tokens::small())))
    };
    assert_eq!(rendered(read(tokens)).as_deref(), Some("<unk><pad><s>"));
    let others = r#""unk_token": null, "pad_token": 3"#;
    assert_eq!(rendered(read(others)).as_deref(), Some("<s>"));
}

#[test]
fn a_folders_own_file_goes_before_its_settings() {
    let folder = std::env::temp_dir().join(format!("kelvin-templates-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.join(name), bytes).expect("a temporary file");
    };
    let header = br#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let tensors = [&(header.len() as u64).to_le_bytes()[..], header, &[0; 4]].concat();
    write("model.safetensors", &tensors);
    write("config.json", b"{}");
    let open = |path: &Path| Folder::open(path).expect("sound");
    let found = || rendered(ChatTemplate::from_folder(&open(&folder), None));
    assert_eq!(found(), None);
    write("tokenizer_config.json", br#"{"chat_template": "settings"}"#);
    assert_eq!(found().as_deref(), Some("settings"));
    write("chat_template.jinja", b"file");
    assert_eq!(found().as_deref(), Some("file"));
    write("tokenizer_config.json", br#"{"pad_token": "<pad>"}"#);
    write("chat_template.jinja", b"{{ pad_token }}");
    assert_eq!(found().as_deref(), Some("<pad>"));
    write("chat_template.jinja", b"{{ 1 +");
    let error = ChatTemplate::from_folder(&open(&folder), None).expect_err("unfinished");
    assert!(error.path().is_some_and(|path| path.ends_with("chat_template.jinja")), "{error}");
    std::fs::remove_dir_all(&folder).expect("ours");
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let error = ChatTemplate::from_bytes(b"ab\xFF").expect_err("not UTF-8");
    assert_eq!((error.kind(), error.offset()), (ErrorKind::Format, Some(2)));
}
