"""Takes personal data and secrets out of a record, so that what it says stays.

The same value becomes the same pseudonym everywhere in one record, and another one elsewhere in
another: "write to person1@example.com" still makes sense, and two records can't be joined by it.
E-mail addresses, telephone numbers and IP addresses become ones that nobody has (RFC 2606, RFC
5737, RFC 3849, 555-01xx), so that a tool that checks their form still takes them; the rest becomes
a word in brackets. Secrets, cards, accounts and national ids are found by data_leakage's rules.

What no rule knows stays: names that are not introduced as one, postal addresses, what a picture
shows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from everyspan.masking.contacts import digits_of
from everyspan.masking.mask import MOST_ROUNDS, findings
from everyspan.masking.network import find_ips

_PERSONAL_ATTRIBUTE = re.compile(r"(?:user|enduser|customer)\.(?:\w+\.)*(?:full_?)?name")
_CAPITALISED = r"[^\W\d_a-z][\w'’-]+"
_INTRODUCED = re.compile(
    r"\b(?:(?:[Mm]y (?:full )?name(?: is|'s|’s)|[Nn]ame:|[Mm]ein Name ist|[Ii]ch heiße"
    r"|[Jj]e m['’]appelle|[Mm]e llamo|[Mm]r\.?|[Mm]rs\.?|[Mm]s\.?|Dr\.?|Herrn?|Frau|[Dd]ear"
    r"|[Rr]egards,)\s+)+"
    rf"({_CAPITALISED}(?:[ ]{_CAPITALISED}){{0,2}})"
)
_NO_NAME = frozenset(
    "sir madam customer customers team support all user client friend friends guest member everyone"
    " colleague colleagues valued hiring service herr frau mr mrs ms dr doctor".split()
)
#: A user id that is an ordinary word must not take that word out of every text.
_TELLING_ID = re.compile(r"(?=.*[\d@._-]).{4,}", re.S)


class Masker:
    """Masks the texts of one record. ``user_id`` and ``attributes``: of its spans, where senders
    put the ids and names of people."""

    def __init__(self, user_id: str = "", attributes: Mapping[str, str] | None = None) -> None:
        self._known: dict[str, str] = {}
        self._keys: dict[tuple[str, str], str] = {}
        self._pattern: re.Pattern[str] | None = None
        self._numbers: Counter[str] = Counter()
        self._kinds: dict[str, str] = {}
        self._used: set[str] = set()
        if _TELLING_ID.fullmatch(user_id):
            self._add("user", user_id, user_id)
        for name, value in (attributes or {}).items():
            if _PERSONAL_ATTRIBUTE.fullmatch(name) and len(value) > 3:
                self._add_name(value)

    @property
    def counts(self) -> Counter[str]:
        """How many values of each kind were replaced, each once."""
        return Counter(self._kinds[pseudonym] for pseudonym in self._used)

    def text(self, text: str) -> str:
        """The text without what identifies somebody or opens something."""
        if not text:
            return text
        for name in _names(text):
            self._add_name(name)
        text = self._replaced(text)
        for _ in range(MOST_ROUNDS):
            found = list(_findings(text))
            if all(value in self._known for _, value in found):
                break
            for kind, value in found:
                self._add(kind, value, _key(kind, value))
            text = self._replaced(text)
        return text

    def value(self, value: Any) -> Any:
        """Every text in a JSON value."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(each) for each in value]
        if isinstance(value, dict):
            return {key: self.value(each) for key, each in value.items()}
        return value

    def _add_name(self, name: str) -> None:
        name = " ".join(name.split())
        self._add("name", name, name.lower())
        # The same person by the first or last name alone.
        for part in name.split(" "):
            if len(part) > 2 and part[0].isupper() and part.lower() not in _NO_NAME:
                self._add("name", part, name.lower())

    def _add(self, kind: str, value: str, key: str) -> None:
        if value in self._known:
            return
        pseudonym = self._keys.get((kind, key))
        if pseudonym is None:
            self._numbers[kind] += 1
            pseudonym = self._keys[kind, key] = _pseudonym(kind, value, self._numbers[kind])
        self._known[value] = pseudonym
        self._kinds[pseudonym] = kind
        longest = sorted(self._known, key=lambda known: (-len(known), known))
        self._pattern = re.compile("|".join(map(_whole, longest)))

    def _replaced(self, text: str) -> str:
        if self._pattern is None:
            return text
        return self._pattern.sub(self._pseudonym, text)

    def _pseudonym(self, match: re.Match[str]) -> str:
        found = self._known[match.group()]
        self._used.add(found)
        return found


def _key(kind: str, value: str) -> str:
    """The same for the ways to write one value."""
    if kind == "phone":
        return digits_of(value)
    if kind in ("iban", "card"):
        return re.sub(r"[ -]", "", value.lower())
    return value.lower()


def _whole(value: str) -> str:
    """The value, not as a part of a longer word or number."""
    before = r"(?<!\w)" if value[:1].isalnum() else ""
    after = r"(?!\w)" if value[-1:].isalnum() else ""
    return f"{before}{re.escape(value)}{after}"


def _findings(text: str) -> Iterator[tuple[str, str]]:
    yield from findings(text)
    yield from (("ip", address) for address in find_ips(text))


def _names(text: str) -> Iterable[str]:
    for match in _INTRODUCED.finditer(text):
        words = [word for word in match[1].split(" ") if word.lower() not in _NO_NAME]
        if words and match[1].split(" ")[0].lower() not in _NO_NAME and len(words[0]) > 2:
            yield " ".join(words)


def _pseudonym(kind: str, value: str, number: int) -> str:
    if kind == "email":
        return f"person{number}@example.com"
    if kind == "phone":
        # Area codes 202, 203, …: more than a hundred numbers in one record are not expected.
        return f"+1 {202 + number // 100} 555 01{number % 100:02}"
    if kind == "ip":
        if ":" in value:
            return f"2001:db8::{number:x}"
        return f"192.0.2.{number}" if number < 255 else f"198.51.100.{number % 255}"
    return f"[{kind.upper()}_{number}]"
