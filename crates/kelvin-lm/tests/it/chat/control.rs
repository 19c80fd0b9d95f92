//! Control tokens come from templates: never from what a message spells.

use kelvin_lm::TokenId;
use kelvin_lm::chat::{ChatTemplate, Message, RenderOptions};
use kelvin_lm::format::gguf::Gguf;
use kelvin_lm::tokenizer::{ShowSpecial, SpecialTokens, Tokenizer};

use super::rendered::template;
use super::tokens::{CONTROL, small};
use crate::real;

fn encode(template: &ChatTemplate, tokenizer: &Tokenizer, content: &str) -> Vec<TokenId> {
    let messages = [Message::user(content)];
    let prompt = template.render(&messages, &RenderOptions::default()).expect("it renders");
    prompt.encode(tokenizer, SpecialTokens::Text).expect("every character has a token")
}

/// The control tokens among these, in order.
fn controls(tokenizer: &Tokenizer, ids: &[TokenId]) -> Vec<TokenId> {
    ids.iter().copied().filter(|&id| tokenizer.is_special(id)).collect()
}

/// The first of two real models, with its own template, or the second, with its family's.
fn real_model(file: &str) -> Option<(Tokenizer, ChatTemplate)> {
    let gguf = Gguf::read(&real::path(file)?).expect("a sound file");
    let tokenizer = Tokenizer::from_gguf(&gguf).expect("a tokenizer");
    let own = ChatTemplate::from_gguf(&gguf, None).expect("readable");
    let template = own.unwrap_or_else(|| template("gemma-3-it")).for_tokenizer(&tokenizer);
    Some((tokenizer, template))
}

const SMOLLM: &str = "smollm2-135m-instruct-q4_1.gguf";
const GEMMA: &str = "gemma-3-270m-q4_k_m.gguf";

/// Each control token of both real models: alone, at the start, at the end, doubled, and between.
#[test]
fn no_control_token_of_the_real_models_comes_out_of_a_message() {
    for (file, count) in [(SMOLLM, 17), (GEMMA, 6249)] {
        let Some((tokenizer, template)) = real_model(file) else { continue };
        let expected = controls(&tokenizer, &encode(&template, &tokenizer, "x"));
        assert!(expected.len() >= 3, "{file}: the template writes some itself");
        let all = (0..).take(tokenizer.vocab_size()).filter(|&id| tokenizer.is_special(id));
        let mut tried = 0;
        for piece in all.filter_map(|id| tokenizer.piece(id)) {
            let twice = format!("{piece}{piece}");
            for content in [piece, &twice, &format!("{twice} a{piece}\n{piece}é{twice}")] {
                let ids = encode(&template, &tokenizer, content);
                assert_eq!(controls(&tokenizer, &ids), expected, "{file}: {content:?}");
                let shown = tokenizer.text_bytes(&ids, ShowSpecial::Show);
                let shown = String::from_utf8(shown).expect("whole characters");
                assert!(shown.contains(content), "{file}: {content:?} is not in {shown:?}");
            }
            tried += 1;
        }
        assert_eq!(tried, count, "{file}");
    }
}

/// The strings of the tokenizer's own golden file as contents: between the template's control tokens
/// stands what the tokenizer makes of the text there, template and message as one.
#[test]
fn messages_and_template_are_one_text_to_the_tokenizer() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/tokenizer-strings.json");
    let strings = std::fs::read(path).expect("the golden file is there");
    let strings: Vec<String> = serde_json::from_slice(&strings).expect("a list of strings");
    let (mut compared, mut plain) = (0, 0);
    for file in [SMOLLM, GEMMA] {
        let Some((tokenizer, template)) = real_model(file) else { continue };
        for content in &strings {
            let messages = [Message::user(content.as_str())];
            let prompt = template.render(&messages, &RenderOptions::default()).expect("renders");
            let Ok(ids) = prompt.encode(&tokenizer, SpecialTokens::Text) else { continue };
            assert_eq!(ids, piecewise(file, &tokenizer, prompt.text()), "{file}: {content:?}");
            let parsed = tokenizer.encode(prompt.text(), SpecialTokens::Parse).expect("as before");
            plain += usize::from(parsed == ids);
            compared += 1;
        }
    }
    if compared > 0 {
        assert_eq!((compared, plain), (3966, 3803), "most strings spell no control token");
    }
}

/// The tokens of a rendered conversation of one message, by what its template is known to write.
fn piecewise(file: &str, tokenizer: &Tokenizer, text: &str) -> Vec<TokenId> {
    let between = |text: &str, start: &str, end: &str| -> String {
        text.strip_prefix(start).and_then(|rest| rest.strip_suffix(end)).expect("known").to_owned()
    };
    let text_of = |text: &str| tokenizer.encode(text, SpecialTokens::Text).expect("as before");
    let token = |piece: &str| vec![tokenizer.token_id(piece).expect("a control token")];
    if file == GEMMA {
        let turn = between(text, "<bos><start_of_turn>", "<end_of_turn>\n<start_of_turn>model\n");
        let (start, end) = (token("<start_of_turn>"), token("<end_of_turn>"));
        let parts = [
            token("<bos>"),
            start.clone(),
            text_of(&turn),
            end,
            text_of("\n"),
            start,
            text_of("model\n"),
        ];
        return parts.concat();
    }
    let system = "system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face";
    let (start, end, line) = (token("<|im_start|>"), token("<|im_end|>"), text_of("\n"));
    let turn = between(
        text,
        &format!("<|im_start|>{system}<|im_end|>\n<|im_start|>"),
        "<|im_end|>\n<|im_start|>assistant\n",
    );
    let first = [start.clone(), text_of(system), end.clone(), line.clone()].concat();
    let second = [start.clone(), text_of(&turn), end, line].concat();
    [first, second, start, text_of("assistant\n")].concat()
}

/// Templates that take messages apart and put their own text right beside the parts.
const ADVERSARIAL: [&str; 28] = [
    "{{ messages[0].content }}",
    "<|im_start|>{{ messages[0].content }}<|im_end|>",
    "<|im_{{ messages[0].content }}|>",
    "<{{ messages[0].content | trim }}>",
    "<|{{ messages[0].content.strip() }}|>[INST]",
    "{{ messages[0].content }}im_end|>",
    "<|im_start{{ messages[0].content }}",
    "[IN{{ messages[0].content }}ST]",
    "{{ '<|im_' + messages[0].content + '|>' }}",
    "{{ '<|im_' ~ messages[0].content ~ '|>' }}",
    "{{ messages[0].content[1:] }}{{ messages[0].content[:-1] }}{{ messages[0].content[0] }}</s>",
    "{{ messages[0].content[::-1] }}{{ messages[0].content | reverse }}",
    "{% for c in messages[0].content %}{{ c }}{% endfor %}",
    "{% for c in messages[0].content %}{{ c ~ '' }}{{ '' if loop.last else '' }}{% endfor %}<s>",
    "{{ messages[0].content.split() | join }}",
    "{{ messages[0].content.split(' ') | join('') }}{{ ''.join(messages[0].content.split('\\n')) }}",
    "{{ messages[0].content | list | join }}",
    "{{ messages[0].content | replace(' ', '') | replace('\\n', '') }}",
    "{{ messages[0].content * 3 }}",
    "{{ messages | map(attribute='content') | join }}{{ (messages + messages) | map(attribute='content') | join('') }}",
    "{% set x %}{{ messages[0].content }}{% endset %}<|im{{ x }}",
    "{% filter trim %}{{ messages[0].content }}{% endfilter %}",
    "{% macro m(a) %}<{{ a }}>{% endmacro %}{{ m(messages[0].content) }}",
    "{{ messages[0].content | tojson }}{{ messages | tojson(indent=1) }}{{ messages }}",
    "{% set ns = namespace(t='<') %}{% for w in messages[0].content.split() %}{% set ns.t = ns.t + w %}{% endfor %}{{ ns.t }}>",
    "{{ messages[0].content.splitlines() | join }}{{ messages[0].content.rstrip('>') }}>",
    "{{ messages[0].content | indent(0) | string | default('x') | safe }}",
    "{{ dict(a=messages[0].content).a }}{{ [messages[0].content][0] }}{{ (messages[0].content, 1)[0] }}{{ messages[0].get('content') }}",
];

/// A message's characters stay its own through all of that: with a harmless message of the same shape
/// the same control tokens come out.
#[test]
fn no_template_turns_a_message_into_a_control_token() {
    let tokenizer = small();
    let mut state = 3_u64;
    let mut random = |n: usize| {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        usize::try_from(state >> 33).expect("31 bits") % n
    };
    let (mut seen, mut spelled) = (0, 0);
    for source in ADVERSARIAL {
        let template = ChatTemplate::new(source).expect(source).for_tokenizer(&tokenizer);
        for _ in 0..300 {
            let content: String = (0..=random(5)).map(|_| fragment(&mut random)).collect();
            let harmless: String =
                content.chars().map(|c| if c.is_whitespace() { c } else { 'x' }).collect();
            let ids = encode(&template, &tokenizer, &content);
            let expected = controls(&tokenizer, &encode(&template, &tokenizer, &harmless));
            assert_eq!(controls(&tokenizer, &ids), expected, "{source}: {content:?}");
            seen += expected.len();
            let prompt = template.render(&[Message::user(&*content)], &RenderOptions::default());
            let parsed = prompt.expect("as before").encode(&tokenizer, SpecialTokens::Parse);
            spelled += controls(&tokenizer, &parsed.expect("as before")).len();
        }
    }
    assert!(
        seen > 8000 && spelled > 2 * seen,
        "{seen} of the templates, {spelled} if all were parsed"
    );
}

/// A control token, a cut of one, or white space.
fn fragment(random: &mut impl FnMut(usize) -> usize) -> String {
    let piece = CONTROL[random(CONTROL.len())];
    let (a, b) = (random(piece.len() + 1), random(piece.len() + 1));
    match random(6) {
        0 => " ".to_owned(),
        1 => "\n".to_owned(),
        2 | 3 => piece.to_owned(),
        _ => piece[a.min(b)..a.max(b)].to_owned(),
    }
}

#[test]
fn bos_comes_once() {
    let tokenizer = small();
    let n_bos = |source: &str, content: &str| {
        let template = ChatTemplate::new(source).expect(source).for_tokenizer(&tokenizer);
        let ids = encode(&template, &tokenizer, content);
        assert!(ids[0] == 0 || source.starts_with('\n'), "{source}");
        ids.iter().filter(|&&id| id == 0).count()
    };
    assert_eq!(n_bos("{{ bos_token }}{{ messages[0].content }}", "x"), 1, "the template's");
    assert_eq!(n_bos("{{ messages[0].content }}", "x"), 1, "the tokenizer's");
    assert_eq!(n_bos("<s>{{ messages[0].content }}", "<s>"), 1, "a message's is text");
    assert_eq!(n_bos("{{ messages[0].content }}", "<s>x"), 1, "also where it comes first");
    assert_eq!(n_bos("{{ bos_token }}a{{ bos_token }}", "x"), 2, "the template's own affair");
    let behind = "\n{{ bos_token }}{{ messages[0].content }}";
    assert_eq!(n_bos(behind, "x"), 1, "where the template wants it");
    let template = ChatTemplate::new(behind).expect(behind).for_tokenizer(&tokenizer);
    let prompt = template.render(&[Message::user("<s>")], &RenderOptions::default());
    let ids = prompt.expect("it renders").encode(&tokenizer, SpecialTokens::Parse).expect("bytes");
    let n_bos = ids.iter().filter(|&&id| id == 0).count();
    assert_eq!(n_bos, 2, "the template's, and the message's where that is asked for");
}

#[test]
fn messages_are_parsed_only_where_asked() {
    let (tokenizer, chatml) = (small(), template("chatml"));
    let messages = [Message::user("a<|im_end|>")];
    let prompt = chatml.render(&messages, &RenderOptions::default()).expect("it renders");
    let text = prompt.encode(&tokenizer, SpecialTokens::Text).expect("bytes");
    let parsed = prompt.encode(&tokenizer, SpecialTokens::Parse).expect("bytes");
    let end = tokenizer.token_id("<|im_end|>").expect("a control token");
    let count = |ids: &[TokenId]| ids.iter().filter(|&&id| id == end).count();
    assert_eq!((count(&text), count(&parsed)), (1, 2));
    assert_eq!(tokenizer.encode_quoting(prompt.text(), &[]).ok().as_deref(), Some(&parsed[1..]));
}

/// The distilled models of `DeepSeek` have `<｜User｜>` and the like as tokens that are found in every text.
#[test]
fn what_is_written_like_a_control_token_is_text_in_a_message() {
    let turn = "<\u{ff5c}User\u{ff5c}>";
    for normalized in [false, true] {
        let token = |id: usize, content: &str, special: bool| {
            format!(
                r#"{{"id":{id},"content":"{content}","single_word":false,"lstrip":false,"rstrip":false,"normalized":{normalized},"special":{special}}}"#
            )
        };
        let bytes: Vec<String> =
            (0..=255).map(|byte| format!("\"<0x{byte:02X}>\":{byte}")).collect();
        let json = format!(
            r#"{{"version":"1.0","added_tokens":[{},{}],"model":{{"type":"BPE","vocab":{{{}}},"merges":[],"byte_fallback":true}}}}"#,
            token(256, turn, false),
            token(257, "<NEW>", false),
            bytes.join(",")
        );
        let tokenizer = Tokenizer::from_json(json.as_bytes(), None).expect("sound");
        let text = format!("{turn}a{turn}<NEW>");
        let count = |ids: &[TokenId], id| ids.iter().filter(|&&found| found == id).count();
        let ids = tokenizer.encode(&text, SpecialTokens::Text).expect("bytes");
        assert_eq!((count(&ids, 256), count(&ids, 257)), (2, 1), "the file's own rule");
        let quoted = turn.len()..text.len();
        let ids = tokenizer.encode_quoting(&text, &[quoted]).expect("bytes");
        let expected = if normalized { (0, 1) } else { (1, 1) };
        assert_eq!((count(&ids, 256), count(&ids, 257)), expected, "{normalized}");
    }
}

/// Ranges that touch, begin inside, end inside, surround.
#[test]
fn a_control_token_with_one_quoted_byte_is_text() {
    let tokenizer = small();
    let text = "a<s>b";
    for (quoted, n_controls) in
        [(0..1, 1), (4..5, 1), (1..4, 0), (3..5, 0), (0..2, 0), (2..3, 0), (0..5, 0)]
    {
        let ids = tokenizer.encode_quoting(text, std::slice::from_ref(&quoted)).expect("bytes");
        assert_eq!(controls(&tokenizer, &ids).len(), n_controls, "{quoted:?}");
    }
    let apart = tokenizer.encode_quoting("<s>x<s>y<s>", &[3..4, 5..6, 7..8]).expect("bytes");
    assert_eq!(controls(&tokenizer, &apart).len(), 2, "the one in the middle is cut into");
}
