"""JSON as the answer: asked for in words, and whether an output is it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from classify.classifiers.instruction_following.check import Check
from classify.classifiers.instruction_following.sentences import Sentence

_DO = (
    r"(?:respond|reply|answer|return|output|outputs|provide|give|format|formatted|wrap|wrapped"
    r"|write"
    r"|produce|generate|present|deliver|print|emit|express|put)"
)
_JSON_ONLY = re.compile(
    rf"\b(?:{_DO}|must be|should be|be)\s+(?:\w+\s+){{0,3}}?(?:only\s+)?(?:with|in"
    rf"|as)?\s*(?:only\s+)?(?:an?\s+)?"
    r"(?:valid |raw |single |pure |strict |well-formed )*json\b(?!\.\w)(?! schema| responses?"
    r"| bod(?:y|ies)| file| path| api"
    r"| parser| web)"
    r"|\bjson only\b|\bonly (?:valid |raw )?json\b"
    r"|\b(?:entire|whole|complete) (?:output|response|answer|reply|text)\b[^.\n]{0,60}\bjson\b",
    re.I,
)
_JSON = re.compile(
    rf"\b(?:{_DO}|use|want|need|in|as)\b[^.\n]{{0,60}}\b(?:in|as|with|use|using)\s+(?:an?\s+"
    rf"|the\s+)?(?:valid )?json(?: format| object| array| block)?\b",
    re.I,
)
#: Where the answer is not named.
_JSON_ORDER = re.compile(
    r"^\W{0,6}(?:(?:please|always|only|you must|must|just)\s+){0,3}(?:return|output|provide|give)\b"
    r"|\bonly (?:valid |raw )?json\b|\bjson only\b",
    re.I,
)
_OF_JSON = re.compile(
    r"\b(?:from json|this json|the json|json (?:schema|file|input|below|above|data|string|path"
    r"|api|parser|web)|parse|explain|convert|difference|what is|tool|function|arguments?)\b",
    re.I,
)
_FENCED = re.compile(r"```(?:\w{1,12})?\s*\n?([^`]{1,60000})```")


def read(sentence: Sentence) -> Iterator[Check]:
    text = sentence.asked
    if "json" not in text.lower() or _OF_JSON.search(text):
        return
    if not sentence.loose and _JSON_ORDER.search(text) is None:
        return
    if _JSON_ONLY.search(text):
        yield Check(
            "JSON",
            sentence.text,
            lambda output: "" if is_json(output) else "the output is not JSON",
        )
    elif _JSON.search(text):
        yield Check(
            "JSON",
            sentence.text,
            lambda output: "" if has_json(output) else "the output has no JSON",
        )


def is_json(output: str) -> bool:
    """Whether the whole output is JSON, in a fence or not."""
    bare = output.strip()
    if bare.startswith("```") and bare.endswith("```") and len(bare) > 6:
        bare = re.sub(r"^```\w{0,12}", "", bare)[:-3]
    return _is_json(bare)


def has_json(output: str) -> bool:
    """Whether a fenced block of it, or all that is between its first and last brace, is JSON."""
    if is_json(output) or any(_is_json(m[1]) for m in _FENCED.finditer(output)):
        return True
    for begin, end in ("{}", "[]"):
        at, to = output.find(begin), output.rfind(end)
        if 0 <= at < to and _is_json(output[at : to + 1]):
            return True
    return False


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
