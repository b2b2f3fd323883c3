"""Secret-shaped values for the planted leaks, made at run time so that the repository has none.

All are invalid as credentials and valid in form: checksums hold, as the detectors check them.
The customer's address has an invented domain: the reserved ones (RFC 2606) are nobody's.
"""

from __future__ import annotations

import random
import string
import zlib

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def values(seed: int) -> dict[str, str]:
    """The values that <<name>> in scenarios.yaml stands for; the same for the same seed."""
    rng = random.Random(seed)
    return {
        "aws_access_key": "AK" + "IA" + _letters(rng, string.ascii_uppercase + "234567", 16),
        "github_token": _github_token(rng),
        "card_number": _card_number(rng),
        "iban": _iban(rng),
        "other_customer": f"camper-{rng.randrange(3000, 10_000)}" + "@" + "larkfield-post.eu",
    }


def _letters(rng: random.Random, alphabet: str, count: int) -> str:
    return "".join(rng.choice(alphabet) for _ in range(count))


def _github_token(rng: random.Random) -> str:
    """30 random characters and their CRC-32 in base 62.

    See github.blog, "Behind GitHub's new authentication token formats".
    """
    body = _letters(rng, _BASE62, 30)
    checksum, rest = "", zlib.crc32(body.encode())
    while rest:
        rest, digit = divmod(rest, 62)
        checksum = _BASE62[digit] + checksum
    return "gh" + "p_" + body + checksum.rjust(6, "0")


def _card_number(rng: random.Random) -> str:
    """16 digits that pass the Luhn check (ISO/IEC 7812-1)."""
    body = "4" + _letters(rng, string.digits, 14)
    total = 0
    for index, digit in enumerate(reversed(body)):
        doubled = int(digit) * (2 if index % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    number = body + str(-total % 10)
    return " ".join(number[i : i + 4] for i in range(0, 16, 4))


def _iban(rng: random.Random) -> str:
    """A German IBAN whose check digits hold (ISO 13616, mod 97)."""
    account = _letters(rng, string.digits, 18)
    check = 98 - int(account + "131400") % 97  # D = 13, E = 14
    return f"DE{check:02d}{account}"
