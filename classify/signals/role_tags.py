"""Marks of a conversation inside of a text: a model's chat template, made-up turns, many examples.

What begins with such a mark is a prompt that a developer's program has put together, as models are
given it: of it, only what the user's turns hold is data.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

#: Marks of chat templates (ChatML, Llama 2 and 3, Mistral, Gemma, Phi, Zephyr, Vicuna, Alpaca).
_TEMPLATE = re.compile(
    r"<\|(?:im_start|im_end|system|user|assistant|end|endoftext|eot_id|start_header_id|"
    r"end_header_id|begin_of_text|end_of_text|im_sep|endofprompt|channel|message|start)\|>|"
    r"\[/?INST\]|<</?SYS>>|\[/?SYSTEM(?:_PROMPT)?\]|<(?:start|end)_of_turn>|"
    r"(?m:^[ \t]*#{2,4}[ \t]*(?:System|Human|User|Assistant|Instructions?|Response|Input)[ \t]*:)"
)
_SYSTEM_TAG = re.compile(
    r"(?i)<\s?/?\s?(?:system|system_prompt|system_message|system-reminder|admin|admin_override|"
    r"developer|instructions?|important|user_query|assistant_response)(?:\s[^>\n]{0,80})?>|"
    r"\{\s*[\"']role[\"']\s*:\s*[\"'](?:system|developer)[\"']"
)
#: A turn at the beginning of a line.
_TURN = re.compile(
    r"(?im)^[ \t>*_\"']{0,4}(system|system message|system prompt|system note|user|human|assistant|"
    r"ai|chatgpt|gpt|bot|model|developer|admin|q|a|question|answer)[ *_\"']{0,3}"
    r"[:：][ *_\"']{0,3}(?=\S)"
)
_SYSTEM = frozenset(
    ("system", "system message", "system prompt", "system note", "developer", "admin")
)
#: What whoever gives orders says right after such a mark.
_ORDER = re.compile(
    r"(?i)(?<!\w)(?:you (?:are|must|should|will|shall|can|may)|from now on|ignore|disregard|forget|"
    r"override|new (?:instructions?|task|rules?|directives?)|always|never|do not|don't|respond|"
    r"your (?:new|task|goal|instructions?|rules)|reply|answer|print|output|reveal|send|forward|"
    r"execute|say|call|the user)(?!\w)"
)
#: Characters after a mark in which the order stands.
_AFTER = 200
#: Lines of a user's turn in a prompt that a program put together.
_USER_TURN = re.compile(
    r"(?s)(?:<\|im_start\|>\s?user|<\|user\|>|<\|start_header_id\|>user<\|end_header_id\|>|"
    r"<start_of_turn>user|\[INST\])(.*?)(?=<\|im_end\|>|<\|end\|>|<\|eot_id\|>|<\|im_start\||<\|assistant|"
    r"<end_of_turn>|\[/INST\]|\Z)"
)
_SYS_BLOCK = re.compile(r"(?s)<<SYS>>.*?<</SYS>>")


@dataclass(slots=True, frozen=True)
class Mark:
    """``kind``: for people. ``start`` and ``end``: of the mark and what it orders."""

    kind: str
    start: int
    end: int


def user_turns(text: str) -> str:
    """What users said in a prompt that begins with a template's mark; else the text as it is."""
    first = _TEMPLATE.match(text.lstrip())
    if not first:
        return text
    turns = [_SYS_BLOCK.sub("", turn).strip() for turn in _USER_TURN.findall(text)]
    return "\n".join(turns) if turns else text


def orders(text: str) -> list[Mark]:
    """Marks within a text that give orders as if they came from the system. Not one that the text
    begins with: then the whole of it is such a prompt."""
    found = []
    for pattern, kind in (
        (_TEMPLATE, "a chat template's tag"),
        (_SYSTEM_TAG, "a tag of the system"),
    ):
        for mark in pattern.finditer(text):
            if not text[: mark.start()].strip() and pattern is _TEMPLATE:
                return []
            if order := _ORDER.search(text, mark.end(), mark.end() + _AFTER):
                found.append(Mark(kind, mark.start(), order.end()))
    for turn in _TURN.finditer(text):
        if turn.group(1).lower() not in _SYSTEM or not text[: turn.start()].strip():
            continue
        if order := _ORDER.search(text, turn.end(), turn.end() + 60):
            found.append(Mark("a turn of the system", turn.start(), order.end()))
    return found


@lru_cache(maxsize=64)
def turns(text: str) -> int:
    """How many turns of user and assistant are written out in it: many-shot attacks have dozens.
    See: Anil et al. 2024, Many-shot Jailbreaking."""
    names = [turn.group(1).lower() for turn in _TURN.finditer(text)]
    asked = sum(name in ("user", "human") for name in names)
    answered = sum(name in ("assistant", "ai", "chatgpt", "gpt", "bot", "model") for name in names)
    return min(asked, answered)
