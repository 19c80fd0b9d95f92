#!/usr/bin/env python3
"""What transformers' own Jinja makes of some 8,000 small templates: the golden file of the interpreter.

    python scripts/golden/jinja_snippets.py [OUT]

OUT is the golden file (default crates/kelvin-lm/tests/golden/chat/snippets.json). Needs transformers,
which sets Jinja up as it does for every chat template. Each entry is [template, text], or
[template, null] where Python raises. All are rendered with MESSAGES, a generation prompt, BOS and EOS. Left out are texts that name an
address in memory.
"""

import itertools
import json
import sys

from transformers.utils.chat_template_utils import _compile_jinja_template

MESSAGES = [
    {"role": "system", "content": " Sé breve.\n"},
    {"role": "user", "content": "Ciao <|im_end|> {{ 7*7 }} \t"},
    {"role": "assistant", "content": "<think>\nhm\n</think>\n\nEcco: l'asino \U0001f434."},
    {"role": "user", "content": ""},
]
GIVEN = {"add_generation_prompt": True, "bos_token": "<s>", "eos_token": "</s>", "tools": None, "documents": None}

TEXTS = ["''", "'a'", "' a b  c '", "'Hello World'", "'straße ÉCOLE'", "'ΑΣ ΟΔΟΣ'", "'a,b,,c'", "'x\\ny\\r\\nz\\n'", "'123'",
         "' -4.5 '", "'aaa'", "'\\t\\u00a0x\\u3000'", "'it\\'s'", "'<b>&\\\"'", "messages[1].content", "messages[2].content"]

METHODS = ["strip()", "lstrip()", "rstrip()", "strip('a ')", "lstrip('Hx')", "rstrip('cd ')", "upper()", "lower()", "title()",
           "capitalize()", "split()", "split(' ')", "split(',')", "split(' ', 1)", "split(None, 1)", "split(sep=',', maxsplit=1)",
           "rsplit(' ', 1)", "rsplit(',')", "splitlines()", "splitlines(True)", "startswith('a')", "startswith(('x', ' '))",
           "endswith('c')", "endswith('')", "replace('a', 'XY')", "replace('', '-')", "replace('a', '', 1)", "replace('l', 'L', 2)",
           "find('b')", "find('zz')", "rfind('a')", "count('a')", "count('')", "isdigit()", "isalpha()", "isalnum()", "isspace()",
           "islower()", "isupper()", "join(['1', '2', '3'])", "join([])", "removeprefix('He')", "removesuffix('c ')",
           "split('</think>')[-1]", "split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n')"]

FILTERS = ["trim", "trim('a ')", "length", "count", "upper", "lower", "title", "capitalize", "string", "list", "first", "last",
           "reverse", "int", "int(7)", "float", "float(1.5)", "default('d')", "d('d', true)", "tojson", "tojson(indent=2)",
           "tojson(ensure_ascii=True)", "replace('a', 'b')", "replace('a', 'bb', 1)", "join", "join(',')", "indent", "indent(2)",
           "indent(3, true)", "indent('> ', first=True, blank=True)", "unique", "unique|list", "sort", "sort(reverse=true)", "min", "max", "escape",
           "map('upper')|list", "map('upper')|join('-')", "select|list", "reject|list", "select('lower')|list", "safe",
           "list|length", "list|tojson", "list|sort|join"]

VALUES = ["none", "true", "false", "0", "1", "-7", "3.0", "1.5", "1e20", "1e-7", "123456789012.25", "[]", "[1, 'a', none, 2.5]", "(1,)", "()", "(1, 'b')",
          "{}", "{'a': 1, 'b': [true, {'c': none}]}", "missing", "['b', 'A', 'c', 'a']", "[3, 1, 2, 1]", "['a', 1]", "range(4)", "namespace(a=1)",
          "{'z': 1, 'a': 'é\\n\"\\\\'}", "[[1, 2], [0]]", "'é\\u200b\\x07'", "['it\\'s', 'say \\\"x\\\"', 'both \\' and \\\"']"]

OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]
OPERANDS = ["1", "0", "-7", "2", "2.5", "-0.5", "true", "'a'", "'ab'", "''", "[1]", "[1, 2]", "(1,)", "{'a': 1}", "none", "missing"]

TESTS = ["defined", "undefined", "none", "boolean", "true", "false", "integer", "float", "number", "string", "mapping", "sequence", "iterable",
         "callable", "odd", "even", "divisibleby 3", "divisibleby(2)", "eq(1)", "equalto('a')", "ne 1", "in [1, 'a']", "sameas true", "lower", "upper",
         "not none", "not defined"]

SLICES = ["[0]", "[-1]", "[9]", "[1:]", "[:-1]", "[::-1]", "[1:3]", "[-3:]", "[::2]", "[3:1:-1]", "[5:2]", "[:0]", "[-100:100]", "[::-2]", "[1:1]"]
SLICED = ["'abcdef'", "[1, 2, 3, 4]", "(1, 2, 3)", "range(5)", "''", "messages"]

STATEMENTS = [
    "{% for m in messages %}{{ loop.index }}{{ loop.first }}{{ loop.last }}{{ m.role }}{% endfor %}",
    "{% for m in messages[1:] %}{{ loop.index0 }}/{{ loop.length }}/{{ loop.revindex }}/{{ loop.revindex0 }};{% endfor %}",
    "{% for m in messages if m.role == 'user' %}{{ loop.index }}{{ m.content|length }}{% else %}none{% endfor %}",
    "{% for m in messages if m.role == 'tool' %}x{% else %}none{% endfor %}",
    "{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k in {'a': 1, 'b': 2} %}{{ k }}{% endfor %}",
    "{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for c in 'añb' %}{{ c }}|{% endfor %}",
    "{% for x in missing %}x{% else %}empty{% endfor %}",
    "{% for x in none %}x{% endfor %}",
    "{% for x in 5 %}x{% endfor %}",
    "{% for i in range(3) %}{% for j in range(2) %}{{ loop.depth }}{{ i }}{{ j }} {% endfor %}{% endfor %}",
    "{% for i in range(10) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}",
    "{% for i in range(5, 0, -2) %}{{ i }}{% endfor %}{% for i in range(2, 2) %}x{% else %}e{% endfor %}",
    "{% for i in [1, 2, 3] %}{{ loop.previtem }}-{{ loop.nextitem }};{% endfor %}",
    "{% for i in [1, 2, 3] %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "{% set x = 1 %}{% for i in range(3) %}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }}",
    "{% set ns = namespace(x=1) %}{% for i in range(3) %}{% set ns.x = ns.x + 1 %}{{ ns.x }}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace() %}{{ ns.a is defined }}{% set ns.a = 'b' %}{{ ns.a }}{{ ns['a'] }}",
    "{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a + ns.b }}",
    "{% if true %}{% set x = 5 %}{% endif %}{{ x }}",
    "{% if false %}{% set x = 5 %}{% endif %}{{ x is defined }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set a, b = b, a %}{{ a }}{{ b }}",
    "{% set a, b = [1] %}",
    "{% set x %}a{{ 1 + 1 }}{% endset %}[{{ x }}]",
    "{% set x | upper | replace('A', 'o') %}abc{% endset %}{{ x }}",
    "{% filter upper %}a{{ 'b' }}{% endfilter %}",
    "{% filter replace('a', 'b')|trim %} aa {% endfilter %}",
    "{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a is defined }}",
    "{% set a = 1 %}{% with %}{% set a = 2 %}{{ a }}{% endwith %}{{ a }}",
    "{% macro m(a, b=2, c='x') %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, c=3) }}{{ m(b=0, a=9) }}{{ m() }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(q=2) }}",
    "{% macro m() %}{{ y }}{% endmacro %}{% set y = 3 %}{{ m() }}",
    "{% set y = 3 %}{% macro m() %}{% set y = 4 %}{{ y }}{% endmacro %}{{ m() }}{{ y }}",
    "{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(4) }}",
    "{% macro m() %}  a {% endmacro %}{{ m()|trim }}{{ m() ~ 'b' }}{{ m() + 'b' }}",
    "{% macro m(x) %}{{ x }}{% endmacro %}{% for x in [1, 2] %}{{ m(x) }}{% endfor %}",
    "{% generation %}a{% set q = 1 %}{% endgeneration %}{{ q is defined }}",
    "a\n  {%- generation -%}  \n b \n {%- endgeneration %}\nc",
    "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% endgeneration %}{% endif %}{% endfor %}",
    "{% raw %}{{ x }}{% endraw %}{# comment #}z",
    "  {% if true %}\n  a\n  {% endif %}\n  b\n",
    "x  {% if true %}\ny{% endif %}  \nz\n\n",
    "a {%- if true -%} b {%- endif -%} c",
    "a\n{%+ if true %}\n b\n{%+ endif %}\nc",
    "  {{ 'a' }}\n  {{- 'b' -}}  \n  c",
    "a{# x #}\nb\n  {# y #}\nc",
    "a\r\n{% if true %}\r\nb\r\n{% endif %}\r\nc\rd",
    "{{ 'a' 'b' }}{{ \"q\\\"q\" }}{{ 'n\\nl' }}{{ 'u\\u00e8' }}{{ '\\x41' }}",
    "{{ a if false else 'b' }}{{ 'c' if true }}{{ 'd' if false }}",
    "{{ 1 if true else 2 if true else 3 }}",
    "{{ messages[0]['role'] }}{{ messages[0].role }}{{ messages[-1]['content'] == '' }}{{ messages | length }}",
    "{{ messages[0].nothing is defined }}{{ messages[0]['nothing'] }}{{ messages[9] }}",
    "{{ messages[0].nothing.more }}",
    "{{ missing.more }}", "{{ missing() }}", "{{ missing + 1 }}", "{{ missing ~ 'a' }}", "{{ missing|length }}", "{{ missing['a'] }}",
    "{{ messages[0].get('role') }}{{ messages[0].get('x') }}{{ messages[0].get('x', 'd') }}",
    "{{ messages[0].keys()|list }}{{ messages[0].values()|list }}{{ messages[0].items()|list }}",
    "{{ messages | map(attribute='role') | join(', ') }}",
    "{{ messages | map(attribute='x', default='-') | join }}",
    "{{ messages | selectattr('role', 'equalto', 'user') | list | length }}",
    "{{ messages | selectattr('role', 'in', ['user', 'system']) | map(attribute='content') | list }}",
    "{{ messages | rejectattr('role', 'equalto', 'user') | map(attribute='role') | list }}",
    "{{ messages | selectattr('content') | list | length }}{{ messages | rejectattr('tool_calls', 'defined') | list | length }}",
    "{{ messages | map(attribute='content') | map('trim') | map('length') | list }}",
    "{{ messages | sort(attribute='role') | map(attribute='role') | list }}",
    "{{ messages | tojson }}", "{{ messages | tojson(indent=4) }}", "{{ messages | tojson(separators=(',', ':')) }}",
    "{{ {'b': 1, 'a': {'d': [], 'c': {}}} | tojson(indent=2, sort_keys=true) }}",
    "{{ {'b': 1, 'a': 2} | dictsort }}{{ {'b': 1, 'a': 2} | dictsort(by='value') }}{{ {'b': 1, 'A': 2} | dictsort(true) }}",
    "{{ {'a': 1} | items | list }}{{ {1: 'x', 'k': 2, none: 3, true: 4} | tojson }}",
    "{{ [1, 2, 3] | sum }}{{ [1.5, 2] | sum(start=1) }}{{ ['a'] | sum }}",
    "{{ [{'n': 2}, {'n': 1}] | sum(attribute='n') }}{{ [{'a': {'b': 1}}] | map(attribute='a.b') | list }}",
    "{{ [3, 1, 2] | min }}{{ [3, 1, 2] | max }}{{ ['b', 'A'] | min }}{{ [] | max }}",
    "{{ 'a' in 'abc' and 'x' not in 'abc' or false }}", "{{ not true == false }}", "{{ not 'a' in 'abc' }}", "{{ 'a' is string and 1 is not string }}",
    "{{ 1 < 2 < 3 }}{{ 1 < 3 < 2 }}{{ 1 == 1.0 == true }}", "{{ -2 ** 2 }}{{ 2 ** 3 ** 2 }}{{ (2 ** -1) }}",
    "{{ 1 + 2 * 3 - 4 / 2 }}{{ 7 // 2 }}{{ -7 // 2 }}{{ -7 % 3 }}{{ 7 % -3 }}{{ 7.5 % 2 }}{{ 1 / 0 }}",
    "{{ 1 ~ 2 }}{{ 'a' ~ none ~ true ~ 1.0 }}{{ 1 + 1 ~ 'x' }}{{ [1] ~ 'x' }}",
    "{{ 'a' + 1 }}", "{{ 'a' * 3 }}{{ 2 * 'b' }}{{ [1] * 2 }}{{ 'a' * -1 }}", "{{ 'a' < 'b' }}{{ [1, 2] < [1, 3] }}{{ 1 < 'a' }}",
    "{{ [1, 2] + [3] }}{{ (1,) + (2,) }}{{ [1] + (2,) }}",
    "{{ {'a': 1}.a }}{{ {'a': 1}['a'] }}{{ {'items': 1}['items'] }}{{ {1: 2}[1] }}{{ {1: 2}[1.0] }}",
    "{{ {'a': 1, 'a': 2} }}{{ {'a': 1} == {'a': 1.0} }}{{ [1] == (1,) }}",
    "{{ dict(a=1, b=2) }}{{ dict({'a': 1}, b=2) }}{{ dict() }}",
    "{{ raise_exception('stop here') }}", "{{ range(3) | list }}{{ range(200000) | length }}",
    "{{ bos_token }}{{ eos_token }}{{ unk_token is defined }}{{ add_generation_prompt }}{{ tools is none }}{{ tools is defined }}",
    "{{ messages[1].content }}{{ messages[1]['content'] | trim }}{{ messages[2].content.split('</think>')[-1].lstrip('\\n') }}",
    "{{ 'x' | unknown_filter }}", "{{ 'x' is unknown_test }}", "{{ unknown_function() }}", "{% unknown %}", "{{ 'a' }", "{% if true %}", "{{ 1 + }}", "{% endfor %}",
    "{{ 'a'.nope() }}", "{{ none.x }}{{ none['x'] is defined }}", "{{ 5.x is defined }}", "{{ 'a'.x is defined }}", "{{ [1].x is defined }}",
    "{{ {'a': none}.a is none }}", "{{ namespace(a=1).b is defined }}", "{% set m = messages[0] %}{{ m.role ~ m['content'].strip() }}",
    "{%- for m in messages %}{{- '<' + m['role'] + '>' + m['content'] | trim + '</' ~ m.role ~ '>' }}{%- endfor %}",
    "{% set messages = messages[1:] %}{{ messages | length }}", "{% set loop_messages = messages %}{% for m in loop_messages %}{% set last = m %}{% endfor %}{{ last is defined }}",
    "{{ '%s' | format('x') }}", "{{ true and 'a' }}{{ false or none }}{{ '' or 'b' }}{{ 0 and 1 }}",
    "{{ ('a', 'b') | join('-') }}{{ [1, none, true] | join('-') }}{{ {'a': 1} | join }}",
    "{{ [[1, 'x'], [2, 'y']] | map('first') | list }}{{ [[1, 'x']] | map('last') | list }}{{ ['a', 'b'] | map('replace', 'a', 'c') | list }}",
    "{{ [1, 2, 3, 4] | select('even') | list }}{{ [1, 2, 3, 4] | reject('divisibleby', 2) | list }}{{ [0, 1, ''] | select | list }}",
    "{{ 'a-b (c) d' | title }}{{ \"it's o'k\".title() }}", "{{ 3.7 | int }}{{ '3.7' | int }}{{ 'x' | int }}{{ '0x1' | int }}{{ ' 12 ' | int }}{{ -3 | abs }}{{ -2.5 | abs }}",
    "{{ (1, 2)[0] }}{{ 'abc'[1] }}{{ 'abc'[5] is defined }}{{ messages[0]['content'][1:3] }}",
    "{{ loop is defined }}", "{% for x in [1] %}{{ loop.nothing is defined }}{% endfor %}", "{% do messages[0].get('role') %}ok",
    "{{ [1, 2][true] }}{{ {true: 'x'}[1] }}", "{{ 1_000 }}{{ 1.5e3 }}{{ 100000000000000000 }}", "{{ 0.1 + 0.2 }}{{ 1e16 }}{{ 1e15 }}{{ 0.0001 }}{{ 0.00001 }}{{ -0.0 }}{{ 2.0 ** 3 }}",
    "{{ [1, 2, 3].index(2) }}{{ [1, 1].count(1) }}{{ (1, 2).index(1) }}", "{{ messages is sequence }}{{ messages[0] is mapping }}{{ messages[0].content is string }}",
    "{% if messages[0]['role'] == 'system' %}{% set sys = messages[0]['content'] | trim + '\\n\\n' %}{% else %}{% set sys = '' %}{% endif %}{{ sys }}",
    "{% if (messages[0].role == 'user') != (0 % 2 == 0) %}{{ raise_exception('alternate') }}{% endif %}ok",
    "{{ 'abc' | replace('', '-') }}", "{{ 'x' ~ (messages | map(attribute='content') | join('|')) }}",
    "{% for line in 'a\\n\\nb'.split('\\n') %}[{{ line }}]{% endfor %}", "{{ 'a\\nb\\n\\nc' | indent(2) }}", "{{ none | default('x') }}{{ none | default('x', true) }}{{ missing | default }}",
    "{{ 'İ'.lower() | length }}{{ 'ß'.upper() }}{{ 'ŉ'.upper() | length }}",
    "{{ messages[0]|attr('role') is defined }}{{ messages[0]|attr('role') }}", "{{ messages|map('attr', 'role')|list|length }}",
    "{% set ns = namespace(x=3) %}{{ ns|attr('x') }}{{ ns|attr('y') is defined }}", "{{ missing|attr('x') }}", "{{ none|attr('x') is defined }}",
    "{{ '{} {}'.format(1, 'a') }}", "{{ '{0}{1}{0}'.format('a', none) }}", "{{ '{a}-{b}'.format(a=1.5, b=[1, 'x']) }}", "{{ '{{}}{}}}'.format(true) }}",
    "{{ '{}'.format() }}", "{{ '{} {0}'.format(1) }}", "{{ '{0} {}'.format(1) }}", "{{ '{x}'.format(y=1) }}", "{{ '}'.format() }}", "{{ '{'.format() }}",
    "{{ '{+0}'.format(1) }}", "{{ '{00}'.format(1) }}", "{{ '{}'.format(missing) }}", "{{ '<{}>'.format(messages[1].content) }}", "{{ '{:>4}'.format('a') }}",
    "{{ '{0.a}'.format({}) }}", "{{ '{!r}'.format('a') }}", "{{ 'a'.format(1, b=2) }}", "{{ messages[1].content.format() }}", "{{ '{a}{}'.format(1, a=2) }}",
    "{% for x in [1] %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}", "{% with y = 2 %}{% macro m() %}{{ y }}{% endmacro %}{{ m() }}{% endwith %}",
    "{% if true %}{% macro m() %}a{% endmacro %}{% endif %}{{ m() }}", "{{ {'a': 1}.copy() }}", "{{ joiner(', ')() }}x", "{{ cycler(1, 2).next() }}",
    "{{ (-9223372036854775807 - 1)|abs }}",
]


def snippets():
    yield from STATEMENTS
    for text, method in itertools.product(TEXTS, METHODS):
        yield "{{ " + text + "." + method + " }}"
    for value, filters in itertools.product(TEXTS[:8] + VALUES, FILTERS):
        yield "{{ " + value + "|" + filters + " }}"
    for value in VALUES + TEXTS:
        yield "{{ " + value + " }}"
        yield "{{ [" + value + "] }}"
        yield "{{ 'T' if " + value + " else 'F' }}{{ not " + value + " }}"
    for left, op, right in itertools.product(OPERANDS, OPERATORS, OPERANDS):
        yield "{{ " + left + " " + op + " " + right + " }}"
    for value, test in itertools.product(VALUES[:20] + ["'a'", "'A'", "range"], TESTS):
        yield "{{ " + value + " is " + test + " }}"
    for value, cut in itertools.product(SLICED, SLICES):
        yield "{{ " + value + cut + " }}"


def render(template):
    try:
        return _compile_jinja_template(template).render(messages=MESSAGES, **GIVEN)
    except Exception:
        return None


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else "crates/kelvin-lm/tests/golden/chat/snippets.json"
    entries = [[template, render(template)] for template in dict.fromkeys(snippets())]
    entries = [entry for entry in entries if " at 0x" not in (entry[1] or "")]
    with open(out, "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries) + "\n]\n")
    print(len(entries), "snippets,", sum(text is None for _, text in entries), "of which raise")


main()
