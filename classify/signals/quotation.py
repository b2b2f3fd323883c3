"""Quotations of an answer that are not in its sources, and sources that it names and that there are
not."""

from __future__ import annotations

import re

from classify.models.words import stem, words
from classify.signals.grounds import Grounds

#: Words of a quotation that is somebody's: fewer are a title, a label or irony.
_WORDS = 6
#: Share of its runs of three words that are there: it was cut or put in order.
_KNOWN = 0.5
#: What is said to be somebody's words.
_QUOTED = re.compile(
    r"\b(?:says|said|stat(?:es?|ed|ing)|reads?|writes?|wrote|notes?|noted|quotes?|quoted|according"
    r" to|explains?|word for word|verbatim|puts? it)\b[^\"“”\n.]{0,60}[\"“]"
    r"([^\"“”\n]{12,400})[\"”]",
    re.I,
)
_CITED = re.compile(
    r"(?<![\w\]])\[(\d{1,3}(?:\s?[,–-]\s?\d{1,3}){0,8})\](?!\()"
    r"|[\[(](?:doc(?:ument)?|source|passage)\s?#?(\d{1,3})[\])]",
    re.I,
)
_NUMBER = re.compile(r"\d{1,3}")
_LISTED = re.compile(r"(?:^|\s)\[\d{1,3}\][:.]?\s", re.M)


def strange_quotations(answer: str, grounds: Grounds) -> list[str]:
    """Those of at least six words that are given as somebody's, and that nothing has."""
    found = []
    for quoted in _QUOTED.findall(answer):
        told = [stem(word) for word in words(quoted)]
        runs = list(zip(told, told[1:], told[2:], strict=False))
        if len(told) >= _WORDS and sum(run in grounds.triples for run in runs) < _KNOWN * len(runs):
            found.append(quoted)
    return found


def strange_citations(answer: str, documents: int) -> list[int]:
    """Numbers of documents that the answer cites and that there are not. ``documents``: how many
    there are; of one alone the numbers may be those of its own parts. An answer that lists its own
    sources says what its numbers mean."""
    if documents < 2 or (len(_LISTED.findall(answer)) > 1 and "http" in answer):
        return []
    cited = (_NUMBER.findall(" ".join(groups)) for groups in _CITED.findall(answer))
    return [int(number) for each in cited for number in each if int(number) > documents]
