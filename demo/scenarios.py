"""scenarios.yaml and shop.yaml as data."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from demo import planted

_FOLDER = Path(__file__).parent
_PLACEHOLDER = re.compile(r"<<(\w+)>>")
DEFAULT_SEED = 20261102


@dataclass(frozen=True, slots=True)
class Plant:
    """One planted failure: who should find it, what it is, and the span name that shows it."""

    classifier: str
    kind: str
    step: str


@dataclass(frozen=True, slots=True)
class Turn:
    user: str
    model: tuple[dict[str, Any], ...]
    plants: tuple[Plant, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    id: str
    turns: tuple[Turn, ...]
    faults: tuple[dict[str, Any], ...] = ()
    documents: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Shop:
    """What the tools know and what retrieval searches."""

    orders: dict[str, dict[str, Any]]
    parcels: dict[str, dict[str, Any]]
    products: list[dict[str, Any]]
    documents: list[dict[str, str]] = field(default_factory=list)


def instructions() -> str:
    """The agent's system prompt."""
    return str(_read("scenarios.yaml")["instructions"])


def shop() -> Shop:
    data = _read("shop.yaml")
    return Shop(data["orders"], data["parcels"], data["products"], data["documents"])


def scenarios(seed: int = DEFAULT_SEED) -> list[Scenario]:
    """Every conversation, repeats unrolled, planted values filled in.

    Raises ValueError for a placeholder that nothing fills and for an id used twice.
    """
    data = _read("scenarios.yaml")
    values = {**planted.values(seed), "instructions": data["instructions"]}
    found: dict[str, Scenario] = {}
    for entry in data["scenarios"]:
        rows = entry.get("repeat") or [{}]
        for number, row in enumerate(rows, start=1):
            name = entry["id"] if len(rows) == 1 else f"{entry['id']}-{number}"
            if name in found:
                raise ValueError(f"scenarios.yaml: the id {name!r} is used twice")
            filled = _fill({k: v for k, v in entry.items() if k != "repeat"}, {**values, **row})
            found[name] = Scenario(
                id=name,
                turns=tuple(
                    Turn(
                        user=turn["user"],
                        model=tuple(turn["model"]),
                        plants=tuple(Plant(**plant) for plant in turn.get("plant", [])),
                    )
                    for turn in filled["turns"]
                ),
                faults=tuple(filled.get("faults", ())),
                documents=tuple(filled.get("documents", ())),
            )
    return list(found.values())


def _fill(value: Any, values: dict[str, Any]) -> Any:
    """`value` with its placeholders filled; one that is the whole text keeps the value's type."""
    if isinstance(value, dict):
        return {key: _fill(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, values) for item in value]
    if not isinstance(value, str):
        return value
    whole = _PLACEHOLDER.fullmatch(value)
    if whole is not None and whole[1] in values:
        filled = values[whole[1]]
        return _fill(filled, values) if isinstance(filled, str) else filled

    def one(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise ValueError(f"scenarios.yaml: nothing fills {match[0]} in {value!r}")
        return str(values[match[1]])

    return _PLACEHOLDER.sub(one, value)


def _read(name: str) -> Any:
    return yaml.safe_load((_FOLDER / name).read_text(encoding="utf-8"))
