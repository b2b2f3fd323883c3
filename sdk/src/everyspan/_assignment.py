"""Which variant a unit gets: the same for the same unit, on every machine, without asking anybody.

Weighted rendezvous hashing: each variant draws an exponential number from a hash of salt, variant
and unit, divides it by its weight, and the smallest wins (Thaler and Ravishankar 1998; weights as
in Schindelhauer and Schomaker 2005). A variant wins with the share of its weight, whatever the
order, and a changed weight moves only the units it must: raised, units come to that variant and no
others change; lowered, units leave it and no others change.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

#: Recorded for units that are kept out of all experiments; not a name that a variant may have.
HOLD_OUT = "hold_out"
#: One salt for all experiments, so that the same units are held out of each.
_HOLD_OUT_SALT = "everyspan hold-out"


@dataclass(frozen=True)
class Experiment:
    """What assignment needs of a definition. ``variants``: name to weight, each over 0.

    ``share``: of the units, that take part; ``hold_out``: of the units, that are kept out of all
    experiments; both 0 to 1. ``winner``: what a stopped experiment gives to everybody.
    """

    name: str
    variants: Mapping[str, float]
    control: str
    salt: str
    unit: str = "session"
    share: float = 1.0
    hold_out: float = 0.0
    running: bool = True
    winner: str = ""

    def assigned(self, unit: str) -> tuple[str, str]:
        """`(what the agent gets, what is recorded)`; '' is recorded for units that take no part."""
        if not self.running:
            return self.winner or self.control, ""
        if self.hold_out and _uniform(_HOLD_OUT_SALT, "", unit) < self.hold_out:
            return self.control, HOLD_OUT
        if self.share < 1 and _uniform(self.salt, "share", unit) >= self.share:
            return self.control, ""
        chosen = min(
            self.variants,
            key=lambda name: (
                -math.log(_uniform(self.salt, f"variant {name}", unit)) / self.variants[name]
            ),
        )
        return chosen, chosen


def _uniform(salt: str, purpose: str, unit: str) -> float:
    """A number in (0, 1) of 53 bits. NUL separates, as a name holds none."""
    digest = sha256(f"{salt}\0{purpose}\0{unit}".encode("utf-8", "surrogatepass")).digest()
    return ((int.from_bytes(digest[:8], "big") >> 11) + 0.5) / (1 << 53)


def read_experiment(name: str, definition: Mapping[str, Any]) -> Experiment:
    """An experiment from its table in the TOML file, or from the JSON that ClickHouse holds.

    What only the analysis reads is not looked at. Raises ValueError naming the field.
    """

    def wrong(what: str) -> ValueError:
        return ValueError(f"experiment {name!r}: {what}")

    variants = definition.get("variants")
    if not isinstance(variants, Mapping) or len(variants) < 2:
        raise wrong("'variants' must be a table of at least two, such as {a = 1, b = 1}")
    for variant, weight in variants.items():
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not weight > 0:
            raise wrong(f"the weight of variant {variant!r} is {weight!r}; give a number over 0")
        if math.isinf(weight):
            raise wrong(f"the weight of variant {variant!r} is infinite")
        if variant in (HOLD_OUT, ""):
            raise wrong(f"a variant can't be named {variant!r}")
    control = definition.get("control") or next(iter(variants))
    if control not in variants:
        raise wrong(f"'control' is {control!r}, which is none of {', '.join(variants)}")
    winner = definition.get("winner") or ""
    if winner and winner not in variants:
        raise wrong(f"'winner' is {winner!r}, which is none of {', '.join(variants)}")
    shares = {}
    for key, usual in (("share", 1.0), ("hold_out", 0.0)):
        value = definition.get(key, usual)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise wrong(f"{key!r} is {value!r}; give a number from 0 to 1")
        shares[key] = float(value)
    return Experiment(
        name=name,
        variants={str(key): float(value) for key, value in variants.items()},
        control=str(control),
        salt=str(definition.get("salt") or name),
        unit=str(definition.get("unit") or "session"),
        running=definition.get("status", "running") == "running",
        winner=str(winner),
        **shares,
    )
