//! Chat templates that do not parse, do not fit, or want more than text. A template that runs has a
//! budget of its own, in `chat::bounds`; these are refused within memory of any file.

use kelvin_lm::ErrorKind::{Conversation, Format, Template};

use super::{Case, case};
use crate::oracle::template::render;

pub(super) const FORMAT: super::Format = super::Format {
    name: "chat template",
    cases: || [syntax(), sizes(), escapes(), bombs()].concat(),
    read: |source| render(&source, "a b").map(drop),
};

/// What is no template.
#[rustfmt::skip]
fn syntax() -> Vec<Case> {
    vec![
        case(*b"a\xff", Format, ""),
        case("a\nb\n{{ x", Template, ""),
        case("{% if true %}", Template, ""),
        case("{% endfor %}", Template, ""),
        case("{% nonsense \x1b[2J %}", Template, ""),
        case("{{ 1 + }}", Template, ""),
        case("{#", Template, ""),
        case("{{ 99999999999999999999999999999999999999999999 }}", Template, ""),
        case("{% break %}", Template, ""),
    ]
}

/// Too large, too deep.
#[rustfmt::skip]
fn sizes() -> Vec<Case> {
    vec![
        case("a".repeat(300_000), Template, ""),
        case("{{a}}".repeat(50_000), Template, ""),
        case(format!("{{{{ a{} }}}}", "+a".repeat(50_000)), Template, "").known("Jinja depth"),
        case(format!("{{{{ {} }}}}", "(".repeat(200_000)), Template, "").known("Jinja depth"),
        case(format!("{{{{ {}a{} }}}}", "(".repeat(500), ")".repeat(500)), Template, "").known("Jinja depth"),
        case("{% if a %}".repeat(1000), Template, "").known("Jinja depth"),
        case(format!("{{% if a %}}{}{{% endif %}}", "{%elif a%}".repeat(20_000)), Template, ""),
    ]
}

/// Ways out of Jinja into Python, or to other files.
#[rustfmt::skip]
fn escapes() -> Vec<Case> {
    vec![
        case("{{ cycler.__init__.__globals__.os.popen('id').read() }}", Template, "")
            .known("CVE-2024-34359"),
        case("{{ ''.__class__.__mro__[1].__subclasses__() }}", Template, "").known("CVE-2026-5760"),
        case("{{ lipsum.__globals__['os'].system('id') }}", Template, "").known("CVE-2026-5760"),
        case("{{ ('%s' | attr('format'))('x') }}", Template, "").known("CVE-2024-56326"),
        case("{% set f = 'a'.format %}{{ f(messages) }}", Template, "").known("CVE-2024-56326"),
        case("{{ messages[0].content.format_map(x) }}", Template, "").known("CVE-2024-56326"),
        case("{% include '/etc/passwd' %}", Template, ""),
        case("{% import 'os' as os %}", Template, ""),
        case("{% extends 'x' %}", Template, ""),
        case("{{ raise_exception('no \x1b[2J\nroles') }}", Conversation, ""),
    ]
}

/// Programs that grow without end.
#[rustfmt::skip]
fn bombs() -> Vec<Case> {
    vec![
        case("{{ 'a' * 1000000000 }}", Template, "").known("CVE-2025-62426"),
        case("{{ [1] * 1000000000000 }}", Template, "").known("CVE-2025-62426"),
        case("{{ range(1000001) }}", Template, "").known("CVE-2025-62426"),
        case("{{ 'x' | indent(1000000000) }}", Template, "").known("CVE-2025-62426"),
        case("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}", Template, "")
            .known("CVE-2025-62426"),
        case("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", Template, "").known("Jinja depth"),
        case("{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(40) }}", Template, "")
            .known("CVE-2025-62426"),
    ]
}
