"""Takes secrets and personal data out of what leaves the house: alerts, the report, the terminal.

What is found is what ``data_leakage`` finds, whoever gave it. The evidence of verdicts is masked
before it is stored. Data sets put pseudonyms in the place of the same findings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from classify.personal_data.contacts import find_emails, find_phones
from classify.personal_data.finding import mask, mask_email
from classify.personal_data.identifiers import find_identifiers
from classify.personal_data.secrets import find_secrets

#: The detectors stop after a few findings of a kind: a text is searched again until none is left.
MOST_ROUNDS = 50
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
        if _lines_masked(lines) != lines.group():
            yield "secret", lines.group().strip()
    yield from (("secret", finding.value) for finding in find_secrets(text))
    for finding in find_identifiers(text):
        kind = {"payment-card": "card", "iban": "iban"}.get(finding.rule, "id")
        yield from ((kind, written) for written in _as_written(text, finding.value))
    yield from (("email", finding.value) for finding in find_emails(text))
    yield from (("phone", finding.value) for finding in find_phones(text))


def masked(text: str) -> str:
    """The text with just enough of each finding left to know it by."""
    if not text:
        return text
    text = _KEY.sub(r"\1…", text)
    text = _KEY_LINES.sub(_lines_masked, text)
    for _ in range(MOST_ROUNDS):
        before = text
        for kind, value in findings(text):
            if "…" not in value:
                text = text.replace(value, mask_email(value) if kind == "email" else mask(value))
        if text == before:
            break
    return text


def _lines_masked(found: re.Match[str]) -> str:
    text = found.group()
    # Checksums, one a line, are lower case.
    return "… " if text.lower() != text and text.upper() != text else text


def _as_written(text: str, compact: str) -> list[str]:
    """An IBAN is reported without its blanks: as it stands in the text, with and without them."""
    written = re.compile(r"[ -]?".join(map(re.escape, compact)))
    return list(dict.fromkeys(match.group() for match in written.finditer(text))) or [compact]
