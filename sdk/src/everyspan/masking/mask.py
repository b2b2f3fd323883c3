"""Takes secrets and personal data out of a text.

What is found is what ``data_leakage`` finds, whoever gave it, and every place of it.
"""

from __future__ import annotations

import re
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
    stands. What is left as it is by ``mark`` stays."""
    for _ in range(MOST_ROUNDS):
        before = text
        # The longest first: one may be a part of another.
        found = sorted(dict.fromkeys(find(text)), key=lambda each: -len(each[1]))
        for kind, value in found:
            text = text.replace(value, mark(kind, value))
        if text == before:
            break
    return text


def _shown(kind: str, value: str) -> str:
    if "…" in value:
        return value
    return mask_email(value) if kind == "email" else mask(value)


def _are_secret(lines: str) -> bool:
    # Checksums, one a line, are lower case.
    return lines.lower() != lines and lines.upper() != lines
