"""Letter case, commas, quotation marks around all, how to begin and to end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from classify.classifiers.instruction_following.check import Check
from classify.classifiers.instruction_following.sentences import Sentence
from classify.classifiers.instruction_following.wording import CAPITAL_WORDS, QUOTED

_COMMA = re.compile(
    r"\b(?:no|not|without|never|refrain|avoid|don['’]t|any use|exclude|zero"
    r"|free)\b[^.\n]{0,50}\bcommas?\b"
    r"|\bcommas?\b[^.\n]{0,30}\b(?:not allowed|forbidden|prohibited|are not|must not|should not)\b",
    re.I,
)
_LOWER = re.compile(
    r"\b(?:all|only|entirely|completely|in|use)\b[^.\n]{0,30}\blower\s?-?\s?cased?\b"
    r"|\b(?:no|without|not)\b[^.\n]{0,30}\b(?:capital(?:i[sz]ed)?|upper\s?-?case) ?(?:letters?"
    r"|characters?)?\b"
    r"|\ball (?:letters )?lower\s?-?cased?\b|\bletters lower\s?-?cased?\b"
    r"|\bno capitali[sz]ations?\b|\blower\s?-?case (?:letters )?only\b",
    re.I,
)
_UPPER = re.compile(
    r"\b(?:all|only|entirely|completely|in|use)\b[^.\n]{0,30}\b(?:upper\s?-?\s?case"
    r"|capital letters|capitals|caps)\b"
    r"|\b(?:no|without|not|n['’]t)\b[^.\n]{0,30}\blower\s?-?case\b|\ball[ -]caps\b",
    re.I,
)
#: Case of a part of the answer.
_PART = re.compile(
    r"\b(?:words?|titles?|headings?|headlines?|keys?|names?|each|every|first|section|subject|some"
    r"|acronyms?|constants?|keywords?|variables?|column|table|sql|line)\b",
    re.I,
)
_END = re.compile(
    r"\b(?:end|ends|ending|finish|finishes|close|conclude|concludes)\s+(?:(?:it|your|the|this"
    r"|with|entire|whole|up|\w+)\s+){0,6}?"
    r"(?:by|with)\s+(?:(?:this|the|exactly|an?|exact|following|phrase|sentence|words?|line"
    r"|question|of|text|statement|:)\s*){0,6}[:,]?\s*"
    r"(?:\"([^\"\n]{2,200})\"|“([^”\n]{2,200})”|'([^'\n]{2,200})'(?!\w)|`([^`\n]{2,200})`)",
    re.I,
)
_END_UNQUOTED = re.compile(
    r"\b(?:end|finish"
    r"|conclude)\b[^\"“':\n]{0,60}\bwith\b[^\"“':\n]{0,30}\bexact"
    r" phrase\s?:?\s([A-Z][^\"“”\n]{3,150})$",
    re.I,
)
_LAST = re.compile(
    r"\b(?:very end|very last|last|final)\b[^\"“\n]{0,60}\b(?:read|reads|be|is|say"
    r"|says)\b[^\"“\n]{0,20}[\"“]([^\"”\n]{2,200})[\"”]"
    r"|\b(?:very )?(?:last|final) (?:sentence|words?|line|phrase|thing)\b[^.\"\n]{0,60}?(?:be|is"
    r"|say|read)s?\s*:?\s*[\"“]([^\"”\n]{2,200})[\"”]",
    re.I,
)
_START = re.compile(
    r"\b(?:begin|begins|start|starts|open)\s+(?:(?:it|your|the|this|with|entire|whole"
    r"|\w+)\s+){0,4}?with\s+"
    r"(?:(?:this|the|exactly|an?|exact|following|phrase|sentence|words?|line|greeting|of|text"
    r"|:)\s*){0,6}[:,]?\s*"
    r"(?:\"([^\"\n]{1,200})\"|“([^”\n]{1,200})”|'([^'\n]{2,200})'(?!\w)|`([^`\n]{1,200})`)",
    re.I,
)
_OF_PART = re.compile(
    r"\b(?:each|every|paragraph|section|line|bullet|item|stanza|verse|step|point)s?\b", re.I
)
_WRAP = re.compile(
    r"\b(?:wrap|enclose|surround|put|place)\w*\b[^.\n]{0,60}\b(?:double )?(?:quotation marks?"
    r"|quotations? marks?|quotes)\b"
    r"|\b(?:double )?(?:quotation marks|quotations marks|quotes) around (?:your|the) (?:whole"
    r"|entire|complete)\b",
    re.I,
)
_WHOLE = re.compile(
    r"\b(?:entire|whole|complete|full|your (?:response|answer|reply|output))\b", re.I
)
_EDGE = " \n\t\"“”'’`*_.!?#>)(…"


def read(sentence: Sentence) -> Iterator[Check]:
    """What a sentence asks of letters and edges."""
    if not sentence.loose:
        return
    yield from _case(sentence)
    yield from _edges(sentence)


def _case(sentence: Sentence) -> Iterator[Check]:
    text = sentence.asked
    if _COMMA.search(text):
        yield Check(
            "no commas",
            sentence.text,
            lambda output: "the output has commas" if "," in output else "",
        )
    lower, upper = _LOWER.search(text), _UPPER.search(text)
    if lower is not None and not _of_part(text, lower):
        yield Check("letter case", sentence.text, lambda output: _other_case(output, upper=False))
    elif upper is not None and not _of_part(text, upper) and not CAPITAL_WORDS.search(text):
        yield Check("letter case", sentence.text, lambda output: _other_case(output, upper=True))


def _of_part(text: str, match: re.Match[str]) -> bool:
    """Whether the clause speaks of words or titles, not of the whole answer."""
    clause = re.split(r"[,;(]|\band\b|\bbut\b", text[: match.start()])[-1] + match[0]
    return _PART.search(clause) is not None


def _other_case(output: str, *, upper: bool) -> str:
    plain = re.sub(r"https?://\S{1,300}", "", output)
    other = sum(1 for c in plain if (c.islower() if upper else c.isupper()))
    return f"the output is not all {'upper' if upper else 'lower'} case" if other else ""


def _edges(sentence: Sentence) -> Iterator[Check]:
    text = sentence.text
    if _WRAP.search(text) and (_WHOLE.search(text) or "double" in text.lower()):
        yield Check("quotation marks", sentence.text, _unquoted)
    if _OF_PART.search(QUOTED.sub(" ", text)):
        return
    unquoted = _END_UNQUOTED.search(text)
    if unquoted is not None:
        yield Check("end", sentence.text, _ends_otherwise(unquoted[1]))
    for pattern in (_END, _LAST):
        for match in pattern.finditer(text):
            phrase = next(group for group in match.groups() if group)
            yield Check("end", sentence.text, _ends_otherwise(phrase))
    for match in _START.finditer(text):
        phrase = next(group for group in match.groups() if group)
        yield Check("beginning", sentence.text, _begins_otherwise(phrase))


def _unquoted(output: str) -> str:
    bare = output.strip()
    quoted = len(bare) > 1 and bare[0] in "\"“«„'" and bare[-1] in "\"”»“'"
    return "" if quoted else "the output is not in quotation marks"


def _ends_otherwise(phrase: str) -> Callable[[str], str]:
    wanted = _plain(phrase)

    def wrong(output: str) -> str:
        ends = _plain(output[-len(phrase) - 200 :]).endswith(wanted)
        return "" if ends or not wanted else f"the output ends with “{output.rstrip()[-60:]}”"

    return wrong


def _begins_otherwise(phrase: str) -> Callable[[str], str]:
    wanted = _plain(phrase)

    def wrong(output: str) -> str:
        begins = _plain(output.lstrip()[: len(phrase) + 100]).startswith(wanted)
        return "" if begins or not wanted else f"the output begins with “{output.lstrip()[:60]}”"

    return wrong


def _plain(text: str) -> str:
    return " ".join(text.strip(_EDGE).lower().split())
