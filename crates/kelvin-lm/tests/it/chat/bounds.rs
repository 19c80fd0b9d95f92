//! Templates that want too much: each ends in an error, in little memory.
//!
//! Time is bounded by the same budget as memory, so that no test needs a clock.

use kelvin_lm::ErrorKind;
use kelvin_lm::chat::{ChatTemplate, Message, RenderOptions};

use crate::counting;

/// What a template may hold beyond twice its own size.
const MEMORY: usize = 10 << 20;

/// How a template ends, and the most memory it held meanwhile.
fn outcome(source: &str, messages: &[Message]) -> (kelvin_lm::Result<String>, usize) {
    counting::peak(|| {
        let prompt = ChatTemplate::new(source)?.render(messages, &RenderOptions::default())?;
        Ok(prompt.text().to_owned())
    })
}

/// Runs a template that must fail with these words.
fn refused(source: &str, words: &str) {
    let (ended, peak) = outcome(source, &[Message::user("a b ".repeat(8))]);
    let start: String = source.chars().take(120).collect();
    let error = ended.expect_err(&start);
    assert_eq!(error.kind(), ErrorKind::Template, "{start}: {error}");
    assert!(error.to_string().contains(words), "{start}: {error}");
    assert!(peak <= 2 * source.len() + MEMORY, "{start}: {peak} bytes");
}

const TOO_MUCH: &str = "works too long or makes too much";
const TOO_DEEP: &str = "nested deeper than";

#[test]
fn what_grows_without_end_is_stopped() {
    let doubled = |first: &str, step: &str| {
        format!(
            "{{% set ns = namespace(x={first}) %}}{{% for i in range(60) %}}{{% set ns.x = {step} %}}{{% endfor %}}{{{{ ns.x }}}}"
        )
    };
    let all = [
        doubled("'abcd'", "ns.x ~ ns.x"),
        doubled("'abcd'", "ns.x + ns.x"),
        doubled("'abcd'", "ns.x * 9"),
        doubled("[1]", "ns.x + ns.x"),
        doubled("(1,)", "ns.x + ns.x"),
        doubled("[1]", "ns.x * 5"),
        doubled("'ab'", "ns.x | replace('a', 'aab')"),
        doubled("'ab'", "ns.x.replace('', 'ab')"),
        doubled("'ab'", "[ns.x, ns.x] | join(ns.x)"),
        doubled("'ab'", "ns.x.join([ns.x, ns.x])"),
        doubled("'ab'", "[ns.x, ns.x] | tojson"),
        doubled("'ab'", "[ns.x, ns.x] | string"),
        doubled("'&<'", "(ns.x ~ ns.x) | escape"),
        doubled("'ab\\n'", "ns.x | indent(ns.x, true)"),
        doubled("'a b'", "(ns.x ~ ' ').split() | join(ns.x)"),
        doubled("[]", "[ns.x, ns.x]").replace("{{ ns.x }}", "{{ ns.x == ns.x }}{{ ns.x }}"),
        "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set x %}{{ ns.x }}{{ ns.x }}{% endset %}\
         {% set ns.x = x %}{% endfor %}".to_owned(),
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(40) }}".to_owned(),
        "{{ 'a' * 1000000000 }}".to_owned(),
        "{{ 1000000000 * 'a' }}".to_owned(),
        "{{ [1] * 1000000000000 }}".to_owned(),
        "{{ 'a' * 9223372036854775807 }}".to_owned(),
        "{{ 'x' | indent(1000000000) }}".to_owned(),
        "{{ [[]] | tojson(indent=1000000000) }}".to_owned(),
        "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}".to_owned(),
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}".to_owned(),
        "{{ range(100000) | list | length }}{{ range(100000) | list | length }}".to_owned(),
        "{% set a = 'a' * 100000 %}{% for i in range(100000) %}{{ 'b' in a }}{% endfor %}".to_owned(),
        "{% set a = 'a' * 100000 %}{{ (a ~ 'b') in (a ~ a) }}".to_owned(),
        "{% set a = 'a' * 100000 %}{% for i in range(100000) %}{% if a == a ~ '' %}{% endif %}{% endfor %}".to_owned(),
        "{% set a = (',' * 100000).split(',') %}{{ a | length }}".to_owned(),
        "{% set a = ('a' * 200000) | list %}{{ a | unique | length }}".to_owned(),
        "{{ range(30000) | map('string') | unique | list | length }}".to_owned(),
        "{{ range(60000) | sort(reverse=true) | sort | list | sum }}{{ range(60000) | sort | max }}".to_owned(),
        "{% set ns = namespace(d={}) %}{% for i in range(9999) %}{% set ns.d = dict(ns.d, k=i) %}\
         {% set ns.d = dict([ns.d][0], **{}) %}{% endfor %}".replace(", **{}", ""),
        "{% set a = 'a' * 60000 %}{% for i in range(90) %}{{ a.title() }}{% endfor %}".to_owned(),
        "{% set a = 'a' * 60000 %}{% for i in range(90) %}{{ a[::-1] }}{% endfor %}".to_owned(),
        "{% set a = 'a' * 60000 %}{% for i in range(90) %}{{ a | upper | lower | trim('b') | length }}{% endfor %}".to_owned(),
        "{% for i in range(100000) %}{% set x = messages %}{{ x | map(attribute='content') | join }}{% endfor %}".to_owned(),
    ];
    for source in &all {
        refused(source, TOO_MUCH);
    }
}

/// What reads a long value pays for its length each time: ten thousand steps of a template cost a tenth
/// of the budget, so that each of these ends only by what its operation costs.
#[test]
fn what_is_read_again_and_again_is_paid_for() {
    let again = |value: &str, step: &str| {
        format!(
            "{{% set a = {value} %}}{{% set ns = namespace(b=1) %}}{{% for i in range(5000) %}}{{% if {step} %}}{{% endif %}}{{% endfor %}}"
        )
    };
    let harmless = outcome(&again("'7' * 50000", "i"), &[]).0;
    assert!(harmless.is_ok(), "{harmless:?}");
    for (value, step) in [
        ("'7' * 50000", "a | int"),
        ("'x' * 50000", "a | int"),
        ("'7' * 50000", "a | float"),
        ("'a' * 50000", "a is lower"),
        ("'a' * 50000", "a is upper"),
        ("'a' * 50000", "a.isdigit()"),
        ("'a' * 50000", "ns[a]"),
        ("'0.' * 9999 ~ '0'", "[] | sort(attribute=a)"),
        ("'0.' * 9999 ~ '0'", "[] | sum(attribute=a)"),
        ("'0.' * 9999 ~ '0'", "[] | join(attribute=a)"),
        ("'0.' * 9999 ~ '0'", "{} | dictsort(by=a) or [] | unique(attribute=a)"),
        ("[''] * 9999", "a | join"),
        ("[''] * 9999", "''.join(a)"),
        ("('x',) * 9999", "''.startswith(a)"),
        ("('x',) * 9999", "{a: 1}"),
        ("('x',) * 9999", "a in {}"),
    ] {
        refused(&again(value, step), TOO_MUCH);
    }
    let long = "a".repeat(50_000);
    refused(&again(&format!("{{'{long}': 1}}"), &format!("a.{long}")), TOO_MUCH);
    let doubled = "{% set ns = namespace(x=(1,)) %}{% for i in range(50) %}{% set ns.x = (ns.x, ns.x) %}{% endfor %}";
    refused(&format!("{doubled}{{{{ ns.x in {{}} }}}}"), TOO_MUCH);
    refused(&format!("{doubled}{{{{ {{ns.x: 1}} }}}}"), TOO_MUCH);
}

/// What Python does and we do not is named as such, never taken for a mistake of the template.
#[test]
fn what_is_not_supported_says_so() {
    for (source, what) in [
        (
            "{% if true %}{% for x in [1] %}{% macro m() %}{% endmacro %}{% endfor %}{% endif %}",
            "a macro inside a block",
        ),
        ("{% set x %}{% macro m() %}{% endmacro %}{% endset %}", "a macro inside a block"),
        ("{{ joiner(', ')() }}", "function \"joiner\""),
        ("{{ {'a': 1}.copy() }}", "method \"copy\" of dict"),
        ("{{ messages[0].update({'a': 1}) }}", "method \"update\" of dict"),
        ("{{ '{0.a}'.format(1) }}", "a format of more than names and places"),
        ("{{ 'a'|attr('upper') }}", "filter \"attr\" of str"),
        ("{{ (-9223372036854775807 - 1)|abs }}", "whole numbers beyond 64 bits"),
    ] {
        let error = outcome(source, &[Message::user("a")]).0.expect_err(source);
        assert_eq!(error.to_string(), format!("chat template, line 1: {what} is not supported"));
        assert_eq!(error.way_out(), Some("give another in its place: --chat-template FILE"));
    }
}

#[test]
fn what_goes_ever_deeper_is_stopped() {
    let nested = |step: &str| {
        format!(
            "{{% set ns = namespace(x=[]) %}}{{% for i in range(999) %}}{{% set ns.x = {step} %}}{{% endfor %}}"
        )
    };
    for step in [
        "[ns.x]",
        "(ns.x,)",
        "{'a': ns.x}",
        "dict(a=ns.x)",
        "[1] + [ns.x]",
        "{'a': ns.x}.items() | list",
    ] {
        refused(&nested(step), TOO_DEEP);
    }
    refused("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", TOO_DEEP);
    refused(
        "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
        TOO_DEEP,
    );
    refused("{% macro m(x=m()) %}{% endmacro %}{{ m() }}", TOO_DEEP);
    refused(&format!("{{{{ a{} }}}}", " + a".repeat(900)), TOO_DEEP);
    refused(&format!("{{{{ 'a'{} }}}}", "|trim".repeat(900)), TOO_DEEP);
    refused(&format!("{{{{ {}a }}}}", "not ".repeat(2000)), TOO_DEEP);
    refused(&format!("{{{{ {}1 }}}}", "- ".repeat(2000)), TOO_DEEP);
    refused(&format!("{{{{ 1{} }}}}", " if 0 else 1".repeat(500)), TOO_DEEP);
    let ns = "{% set ns = namespace() %}";
    refused(&format!("{ns}{{% set ns.x = ns %}}"), "a namespace inside another value");
    refused(&format!("{ns}{{{{ [ns] }}}}"), "a namespace inside another value");
    refused("{% for x in [1] %}{{ {'a': loop} }}{% endfor %}", "a loop inside another value");
}

#[test]
fn what_the_parser_could_not_take_is_refused_before() {
    let tokens = "more than 2048 tokens in one tag";
    refused(&format!("{{{{ a{} }}}}", "+a".repeat(50_000)), tokens);
    refused(&format!("{{{{ {}a }}}}", "not ".repeat(60_000)), tokens);
    refused(&format!("{{{{ a{} }}}}", ".b".repeat(90_000)), tokens);
    refused(&format!("{{{{ a{} }}}}", "|b".repeat(90_000)), tokens);
    refused(&format!("{{{{ {}1 }}}}", "-".repeat(200_000)), tokens);
    refused(&format!("{{{{ {} }}}}", "(".repeat(200_000)), tokens);
    refused(&format!("{{{{ {} }}}}", "[1,".repeat(50_000)), tokens);
    refused(
        &format!("{{% if a %}}{}{{% endif %}}", "{%elif a%}".repeat(20_000)),
        "more than 256 branches",
    );
    refused(&"{{a}}".repeat(50_000), "more than 32768 tokens");
    refused(&"a".repeat(300_000), "it has 300000 bytes, the most is 262144");
    refused(&format!("{{{{ {}a{} }}}}", "(".repeat(500), ")".repeat(500)), "maximum recursion");
    refused(&"{% if a %}".repeat(1000), "maximum recursion");
    refused(&"{% for a in b %}".repeat(1000), "maximum recursion");
}

#[test]
fn what_is_no_template_is_refused_with_its_line() {
    let cases = [
        ("a\nb\n{{ x", 3),
        ("{% if true %}\n\n", 1),
        ("\n{% endfor %}", 2),
        ("\n\n{% nonsense %}", 3),
        ("{{ 1 + }}", 1),
        ("{{ 'a }}", 1),
        ("{#", 1),
        ("{% include 'x' %}", 1),
        ("{% extends 'x' %}", 1),
        ("{% import 'x' as y %}", 1),
        ("{% block a %}{% endblock %}", 1),
        ("{% break %}", 1),
        ("{{ 99999999999999999999999999999999999999999999 }}", 1),
        ("\n{{ messages | nope }}", 2),
        ("\n\n{{ messages[0].content.encode('utf-8') }}", 3),
        ("\n{{ messages.__class__ }}{{ messages.__class__.__mro__ }}", 2),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", 1),
        ("{{ cycler.__init__.__globals__ }}", 1),
        ("{{ range(1000001) }}", 1),
        ("{{ strftime_now('%Q' * 100) }}", 1),
        ("{% call x() %}{% endcall %}", 1),
        ("\n{% for x in [1] %}\n{% macro m() %}{{ x }}{% endmacro %}{% endfor %}", 3),
        ("{% with x = 1 %}{% macro m() %}{{ x }}{% endmacro %}{% endwith %}", 1),
        ("{{ cycler(1, 2).next() }}", 1),
        ("{{ {'a': 1}.copy() }}", 1),
        ("{{ '{:>8}'.format(1) }}", 1),
        ("{{ '{} {0}'.format(1) }}", 1),
        ("{{ '}'.format(1) }}", 1),
        ("{{ '{+0}'.format(1) }}", 1),
        ("{% for a in messages recursive %}{{ loop(a) }}{% endfor %}", 1),
    ];
    for (source, line) in cases {
        refused(source, &format!("chat template, line {line}: "));
    }
}

/// The budget grows with the conversation: a long one renders, and a wasteful template still ends.
#[test]
fn long_conversations_fit_and_waste_does_not() {
    let chatml = super::rendered::template("chatml");
    let turn = "All work and no play makes Jack a dull boy. ".repeat(200);
    let messages: Vec<Message> = (0..100).map(|_| Message::user(turn.as_str())).collect();
    let prompt = chatml.render(&messages, &RenderOptions::default()).expect("880,000 characters");
    assert_eq!(prompt.quoted().iter().map(ExactSizeIterator::len).sum::<usize>(), 880_000);
    let wasteful = "{% for a in messages %}{% for b in messages %}{{ a.content ~ b.content }}{% endfor %}{% endfor %}";
    let (ended, peak) = outcome(wasteful, &messages);
    let error = ended.expect_err("77 MB").to_string();
    assert!(error.contains("writes more than 1048576 characters"), "{error}");
    assert!(peak < MEMORY + 8 * 880_000, "{peak}");
}

/// What is said around each message is paid for by the messages, not by their bytes.
#[test]
fn many_short_messages_fit_every_template() {
    let copies_all_words_for_each = "accounts"; // ours, and as wasteful as it looks
    for name in super::rendered::names() {
        if name == copies_all_words_for_each {
            continue;
        }
        let turn = |at: usize| match at % 2 {
            0 => Message::user("ok"),
            _ => Message::assistant("no"),
        };
        let messages: Vec<Message> = (0..4001).map(turn).collect();
        let rendered =
            super::rendered::template(&name).render(&messages, &RenderOptions::default());
        let prompt = rendered.unwrap_or_else(|error| panic!("{name}: {error}"));
        let quoted = prompt.quoted().iter().map(ExactSizeIterator::len).sum::<usize>();
        assert!(quoted >= 2 * 4001, "{name}: {quoted}");
    }
}

/// Nothing is made of a conversation that no template could write out: not even its variables.
#[test]
fn a_conversation_beyond_every_prompt_is_refused_at_once() {
    let long = [Message::user("a".repeat(1 << 21)), Message::user("b".repeat((1 << 21) + 1))];
    let many = vec![Message::user(""); (1 << 15) + 1];
    for (messages, words) in [
        (&long[..], "the conversation has 4194305 bytes, the most is 4194304"),
        (&many, "the conversation has 32769 messages, the most is 32768"),
    ] {
        let (ended, peak) = outcome("{{ messages | length }}", messages);
        let error = ended.expect_err(words);
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Conversation, words));
        assert!(peak < 2 << 20, "{peak}");
        let within = outcome("{{ messages | length }}", &messages[1..]).0.expect("it fits");
        assert_eq!(within, (messages.len() - 1).to_string());
    }
}

#[test]
fn a_refusal_of_a_million_words_is_cut() {
    let (ended, _) = outcome("{{ raise_exception('no ' * 100000) }}", &[]);
    let error = ended.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Conversation);
    assert!(error.to_string().len() < 1000, "{}", error.to_string().len());
}
