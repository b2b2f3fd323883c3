"""``guard_rules.toml``: functions, tables and columns that readers get to hear of, or not."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_RULES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))

_FUNCTIONS = [
    (re.compile("|".join(rule["names"].split())), str(rule["reason"]))
    for rule in _RULES["functions"]
]


@dataclass(slots=True, frozen=True)
class Rules:
    """``tables``: of ``system``, that are open. ``hidden``: table of ``system`` to its columns that
    stay hidden. ``settings``, ``functions``: that are free to others. ``outer_settings``: that may
    stand at the end of a statement alone. ``plans``: whether EXPLAIN tells how much there is to
    read."""

    tables: frozenset[str]
    hidden: Mapping[str, frozenset[str]]
    settings: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    outer_settings: frozenset[str] = frozenset()
    plans: bool = True


def _hidden(*parts: Mapping[str, str]) -> dict[str, frozenset[str]]:
    names = dict.fromkeys(name for part in parts for name in part)
    return {n: frozenset(" ".join(part.get(n, "") for part in parts).split()) for n in names}


_OF_PROJECTS = _RULES["projects"]
_OPEN = frozenset(_RULES["tables"]["open"].split())
#: Of whoever reads all projects.
OPERATORS = Rules(_OPEN, _hidden(_RULES["hidden"]))
#: Of a project's key.
PROJECTS = Rules(
    _OPEN - set(_OF_PROJECTS["closed"].split()),
    _hidden(_RULES["hidden"], _OF_PROJECTS["hidden"]),
    settings=frozenset(_OF_PROJECTS["settings"].split()),
    functions=frozenset(_OF_PROJECTS["functions"].split()),
    outer_settings=frozenset(_OF_PROJECTS["outer_settings"].split()),
    plans=False,
)


@lru_cache(maxsize=4096)
def why_refused(function: str) -> str:
    """The reason, as the end of a sentence, or ''. ``function``: its name in lower case."""
    return next((reason for names, reason in _FUNCTIONS if names.fullmatch(function)), "")
