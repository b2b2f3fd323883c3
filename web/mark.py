"""Evidence and searched words marked where they stand in a text. What comes out is HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable

from everyspan.masking.mask import masked
from markupsafe import Markup, escape

from service import printable

#: Shown before "show all".
SHOWN = 2000
#: Of a text, more than is shown: a secret that would be cut is still known by what follows.
_MOST_READ = 16_384
#: "Show all" of a text.
MOST_SHOWN = 2_000_000
_QUOTES = re.compile(r"'([^']{3,})'|\"([^\"]{3,})\"|“([^”]{3,})”")
_SHORTEST = 3


def shown(text: str, most: int = SHOWN) -> str:
    """As much of a text as is shown: masked, control characters visible."""
    return printable.lines(masked(text[: max(_MOST_READ, most)])[:most])


def quotes(evidence: str) -> list[str]:
    """What of an evidence may stand in the text, longest first: what it quotes, what comes after
    'where: ', all of it."""
    found = [next(filter(None, each)) for each in _QUOTES.findall(evidence)]
    found += [evidence, evidence.partition(": ")[2]]
    found += [part.partition(": ")[2] or part for part in evidence.split("; ")]
    texts = {" ".join(each.rstrip("….").split()) for each in found}
    return sorted((t for t in texts if len(t) >= _SHORTEST), key=len, reverse=True)


def marked(
    text: str, evidence: Iterable[tuple[str, str]] = (), words: Iterable[str] = ()
) -> Markup:
    """``evidence``: classifier and what it said. ``words``: searched for, in any case. All of the
    text is escaped; what is marked is escaped too."""
    spans = []
    for classifier, said in evidence:
        for quote in quotes(said):
            # Blanks of the evidence were folded.
            pattern = r"\s+".join(map(re.escape, quote.split(" ")))
            if hit := re.search(pattern, text, re.IGNORECASE):
                spans.append((hit.start(), hit.end(), classifier))
                break
    for word in words:
        spans += [
            (hit.start(), hit.end(), "")
            for hit in re.finditer(re.escape(word), text, re.IGNORECASE)
        ]
    out, at = Markup(), 0
    for start, end, classifier in sorted(spans, key=lambda each: (each[0], not each[2], -each[1])):
        if start < at:
            continue
        out += escape(text[at:start])
        if classifier:
            out += Markup(
                '<mark class="fail" title="{0}">{1}<span class="tag"> {0}</span></mark>'
            ).format(classifier, text[start:end])
        else:
            out += Markup("<mark>{}</mark>").format(text[start:end])
        at = end
    return out + escape(text[at:])
