"""The commonest words of a few languages: what a text is in, and whether it is language at all."""

from __future__ import annotations

import re

#: Words of ten letters and less that half of any English text is made of, and what people say to
#: assistants; each in lower case.
ENGLISH = frozenset(
    "the of and to in is was for on as by with that it at from are be an a or which who what when"
    " where how did does do has have had were this his her their its not but can will would i you"
    " your my me we us our they them he she if so no yes all any some more than then there here"
    " about into out up over only also just like get got make made please need want should could"
    " may might must been being am one two new now use used using because while after before each"
    " other these those such very most many much tell give show write help know see say said"
    " without between under through again let try every same own too".split()
)
_WORD = re.compile(r"[^\W\d_]+")


def words(text: str) -> list[str]:
    """Runs of letters, in lower case."""
    return _WORD.findall(text.lower())


def common_share(text: str) -> float:
    """The share of its words that are common English ones; 0 of a text without words."""
    found = words(text[:4000])
    return sum(word in ENGLISH for word in found) / len(found) if found else 0.0
