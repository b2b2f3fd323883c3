"""A seeded phrase grammar: rules are lists of texts in which {name} is another rule."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import yaml

HOLE = re.compile(r"\{(\w+)\}")


class Grammar:
    """Rules of one YAML file beside this module: name → alternatives."""

    def __init__(self, name: str, rng: Random) -> None:
        path = Path(__file__).with_name(f"{name}.yaml")
        self.rules: dict[str, list[str]] = yaml.safe_load(path.read_text(encoding="utf-8"))
        self.rng = rng

    def say(self, rule: str, **given: str) -> str:
        """One expansion of `rule`; `given` fixes holes. Raises KeyError for an unknown rule."""
        return self.fill(self.rng.choice(self.rules[rule]), **given)

    def fill(self, text: str, **given: str) -> str:
        """`text` with every hole expanded."""

        def expand(hole: re.Match[str]) -> str:
            name = hole[1]
            return given[name] if name in given else self.say(name, **given)

        return HOLE.sub(expand, text)

    def starting(self, prefix: str) -> list[str]:
        """The names of the rules that start with `prefix`, sorted."""
        return sorted(name for name in self.rules if name.startswith(prefix))
