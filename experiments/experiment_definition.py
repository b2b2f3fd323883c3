"""An experiment's definition: a table of the TOML file that the SDK reads too.

What is stored in ClickHouse is the same as JSON with every default filled in, and with what follows
from it (each metric's share of alpha, whether it is a rate), so that SQL need not know the rules.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from experiments.metrics import Direction, kind_of
from service.errors import UserError

#: Recorded for units that are kept out of all experiments (sdk, `hold_out`).
HOLD_OUT = "hold_out"

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(gt=0, lt=1e9)]
Role = Literal["primary", "guardrail", "secondary"]


class DefinitionError(UserError):
    """A definition that can't be used. The text names the file, the field and the remedy."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Metric(_Strict):
    """One ``[[experiment.NAME.metrics]]``.

    ``metric``: a classifier (its fail rate) or one of experiments.metrics.OPERATIONAL.
    ``min_effect``: of a primary metric, the smallest difference worth having, in the metric's own
    unit (0.02 is two percentage points of a rate). ``margin``: of a guard-rail, the loss that is
    still tolerated.
    """

    metric: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    role: Role
    direction: Direction = "lower"
    min_effect: Annotated[float, Field(ge=0)] = 0.0
    margin: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="before")
    @classmethod
    def _usual_direction(cls, given: Any) -> Any:
        if isinstance(given, dict) and "direction" not in given:
            return {**given, "direction": kind_of(str(given.get("metric"))).better}
        return given

    @model_validator(mode="after")
    def _fits_its_role(self) -> Metric:
        if self.margin and self.role != "guardrail":
            raise ValueError(f"{self.metric}: margin is for role = 'guardrail' only")
        if self.min_effect and self.role != "primary":
            raise ValueError(f"{self.metric}: min_effect is for role = 'primary' only")
        return self


class Definition(_Strict):
    """One ``[experiment.NAME]``.

    ``unit``: what the agent passes as unit: session, user or a word of your own. ``planned_units``:
    of control and one variant together, where the intervals should be narrowest. ``min_units``: of
    each variant, below which nothing is said: the intervals hold for large numbers.
    ``stop_on_loss``: the service stops it once every variant loses a guard-rail.
    """

    name: Name
    variants: Annotated[dict[Name, Weight], Field(min_length=2, max_length=20)]
    control: str = ""
    unit: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]*$")] = "session"
    salt: str = ""
    share: Share = 1.0
    hold_out: Share = 0.0
    stop_on_loss: bool = False
    alpha: Annotated[float, Field(ge=0.0001, le=0.5)] = 0.05
    planned_units: Annotated[int, Field(ge=20, le=1_000_000_000)] = 2000
    min_units: Annotated[int, Field(ge=10)] = 100
    metrics: Annotated[tuple[Metric, ...], Field(min_length=1, max_length=50)]

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        variants = given.get("variants")
        filled = {"salt": given.get("name", "")}
        if isinstance(variants, dict) and variants:
            filled["control"] = next(iter(variants))
        return {**given, **{k: v for k, v in filled.items() if not given.get(k)}}

    @model_validator(mode="after")
    def _makes_sense(self) -> Definition:
        if self.control not in self.variants:
            raise ValueError(f"control = '{self.control}' is none of {', '.join(self.variants)}")
        if HOLD_OUT in self.variants:
            raise ValueError(f"a variant can't be named '{HOLD_OUT}'")
        names = [metric.metric for metric in self.metrics]
        if len(set(names)) < len(names):
            raise ValueError("each metric may be listed once")
        if not self.of("primary"):
            raise ValueError("one metric needs role = 'primary': what the experiment is decided by")
        return self

    def of(self, role: Role) -> list[Metric]:
        """The metrics of a role."""
        return [metric for metric in self.metrics if metric.role == role]

    @property
    def treatments(self) -> list[str]:
        """The variants that are compared with the control."""
        return [variant for variant in self.variants if variant != self.control]

    def alpha_of(self, metric: Metric) -> float:
        """Error rate of one metric's interval against one variant.

        Bonferroni over all intervals of the experiment, so that all hold together at all times
        with probability 1 - alpha. The primary metrics have half of it, as they decide; all of it
        where there are no others.
        """
        primary = len(self.of("primary"))
        others = len(self.metrics) - primary
        part = (0.5 if others else 1.0) * self.alpha
        family = primary if metric.role == "primary" else others
        return part / (family * len(self.treatments))

    def document(self) -> dict[str, Any]:
        """As it is stored: see the module."""
        found = self.model_dump(mode="json")
        for metric, each in zip(self.metrics, found["metrics"], strict=True):
            each["alpha"] = self.alpha_of(metric)
            each["rate"] = kind_of(metric.metric).rate
        return found

    def same_split(self, other: Definition) -> bool:
        """Whether units are split among the variants in the same way: then they may be pooled."""

        def split(each: Definition) -> dict[str, float]:
            total = sum(each.variants.values())
            return {name: round(weight / total, 9) for name, weight in each.variants.items()}

        return (
            (self.salt, self.control, self.unit) == (other.salt, other.control, other.unit)
            and self.hold_out == other.hold_out
            and split(self) == split(other)
        )


def read_definition(document: Mapping[str, Any], where: str) -> Definition:
    """From a table of the file, or from what is stored. ``where`` begins the error's text."""
    plain = {key: value for key, value in document.items() if key not in ("status", "winner")}
    if isinstance(metrics := plain.get("metrics"), list):
        plain["metrics"] = [
            {k: v for k, v in each.items() if k not in ("alpha", "rate")}
            if isinstance(each, dict)
            else each
            for each in metrics
        ]
    try:
        return Definition.model_validate(plain)
    except ValidationError as error:
        raise DefinitionError(
            "\n".join(f"{where}: {_sentence(problem)}" for problem in error.errors())
        ) from error


def _sentence(problem: Any) -> str:
    place = ".".join(str(part) for part in problem["loc"] if part != "[key]")
    text = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "missing":
        return f"'{place}' is missing"
    if problem["type"] == "extra_forbidden":
        return f"'{place}' is no setting of an experiment; see experiments/README.md"
    return f"'{place}': {text}, got {problem['input']!r}" if place else text


def read_file(path: Path) -> dict[str, Definition]:
    """Every experiment of a TOML file by name. Raises DefinitionError."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DefinitionError(f"{path} can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DefinitionError(f"{path} is no TOML: {error}") from error
    except RecursionError as error:
        raise DefinitionError(f"{path} is no TOML that we read: nested too deeply") from error
    tables = document.get("experiment")
    if not isinstance(tables, dict) or not tables:
        raise DefinitionError(f"{path} defines no experiment; write a table [experiment.NAME]")
    found = {}
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise DefinitionError(f"{path}: write [experiment.{name}] as a table")
        found[name] = read_definition({**table, "name": name}, f"{path}: experiment.{name}")
    return found
