//! Conversations through published templates, as transformers renders them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kelvin_lm::ErrorKind;
use kelvin_lm::chat::{ChatTemplate, Date, Message, RenderOptions, Role};
use serde::Deserialize;

use super::tokens;

/// What `scripts/golden/chat_templates.py` writes.
#[derive(Deserialize)]
struct Golden {
    conversations: Vec<Vec<(String, String)>>,
    /// For each conversation: with a generation prompt, without, and with one but without a date.
    rendered: BTreeMap<String, Vec<[Option<String>; 3]>>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/chat")
}

/// A template of the fixtures, for the tokenizer of the tests.
pub(super) fn template(name: &str) -> ChatTemplate {
    let path = folder().join("templates").join(format!("{name}.jinja"));
    let bytes = std::fs::read(path).expect("the template is there");
    ChatTemplate::from_bytes(&bytes).expect("it parses").for_tokenizer(&tokens::small())
}

/// The names of the fixtures.
pub(super) fn names() -> Vec<String> {
    let files = std::fs::read_dir(folder().join("templates")).expect("the folder is there");
    let stem = |file: std::io::Result<std::fs::DirEntry>| {
        let path = file.expect("readable").path();
        path.file_stem().expect("a name").to_string_lossy().into_owned()
    };
    files.map(stem).collect()
}

pub(super) fn messages(conversation: &[(String, String)]) -> Vec<Message> {
    let message = |(role, content): &(String, String)| {
        Message::new(Role::named(role).expect("a role"), content.as_str())
    };
    conversation.iter().map(message).collect()
}

#[test]
fn conversations_render_as_in_transformers() {
    let golden = std::fs::read(folder().join("rendered.json")).expect("the golden file is there");
    let golden: Golden = serde_json::from_slice(&golden).expect("as the script writes it");
    let date = Some(Date::new(2026, 11, 21).expect("a day"));
    let options = [(true, date), (false, date), (true, None)];
    let options =
        options.map(|(add_generation_prompt, date)| RenderOptions { add_generation_prompt, date });
    let (mut compared, mut refused) = (0, 0);
    for (name, all) in &golden.rendered {
        let template = template(name);
        for (conversation, texts) in golden.conversations.iter().zip(all) {
            for (options, expected) in options.iter().zip(texts) {
                let rendered = template.render(&messages(conversation), options);
                match (rendered, expected) {
                    (Ok(prompt), Some(text)) => {
                        assert_eq!(prompt.text(), text, "{name}: {conversation:?}");
                        compared += 1;
                    }
                    (Err(_), None) => refused += 1,
                    (got, _) => panic!("{name}: {conversation:?}: {got:?}, not {expected:?}"),
                }
            }
        }
    }
    assert_eq!((compared, refused), (741, 51));
}

#[test]
fn a_refusal_is_in_the_templates_own_words() {
    let alternate = "the chat template refuses the conversation: \
                     Conversation roles must alternate user/assistant/user/assistant/...";
    for name in ["gemma-3-it", "mistral-7b-instruct"] {
        let twice = [Message::user("a"), Message::user("b")];
        let error = template(name).render(&twice, &RenderOptions::default()).expect_err("refused");
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::Conversation, alternate)
        );
    }
    let system = [Message::system("x"), Message::user("y")];
    let error = template("mistral-7b-instruct").render(&system, &RenderOptions::default());
    assert!(error.is_err());
}

/// Without a date there is no `strftime_now`: Llama 3.2 then has a date of its own.
#[test]
fn the_date_is_the_callers_never_the_clocks() {
    let (llama, hello) = (template("llama-3.2-instruct"), [Message::user("x")]);
    let text = |date| {
        let options = RenderOptions { date, ..RenderOptions::default() };
        llama.render(&hello, &options).expect("it renders").text().to_owned()
    };
    assert!(text(None).contains("Today Date: 26 Jul 2024\n"));
    assert!(text("2031-05-09".parse().ok()).contains("Today Date: 09 May 2031\n"));
    assert!(llama.asks_for_date() && !template("chatml").asks_for_date());
    let insists = ChatTemplate::new("{{ strftime_now('%Y') }}").expect("it parses");
    let error = insists.render(&hello, &RenderOptions::default()).expect_err("no date");
    let expected = "chat template, line 1: \"strftime_now\" asks for the date, and none was given";
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.way_out(), Some("give it a date: --date today"));
    let otherwise =
        ChatTemplate::new("{% if false %}{{ strftime_now('%Y') }}{% endif %}{{ 1 + '' }}");
    let error = otherwise.expect("it parses").render(&hello, &RenderOptions::default());
    let error = error.expect_err("nothing to do with the date");
    assert_eq!(error.way_out(), Some("give another in its place: --chat-template FILE"));
}
