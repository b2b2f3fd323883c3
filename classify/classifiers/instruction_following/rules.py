"""Instructions that can be checked without a model: limits of length, format, words to use or not.

Only plain, unconditional wording is read: 'at most 80 words', 'reply with JSON only', 'do not use
the word X', 'end with "Z"'. What stands beside 'if', 'unless' or 'for example' is left alone: a
missed failure is cheaper than a false alarm.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_NUMBERS = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve".split()
    )
}
_NUMBER = rf"(\d{{1,5}}|{'|'.join(_NUMBERS)})"
_UNIT = r"(words?|sentences?|characters?|letters?|paragraphs?|bullet points?|bullets?|lines?)"
_AT_MOST = re.compile(
    rf"\b(?:at most|no more than|not more than|maximum of|max\.?|up to|fewer than|less than|under"
    rf"|within|limit(?:ed)? to)\s+{_NUMBER}\s+{_UNIT}",
    re.I,
)
_AT_LEAST = re.compile(
    rf"\b(?:at least|no fewer than|no less than|minimum of|more than|over)\s+{_NUMBER}\s+{_UNIT}",
    re.I,
)
_EXACTLY = re.compile(
    rf"\b(?:exactly|in|using|with)\s+{_NUMBER}\s+(sentences?|paragraphs?|bullet points?|bullets?)",
    re.I,
)
_JSON = re.compile(
    r"\b(?:(?:respond|reply|answer|return|output)s?\s+(?:only\s+)?(?:with|in|as)?\s*(?:only\s+)?"
    r"(?:valid |a |raw )*json(?: only| object| array)?|json only|only (?:valid )?json)\b",
    re.I,
)
_QUOTED = r"[\"“'‘`]([^\"”'’`\n]{1,60})[\"”'’`]"
_WITHOUT = re.compile(
    rf"\b(?:do not|don['’]t|never|avoid)\s+(?:use|using|mention(?:ing)?|say(?:ing)?|include"
    rf"|including|write|writing)\s+(?:the\s+)?(?:words?|phrases?|terms?)?\s*{_QUOTED}",
    re.I,
)
_WITH = re.compile(
    rf"\b(?:must|always|should)\s+(?:include|contain|mention|use)\s+(?:the\s+)?"
    rf"(?:words?|phrases?|terms?)\s*{_QUOTED}",
    re.I,
)
_END = re.compile(
    rf"\b(?:end|finish|close)\s+(?:your\s+\w+\s+)?with\s+(?:the\s+\w+\s+)?{_QUOTED}", re.I
)
_START = re.compile(
    rf"\b(?:begin|start)\s+(?:your\s+\w+\s+)?with\s+(?:the\s+\w+\s+)?{_QUOTED}", re.I
)
_CASE = re.compile(
    r"\b(?:in|use)\s+(?:only\s+|all\s+)*(lower|upper)\s?-?case\b|\ball (caps)\b", re.I
)
_CONDITION = re.compile(r"\b(?:if|unless|when|where|except|for example|e\.g|such as|or)\b", re.I)
# A full stop within quotation marks ends none.
_SENTENCE = re.compile(r"(?:[\"“][^\"”\n]{1,60}[\"”]|[^.!?\n]|[.!?](?!\s|$))+")
_BULLET = re.compile(r"^[^\S\n]*(?:[-*•+]|\d+[.)])\s", re.M)
_BLANKS = re.compile(r"[^\S\n]+")
_FENCE = re.compile(r"^\s*```(?:json)?\s*|(?<!\s)\s*+```\s*$")
_END_OF_SENTENCE = re.compile(r"(?<![.!?])[.!?]++(?=\s|$)|\n")
#: Sentences that are held against the output; a prompt has a few dozen instructions.
_MOST = 100


_CHECKABLE = (_AT_MOST, _AT_LEAST, _EXACTLY, _JSON, _WITHOUT, _WITH, _END, _START, _CASE)


@dataclass(slots=True, frozen=True)
class Broken:
    """``instruction``: the words that were broken; ``how``: what the output did."""

    instruction: str
    how: str


def broken(instructions: str, output: str) -> list[Broken]:
    """Every instruction of the text that the output breaks."""
    found: list[Broken] = []
    checked = 0
    for match in _SENTENCE.finditer(instructions):
        # Runs of blanks as one: they take a pattern with several gaps long.
        sentence = _BLANKS.sub(" ", match[0]).strip()
        if not sentence or _CONDITION.search(sentence):
            continue
        if not any(pattern.search(sentence) for pattern in _CHECKABLE):
            continue
        found += [Broken(sentence, how) for how in _check(sentence, output)]
        checked += 1
        if checked == _MOST:
            break
    return found


def _check(sentence: str, output: str) -> Iterator[str]:
    for pattern, wrong, word in (
        (_AT_MOST, lambda has, limit: has > limit, "at most"),
        (_AT_LEAST, lambda has, limit: has < limit, "at least"),
    ):
        for number, unit in pattern.findall(sentence):
            yield from _length(number, unit, output, wrong, word)
    if not _AT_MOST.search(sentence) and not _AT_LEAST.search(sentence):
        for number, unit in _EXACTLY.findall(sentence):
            yield from _length(number, unit, output, lambda has, limit: has != limit, "exactly")
    if _JSON.search(sentence) and not _is_json(output):
        yield "the output is not JSON"
    for text in _WITHOUT.findall(sentence):
        if _has(output, text):
            yield f"the output uses “{text}”"
    for text in _WITH.findall(sentence):
        if not _has(output, text):
            yield f"the output does not use “{text}”"
    for text in _END.findall(sentence):
        if not output.rstrip(" \n\"”'.").lower().endswith(text.rstrip(" .").lower()):
            yield f"the output ends with “{output.rstrip()[-60:]}”"
    for text in _START.findall(sentence):
        if not output.lstrip(" \n\"“'#*").lower().startswith(text.lower()):
            yield f"the output begins with “{output.lstrip()[:60]}”"
    if case := _CASE.search(sentence):
        upper = case[2] or (case[1] or "").lower() == "upper"
        if output != (output.upper() if upper else output.lower()):
            yield f"the output is not all {'upper' if upper else 'lower'} case"


def _length(
    number: str, unit: str, output: str, wrong: Callable[[int, int], bool], word: str
) -> Iterator[str]:
    limit = _NUMBERS.get(number.lower()) if not number.isdigit() else int(number)
    if limit is None:
        return
    name = unit.lower().removesuffix("s")
    has = _count(name, output)
    # Counting is a matter of taste at the edge: hyphens, headings, a list's last line.
    slack = max(1, limit // 10) if name in ("word", "sentence", "character", "letter") else 0
    if word == "exactly":
        slack = 0 if limit > 2 or name != "sentence" else 1
    near = abs(has - limit) <= slack
    if wrong(has, limit) and not near:
        yield f"the output has {has} {name}s, {word} {limit} were asked for"


def _count(unit: str, text: str) -> int:
    if unit == "word":
        return len(text.split())
    if unit in ("character", "letter"):
        return len(text)
    if unit == "paragraph":
        return len([p for p in re.split(r"\n\s*\n", text) if p.strip()])
    if unit.startswith("bullet"):
        return len(_BULLET.findall(text))
    if unit == "line":
        return len([line for line in text.splitlines() if line.strip()])
    return sum(1 for part in _END_OF_SENTENCE.split(text) if re.search(r"\w", part))


def _is_json(text: str) -> bool:
    bare = _FENCE.sub("", text.strip())
    try:
        json.loads(bare)
    except (ValueError, RecursionError):
        return False
    return True


def _has(text: str, part: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(part)}(?!\w)", text, re.I) is not None
