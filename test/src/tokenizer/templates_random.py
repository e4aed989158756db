"""Random templates with what jinja2 makes of them in transformers' environment: tags, signs and white space of every kind.

    python templates_random.py SEED COUNT

Needs transformers and jinja2. Prints JSON: the variables, and [template, text] each; text is null where jinja2 refuses.
"""

import json
import random
import sys

from transformers.utils import chat_template_utils

random.seed(int(sys.argv[1]))

SPACES = ["\n", " ", "  ", "\t", "\n\n", " \n", "\n  ", "a", "b\n", " c ", "\r\n", "\u00a0", "\x0b", "\n\t"]
EXPRESSIONS = """
x;1;'s';[1,'a'];d;d.k;d['k'];d.items()|list;m|length;m[0].role;none;true;1.5;x is defined;zz is defined;'ab'|upper
m|map(attribute='role')|join(',');(1,2);x~1;'%s'%x;x if zz else 'e';{'a':1}|tojson;m[-1];m[1:];'a b'.split();x in 'xyz'
not x;1<2;loop.index;ns.v;f(1);f(x,2);d|dictsort;'  q '|trim;zz;zz|default('D');[3,1]|sort;'é😀'[1];-1;2**3;7//2;x[0];x*2
range(3)|list;d|length;m[0]|tojson;'a\\nb'|indent;[1,2]|sum;x.upper();m|selectattr('role','equalto','user')|list|length
'a,b'.split(',')[-1];d.get('k','n');d.get('q','n');x ~ none;y;y is defined
""".strip().replace("\n", ";").split(";")
LOOPS = ["i in m", "i in 'ab'", "k, w in d.items()", "i in [1,2,3] if i != 2", "i in zz", "i in range(2)"]


def expression():
    return random.choice(EXPRESSIONS)


def tag(inside):
    return random.choice(["{% ", "{%- ", "{%+ "]) + inside + random.choice([" %}", " -%}", " +%}"])


def printed():
    opened, closed = random.choice([("{{", "}}"), ("{{-", "}}"), ("{{", "-}}"), ("{{-", "-}}"), ("{{+", "}}")])
    return f"{opened} {expression()} {closed}"


def comment():
    return random.choice(["{#", "{#-", "{#+"]) + random.choice([" c ", "\n", ""]) + random.choice(["#}", "-#}", "+#}"])


def raw():
    opened = random.choice(["{% ", "{%- ", "{%+ "]) + "raw" + random.choice([" %}", " -%}"])
    return opened + random.choice([" {{x}} ", "\n{% if %}\n", " a"]) + tag("endraw")


def conditional(depth):
    text = tag("if " + expression()) + block(depth)
    if random.random() < 0.3:
        text += tag("elif " + expression()) + block(depth)
    if random.random() < 0.4:
        text += tag("else") + block(depth)
    return text + tag("endif")


def loop(depth):
    text = tag("for " + random.choice(LOOPS)) + block(depth)
    if random.random() < 0.2:
        text += tag("if " + expression()) + tag(random.choice(["break", "continue"])) + tag("endif")
    if random.random() < 0.2:
        text += tag("else") + block(depth)
    return text + tag("endfor")


def statement(depth):
    kind = random.random()
    if kind < 0.4:
        return conditional(depth)
    if kind < 0.75:
        return loop(depth)
    if kind < 0.85:
        return tag("macro f(a, b=1)") + block(depth) + tag("endmacro")
    if kind < 0.9:
        return tag("set y") + block(depth) + tag("endset")
    if kind < 0.95:
        return tag("filter upper") + block(depth) + tag("endfilter")
    return tag("with x = " + expression()) + block(depth) + tag("endwith")


def part(depth):
    kind = random.random()
    if kind < 0.35:
        return random.choice(SPACES)
    if kind < 0.6:
        return printed()
    if kind < 0.67:
        return comment()
    if kind < 0.7:
        return raw()
    if kind < 0.76:
        return tag("set x = " + expression())
    if kind < 0.79:
        return tag("set ns.v = " + expression())
    return statement(depth - 1) if depth > 0 else ""


def block(depth):
    return "".join(part(depth) for _ in range(random.randint(1, 5)))


HEAD = "{% set ns = namespace(v=0) %}{% macro f(a, b=2) %}<{{a}},{{b}}>{% endmacro %}"
VARIABLES = {
    "m": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "yo"}],
    "x": "xy",
    "d": {"k": 1, "j": [None]},
}
rows = []
while len(rows) < int(sys.argv[2]):
    template = HEAD + block(3)
    try:
        text = chat_template_utils._compile_jinja_template(template).render(**VARIABLES)
    except Exception:
        text = None
    # A function's address is nobody's business.
    if text is None or " at 0x" not in text:
        rows.append([template, text])
json.dump({"variables": VARIABLES, "rows": rows}, sys.stdout)
