"""What jinja2 makes of templates in transformers' environment, which the tests beside this file compare with.

    python templates.py > templates.json

Needs transformers and jinja2. Each entry is [template, text], or [template] where jinja2 refuses it. Conversations are
rendered as apply_chat_template does; the date is 5 July 2024, 09:08:07.
"""

import datetime
import json
import sys

from transformers.utils import chat_template_utils

from templates_chats import CHATS
from templates_snippets import EXPRESSIONS, EXTREMES, STATEMENTS

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Says <what> it's like & 'more'",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "enum": [1, 2]}},
            "required": ["city"],
        },
    },
}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": {"city": 'Paris "é"', "t": 1.5, "n": None}}}
CONVERSATIONS = [
    {"messages": [{"role": "user", "content": "Hello"}], "add_generation_prompt": True},
    {
        "messages": [
            {"role": "system", "content": " Be kind. "},
            {"role": "user", "content": "Hi \n"},
            {"role": "assistant", "content": "\n\n  indented é😀 "},
            {"role": "user", "content": "more"},
        ],
        "add_generation_prompt": True,
    },
    {
        "messages": [
            {"role": "user", "content": "weather?"},
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "content": '{"t": 20}'},
            {"role": "assistant", "content": "<think>\nwarm\n</think>\n\n20"},
        ],
        "tools": [TOOL],
    },
    {
        "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "reasoning": "because"}],
        "kwargs": {"extra": {"k": 1.5, "l": [None, True]}},
    },
    {"messages": [{"role": "user", "content": "q"}], "add_generation_prompt": True, "kwargs": {"enable_thinking": False}},
    {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "Sure, "}], "continue_final_message": True},
    {"messages": [{"role": "user", "content": "q"}, {"role": "user", "content": "again"}]},
]
PARTS = {"messages": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "what?"}]}]}

VARIABLES = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "number": 1.5,
    "whole": 3,
    "flag": True,
    "nested": {"list": [{"x": 1}, {"x": "two"}, {}], "é": None},
}


class Fixed(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 5, 9, 8, 7)


chat_template_utils.datetime = Fixed


def render(template, messages, tools=None, kwargs=None, **options):
    messages = [{k: v for k, v in message.items() if v is not None} for message in messages]
    try:
        rendered, _ = chat_template_utils.render_jinja_template(
            conversations=[messages], tools=tools, chat_template=template, **options, **(kwargs or VARIABLES)
        )
        return [rendered[0]]
    except Exception:
        return []


def expressions():
    for line in EXPRESSIONS.replace("\nline'", "\\nline'").strip().split("\n"):
        # A bar with spaces around parts two expressions; where what follows begins with a filter's name it is that.
        parts = line.split(" | ")
        current = None
        for part in parts:
            name = part.split("(")[0].split(" ")[0]
            if current is not None and name in FILTERS:
                current += " | " + part
                continue
            if current is not None:
                yield current
            current = part
        yield current


FILTERS = set(chat_template_utils._compile_jinja_template("").environment.filters) | {"nofilter"}
MESSAGES = [{"role": "user", "content": " Hi "}, {"role": "assistant", "content": "yes"}]
snippets = ["{{ " + expression + " }}" for expression in [*expressions(), *EXTREMES]] + STATEMENTS
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>"}


def chat(template, conversation):
    return render(template, **{**conversation, "kwargs": {**SPECIAL, **conversation.get("kwargs", {})}})


chats = {name: [chat(template, one) for one in CONVERSATIONS] for name, template in CHATS.items()}
json.dump(
    {
        "variables": VARIABLES,
        "messages": MESSAGES,
        "tools": [TOOL],
        "snippets": [[template, *render(template, MESSAGES, [TOOL])] for template in snippets],
        "conversations": CONVERSATIONS,
        "chats": [{"name": name, "template": CHATS[name], "texts": texts} for name, texts in chats.items()],
        "parts": [PARTS, *render(CHATS["macros over parts"], **PARTS)],
    },
    sys.stdout,
    ensure_ascii=False,
    indent=1,
)
