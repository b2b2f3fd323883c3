"""Whose an address, a telephone number or an account is: a person's, or public.

What is looked for is what marks a person: a mailbox that anybody can have, a name before the @, a
name, a title or a pronoun in the words around that is nearer than any word of an organisation.
Without such a mark it counts as public: what documents hold is mostly a shop's, an office's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from everyspan.masking.finding import Finding
from pydantic import BaseModel, ConfigDict

WORDS_FILE = Path(__file__).with_name("whose.yaml")

#: Characters before and after that are looked at. What stands behind counts as farther away.
_BEFORE, _AFTER = 160, 60
_BEHIND = 40
_CREDIT_BEFORE = 100
#: Country codes with the first digits of their mobile numbers (ITU-T E.164 national plans).
_MOBILE = re.compile(
    r"^(?:49 ?1[5-7]|44 ?7[1-9]|33 ?[67]|34 ?[67]|39 ?3|31 ?6|32 ?4|41 ?7[4-9]|43 ?6|46 ?7|47 ?[49]"
    r"|48 ?[5-8]|351 ?9|353 ?8|420 ?[67]|61 ?4|64 ?2|81 ?[789]0|82 ?10|86 ?1[3-9]|91 ?[6-9]"
    r"|55 ?\d\d ?9|54 ?9|57 ?3|90 ?5|7 ?9|380 ?[5-9]|27 ?[678])"
)
_TWO_NAMES = re.compile(r"^[A-Z][a-z]{1,20}(?:[A-Z]\.?)?[A-Z][a-z]{2,20}\d{0,4}$")
_TO_BE_PAID = re.compile(
    r"(?i)\b(?:pay\w*|paid|fees?|dues|donat\w*|remit\w*|gebühr\w*|spende\w*|überweis\w*|don|cuota)\b"
)
_CAPITALISED = re.compile(r"\b[^\W\d_a-z][^\W\d_]{3,24}\b")


class _Words(BaseModel):
    """whose.yaml as written."""

    model_config = ConfigDict(extra="forbid")

    person: list[str]
    organisation: list[str]
    organisation_parts: str
    credit: str
    free_mail: str
    nobody: str
    given_names: str


@dataclass(frozen=True, slots=True)
class _Marks:
    """The patterns of whose.yaml."""

    person: re.Pattern[str]
    organisation: re.Pattern[str]
    organisation_parts: re.Pattern[str]
    credit: re.Pattern[str]
    free_mail: re.Pattern[str]
    nobody: re.Pattern[str]
    given_names: frozenset[str]


@cache
def _marks() -> _Marks:
    words = _Words.model_validate(yaml.safe_load(WORDS_FILE.read_text("utf-8")))

    def whole(*alternatives: str) -> re.Pattern[str]:
        joined = "|".join(alternatives)
        return re.compile(rf"(?i)(?<![^\W_])(?:{joined})(?![^\W_])")

    return _Marks(
        person=whole(*words.person),
        organisation=whole(*words.organisation),
        organisation_parts=re.compile(words.organisation_parts),
        credit=re.compile(rf"(?i)(?<![a-z])(?:{words.credit})"),
        free_mail=re.compile(
            rf"^(?:{words.free_mail})\.(?:[a-z]{{2,3}}|[a-z]{{2,3}}\.[a-z]{{2}})$"
        ),
        nobody=re.compile(rf"^(?:{words.nobody})\d*$"),
        given_names=frozenset(words.given_names.split()),
    )


def is_persons(text: str, finding: Finding) -> bool:
    """Whether the address, number or IBAN at ``finding.start`` of ``text`` is a person's. An IBAN
    is, unless an organisation is to be paid: where to pay a fee is public."""
    end = finding.start + len(finding.value)
    before = text[max(0, finding.start - _BEFORE) : finding.start]
    after = text[end : end + _AFTER]
    if finding.rule == "email":
        return _is_persons_address(finding.value, before, after)
    by_words = _nearer(before, after)
    if finding.rule == "iban":
        return by_words is not False or not _TO_BE_PAID.search(before)
    if by_words is None:
        digits = re.sub(r"\D", "", finding.value)
        return finding.value.startswith("+") and _MOBILE.match(digits) is not None
    return by_words


def _is_persons_address(address: str, before: str, after: str) -> bool:
    written = address.rpartition("@")[0]
    name, _, domain = address.lower().rpartition("@")
    marks = _marks()
    if marks.nobody.match(name) or marks.credit.search(before[-_CREDIT_BEFORE:]):
        return False
    if marks.free_mail.match(domain):
        return True
    plain = name.partition("+")[0]
    parts = [part for part in re.split(r"[\W\d_]+", plain) if part]
    if any(part in marks.given_names for part in parts):
        return True
    if plain[0].isdigit() or marks.organisation_parts.search(plain):
        return False
    # JoSmith, JoPSmith
    if _TWO_NAMES.match(written):
        return True
    # j.smith, smith.j, first.last
    if len(parts) == 2 and max(map(len, parts)) >= 3 and not any(part in domain for part in parts):
        return True
    # jsmith beside "Jo Smith": the surname ends (or begins) the name.
    around = f"{before} {after}"
    for word in _CAPITALISED.findall(around):
        surname = word.lower()
        if surname in plain and surname not in domain and len(plain) - len(surname) <= 3:
            return True
    return bool(_nearer(before, after))


def _nearer(before: str, after: str) -> bool | None:
    """Whether a mark of a person is nearer than one of an organisation; None: there is neither."""
    person, organisation = _distances(before, after)
    if person == organisation:
        return None
    return person < organisation


def _distances(before: str, after: str) -> tuple[float, float]:
    """Characters to the nearest mark of a person and of an organisation; infinite without one."""
    marks = _marks()
    found = []
    for pattern in (marks.person, marks.organisation):
        ahead = [len(before) - match.end() for match in pattern.finditer(before)]
        behind = [_BEHIND + match.start() for match in pattern.finditer(after)]
        found.append(float(min(ahead + behind, default=_FAR)))
    for side, text in enumerate((before, after)):
        for match in _CAPITALISED.finditer(text):
            if match.group().lower() in marks.given_names and not _is_place(text, match):
                far = len(before) - match.end() if side == 0 else _BEHIND + match.start()
                found[0] = min(found[0], far)
    return found[0], found[1]


def _is_place(text: str, name: re.Match[str]) -> bool:
    """Whether a street or a house is called by the name: 'Victoria Avenue', 'Hotel Felix'."""
    before = text[max(0, name.start() - 14) : name.start()]
    return bool(_CALLED.search(before) or _STREET.match(text[name.end() : name.end() + 24]))


_CALLED = re.compile(r"(?i)\b(?:hotel|restaurant|caf[eé]|st\.?|saint|the|queen|king|port) $")
_STREET = re.compile(
    r"(?i)(?:'s|’s)? (?:\w+ )?(?:avenue|ave|road|rd|street|lane|park|square|court|house|hall|hotel"
    r"|way|place|station|hospital|college|church|bridge|terrace|gardens?|hill|restaurant|kitchen|bar)\b"
)
_FAR = float("inf")
