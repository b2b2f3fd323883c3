"""Puts marks in the place of what is found: ``[email:nfkjbeaohd]``.

A value has the same mark wherever it stands, so that a trace can still be followed and a verdict
still knows what the user gave. Marks are made with a key (HMAC-SHA-256, RFC 2104): without it
nobody can find out values by trying all. Where there is no key a mark says the kind alone:
``[email]``.
"""

from __future__ import annotations

import hmac
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from everyspan.masking.mask import findings, replaced, undisguised
from everyspan.masking.network import find_ips

#: What rules find by themselves.
KINDS = ("secret", "card", "iban", "id", "email", "phone", "ip")
#: Of a mark, four bits each: among a million values two have the same mark once in two times. No
#: digits, in which a number could be seen.
_LETTERS = 10
_AS_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
_MARK = re.compile(r"\[(" + "|".join(KINDS) + r")(?::[a-p]{10})?\]")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
#: The escapes of JSON, which is the same text: an address with its @ as \u0040.
_ESCAPED = re.compile(r"(?<!\\)((?:\\\\)*)\\u([0-9a-fA-F]{4})")
#: An address in the query of a link.
_ENCODED_EMAIL = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9][A-Za-z0-9._+-]{0,63}%40(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,24}(?!\w)"
)


#: The values of a kind in a text, each as it is written there.
Finder = Callable[[str], Iterable[str]]


class Pseudonyms:
    """``kinds``: of KINDS. ``key``: of the marks. ``finders``: kinds of one's own. ``counts``: how
    many values of each kind were found, once a text, added up over texts. Raises ValueError for a
    kind that is none and for a name that can't be one.
    """

    def __init__(
        self,
        kinds: Iterable[str] = KINDS,
        key: str = "",
        finders: Mapping[str, Finder] | None = None,
    ) -> None:
        self.kinds = frozenset(kinds)
        unknown = sorted(self.kinds - set(KINDS))
        if unknown:
            raise ValueError(f"{unknown[0]!r} can't be masked; there are {', '.join(KINDS)}")
        self._finders = dict(finders or {})
        for name in self._finders:
            check_name(name)
        self._key = key.encode()
        self.counts: Counter[str] = Counter()

    def text(self, text: str) -> str:
        """The text with marks. JSON stays JSON: a number becomes a text."""
        if len(text) < _SHORTEST:
            return text
        if "\\u" in text:
            plain = _ESCAPED.sub(_unescaped, text)
            # Only where it matters: what was sent stays as it was else.
            if plain != text and any(True for _ in self._find(undisguised(plain))):
                text = plain
        found = replaced(text, self._find, self._mark)
        if found != text and text[:1] in "{[" and _json(found) is _NONE:
            value = _json(text)
            if value is not _NONE:
                return json.dumps(self._within(value), ensure_ascii=False, separators=(",", ":"))
        return found

    def mark(self, kind: str, value: str) -> str:
        """Of one value. ``kind``: any name. The ways to write one value have the same mark."""
        if not self._key:
            return f"[{kind}]"
        same = _same(kind, value).encode("utf-8", "replace")
        digest = hmac.digest(self._key, kind.encode() + b"\0" + same, "sha256")
        return f"[{kind}:{digest.hex()[:_LETTERS].translate(_AS_LETTERS)}]"

    def _mark(self, kind: str, value: str) -> str:
        self.counts[kind] += 1
        return self.mark(kind, value)

    def _find(self, text: str) -> Iterator[tuple[str, str]]:
        for name, values in self._finders.items():
            yield from ((name, value) for value in values(text) if value)
        if self.kinds - {"ip"}:
            yield from (found for found in findings(text) if self._is_one(*found))
        if "email" in self.kinds and "%40" in text:
            yield from (("email", match.group()) for match in _ENCODED_EMAIL.finditer(text))
        if "ip" in self.kinds:
            yield from (("ip", address) for address in find_ips(text))

    def _is_one(self, kind: str, value: str) -> bool:
        # The rule for a secret after its label takes a mark for one.
        return kind in self.kinds and not _MARK.search(value)

    def _within(self, value: Any, name: str = "") -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            # The name is what tells a telephone number from a count.
            said = f"{name}: {value}" if name else str(value)
            found = self.text(said)
            return value if found == said else found.removeprefix(f"{name}: " if name else "")
        if isinstance(value, list):
            return [self._within(each, name) for each in value]
        if isinstance(value, dict):
            return {self.text(key): self._within(each, key) for key, each in value.items()}
        return value


#: Nothing shorter is found: an IP address, `a@b.de`.
_SHORTEST = 6


def check_name(name: str) -> None:
    """Of a kind or a field in a mark. Raises ValueError."""
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} can't stand in a mark; begin with a small letter, and go on with small "
            "letters, digits and _, 32 at most"
        )


def marks_in(text: str) -> Iterator[tuple[str, str, int]]:
    """(kind, mark, place) of what rules took out of a text before it came here."""
    if "[" in text:
        for match in _MARK.finditer(text):
            yield match[1], match.group(), match.start()


def _same(kind: str, value: str) -> str:
    if kind in ("phone", "card"):
        return "".join(character for character in value if character.isdigit())
    if kind in ("iban", "id"):
        return "".join(character for character in value if character.isalnum()).upper()
    if kind == "email":
        return value.replace("%40", "@").lower()
    return value


_NONE = object()


def _json(text: str) -> Any:
    """What it says, _NONE for no JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _NONE


def _unescaped(match: re.Match[str]) -> str:
    character = chr(int(match[2], 16))
    matters = " " <= character <= "~" or undisguised(character) != character
    return match[1] + character if matters and character not in '"\\' else match.group()
