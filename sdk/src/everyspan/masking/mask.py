"""Takes secrets and personal data out of a text.

What is found is what ``data_leakage`` finds, whoever gave it, and every place of it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

from everyspan.masking.contacts import find_emails, find_phones
from everyspan.masking.finding import mask, mask_email
from everyspan.masking.identifiers import every_identifier, has_long_number
from everyspan.masking.secrets import every_secret

#: What masking uncovers is looked for again so often: the end of a secret that a mark made whole.
MOST_ROUNDS = 8
#: A private key is found by its first line, and all of it is secret; one that was cut has no end.
_KEY = re.compile(
    r"(-----BEGIN [A-Z0-9 ]{0,24}PRIVATE KEY(?: BLOCK)?-----)"
    r"(?:(?:(?!-----).){16,20000}(?=-----END)"
    r"|(?:\\+[nr]|\s){0,8}(?:[A-Za-z0-9+/=]{16,}(?:\\+[nr]|\s){0,8})+(?:[A-Za-z0-9+/=]{1,15}$)?)",
    re.DOTALL,
)
#: The lines of a key, or of anything else that nobody reads, without its first: two or more of 60
#: to 80 characters of base64, as PEM breaks them, and what is left over in the last.
_KEY_LINES = re.compile(
    r"(?<![A-Za-z0-9+/=])(?:[A-Za-z0-9+/]{60,80}={0,2}(?:\\+[nr]|[\s\"'>|,]){1,16}){2,400}"
    r"(?:[A-Za-z0-9+/]{1,80}={0,2}(?![A-Za-z0-9+/]))?"
)


#: Code point to what it looks like. Dashes that stand between numbers in prose stay.
_PLAIN: dict[int, str] = {
    **{point: chr(point - 0xFEE0) for point in range(0xFF01, 0xFF5F)},
    **{
        point: str(unicodedata.decimal(chr(point)))
        for point in range(0x80, 0x20000)
        if unicodedata.category(chr(point)) == "Nd"
    },
    **dict.fromkeys((0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000), " "),
    **dict.fromkeys((0x2010, 0x2011, 0x2012, 0xFE63, 0xFF0D), "-"),
    **dict.fromkeys((0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F)), ""),
    **dict.fromkeys((*range(0x2060, 0x2065), 0xFEFF), ""),
}


def findings(text: str) -> Iterator[tuple[str, str]]:
    """Kind (secret, card, iban, id, email, phone) and value, as it stands in the text."""
    for key in _KEY.finditer(text):
        # All of it: its rule finds the first line.
        yield "secret", key.group()[len(key[1]) :].strip()
    for lines in _KEY_LINES.finditer(text):
        if _are_secret(lines.group()):
            yield "secret", lines.group().strip()
    yield from (("secret", finding.value) for finding in every_secret(text))
    numbers = has_long_number(text)
    for finding in every_identifier(text) if numbers else ():
        yield {"payment-card": "card", "iban": "iban"}.get(finding.rule, "id"), finding.value
    yield from (("email", finding.value) for finding in find_emails(text, every=True))
    for finding in find_phones(text, every=True) if numbers else ():
        yield "phone", finding.value


def masked(text: str) -> str:
    """The text with just enough of each finding left to know it by."""
    if not text:
        return text
    text = _KEY.sub(r"\1…", text)
    text = _KEY_LINES.sub(lambda lines: "… " if _are_secret(lines[0]) else lines[0], text)
    return replaced(text, findings, _shown)


def replaced(
    text: str,
    find: Callable[[str], Iterator[tuple[str, str]]],
    mark: Callable[[str, str], str],
) -> str:
    """The text with ``mark(kind, value)`` in place of each value that ``find`` finds, wherever it
    stands, and however it is disguised. What is left as it is by ``mark`` stays."""
    if not text.isascii():
        text = _undisguised(text, find, mark)
    for _ in range(MOST_ROUNDS):
        before = text
        # The longest first: one may be a part of another.
        found = sorted(dict.fromkeys(find(text)), key=lambda each: -len(each[1]))
        for kind, value in found:
            text = text.replace(value, mark(kind, value))
        if text == before:
            break
    return text


def undisguised(text: str) -> str:
    """The text in which a value can be found: digits and signs of other scripts and widths as
    ASCII's, spaces of all kinds as one, without what has no width."""
    return text.translate(_PLAIN)


def _undisguised(
    text: str,
    find: Callable[[str], Iterator[tuple[str, str]]],
    mark: Callable[[str, str], str],
) -> str:
    plain = undisguised(text)
    if plain == text:
        return text
    # Where each character stands; those without a width are in none.
    places = [n for n, character in enumerate(text) if _PLAIN.get(ord(character)) != ""]
    taken: list[tuple[int, int, str]] = []
    for kind, value in sorted(dict.fromkeys(find(plain)), key=lambda each: -len(each[1])):
        for match in re.finditer(re.escape(value), plain):
            first, end = places[match.start()], places[match.end() - 1] + 1
            if all(end <= start or first >= stop for start, stop, _ in taken):
                taken.append((first, end, mark(kind, value)))
    for first, end, marked in sorted(taken, reverse=True):
        text = text[:first] + marked + text[end:]
    return text


def _shown(kind: str, value: str) -> str:
    if "…" in value:
        return value
    return mask_email(value) if kind == "email" else mask(value)


def _are_secret(lines: str) -> bool:
    # Checksums, one a line, are lower case.
    return lines.lower() != lines and lines.upper() != lines
