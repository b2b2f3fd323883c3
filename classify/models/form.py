"""The text, or pair of texts, that each head of the encoder sees.

Training and the running service both build their inputs here, from plain pieces, so that a model is
asked in the words it was trained on. Every function is pure and total: any text is allowed.

An input holds at most MAX_TOKENS tokens. What is longer is the caller's to cut, by one rule:
jailbreak, prompt_injection, toxicity, and the first text of hallucination and the second of
retrieval_relevance are read in overlapping windows (windows.py), each window being one input, and
the worst (for relevance the best) window counts. Training on such texts must cut them alike, and
give a window the label 1 only where what makes the text fail is in it. All other pieces are
shortened here, by `excerpt`, to a stated number of characters, so that they always fit.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

MAX_TOKENS = 256
"""Longest input in tokens, with the special ones."""

Pair = tuple[str, str]

#: Turns of a conversation that user_frustration sees.
MAX_TURNS = 6

_FIRST_TEXT = 400
_OUTPUT = 550
#: Of arguments: what is nested deeper is shown as '…'.
_MAX_DEPTH = 20
_SPACES = re.compile(r"[^\S\n]+")
_LINES = re.compile(r"\s*\n\s*")
#: Zero-width and direction marks, variation selectors, soft hyphen: used to cut words in two.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000\U000e0001\U000e0100-\U000e01ef]"
)
#: Combining marks in a row.
_MAX_MARKS = 30
#: What such a run is among, and rare enough to look further.
_RUN = re.compile(rf"[^\w\s]{{{_MAX_MARKS + 1}}}")
#: Tag characters: ASCII in an invisible copy, which models read.
_TAGS = {0xE0000 + code: code for code in range(0x20, 0x7F)}


def cleaned(text: str) -> str:
    """Compatibility forms (fullwidth, mathematical letters) as plain letters, invisible characters
    out, hidden tag characters shown, runs of white space as one."""
    if not text.isascii():
        # Half a surrogate pair can't be encoded.
        text = text.encode(errors="replace").decode()
        text = _INVISIBLE.sub("", text.translate(_TAGS))
        if _RUN.search(text):
            text = _marks().sub(r"\1", text)
        text = unicodedata.normalize("NFKC", text)
    return _LINES.sub("\n", _SPACES.sub(" ", text)).strip()


@cache
def _marks() -> re.Pattern[str]:
    """A run of combining marks that is longer than any language's: putting it in order takes the
    square of its length. See Unicode Standard Annex 15, Stream-Safe Text Format."""
    marks = "".join(c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.combining(c))
    return re.compile(f"([{marks}]{{{_MAX_MARKS}}})[{marks}]+")


def excerpt(text: str, characters: int) -> str:
    """At most `characters`: the first three fifths and the last two, with ' … ' between."""
    if len(text) <= characters:
        return text
    head = characters * 3 // 5
    return f"{text[:head].rstrip()} … {text[head + 3 - characters :].lstrip()}"


def jailbreak(text: str) -> str:
    """One message of the user, or a window of it. 1: tries to make the model drop its rules."""
    return cleaned(text)


def prompt_injection(text: str, fetched: bool = True) -> str:
    """A document or a tool's result (``fetched``), or user input, or a window of it: 'document: …',
    'message: …'. A task is what a message is for, and does not belong in a document. 1: holds
    instructions that somebody else than the developer or the user put there for the model."""
    return f"{'document' if fetched else 'message'}: {cleaned(text)}"


def toxicity(text: str) -> str:
    """What a user or a model wrote, or a window of it. 1: insults, threatens or hates."""
    return cleaned(text)


def user_frustration(turns: Sequence[tuple[str, str]]) -> str:
    """(role, text) of a conversation, oldest first, ending with the user's turn that is judged.

    The last turns that fit into 900 characters, at most MAX_TURNS, one line each: 'user: …',
    'assistant: …'. The user's turns keep 360 characters each, the others 120. 1: the user is
    annoyed, repeats the request in vain, complains or gives up.
    """
    lines: list[str] = []
    left = 900
    for role, text in reversed(turns[-MAX_TURNS:]):
        kept = excerpt(_one_line(text), 360 if role == "user" else 120)
        line = f"{'user' if role == 'user' else 'assistant'}: {kept}"
        left -= len(line)
        if left < 0 and lines:
            break
        lines.append(line)
    return "\n".join(reversed(lines))


def hallucination(evidence: str, claim: str) -> Pair:
    """A window of the context, and one claim (sentence) of the answer, at most 300 characters of
    it. 1: the claim is contradicted by the evidence, or not in it."""
    return cleaned(evidence), excerpt(_one_line(claim), 300)


def retrieval_relevance(query: str, passage: str) -> Pair:
    """A question, at most 400 characters of it, and a window of a document. 1: the document says
    nothing that helps to answer it (scores are 'higher is worse' everywhere)."""
    return excerpt(_one_line(query), _FIRST_TEXT), cleaned(passage)


def goal_completion(request: str, outcome: str) -> Pair:
    """What the user asked for, at most 400 characters of it, and what came of it, as `outcome`
    tells it. 1: not done, given up, refused, or only promised."""
    return excerpt(_one_line(request), _FIRST_TEXT), excerpt(cleaned(outcome), _OUTPUT)


def outcome(answer: str, steps: Sequence[tuple[str, Any, str, bool]] = ()) -> str:
    """What came of a request, at most 550 characters: the last four tool calls, each a line
    'name(arguments) -> result' or '-> error: …', then 'answer: …'.

    A step is (tool name, arguments as text or decoded JSON, result, whether it failed).
    """
    lines = [
        f"{excerpt(call(name, arguments), 45)} -> {'error: ' if failed else ''}"
        f"{excerpt(_one_line(result), 35)}"
        for name, arguments, result, failed in steps[-4:]
    ]
    done = "\n".join(lines)
    left = _OUTPUT - len(done) - len("\nanswer: ")
    lines.append(f"answer: {excerpt(_one_line(answer), left) or '(none)'}")
    return "\n".join(lines)


def forgetfulness(earlier: str, later: str) -> Pair:
    """A statement from earlier in the session and a later one of the assistant, as `said` gives
    them. 1: the later one contradicts the earlier, or asks again for what it told."""
    return excerpt(_one_line(earlier), _FIRST_TEXT), excerpt(_one_line(later), _FIRST_TEXT)


def said(role: str, text: str) -> str:
    """'user: …' or 'assistant: …', in one line."""
    return f"{'user' if role == 'user' else 'assistant'}: {_one_line(text)}"


def instruction_following(instruction: str, output: str) -> Pair:
    """The instructions that the output had to follow, at most 400 characters, and the output, at
    most 550. 1: it breaks or misses one."""
    return excerpt(_one_line(instruction), _FIRST_TEXT), excerpt(cleaned(output), _OUTPUT)


def tool_call(request: str, call: str) -> Pair:
    """What was asked for, and one tool call as `call` tells it. 1: another tool or other arguments
    were needed, or none at all."""
    return excerpt(_one_line(request), _FIRST_TEXT), excerpt(_one_line(call), _OUTPUT)


def call(name: str, arguments: Any, description: str = "") -> str:
    """'name(city=Paris, days=3)', and ' # description' (at most 120 characters) where known."""
    if isinstance(arguments, Mapping):
        told = ", ".join(f"{key}={_value(value)}" for key, value in arguments.items())
    elif arguments is None:
        told = ""
    else:
        told = _value(arguments)
    text = f"{name}({told})"
    return f"{text} # {excerpt(_one_line(description), 120)}" if description else text


def _value(value: Any, depth: int = 0) -> str:
    if depth >= _MAX_DEPTH and isinstance(value, (Mapping, list, tuple)):
        return "…"
    if isinstance(value, Mapping):
        told = (f"{key}={_value(each, depth + 1)}" for key, each in value.items())
        return "{" + ", ".join(told) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(each, depth + 1) for each in value) + "]"
    return "null" if value is None else str(value)


def _one_line(text: str) -> str:
    return cleaned(text).replace("\n", " ")


#: Head to the function that makes its input.
FORMS: dict[str, Callable[..., str | Pair]] = {
    "jailbreak": jailbreak,
    "prompt_injection": prompt_injection,
    "toxicity": toxicity,
    "user_frustration": user_frustration,
    "hallucination": hallucination,
    "retrieval_relevance": retrieval_relevance,
    "goal_completion": goal_completion,
    "forgetfulness": forgetfulness,
    "instruction_following": instruction_following,
    "tool_call": tool_call,
}
