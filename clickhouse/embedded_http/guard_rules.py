"""``guard_rules.toml``: functions, tables and columns that readers get to hear of, or not."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from pathlib import Path

_RULES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))

_FUNCTIONS = [
    (re.compile("|".join(rule["names"].split())), str(rule["reason"]))
    for rule in _RULES["functions"]
]
#: Tables of ``system``.
OPEN_TABLES = frozenset(_RULES["tables"]["open"].split())
#: Table of ``system`` to its columns that stay hidden.
HIDDEN = {name: frozenset(columns.split()) for name, columns in _RULES["hidden"].items()}


@lru_cache(maxsize=4096)
def why_refused(function: str) -> str:
    """The reason, as the end of a sentence, or ''. ``function``: its name in lower case."""
    return next((reason for names, reason in _FUNCTIONS if names.fullmatch(function)), "")
