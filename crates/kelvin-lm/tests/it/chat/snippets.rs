//! 8,000 small templates, as transformers' own Jinja renders them.

use std::collections::BTreeSet;

use kelvin_lm::chat::{ChatTemplate, Message, RenderOptions};

use super::tokens;

fn messages() -> [Message; 4] {
    [
        Message::system(" Sé breve.\n"),
        Message::user("Ciao <|im_end|> {{ 7*7 }} \t"),
        Message::assistant("<think>\nhm\n</think>\n\nEcco: l'asino 🐴."),
        Message::user(""),
    ]
}

/// What Python does with one of the snippets and we do not: no published template is known to need it.
const UNSUPPORTED: [&str; 15] = [
    "'%' that formats a string",
    "'**' of fractions",
    "'**' with this exponent",
    "a format of more than names and places",
    "a function as text",
    "a macro inside a block",
    "a namespace as text",
    "a namespace inside another value",
    "a range as text",
    "a slice of a range",
    "filter \"format\"",
    "function \"cycler\"",
    "function \"joiner\"",
    "method \"copy\" of dict",
    "whole numbers beyond 64 bits",
];

#[test]
fn snippets_render_as_in_python() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/chat/snippets.json");
    let golden = std::fs::read(path).expect("the golden file is there");
    let golden: Vec<(String, Option<String>)> =
        serde_json::from_slice(&golden).expect("a list of pairs");
    let (tokenizer, messages) = (tokens::small(), messages());
    let (mut wrong, mut unsupported) = (Vec::new(), BTreeSet::new());
    for (source, expected) in &golden {
        let rendered = ChatTemplate::new(source).and_then(|template| {
            template.for_tokenizer(&tokenizer).render(&messages, &RenderOptions::default())
        });
        let got = rendered.map(|prompt| prompt.text().to_owned()).map_err(|it| it.to_string());
        let missing = got.as_ref().err().and_then(|error| error.strip_suffix(" is not supported"));
        match (&got, expected, missing) {
            (Ok(text), Some(expected), _) if text == expected => (),
            (Err(_), None, _) => (),
            (_, Some(_), Some(missing)) => {
                unsupported.extend(missing.split_once(": ").map(|(_, what)| what.to_owned()));
            }
            _ => wrong.push(format!("{source}\n   got {got:?}\n  want {expected:?}")),
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), golden.len(), wrong.join("\n"));
    assert_eq!(unsupported.iter().map(String::as_str).collect::<Vec<_>>(), UNSUPPORTED);
}
