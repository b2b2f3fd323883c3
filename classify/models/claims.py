"""Cuts an answer into claims: the sentences, list items and table rows that state something.

Left out are code, questions, greetings, offers of help and what else states no fact of the world.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from classify.models.remembered import remembered

#: Claims of one answer that are looked at. Longer answers give evenly spread ones.
MAX_CLAIMS = 24
_MIN_LETTERS = 8

_CODE_BLOCK = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.DOTALL)
_BULLET = re.compile(r"^\s{0,12}(?:[-*+•‣◦–]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])\s+")
_HEADING = re.compile(r"^\s{0,3}#{1,6}\s")
_TABLE_RULE = re.compile(r"^[\s|:+=-]+$")
# What may stand between two marks is bounded: else a text of opening ones alone takes long.
_MARKS = re.compile(r"(\*\*|__|`|~~)(?=\S)(.{1,300}?)(?<=\S)\1")
_LINK = re.compile(r"!?\[([^\[\]]{0,300})\]\([^()\s]{0,500}\)")
_CITATION = re.compile(
    r"\s?(?:\[\d+(?:\s*[,–-]\s*\d+)*\]|【[^【】]{0,200}】|\[(?:doc|source)[^\[\]]{0,200}\])", re.I
)
#: A full stop, a mark of other scripts, or the end of the line.
_END = re.compile(
    r"(?<![.!?…])[.!?…]++[\"'”’)\]]*+(?=\s|$)|[。！？｡]+[”」』）]*|(?<![।۔؟])[।۔؟]++(?=\s|$)"
)
#: The longest word that is looked up among the abbreviations, with what stands before it.
_BEFORE = 64
_ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof sr jr st no nr vs etc e.g i.e eg ie approx ca cf al fig figs eq sec ch vol pp p"
    " inc ltd co corp dept est jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri"
    " sat sun a.m p.m u.s u.k u.n z.b d.h bzw usw evtl ggf nr tel str hr hrs min max gen col lt capt"
    " rev hon gov sen rep art abs m.a b.a ph.d b.sc m.sc".split()
)
_NO_CLAIM = re.compile(
    r"^(?:(?:sure|certainly|of course|absolutely|great|okay|ok|yes|no|thanks|thank you|hello|hi|hey"
    r"|you(?:'|’)?re welcome|sorry|i(?:'|’)?m sorry|i apologi[sz]e|apologies|happy to help"
    r"|glad to help)\b[^.]{0,60}[.!]*"
    r"|(?:please\s)?(?:let me know|feel free|don(?:'|’)?t hesitate|if you (?:have|need|want|would like)"
    r"|i hope (?:this|that)|hope (?:this|that)|would you like|is there anything|do you want"
    r"|here(?:'|’)?s|here is|here are|below (?:is|are)|let me|i(?:'|’)?ll|i will|i can help"
    r"|i would be|i(?:'|’)?d be happy)\b.*"
    r"|(?:based on|according to) (?:the|your) [\w ]{1,40}[,:]?)$",
    re.I | re.DOTALL,
)
#: "Yes, " before what it is that is so.
_ANSWERED = re.compile(
    r"^(?:(?:yes|yeah|yep)\b[\s,.:;!–-]*|(?:no|nope|correct|right)[,.:;!–-]+\s*)", re.I
)
#: A question that states what it asks.
_RHETORICAL = re.compile(
    r"^[^?]{0,60}?\b(?:did you (?:also )?know(?: that)?|do you (?:also )?know that)[\s,]+(?!if\b|how\b"
    r"|wh\w+\b|your?\b|any\b)([^?]{12,600})\?[\"'”’)\] ]*$",
    re.I,
)


@dataclass(slots=True, frozen=True)
class Claim:
    """``text``: without marks of formatting. ``subject``: the heading or the words that introduce
    the list it stands in, '' for none; a claim such as '12 mm' says nothing without."""

    text: str
    subject: str = ""

    @property
    def told(self) -> str:
        """The claim with what it is about."""
        return f"{self.subject}: {self.text}" if self.subject else self.text


def claims(answer: str, limit: int = MAX_CLAIMS) -> list[Claim]:
    """In the answer's order, at most ``limit``."""
    found: list[Claim] = []
    subject = ""
    header: list[str] = []
    for raw in _CODE_BLOCK.sub("\n", answer).splitlines():
        line = raw.strip()
        if not line:
            header = []
            continue
        if _HEADING.match(raw):
            subject = _plain(line.lstrip("# ")).rstrip(":")
            continue
        if line.count("|") >= 2:
            if _TABLE_RULE.match(line):
                continue
            cells = [_plain(cell) for cell in line.strip("|").split("|")]
            if not header:
                header = cells
                continue
            _add(found, _row(header, cells), "")
            continue
        header = []
        bullet = _BULLET.match(raw)
        text = _plain(raw[bullet.end() :] if bullet else line)
        if text.endswith((":", "：")) and not bullet:
            subject = text.rstrip(":：")
            continue
        if not bullet:
            subject = ""
        for sentence in split(text):
            _add(found, sentence, subject if bullet and len(subject) <= 80 else "")
    if len(found) <= limit:
        return found
    return [found[i * len(found) // limit] for i in range(limit)]


@remembered
def split(text: str) -> list[str]:
    """The sentences of one line. Abbreviations, initials and decimals end none."""
    found: list[str] = []
    start = 0
    for match in _END.finditer(text):
        before = text[max(start, match.start() - _BEFORE) : match.start()]
        if match[0].startswith(".") and _is_abbreviation(before, text, match):
            continue
        if piece := text[start : match.end()].strip():
            found.append(piece)
        start = match.end()
    if piece := text[start:].strip():
        found.append(piece)
    return found


def _is_abbreviation(before: str, text: str, match: re.Match[str]) -> bool:
    word = before.rpartition(" ")[2].lstrip("(\"'[").lower()
    if len(match[0].rstrip("\"'”’)]")) > 1:
        return False
    after = text[match.end() : match.end() + _BEFORE].lstrip()
    if word in _ABBREVIATIONS:
        return bool(after)
    if len(word) == 1 and word.isalpha():
        # An initial: 'J. Smith'. 'plan B. Then' is rarer.
        return after[:1].isupper() and word != "i"
    # '3. ' at the beginning of a line is a number of a list.
    return word.isdigit() and len(before.strip()) <= 3


def _add(found: list[Claim], sentence: str, subject: str) -> None:
    sentence = _ANSWERED.sub("", sentence)
    if rhetorical := _RHETORICAL.match(sentence):
        sentence = rhetorical[1]
    letters = sum(map(str.isalnum, sentence))
    wide = not sentence.isascii() and letters >= 4
    if (letters < _MIN_LETTERS and not wide and not subject) or letters < 2:
        return
    if sentence.rstrip("\"'”’)] ").endswith(("?", "？", "؟")) or _NO_CLAIM.match(sentence):
        return
    found.append(Claim(sentence, subject))


def _row(header: list[str], cells: list[str]) -> str:
    told = [
        f"{name} {cell}" if name and i else cell
        for i, (name, cell) in enumerate(zip(header, cells, strict=False))
        if cell
    ]
    return ", ".join(told)


def _plain(text: str) -> str:
    text = _LINK.sub(r"\1", _CITATION.sub("", text))
    return _MARKS.sub(r"\2", text).strip()
