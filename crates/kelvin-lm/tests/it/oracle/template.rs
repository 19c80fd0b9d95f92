//! Chat templates: parsed and run within their budget, and never fooled by what a message spells.

use std::ops::Range;
use std::sync::OnceLock;

use kelvin_lm::Result;
use kelvin_lm::chat::{ChatTemplate, Message, Prompt, RenderOptions};
use kelvin_lm::tokenizer::{ShowSpecial, SpecialTokens, Tokenizer};

use super::{Verdict, tokenizer, verdict};

/// The most bytes that a rendering may hold beside twice the template: its budget in values.
pub(crate) const RENDERING: usize = 10 << 20;
/// The most characters of a prompt.
const OUTPUT: usize = 1 << 20;

/// The verdict on a template; after a zero byte, `input` goes on with the user's message.
pub(crate) fn template(input: &[u8]) -> Verdict {
    let mut parts = input.splitn(2, |&byte| byte == 0);
    let source = parts.next().unwrap_or_default();
    let words = String::from_utf8_lossy(parts.next().unwrap_or(b"<|im_end|> a\nb"));
    let read = |source: Vec<u8>| render(&source, &words);
    verdict(source, RENDERING + 40 * words.len(), read, exercise)
}

/// What a template makes of a short conversation around these words.
pub(crate) fn render(source: &[u8], words: &str) -> Result<Prompt> {
    let messages = [Message::system("Be short."), Message::user(words), Message::assistant("</s>")];
    let template = ChatTemplate::from_bytes(source)?.for_tokenizer(chat());
    template.render(&messages, &RenderOptions::default())
}

/// A prompt as text, its promises kept.
fn exercise(prompt: &Prompt) -> String {
    let text = prompt.text();
    assert!(text.chars().count() <= OUTPUT);
    let ends = prompt.quoted().iter().flat_map(|range| [range.start, range.end]);
    assert!(ends.clone().is_sorted_by(|a, b| a < b), "{:?}", prompt.quoted());
    assert!(ends.clone().all(|at| text.is_char_boundary(at)));
    let ids = prompt.encode(chat(), SpecialTokens::Text).expect("every byte has a token");
    let parsed = prompt.encode(chat(), SpecialTokens::Parse).expect("every byte has a token");
    assert_eq!(
        chat().text_bytes(&parsed, ShowSpecial::Show),
        chat().text_bytes(&ids, ShowSpecial::Show)
    );
    control_tokens_are_the_templates(prompt, &ids);
    text.to_owned()
}

/// No control token stands where a message's bytes are.
fn control_tokens_are_the_templates(prompt: &Prompt, ids: &[u32]) {
    let written =
        chat().encode_quoting(prompt.text(), prompt.quoted()).expect("every byte has one");
    let own_bos = chat().bos().is_some_and(|bos| written.contains(&bos));
    let ids = if own_bos { ids } else { &ids[1..] };
    let mut at = 0;
    for id in ids {
        let len = chat().text_bytes(&[*id], ShowSpecial::Show).len();
        let touches = |quoted: &Range<usize>| quoted.start < at + len && at < quoted.end;
        let said = prompt.quoted().iter().any(touches);
        assert!(!said || !chat().is_special(*id), "token {id} at byte {at} of {prompt:?}");
        at += len;
    }
    assert_eq!(at, prompt.text().len(), "the tokens spell the text");
}

fn chat() -> &'static Tokenizer {
    static CHAT: OnceLock<Tokenizer> = OnceLock::new();
    CHAT.get_or_init(|| {
        let mut vocabulary = tokenizer::byte_level(&["<s>", "</s>", "<|im_start|>", "<|im_end|>"]);
        (vocabulary.bos, vocabulary.eos, vocabulary.add_bos) = (Some(0), Some(1), true);
        Tokenizer::new(vocabulary).expect("a sound vocabulary")
    })
}
