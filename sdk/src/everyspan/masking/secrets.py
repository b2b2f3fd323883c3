"""Finds secrets by the rules of secrets.toml.

Costs on ordinary text: one look for a run of 16 characters without a space; where there is none,
only the rules for short secrets are tried, and each rule only where one of its keywords occurs.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from math import log2
from pathlib import Path
from typing import Any

from everyspan.masking.finding import Finding

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RULES_FILE = Path(__file__).with_name("secrets.toml")

#: What follows a secret in prose and can't be told from it by a pattern.
_TRAILING = ".,;:!?"
_LONG_TOKEN = re.compile(r"(?<![A-Za-z0-9_+=/.~-])[A-Za-z0-9_+=/.~-]{16}")
#: More findings of one rule in one text say nothing new.
_MAX_FINDINGS_PER_RULE = 5
#: A text of nothing but false hits must not cost more than this many looks at each rule.
_MAX_LOOKS_PER_RULE = 500


@dataclass(slots=True, frozen=True)
class SecretRule:
    """One rule, compiled. The fields are explained in secrets.toml."""

    id: str
    keywords: tuple[str, ...]
    pattern: re.Pattern[str]
    min_entropy: float
    must: tuple[re.Pattern[str], ...]
    allow: tuple[re.Pattern[str], ...]
    allow_before: re.Pattern[str] | None
    short: bool
    score: float

    @classmethod
    def of(
        cls,
        *,
        id: str,
        keywords: list[str],
        pattern: str,
        min_entropy: float = 0.0,
        must: Sequence[str] = (),
        allow: Sequence[str] = (),
        allow_before: str = "",
        short: bool = False,
        score: float = 0.95,
    ) -> SecretRule:
        """From one entry as written. Raises TypeError or re.error where it is broken."""
        return cls(
            id,
            tuple(keywords),
            re.compile(pattern),
            min_entropy,
            tuple(map(re.compile, must)),
            tuple(map(re.compile, allow)),
            re.compile(allow_before) if allow_before else None,
            short,
            score,
        )

    def find(self, text: str, *, every: bool = False) -> Iterator[Finding]:
        """Secrets of this kind in ``text``, at most five, or every one."""
        found = 0
        for looks, match in enumerate(self.pattern.finditer(text)):
            if looks == _MAX_LOOKS_PER_RULE and not every:
                return
            secret = (match.groupdict().get("secret") or match.group()).rstrip(_TRAILING)
            if not self._counts(secret, text, match.start()):
                continue
            yield Finding(self.id, secret, self.score, match.start())
            found += 1
            if found == _MAX_FINDINGS_PER_RULE and not every:
                return

    def _counts(self, secret: str, text: str, start: int) -> bool:
        if any(not pattern.search(secret) for pattern in self.must):
            return False
        if self.min_entropy and entropy(secret) < self.min_entropy:
            return False
        if any(pattern.search(secret) for pattern in self.allow):
            return False
        if self.allow_before and self.allow_before.search(text[max(0, start - 32) : start]):
            return False
        return not placeholder().search(secret)


def entropy(text: str) -> float:
    """Shannon entropy in bits a character; 0 for ''."""
    length = len(text)
    return -sum(n / length * log2(n / length) for n in Counter(text).values())


@cache
def _rules_file() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads(RULES_FILE.read_text("utf-8"))
    return found


@cache
def placeholder() -> re.Pattern[str]:
    """Found in what stands where a secret would be, e.g. 'your-api-key'."""
    return re.compile("|".join(f"(?:{p})" for p in _rules_file()["placeholders"]), re.IGNORECASE)


@cache
def rules() -> tuple[SecretRule, ...]:
    """The rules of secrets.toml, in its order."""
    return tuple(SecretRule.of(**rule) for rule in _rules_file()["rules"])


@cache
def _short_rules() -> tuple[SecretRule, ...]:
    return tuple(rule for rule in rules() if rule.short)


def find_secrets(text: str) -> list[Finding]:
    """Each secret once, under the first rule that finds it; at most five a rule."""
    found: dict[str, Finding] = {}
    for rule in _candidates(text):
        for finding in rule.find(text):
            if not any(finding.value in known for known in found):
                found[finding.value] = finding
    return list(found.values())


def every_secret(text: str) -> Iterator[Finding]:
    """Each place that any rule finds, so that some come twice."""
    for rule in _candidates(text):
        yield from rule.find(text, every=True)


def _candidates(text: str) -> Iterator[SecretRule]:
    lowered = text.lower()
    for rule in rules() if _LONG_TOKEN.search(text) else _short_rules():
        for keyword in rule.keywords:
            if keyword in lowered:
                yield rule
                break
