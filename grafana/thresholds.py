"""thresholds.toml as checked data."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from grafana.precision import LEAST, may_page

PATH = Path(__file__).with_name("thresholds.toml")

Severity = Literal["critical", "error", "warning", "info"]
Rate = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[int, Field(ge=60)]
Count = Annotated[int, Field(ge=1)]
Times = Annotated[float, Field(gt=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClassifierThresholds(_Strict):
    """One ``[classifier.<name>]``; the name is the verdict column's."""

    max_fail_rate: Rate
    severity: Severity
    team: Name
    #: What of a single span is enough to alert: a fail, or an attack that the model obeyed.
    critical: Literal["", "fail", "obeyed"] = ""

    @property
    def one_pages(self) -> bool:
        """Whether one failure is enough. An attempt that the model refused is none of these
        (``obeyed``): attempts count by their rate."""
        return self.critical == "fail"

    @property
    def allowed(self) -> float:
        """Share that may fail: none where one failure pages."""
        return 0.0 if self.one_pages else self.max_fail_rate


class Custom(_Strict):
    """All classifiers that users add; each may have a ``max_fail_rate`` of its own."""

    max_fail_rate: Rate
    severity: Severity
    team: Name


class FailRate(_Strict):
    """How fail rates are judged."""

    long_window_seconds: Seconds
    short_window_seconds: Seconds
    min_judged: Count
    min_failed: Count
    critical_window_seconds: Seconds
    seldom_window_seconds: Seconds


class Operational(_Strict):
    """Latency, errors, tools, cost, coverage, errors of judging, silence."""

    window_seconds: Seconds
    min_traces: Count
    p95_seconds: Annotated[float, Field(gt=0)]
    latency_growth: Times
    error_rate: Rate
    tool_failure_rate: Rate
    min_tool_calls: Count
    cost_growth: Times
    min_cost_usd: Annotated[float, Field(ge=0)]
    coverage: Rate
    told: Rate
    min_told: Count
    classify_errors: Annotated[int, Field(ge=0)]
    silent_seconds: Seconds
    seldom_window_seconds: Seconds
    chance: Annotated[float, Field(gt=0, lt=0.1)]
    retired: tuple[Annotated[str, Field(pattern=r"^[^'\\]{1,200}$")], ...] = ()
    severity: Severity
    team: Name


class Drift(_Strict):
    """Against the same hours of the past four weeks."""

    window_seconds: Seconds
    min_judged: Count
    z: Annotated[float, Field(gt=0)]
    psi: Annotated[float, Field(gt=0)]
    severity: Severity
    team: Name


class Experiments(_Strict):
    """Experiments that mislead or do harm."""

    sample_ratio_evidence: Annotated[float, Field(gt=1)]
    severity: Severity
    team: Name


class Thresholds(_Strict):
    """All of thresholds.toml."""

    classifier: dict[Name, ClassifierThresholds]
    custom: Custom
    fail_rate: FailRate
    operational: Operational
    drift: Drift
    experiments: Experiments

    @model_validator(mode="after")
    def _single_failures(self) -> Thresholds:
        for name, one in self.classifier.items():
            if one.critical and not may_page(name):
                raise ValueError(
                    f"classifier.{name}.critical: precision.toml does not say that {LEAST:.0%} of"
                    " its fails are right; take `critical` out (its rate alerts), or measure it"
                )
        return self


@cache
def read(path: Path = PATH) -> Thresholds:
    """Raises pydantic.ValidationError, which names the key, and tomllib.TOMLDecodeError."""
    return Thresholds.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
