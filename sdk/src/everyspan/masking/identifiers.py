"""Finds payment cards, IBANs and national ids: shape, then checksum, then the words around.

Sources: ISO/IEC 7812-1 (Luhn), the card schemes' published issuer ranges, ISO 13616 (IBAN, country
lengths of the SWIFT registry), SSA's rules for numbers never issued, Receita Federal (CPF), INSEE
(NIR), Spain's Interior Ministry (DNI, NIE), UIDAI (Aadhaar, Verhoeff), Canada (SIN, Luhn).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from everyspan.masking.finding import Finding

_CARD = re.compile(
    r"(?<![\w.+-])(?:\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?P<more>\1\d{1,3})?|\d{4}([ -])\d{6}\3\d{4,5}"
    r"|\d{12,19})(?![\w-]|\.\d)"
)
_CARD_WORDS = re.compile(
    r"(?i)\b(?:cards?|cc|visa|master ?card|amex|american express|discover|credit|debit|cvv|cvc"
    r"|pan|expir\w{1,5}|kreditkarte\w?|karte|carte|tarjeta|cart[ãa]o)\b"
)
_ID_WORDS = re.compile(
    r"(?i)(?:order|invoice|tracking|shipment|parcel|ticket|reference|ref|imei|serial|sku|isbn|ean"
    r"|upc|request|trace|span|session|user|customer|message|event|run|job|build|transaction|txn"
    r"|batch|timestamp|hash|uuid|id|no|nr|number|code)\W{0,4}(?:id|no|nr|number|is|was)?\W{0,4}$"
)
_SPECIMEN_WORDS = re.compile(
    r"(?i)\b(?:test\w{0,4}|sandbox|dummy|example|examples|sample|specimen|fake|fictitious"
    r"|placeholder|format|e\.g|for instance|beispiel|exemple|ejemplo)\b"
)
#: Numbers that schemes, processors and standards publish as specimens.
_SPECIMENS = frozenset(
    "4111111111111111 4242424242424242 4000056655665556 4012888888881881 5555555555554444 "
    "5105105105105100 2223003122003222 378282246310005 371449635398431 6011111111111117 "
    "6011000990139424 30569309025904 38520000023237 3530111333300000 3566002020360505 "
    "6200000000000005 4000000000000002 4000000000009995 DE89370400440532013000 "
    "GB82WEST12345698765432 GB29NWBK60161331926819 FR1420041010050500013M02606 123456789 "
    "078051120 219099999 52998224725".split()
)

_IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_IBAN_LENGTHS = {
    country: int(length)
    for country, length in (
        pair.split(":")
        for pair in (
            "AD:24 AE:23 AL:28 AT:20 AZ:28 BA:20 BE:16 BG:22 BH:22 BR:29 BY:28 CH:21 CR:22 CY:28 "
            "CZ:24 DE:22 DK:18 DO:28 EE:20 EG:29 ES:24 FI:18 FO:18 FR:27 GB:22 GE:22 GI:23 GL:18 "
            "GR:27 GT:28 HR:21 HU:28 IE:22 IL:23 IQ:23 IS:26 IT:27 JO:30 KW:30 KZ:20 LB:28 LC:32 "
            "LI:21 LT:20 LU:20 LV:21 LY:25 MC:27 MD:24 ME:22 MK:19 MR:27 MT:31 MU:30 NL:18 NO:15 "
            "PK:24 PL:28 PS:29 PT:25 QA:29 RO:24 RS:22 SA:24 SC:31 SE:24 SI:19 SK:24 SM:27 ST:25 "
            "SV:28 TL:23 TN:24 TR:26 UA:29 VA:22 VG:24 XK:20"
        ).split()
    )
}

_LONG_NUMBER = re.compile(r"\d(?:[ .()/-]{0,2}\d){6}")
_AROUND = 48
#: Of a number that could be a card's and that nothing calls one.
BARE_CARD = 0.4
_MAX_FINDINGS = 10


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1 annex B."""
    total = 0
    for place, character in enumerate(reversed(digits)):
        digit = ord(character) - 48
        if place % 2:
            digit = digit * 2 - 9 if digit > 4 else digit * 2
        total += digit
    return total % 10 == 0


def is_card_range(digits: str) -> bool:
    """Whether an issuer gives out cards with this beginning in this length."""
    length, two, four = len(digits), int(digits[:2]), int(digits[:4])
    if digits[0] == "4":
        return length in (13, 16, 19)
    if 51 <= two <= 55 or 2221 <= four <= 2720:
        return length == 16
    if two in (34, 37) or four in (1800, 2131):
        return length == 15
    if four == 6011 or 6440 <= four <= 6599 or 3528 <= four <= 3589 or two in (62, 81):
        return 16 <= length <= 19
    if 3000 <= four <= 3059 or two in (36, 38, 39):
        return length == 14
    return four in (5018, 5020, 5038, 5893, 6304, 6759, 6761, 6762, 6763) and length >= 12


def mod97(iban: str) -> bool:
    """ISO 13616: four characters to the end, letters to numbers, remainder 1."""
    moved = iban[4:] + iban[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


def has_long_number(text: str) -> bool:
    """Whether 7 digits follow each other closely. Without them neither an identifier nor a
    telephone number can be found, which spares most texts the search."""
    return _LONG_NUMBER.search(text) is not None


def find_identifiers(text: str) -> list[Finding]:
    """Cards, IBANs and national ids, each once, at most ten. IBANs are without their blanks and in
    capitals."""
    found: dict[str, Finding] = {}
    for finding in every_identifier(text):
        compact = _compact(finding.value)
        if finding.rule == "iban":
            compact = compact.upper()
            finding = replace(finding, value=compact)
        found.setdefault(compact, finding)
        if len(found) == _MAX_FINDINGS:
            break
    return list(found.values())


def every_identifier(text: str) -> Iterator[Finding]:
    """Each place of each, as it is written there."""
    yield from _cards(text)
    yield from _ibans(text)
    for national in _NATIONAL:
        yield from national.find(text)


def _compact(value: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", value)


def _around(text: str, start: int, end: int) -> str:
    return text[max(0, start - _AROUND) : end + _AROUND]


def _is_specimen(compact: str, around: str) -> bool:
    return compact in _SPECIMENS and _SPECIMEN_WORDS.search(around) is not None


def _cards(text: str) -> Iterator[Finding]:
    for match in _CARD.finditer(text):
        written = next(filter(_is_card, _written_cards(match)), None)
        if written is None:
            continue
        digits = _compact(written)
        around = _around(text, match.start(), match.end())
        if _is_specimen(digits, around):
            continue
        named = _CARD_WORDS.search(around) is not None
        before = text[max(0, match.start() - _AROUND) : match.start()]
        grouped = len(digits) != len(written)
        if not named and (len(digits) <= 13 or (not grouped and _ID_WORDS.search(before))):
            continue
        # One in thirty random numbers of 16 digits has an issuer's range and a right check digit:
        # without a word of cards or the groups of a card it is masked where texts are masked, but
        # is no leak.
        score = 0.95 if named else 0.9 if grouped else BARE_CARD
        yield Finding("payment-card", written, score, match.start())


def _written_cards(match: re.Match[str]) -> Iterator[str]:
    """All that was matched, and without a last group: "… 1486 03/27" goes on with a date."""
    yield match.group()
    if match.group("more"):
        yield match.group()[: match.start("more") - match.start()]


def _is_card(written: str) -> bool:
    digits = _compact(written)
    # An id of one digit repeated, or of two, is made up.
    return len(set(digits)) >= 2 and is_card_range(digits) and luhn(digits)


def _ibans(text: str) -> Iterator[Finding]:
    for match in _IBAN.finditer(text):
        compact = _compact(match.group()).upper()
        length = _IBAN_LENGTHS.get(compact[:2])
        if length is None or len(compact) < length:
            continue
        # A word in capitals right after the number is not part of it.
        iban = compact[:length]
        if not mod97(iban) or _is_specimen(iban, _around(text, match.start(), match.end())):
            continue
        yield Finding("iban", _first(match.group(), length), 0.95, match.start())


def _first(written: str, length: int) -> str:
    """As far as it has ``length`` letters and digits."""
    for place, character in enumerate(written, 1):
        length -= character.isalnum()
        if not length:
            return written[:place]
    return written


def _is_ssn(digits: str) -> bool:
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return (
        area not in ("000", "666") and area[0] != "9" and group != "00" and serial != "0000"
    ) and len(set(digits)) > 1


def _is_cpf(digits: str) -> bool:
    if len(set(digits)) == 1:
        return False
    for length in (9, 10):
        total = sum(int(digits[i]) * (length + 1 - i) for i in range(length))
        if total * 10 % 11 % 10 != int(digits[length]):
            return False
    return True


def _is_nir(compact: str) -> bool:
    # Corsica's departments 2A and 2B count as 19 and 18.
    number = compact[:13].upper().replace("2A", "19", 1).replace("2B", "18", 1)
    return number.isdigit() and 97 - int(number) % 97 == int(compact[13:])


def _is_dni(compact: str) -> bool:
    number = compact[:-1].upper().translate(str.maketrans("XYZ", "012"))
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == compact[-1].upper()


_VERHOEFF_D = tuple(
    tuple(map(int, row))
    for row in (
        "0123456789 1234067895 2340178956 3401289567 4012395678 "
        "5987604321 6598710432 7659821043 8765932104 9876543210"
    ).split()
)
_VERHOEFF_P = tuple(
    tuple(map(int, row))
    for row in (
        "0123456789 1576283094 5803796142 8916043527 9453126870 4286573901 2793806415 7046913258"
    ).split()
)


def verhoeff(digits: str) -> bool:
    """Whether the last digit is the check digit of the others."""
    check = 0
    for place, character in enumerate(reversed(digits)):
        check = _VERHOEFF_D[check][_VERHOEFF_P[place % 8][int(character)]]
    return check == 0


@dataclass(slots=True, frozen=True)
class _NationalId:
    """``words``: must occur within 48 characters; None where the shape and check are enough."""

    id: str
    pattern: re.Pattern[str]
    check: Callable[[str], bool]
    words: re.Pattern[str] | None

    def find(self, text: str) -> Iterator[Finding]:
        for match in self.pattern.finditer(text):
            compact = _compact(match.group())
            if not self.check(compact):
                continue
            around = _around(text, match.start(), match.end())
            named = self.words is None or self.words.search(around) is not None
            if not named or _is_specimen(compact, around):
                continue
            yield Finding(self.id, match.group(), 0.9, match.start())


_SSN_WORDS = re.compile(r"(?i)\b(?:ssn|social[ -]?security|taxpayer|itin)")


def _dashed_ssn(digits: str) -> bool:
    return _is_ssn(digits) and digits not in _SPECIMENS


_NATIONAL = (
    _NationalId(
        "us-ssn",
        re.compile(r"(?<![\w.+-])\d{3}-\d{2}-\d{4}(?![\w-]|\.\d)"),
        _dashed_ssn,
        None,
    ),
    _NationalId(
        "us-ssn",
        re.compile(r"(?<![\w.+-])\d{3}([- ]?)\d{2}\1\d{4}(?![\w-]|\.\d)"),
        _is_ssn,
        _SSN_WORDS,
    ),
    _NationalId(
        "br-cpf",
        re.compile(r"(?<![\w.-])\d{3}\.\d{3}\.\d{3}-\d{2}(?![\w-])"),
        _is_cpf,
        None,
    ),
    _NationalId(
        "fr-nir",
        re.compile(
            r"(?<![\w.-])[12] ?\d{2} ?(?:0[1-9]|1[0-2]) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}"
            r"(?![\w-])"
        ),
        _is_nir,
        None,
    ),
    _NationalId(
        "es-dni",
        re.compile(r"(?<![\w.-])(?:\d{8}|[XYZxyz]-?\d{7})[ -]?[A-Za-z](?![\w-])"),
        _is_dni,
        re.compile(r"(?i)\b(?:dni|nif|nie)\b"),
    ),
    _NationalId(
        "in-aadhaar",
        re.compile(r"(?<![\w.-])[2-9]\d{3}([ -]?)\d{4}\1\d{4}(?![\w-])"),
        verhoeff,
        re.compile(r"(?i)\b(?:aadhaar|aadhar|uidai)\b"),
    ),
    _NationalId(
        "ca-sin",
        re.compile(r"(?<![\w.-])\d{3}([ -])\d{3}\1\d{3}(?![\w-])"),
        luhn,
        re.compile(r"(?i)\b(?:sin|social insurance)\b"),
    ),
)
