"""Finds IP addresses that are somebody's: those of the public network."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

_IP = re.compile(
    r"(?<![\w.:-])(?:\d{1,3}(?:\.\d{1,3}){3}|(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{1,4})(?![\w:]|\.\d)"
)
_VERSION_WORD = re.compile(r"(?i)\b(?:v|version|release|build|section|chapter)\W{0,3}$")


def find_ips(text: str) -> Iterator[str]:
    """Each place, as written. Private, reserved and documentation's addresses are nobody's."""
    for match in _IP.finditer(text):
        try:
            address = ipaddress.ip_address(match.group())
        except ValueError:
            continue
        before = text[max(0, match.start() - 12) : match.start()]
        if address.is_global and not _VERSION_WORD.search(before):
            yield match.group()
