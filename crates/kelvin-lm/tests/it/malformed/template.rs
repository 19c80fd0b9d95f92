//! Chat templates that do not parse, do not fit, or want more than text.

use kelvin_lm::ErrorKind::{Conversation, Format, Template};

use super::{BESIDE, Case, case};
use crate::oracle::template::{RENDERING, render};

pub(super) const FORMAT: super::Format = super::Format {
    name: "chat template",
    cases: || [syntax(), sizes(), escapes()].concat(),
    beside: BESIDE,
    read: |source| render(&source, "a b").map(drop),
};

/// Templates that are refused while they run.
pub(super) const RUNNING: super::Format = super::Format {
    name: "chat template that runs",
    cases: bombs,
    beside: RENDERING,
    read: |source| render(&source, "a b").map(drop),
};

/// What is no template.
#[rustfmt::skip]
fn syntax() -> Vec<Case> {
    vec![
        case(*b"a\xff", Format,
         "the chat template is not UTF-8 (byte 1)"),
        case("a\nb\n{{ x", Template,
         "chat template, line 3: unexpected end of input, expected end of variable block"),
        case("{% if true %}", Template,
         "chat template, line 1: unexpected end of input, expected end of block"),
        case("{% endfor %}", Template,
         "chat template, line 1: unknown statement endfor"),
        case("{% nonsense \x1b[2J %}", Template,
         "chat template, line 1: unexpected character"),
        case("{{ 1 + }}", Template,
         "chat template, line 1: unexpected end of variable block"),
        case("{#", Template,
         "chat template, line 1: unexpected end of comment"),
        case("{{ 99999999999999999999999999999999999999999999 }}", Template,
         "chat template, line 1: invalid integer (too large)"),
        case("{% break %}", Template,
         "chat template, line 1: 'break' must be placed inside a loop"),
    ]
}

/// Too large, too deep.
#[rustfmt::skip]
fn sizes() -> Vec<Case> {
    vec![
        case("a".repeat(300_000), Template,
         "chat template: it has 300000 bytes, the most is 262144"),
        case("{{a}}".repeat(50_000), Template,
         "chat template, line 1: it has more than 32768 tokens"),
        case(format!("{{{{ a{} }}}}", "+a".repeat(50_000)), Template,
         "chat template, line 1: it has more than 2048 tokens in one tag").known("Jinja depth"),
        case(format!("{{{{ {} }}}}", "(".repeat(200_000)), Template,
         "chat template, line 1: it has more than 2048 tokens in one tag").known("Jinja depth"),
        case(format!("{{{{ {}a{} }}}}", "(".repeat(500), ")".repeat(500)), Template,
         "chat template, line 1: template exceeds maximum recursion limits").known("Jinja depth"),
        case("{% if a %}".repeat(1000), Template,
         "chat template, line 1: template exceeds maximum recursion limits").known("Jinja depth"),
        case(format!("{{% if a %}}{}{{% endif %}}", "{%elif a%}".repeat(20_000)), Template,
         "chat template, line 1: it has more than 256 branches (elif)"),
    ]
}

/// Ways out of Jinja into Python, or to other files.
#[rustfmt::skip]
fn escapes() -> Vec<Case> {
    vec![
        case("{{ cycler.__init__.__globals__.os.popen('id').read() }}", Template,
         "chat template, line 1: \"cycler\" is undefined")
            .known("CVE-2024-34359"),
        case("{{ ''.__class__.__mro__[1].__subclasses__() }}", Template,
         "chat template, line 1: \"__class__\" is undefined").known("CVE-2026-5760"),
        case("{{ lipsum.__globals__['os'].system('id') }}", Template,
         "chat template, line 1: \"lipsum\" is undefined").known("CVE-2026-5760"),
        case("{{ ('%s' | attr('format'))('x') }}", Template,
         "chat template, line 1: filter \"attr\" of str is not supported").known("CVE-2024-56326"),
        case("{% set f = 'a'.format %}{{ f(messages) }}", Template,
         "chat template, line 1: \"format\" is undefined").known("CVE-2024-56326"),
        case("{{ messages[0].content.format_map(x) }}", Template,
         "chat template, line 1: method \"format_map\" of str is not supported").known("CVE-2024-56326"),
        case("{% include '/etc/passwd' %}", Template,
         "chat template, line 1: unknown statement include"),
        case("{% import 'os' as os %}", Template,
         "chat template, line 1: unknown statement import"),
        case("{% extends 'x' %}", Template,
         "chat template, line 1: unknown statement extends"),
        case("{{ raise_exception('no \x1b[2J\nroles') }}", Conversation,
         "the chat template refuses the conversation: no \\u{1b}[2J\\nroles"),
    ]
}

/// Programs that grow without end.
#[rustfmt::skip]
fn bombs() -> Vec<Case> {
    vec![
        case("{{ 'a' * 1000000000 }}", Template,
         "chat template, line 1: it works too long or makes too much").known("CVE-2025-62426"),
        case("{{ [1] * 1000000000000 }}", Template,
         "chat template, line 1: it works too long or makes too much").known("CVE-2025-62426"),
        case("{{ range(1000001) }}", Template,
         "chat template, line 1: range is longer than 100000").known("CVE-2025-62426"),
        case("{{ 'x' | indent(1000000000) }}", Template,
         "chat template, line 1: it works too long or makes too much").known("CVE-2025-62426"),
        case("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}", Template,
         "chat template, line 1: it works too long or makes too much")
            .known("CVE-2025-62426"),
        case("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", Template,
         "chat template, line 1: expressions, blocks and calls are nested deeper than 200").known("Jinja depth"),
        case("{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(40) }}", Template,
         "chat template, line 1: it works too long or makes too much")
            .known("CVE-2025-62426"),
    ]
}
