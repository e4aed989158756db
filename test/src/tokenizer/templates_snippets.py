"""The snippets that templates.py has rendered: expressions, with bars between, extreme ones, and statements."""

EXPRESSIONS = r"""
1 + 2 * 3 - 4 / 2 | 7 // 2 | -7 // 2 | 7 % 3 | -7 % 3 | 7 % -3 | 2 ** 10 | 2 ** -1 | 7.5 // 2 | -7.5 % 2 | 1e3 | 1.5e-7 | 1e16
1e22 | 123456789.123 | 0.1 + 0.2 | 10 / 3 | 100 * 1.1 | 2 ** 64 | 2 ** 64 - 1 | 9007199254740993 | 0x1f | 0b101 | 1_000 | 1.0
3 - -2 | - 2 ** 2 | +true | true + 1 | not 1 | not [] | 'a' ~ 1 ~ none ~ true ~ 1.0 ~ undefined_name | 1 + none | 'a' + 1 | 1 + 'a'
'ab' * 3 | 3 * 'ab' | 'ab' * -1 | [1] * 2 | (1,) * 2 | [1] + [2] | (1,) + (2,) | [1] + (2,) | {} + {} | 1 / 0 | 1 % 0 | 1 // 0
1 < 2 < 3 | 1 < 2 > 3 | 1 == 1.0 == true | 'a' < 'b' | 'Z' < 'a' | [1, 2] < [1, 3] | (1, 2) < (1, 2, 0) | 1 < 'a' | none < 1 | 1 != 2
'b' in 'abc' | 1 in [1, 2] | 'x' not in {'x': 1} | 1 in 5 | 1 in 'a' | none in [none] | not 1 in [2] | true and 'yes' | '' or 'no' | 0 or none
'a' if 1 | 'a' if 0 | 'a' if 0 else 'b' if 1 else 'c' | ('a' if 0) is defined | [1, 2, 3][1] | [1, 2, 3][-1] | [1, 2, 3][5] | [1, 2, 3][1:]
[1, 2, 3][::-1] | 'hello'[1:3] | 'hello'[-3:] | 'hello'[::2] | 'héllo😀x'[5] | 'héllo😀x'[5:] | 'hello'[10:] | 'hello'[3:1] | (1, 2, 3)[:2]
{'a': 1}.a | {'a': 1}['a'] | {'a': 1}.b | {'a': 1}.b.c | {'a': none}.a | {'items': 1}.items is callable | {'items': 1}['items'] | {1: 2}[1] | {true: 2}[1]
missing | missing.a | missing['a'] | missing + 1 | missing ~ 'x' | missing == missing | missing is defined | missing | length | missing | list
none | true | false | None | True | 'quo\'te' | "quo\"te" | 'tab\tnew\nline' | '\x41\u00e9\u20ac\U0001f600' | '\q\\' | 'a' 'b' | 'multi
line' | [] | () | {} | (1) | (1,) | [1, 'a', none, true, 1.5] | {'a': [1, {'b': (1,)}]} | ['it\'s', 'say "x"', 'both \' and "', 'é\n\x00\x7f\u200b😀']
1 is odd | 2 is even | 3 is divisibleby 3 | 3 is divisibleby(2) | 1 is number | true is number | true is integer | 1.0 is float | 1 is float
'a' is string | [] is sequence | {} is mapping | {} is sequence | 'a' is iterable | 1 is iterable | none is none | 1 is not none | 1 is sameas 1
'a' is lower | 'A' is upper | 'Ab' is upper | 1 is in [1] | 1 is eq 1 | 1 is equalto 2 | 2 is gt 1 | 2 is ge 2 | 1 is lt 2 | 1 is le 1 | 1 is ne 2
'x' is filter | 'upper' is filter | 'odd' is test | range is callable | 1 is callable | true is true | 1 is true | false is false | true is boolean
range(3) | range(1, 4) | list(range(3)) | range(0, 10, 3) | list | range(5, 0, -2) | list | range(3)[1] | range(3) | length | (range(3)) | sum
[1, 2, 3] | length | 'abc' | count | 'héé😀' | length | {'a': 1} | length | 5 | length | [3, 1, 2] | sort | ['b', 'A', 'c'] | sort
['b', 'A', 'c'] | sort(case_sensitive=true) | ['b', 'A', 'c'] | sort(reverse=true) | [{'n': 2}, {'n': 1}] | sort(attribute='n') | [1, 'a'] | sort
[1, 1, 2] | unique | list | ['a', 'A'] | unique | list | ['a', 'A'] | unique(case_sensitive=true) | list | [1, 2] | sum | [{'n': 2}, {'n': 1}] | sum(attribute='n')
[1.5, 2] | sum | [1, 2] | sum(start=10) | ['a'] | sum | [1, 2] | first | [] | first | [1, 2] | last | [] | last | 'abc' | first | 'abc' | last
[1, 2] | join(', ') | ['a', 1, none] | join('-') | [{'n': 2}, {'n': 1}] | join(',', attribute='n') | 'abc' | join('.') | [1, 2] | reverse | list
'abc' | reverse | [1, 2, 3] | map('string') | list | ['a', 'b'] | map('upper') | join | [{'n': {'m': 2}}] | map(attribute='n.m') | list
[{'n': 2}, {}] | map(attribute='n', default='d') | list | [[1, 2], [3]] | map('first') | list | [1, 2, 3] | select('odd') | list | [0, 1, ''] | select | list
[1, 2, 3] | reject('odd') | list | [1, none, 2] | reject('none') | join(',') | [{'r': 'a'}, {'r': 'b'}] | selectattr('r', 'equalto', 'a') | list
[{'r': 'a'}, {}] | selectattr('r', 'defined') | list | [{'r': 1}, {'r': 0}] | selectattr('r') | list | [{'r': 1}, {'r': 0}] | rejectattr('r') | list
[1, 2] | map('nofilter') | list | [1, 2] | select('notest') | list | [1, 2] | map | list | ([1] | map('string')) | length | [2, 1] | min | [2, 1] | max
[] | min | ['b', 'A'] | min | [{'n': 2}, {'n': 1}] | max(attribute='n') | {'b': 1, 'a': 2} | dictsort | {'b': 1, 'a': 2} | dictsort(by='value')
{'b': 1, 'A': 2} | dictsort(case_sensitive=true) | {'a': 1} | items | list | missing | items | list | [1] | items | list | [1, 2, 3] | batch(2) | list
[1, 2, 3] | batch(2, 'x') | list | [1, 2, 3] | slice(2) | list | [1, 2, 3] | slice(2, 'x') | list | [{'t': 'a', 'n': 1}, {'t': 'b', 'n': 2}, {'t': 'a', 'n': 3}] | groupby('t') | list
'hello' | upper | 'HeLLo' | lower | 'hello wORLD' | title | 'hello wORLD-foo (bar' | title | 'hELLO' | capitalize | '  a ' | trim | 'xxaxx' | trim('x')
'a,b' | replace(',', ';') | 'aaa' | replace('a', 'b', 2) | 'abc' | replace('', '-') | 1234 | replace(2, 'x') | 'a\nb\n\nc' | indent | 'a\nb\n\nc' | indent(2, true)
'a\nb\n\nc' | indent(2, blank=true) | 'a\nb' | indent('> ') | 'a\nb' | indent(width=1, first=true) | 'ab' | center(7) | 'abc' | center(6) | 'a' | center(0)
'hello big world' | truncate(9) | 'hello big world' | truncate(9, true) | 'hello big world' | truncate(9, true, '') | 'hello big' | truncate(5, leeway=0) | 'hello world' | wordcount
'The quick brown fox jumps' | wordwrap(10) | 'a verylongwordindeed b' | wordwrap(8) | 'two  spaces here and-a-hyphen' | wordwrap(9) | '<a href="x">it\'s & b</a>' | e
'<p>a <b>b</b>  c</p>' | striptags | 'a b/c&d' | urlencode | {'a': 'b c', 'd': 1} | urlencode | {'class': 'a', 'id': none} | xmlattr | 1000 | filesizeformat | 1500000 | filesizeformat
1536 | filesizeformat(true) | 1 | filesizeformat | '42' | int | '4x' | int | '4.7' | int | 4.7 | int | none | int | 'ff' | int(base=16) | '0x1F' | int(0, 16) | ' 7 ' | int
'1.5' | float | 'x' | float | 'x' | float(2.5) | 3 | float | '1e3' | float | 'inf' | float | 2.5 | round | 3.5 | round | 2.567 | round(2) | 2.5 | round(method='ceil')
2.41 | round(1, 'floor') | 5 | round | 1234 | round(-2) | 2.675 | round(2) | 0.125 | round(2) | -2.5 | round | 1.0 | string | -5 | abs | -5.5 | abs | 'a' | abs
none | default('x') | missing | default('x') | missing | d | '' | default('x', true) | false | default('x', boolean=true) | 0 | default(1) | 'x' | safe | 5 | string | none | string
'%s is %d' | format('a', 5) | '%(a)s' | format(a=1) | '%5.2f|%-5s|%05d|%x|%e' % (3.14159, 'ab', 42, 255, 12345.678) | '%s' % 'x' | '%d%%' % 5 | '%s' % none | '%r' % 'a' | '%d' % 'a' | '%s %s' % 'a'
'%s' % ('a', 'b') | '%g' % 0.0001 | '%g' % 1e10 | '%G' % 1e-10 | '%+d' % 5 | '% d' % 5 | '%c' % 65 | '%o' % 8 | '%#x' % 255 | '%i' % 2.9 | '%.3s' % 'abcdef' | '%*d' % (5, 42)
'{}-{}'.format(1, 2) | '{0}{1}{0}'.format('a', 'b') | '{a}'.format(a=1) | '{:>5}|{:<5}|{:^5}|'.format('a', 'b', 'c') | '{:05d}'.format(42) | '{:,}'.format(1234567) | '{:.2f}'.format(3.14159)
'{:x}'.format(255) | '{:#b}'.format(5) | '{:%}'.format(0.25) | '{:e}'.format(12345.0) | '{:*^9}'.format('mid') | '{!r}'.format('a') | '{{}}'.format() | '{a[0]}{b.c}'.format(a=[1], b={'c': 2}) | '{}'.format()
'{:{}}'.format('a', 4) | '{:+}'.format(3) | '{:g}'.format(1e20) | '{:10.3}'.format(3.14159) | '{:_}'.format(1000000) | '{:s}'.format('a') | '{:d}'.format('a') | '{x}'.format_map({'x': 5}) | '}'.format()
'a b  c'.split() | 'a,b,,c'.split(',') | 'a b c d'.split(' ', 1) | 'a b c d'.split(maxsplit=2) | 'a b c d'.rsplit(' ', 1) | 'a  b c'.rsplit(maxsplit=1) | 'a'.split('') | ''.split() | ''.split(',') | 'a\nb\r\nc'.splitlines() | 'a\nb'.splitlines(true) | ' a '.strip() + '|'
'\n\n  x'.lstrip('\n') + '|' | 'x  \n'.rstrip() + '|' | '\u00a0\u2003x\ufeff'.strip() | 'xyzax'.strip('xyz') | 'abc'.startswith('a') | 'abc'.startswith(('x', 'a')) | 'abc'.endswith('bc') | 'abc'.startswith('b', 1) | 'abcabc'.find('c') | 'abc'.find('z') | 'abcabc'.rfind('c') | 'abc'.index('z') | 'abc'.index('b') | 'aaa'.count('a')
'aXbX'.replace('X', '-') | 'aXbX'.replace('X', '-', 1) | 'abc'.upper() | 'ABC'.lower() | 'straße'.upper() | 'hello world'.title() | "they're".title() | 'hELLO'.capitalize() | 'aB'.swapcase() | 'abc'.isalpha() | '123'.isdigit() | 'a1'.isalnum() | ' '.isspace() | 'Ab'.istitle() | 'ab'.islower() | '٣'.isdecimal() | '½'.isnumeric()
','.join(['a', 'b']) | ','.join([1]) | 'a-b-c'.partition('-') | 'a-b-c'.rpartition('-') | 'abc'.partition('-') | 'prefix-x'.removeprefix('prefix-') | 'x.txt'.removesuffix('.txt') | '42'.zfill(5) | '-42'.zfill(5) | 'ab'.ljust(5) + '|' | 'ab'.rjust(5, '*') | 'ab'.center(6, '*') | 'abc'.center(6) + '|' | 'a\tb'.expandtabs(4) | 'abc'.nomethod | 'abc'.nomethod()
[1, 2, 1].count(1) | [1, 2].index(2) | [1, 2].index(5) | [1].append(2) | [1].append | {'a': 1}.get('a') | {'a': 1}.get('b') | {'a': 1}.get('b', 'd') | {'a': none}.get('a', 'd') | {'a': 1}.items() | {'a': 1}.keys() | {'a': 1}.values() | {'a': 1}.items() | list | {'a': 1}.update({}) | {'a': 1}.pop('a') | {'a': 1}.items()[0]
{'a': 1}.__class__ | ''.__class__ | ''.__class__.__mro__ | 1.5.is_integer() | dict(a=1, b=2) | dict({'a': 1}, b=2) | dict([('a', 1)]) | namespace(a=1).a | namespace(_a=1) | [1, 2] | tojson | {'a': 'é"\n', 'b': [1.0, 2.5, none, true]} | tojson | {'b': 1, 'a': 2} | tojson(sort_keys=true) | [] | tojson(indent=2) | {'a': [1, {}], 'b': {}} | tojson(indent=4) | {'a': 1} | tojson(separators=(',', ':')) | 'é😀' | tojson(ensure_ascii=true) | (1, 2) | tojson | {1: 2, none: 3, true: 4} | tojson | missing | tojson | range(2) | tojson | '</a>&' | tojson | 1e20 | tojson | {'a': 1}.items() | tojson | '\x7f\u2028' | tojson
raise_exception('no') | strftime_now('%d %b %Y') | strftime_now('%-d/%-m/%y %H:%M:%S %p %j %A %B %U %W %V %%') | strftime_now('%Y-%m-%dT%H:%M:%S %e|%k|%l|%I|%D|%F|%R|%T|%C|%G|%u|%w') | cycler('a', 'b').next() | joiner(', ')() | nofunction() | 5() | 'a' is notest | 'a' | nofilter | range(100001) | 'a'.center(3)('x')
[1, 2, 3] | first if true else 'x' | 'a' | upper ~ 'b' | -1 | abs | - 1 | abs | 'a' 'b' | upper | [[1, 2], [3, 4]] | map('last') | list | [[1, 'b'], [0, 'a']] | sort | {'a': {'b': [10, 20]}}.a.b.1 | 'x' if missing is defined and missing.y else 'z' | 1 if true else 2 ~ 'x' | [*[1]] | {**{}} | lambda | 1 +
"""

STATEMENTS = [
    "{% for a, b in [(1, 2), (3, 4)] %}{{ a }}{{ b }};{% endfor %}",
    "{% for a, b in [(1, 2, 3)] %}{{ a }}{% endfor %}",
    "{% for a in [1] %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{% endfor %}",
    "{% for a in [1, 2, 3] %}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.previtem }}{{ loop.nextitem }};{% endfor %}",
    "{% for a in [1, 2, 3] %}{{ loop.cycle('x', 'y') }}{{ loop.depth }}{{ loop.changed(a // 2) }}{% endfor %}",
    "{% for a in [] %}x{% else %}none{% endfor %}",
    "{% for a in [1, 2] %}{{ a }}{% break %}{% else %}none{% endfor %}",
    "{% for a in [1, 2] %}{% if a == 2 %}{% break %}{% endif %}{{ a }}{% else %}none{% endfor %}",
    "{% for a in [1, 2] %}{{ a }}{% continue %}{% else %}none{% endfor %}",
    "{% for a in [1] %}{{ whole }}{% endfor %}{% set whole = 5 %}{{ whole }}",
    "{{ whole }}{% for a in [1] %}{{ whole }}{% endfor %}{% set whole = 5 %}",
    "{% for a in [1] %}{{ whole }}{% endfor %}{% if a %}{% set whole = 5 %}{% endif %}{{ whole }}",
    "{% for a in [1, 2] %}{% for b in [1] %}{{ whole }}{% endfor %}{% set whole = 5 %}{% endfor %}",
    "{% macro f() %}{{ whole }}{% endmacro %}{{ f() }}{% set whole = 5 %}{{ f() }}",
    "{% for a in [1, 2, 3] if a != 2 %}{{ loop.index }}:{{ a }}/{{ loop.length }} {% else %}none{% endfor %}",
    "{% for a in [1, 2, 3] %}{% if a == 2 %}{% continue %}{% endif %}{{ a }}{% endfor %}",
    "{% for a in [1, 2, 3] %}[{{ a }}]{% if a == 2 %}{% break %}{% endif %}{% endfor %}",
    "{% for a in [1, 2] %}{% for b in 'xy' %}{% if b == 'y' %}{% break %}{% endif %}{{ a }}{{ b }}{% endfor %}.{% endfor %}",
    "{% break %}",
    "{% for a in 5 %}{% endfor %}",
    "{% for a in none %}{% endfor %}",
    "{% for a in missing %}x{% endfor %}ok",
    "{% for k in {'a': 1, 'b': 2} %}{{ k }}{% endfor %}",
    "{% for k, v in {'a': 1}.items() %}{{ k }}={{ v }}{% endfor %}",
    "{% for k, v in {'a': 1} | dictsort %}{{ k }}={{ v }}{% endfor %}",
    "{% for a in [[1, [2]], [3]] recursive %}{% if a is iterable %}({{ loop(a) }}){% else %}{{ a }}d{{ loop.depth }}{% endif %}{% endfor %}",
    "{% for a in [1, 2] | map('string') %}{{ a }}{{ loop.last }}{% endfor %}",
    "{% set x = 1 %}{% for a in [1] %}{% set x = 2 %}{{ x }}{% endfor %}{{ x }}",
    "{% set ns = namespace(x=1) %}{% for a in [1] %}{% set ns.x = 2 %}{% endfor %}{{ ns.x }}{{ ns.y }}",
    "{% set ns = namespace() %}{% set ns.a, b = 1, 2 %}{{ ns.a }}{{ b }}",
    "{% set x.y = 1 %}",
    "{% set m = {} %}{% set m.y = 1 %}",
    "{% set a, b = [1, 2] %}{{ a }}{{ b }}",
    "{% set a = 1, 2 %}{{ a }}",
    "{% set x %}a{{ 1 }}b{% endset %}{{ x }}|{{ x is string }}",
    "{% set x | upper %}ab{% endset %}{{ x }}",
    "{% set x | replace('a', 'c') | upper %}ab{% endset %}{{ x }}",
    "{% if x is defined %}a{% elif 1 %}b{% else %}c{% endif %}",
    "{% if 0 %}a{% elif [] %}b{% else %}c{% endif %}",
    "{% if 1 %}{% set y = 5 %}{% endif %}{{ y }}",
    "{% macro f(a, b=2, c=a) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ f(1) }}|{{ f(1, c=3) }}|{{ f() }}",
    "{% macro f(a) %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, 3, x=4) }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(b=1) }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(none) }}{{ f(a=none) }}{{ f.name }}{{ f.arguments }}",
    "{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}",
    "{% macro f() %}{{ x }}{% endmacro %}{% set x = 1 %}{{ f() }}",
    "{% macro f() %}{{ loop }}{% endmacro %}{% for a in [1] %}{{ f() }}{% endfor %}",
    "{% macro f() %}[{{ caller() }}]{% endmacro %}{% call f() %}in{% endcall %}",
    "{% macro f() %}[{{ caller(1, 2) }}]{% endmacro %}{% call(a, b) f() %}{{ a + b }}{% endcall %}",
    "{% macro f() %}{{ caller is defined }}{% endmacro %}{{ f() }}",
    "{% filter upper %}a{{ 'b' }}{% endfilter %}",
    "{% filter indent(2) | trim %}\na\nb\n{% endfilter %}",
    "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}",
    "{% with a = 1 %}{% with b = a %}{{ b }}{% endwith %}{% endwith %}",
    "{% generation %}text {{ 1 }}{% endgeneration %}",
    "{% generation %}{% set x = 1 %}{% endgeneration %}{{ x }}",
    "{% block a %}x{% endblock %}",
    "{% raw %}{{ x }}{% if %}{% endraw %}",
    "a\n  {% raw %}\n b {%- endraw %}\n c",
    "{% print 1, 'a' %}",
    "{% autoescape true %}x{% endautoescape %}",
    "{% include 'x' %}",
    "{% import 'x' as y %}",
    "{% unknown %}",
    "{% if 1 %}",
    "{% endif %}",
    "{{ 1",
    "{{ }}",
    "{% for a in %}{% endfor %}",
    "{# comment #}a{# b",
    "{{ {'a': {'b': 1}} }}",
    "{{ {'a': 1}}}",
    "{{ '}}' }}{{ '%}' }}",
    "{{ ( }}",
    "{{ [1, 2 }}",
    "a\n{% if 1 %}\nb\n{% endif %}\nc\n",
    "a\n  {% if 1 %}  \n  b\n  {% endif %}\nc",
    "a\n  {%+ if 1 %}b{% endif +%}\nc",
    "a \n {%- if 1 -%} \n b \n {%- endif -%} \n c",
    "a  {{- 1 -}}  b",
    "  {{ 1 }}  \n  {# c #}\n  x {# d #} y",
    "  {#- c -#}  x",
    "{{ 1 }}\n{{ 2 }}\n",
    "x\n\n",
    "\n",
    "a\r\nb\rc\r\n{% if 1 %}\r\nd{% endif %}",
    "{{ 'a\r\nb' }}",
    "{%- set a = 1 -%}\n\n{{ a }}",
    "{% set a = 1 %}\t\n{% set b = 2 %}{{ a }}{{ b }}",
    "{{ messages[0].role }}{{ messages[0]['content'] }}{{ messages | length }}{{ messages[0].missing is defined }}",
    "{{ messages[0] }}{{ messages[0] | tojson }}{{ messages[0].items() | list }}",
    "{{ bos_token + messages[0]['role'] }}{{ eos_token }}{{ unk_token is defined }}",
    "{% for m in messages %}{{ m.role | capitalize }}: {{ m.content | trim }}{{ '\\n' if not loop.last }}{% endfor %}",
    "{{ number }}|{{ whole }}|{{ nested.list[1].x }}|{{ nested }}|{{ nested | tojson(indent=2) }}|{{ flag and 'on' }}",
    "{{ nested.list | map(attribute='x') | select('defined') | list }}{{ nested | length }}{{ nested.list[5] }}{{ nested.q.r }}",
    "{%- for t in tools %}{{ t.function.name }}({{ t.function.parameters.properties | dictsort }}){{ t | tojson }}{% endfor %}",
]

# Numbers and sizes beyond what there can be, a line each.
EXTREMES = r"""
'%c' % 65
'%c' % 652147483648
'%c' % -1
'%c' % 'ab'
'%c' % 'é'
'%c' % 1.5
'%c' % true
'%c' % ''
'%x' % 1.5
'%o' % 2.0
'%X' % 255
'%d' % 1.9
'%d' % 1e400
'%i' % -1e400
'%d' % '5'
'%x' % (2 ** 70)
'%d' % (2 ** 70)
'%e' % (2 ** 70)
'%f' % 1e400
'{:x}'.format(1.5)
'{:c}'.format(65)
'{:c}'.format(1114112)
'{:c}'.format(-1)
'{:c}'.format(1.5)
'{:b}'.format(1.0)
'{:o}'.format(2 ** 70)
'{:x}'.format(2 ** 70)
'{:b}'.format(true)
'{:d}'.format(2 ** 70)
'{:d}'.format(true)
'{:n}'.format(1234)
'{:n}'.format(1.5)
'{:s}'.format(1)
'{:d}'.format('a')
'{:.3}'.format(2 ** 70)
'{:,}'.format(2 ** 70)
'{:.2f}'.format(true)
'{:5}'.format(true)
'{:5}'.format(none)
'12'|int(0, 1)
'12'|int(0, 99)
'12'|int(0, -5)
'zz'|int(0, 36)
'12'|int(7, 0)
'0x1f'|int(0, 0)
'0x1f'|int(0, 16)
'1_0'|int
'1e400'|int
1e400|int
(2 ** 70)|int
'99999999999999999999'|int
(2 ** 70).bit_length()
(1.5).bit_length()
(5).bit_length()
true.bit_length()
(1.5).is_integer()
2 ** 1000
2 ** 20000
2 ** -1000
0 ** -1
1e308 * 10
2 ** 0.5
(2 ** 70) % 7
(2 ** 70) // 7
(2 ** 70) / 7
(2 ** 70) * 1.5
(2 ** 70) == 2.0 ** 70
-(2 ** 70)
(2 ** 70)|round
1.5|round(400)
1.5|round(-400)
12345|round(-2)
1e400|round
'a' * (2 ** 70)
[1] * (2 ** 70)
'a' * -5
[] * 2147483648
() * 2 ** 70
'' * 2 ** 70
[1, 2][2 ** 70:]
[1, 2][:2 ** 70]
[1, 2][::2 ** 70]
[1, 2][::0]
'abc'[2 ** 70]
'abc'.center(2 ** 70)
'abc'.zfill(7.0)
'abc'.find('c', -2 ** 70)
'abc'[1.5:]
range(2 ** 70)
range(0, 10, 3)|list
range(10, 0, -3)|list
range(5)[1:3]
range(5)[-1]
'a'|indent(2 ** 70)
'a'|indent(-1)
'a b'|wordwrap(0)
'a b c'|wordwrap(3)
'a'|truncate(-1)
'aaaaaaaaaaaa'|truncate(5, true, '..', 0)
[1, 2, 3]|slice(0)|list
'x'|filesizeformat
1e400|filesizeformat
(2 ** 100)|filesizeformat
-5|filesizeformat
{'a': 1}|tojson(2 ** 70)
1e400|tojson
(2 ** 70)|tojson
'\U00110000'
'\777'
'a\tb'.expandtabs(-1)
'%(a' % {'a': 1}
'%' % 1
'%5' % 1
'%.5' % 1
'%-' % 1
'%s' % (1, 2)
'%(a)s%s' % {'a': 1}
'%*d' % (2 ** 70, 1)
'{0.__class__}'.format(1)
'{0[a]}'.format({'a': 1})
'{0[-1]}'.format([1])
'{:{}}'.format(1, 5)
'{:{:{}}}'.format(1, 5, 2)
'{!x}'.format(1)
'{!}'.format(1)
'{:!}'.format(1)
'{a!r:>5}'.format(a='b')
'{0}{}'.format(1, 2)
'{-1}'.format(1)
""".strip().split("\n")
