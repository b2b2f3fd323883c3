"""Alerting's provisioning files, apiVersion 1, as strict models: Grafana ignores keys that it does
not know, these refuse them.

Keys are Grafana's own mix of cases (provisioning/alerting of its sources). Only what our files use
or what a team is likely to add.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

EXPRESSION = "__expr__"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


_DURATION = r"^(\d+(ms|s|m|h|d|w))+$"
Duration = Annotated[str, Field(pattern=_DURATION)]
Uid = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,40}$")]
RefId = Annotated[str, Field(min_length=1)]

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def seconds(duration: str) -> float:
    """Of a Duration such as 1h30m."""
    return sum(
        int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|s|m|h|d|w)", duration)
    )


# --- rules -------------------------------------------------------------------------------------
class RelativeTimeRange(Strict):
    """Seconds before now."""

    from_: Annotated[int, Field(alias="from", ge=0)]
    to: Annotated[int, Field(ge=0)]


class SqlModel(Strict):
    refId: RefId
    editorType: Literal["sql"]
    format: Literal[0, 1]
    pluginVersion: str
    queryType: Literal["table", "timeseries"]
    rawSql: str
    intervalMs: int = 1000
    maxDataPoints: int = 43200


class ExpressionSource(Strict):
    type: Literal["__expr__"]
    uid: Literal["__expr__"]


class ReduceSettings(Strict):
    mode: Literal["", "dropNN", "replaceNN"] = ""
    replaceWithValue: float | None = None


class ReduceModel(Strict):
    refId: RefId
    datasource: ExpressionSource
    type: Literal["reduce"]
    expression: RefId
    reducer: Literal["last", "mean", "min", "max", "sum", "count", "median"]
    settings: ReduceSettings = ReduceSettings()


class Evaluator(Strict):
    type: Literal[
        "gt",
        "lt",
        "gte",
        "lte",
        "eq",
        "ne",
        "within_range",
        "outside_range",
        "within_range_included",
        "outside_range_included",
    ]
    params: Annotated[list[float], Field(min_length=1, max_length=2)]

    @model_validator(mode="after")
    def _count(self) -> Evaluator:
        wanted = 2 if "range" in self.type else 1
        if len(self.params) != wanted:
            raise ValueError(f"{self.type} takes {wanted} params")
        return self


class Condition(Strict):
    evaluator: Evaluator


class ThresholdModel(Strict):
    refId: RefId
    datasource: ExpressionSource
    type: Literal["threshold"]
    expression: RefId
    conditions: Annotated[list[Condition], Field(min_length=1, max_length=1)]


class Query(Strict):
    """SQL or an expression; which, says ``datasourceUid``."""

    refId: RefId
    datasourceUid: str
    relativeTimeRange: RelativeTimeRange | None = None
    queryType: str = ""
    model: SqlModel | ReduceModel | ThresholdModel

    @model_validator(mode="before")
    @classmethod
    def _choose(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(model := value.get("model"), dict):
            kinds: dict[Any, type[Strict]] = {"reduce": ReduceModel, "threshold": ThresholdModel}
            kind = kinds.get(model.get("type"), SqlModel)
            return value | {"model": kind.model_validate(model)}
        return value

    @model_validator(mode="after")
    def _fits(self) -> Query:
        if self.model.refId != self.refId:
            raise ValueError(f"model.refId is {self.model.refId}, not {self.refId}")
        is_sql = isinstance(self.model, SqlModel)
        if is_sql == (self.datasourceUid == EXPRESSION):
            raise ValueError("SQL needs a data source, an expression __expr__")
        if is_sql and self.relativeTimeRange is None:
            raise ValueError("SQL needs relativeTimeRange")
        return self


State = Literal["NoData", "Alerting", "OK", "KeepLast"]


class Rule(Strict):
    uid: Uid
    title: Annotated[str, Field(min_length=1, max_length=190)]
    condition: RefId
    data: Annotated[list[Query], Field(min_length=1)]
    dashboardUid: Uid | None = None
    panelId: int | None = None
    noDataState: State = "NoData"
    execErrState: Literal["Alerting", "Error", "OK", "KeepLast"] = "Alerting"
    for_: Annotated[Duration, Field(alias="for")] = "0s"
    keepFiringFor: Duration = "0s"
    missing_series_evals_to_resolve: Annotated[int, Field(ge=0)] = 2
    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}
    isPaused: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Rule:
        ids = [query.refId for query in self.data]
        if len(set(ids)) != len(ids):
            raise ValueError("refIds are not unique")
        if self.condition not in ids:
            raise ValueError(f"condition {self.condition} is none of {ids}")
        seen: set[str] = set()
        for query in self.data:
            source = getattr(query.model, "expression", None)
            if source is not None and source not in seen:
                raise ValueError(f"{query.refId} reads {source}, which does not come before it")
            seen.add(query.refId)
        if (self.dashboardUid is None) != (self.panelId is None):
            raise ValueError("dashboardUid and panelId go together")
        return self

    @field_validator("title", "uid")
    @classmethod
    def _no_dollar(cls, value: str) -> str:
        return _without_dollar(value)

    @field_validator("labels")
    @classmethod
    def _no_dollars(cls, value: dict[str, str]) -> dict[str, str]:
        for text in value.values():
            _without_dollar(text)
        return value


def _without_dollar(text: str) -> str:
    # Grafana would look for an environment variable of that name.
    if "$" in text:
        raise ValueError("'$' is expanded from the environment here; write '$$'")
    return text


class Group(Strict):
    orgId: int = 1
    name: str
    folder: str
    interval: Duration
    rules: Annotated[list[Rule], Field(min_length=1)]

    @field_validator("interval")
    @classmethod
    def _multiple(cls, value: str) -> str:
        if seconds(value) % 10:
            raise ValueError("Grafana evaluates in steps of 10 s")
        return value


# --- notifications -----------------------------------------------------------------------------
class HmacConfig(Strict):
    secret: str
    header: str = "X-Grafana-Alerting-Signature"
    timestampHeader: str = ""


class WebhookSettings(Strict):
    url: str
    httpMethod: Literal["POST", "PUT"] = "POST"
    maxAlerts: int = 0
    title: str = ""
    message: str = ""
    headers: dict[str, str] = {}
    authorization_scheme: str = ""
    authorization_credentials: str = ""
    username: str = ""
    password: str = ""
    hmacConfig: HmacConfig | None = None


class Receiver(Strict):
    uid: Uid
    type: Literal["webhook"]
    settings: WebhookSettings
    disableResolveMessage: bool = False


class ContactPoint(Strict):
    orgId: int = 1
    name: str
    receivers: Annotated[list[Receiver], Field(min_length=1)]


MatcherOperator = Literal["=", "!=", "=~", "!~"]


class Route(Strict):
    receiver: str
    object_matchers: list[tuple[str, MatcherOperator, str]] = []
    group_by: list[str] = []
    group_wait: Duration | None = None
    group_interval: Duration | None = None
    repeat_interval: Duration | None = None
    continue_: Annotated[bool, Field(alias="continue")] = False
    mute_time_intervals: list[str] = []
    active_time_intervals: list[str] = []
    routes: list[Route] = []


class Policy(Route):
    orgId: int = 1


class ClockTimes(Strict):
    start_time: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
    end_time: Annotated[str, Field(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")]


class TimeInterval(Strict):
    times: list[ClockTimes] = []
    weekdays: list[str] = []
    days_of_month: list[str] = []
    months: list[str] = []
    years: list[str] = []
    location: str = "UTC"


class MuteTime(Strict):
    orgId: int = 1
    name: str
    time_intervals: list[TimeInterval]


class Template(Strict):
    orgId: int = 1
    name: str
    template: str


class Alerting(Strict):
    """One file of provisioning/alerting."""

    apiVersion: Literal[1]
    groups: list[Group] = []
    contactPoints: list[ContactPoint] = []
    policies: Annotated[list[Policy], Field(max_length=1)] = []
    muteTimes: list[MuteTime] = []
    templates: list[Template] = []
