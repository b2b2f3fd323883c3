"""Codes, addresses and symbols of an answer that its sources do not have."""

from __future__ import annotations

import re

from classify.signals.grounds import Grounds

_URL = re.compile(r"https?://[^\s<>()\[\]\"'`|]{3,300}", re.I)
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@([\w-]{1,64}(?:\.[\w-]{1,64}){1,4})")
#: LF-1001, RT_20331, ISO9001: letters, then at least three digits.
_CODE = re.compile(r"(?<![\w-])([A-Z][A-Za-z]{0,7})([-_#]?)(\d{3,12})(?![\w-])")
_SYMBOL = re.compile(
    r"(?<![\w./-])(?:[A-Za-z]\w{0,40}_\w{1,40}|[A-Za-z_]\w{1,40}(?=\(\)))(?![\w/])"
)


def strange_codes(answer: str, grounds: Grounds) -> list[str]:
    """Codes of a kind that the sources have (the same letters, as many digits), but not these."""
    known: set[tuple[str, str]] = set()
    kinds: set[tuple[str, int]] = set()
    for text in (*grounds.told, *grounds.said):
        for letters, _, digits in _CODE.findall(text):
            known.add((letters.lower(), digits))
            kinds.add((letters.lower(), len(digits)))
    return [
        f"{letters}{joint}{digits}"
        for letters, joint, digits in _CODE.findall(answer)
        if (letters.lower(), len(digits)) in kinds and (letters.lower(), digits) not in known
    ]


def strange_addresses(answer: str, grounds: Grounds) -> list[str]:
    """Addresses of a place that the sources have an address of, but not this one."""
    text = grounds.text
    return [
        match[0].rstrip(".")
        for match in _MAIL.finditer(answer)
        if match[0].lower().rstrip(".") not in text and f"@{match[1].lower()}" in text
    ]


def new_links(answer: str, grounds: Grounds) -> list[str]:
    """Links that nothing has."""
    text = grounds.text
    links = (match[0].rstrip(".,;:!?/*") for match in _URL.finditer(answer))
    return [link for link in links if link.lower() not in text]


def new_symbols(claim: str, grounds: Grounds) -> list[str]:
    """Names of code that nothing has."""
    text = grounds.text
    return [match[0] for match in _SYMBOL.finditer(claim) if match[0].lower() not in text]
