"""Who is told: destinations and routes in one TOML file, checked when the service starts."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from service.errors import UserError
from service.pattern import PatternError, pattern

_ENVIRONMENT = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")


class RoutesError(UserError):
    """The file of routes can't be used; the text names the key and the remedy."""


class _Config(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    #: Seconds between two messages, so as not to be throttled.
    every_seconds: Annotated[float, Field(ge=0, le=60)] = 0.0
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 10.0


Url = Annotated[str, Field(pattern=r"^https?://\S+$")]


class PagerDuty(_Config):
    """PagerDuty Events API v2."""

    type: Literal["pagerduty"]
    routing_key: Annotated[str, Field(min_length=32, max_length=32)]
    url: Url = "https://events.pagerduty.com/v2/enqueue"


class Slack(_Config):
    """Slack incoming webhook."""

    type: Literal["slack"]
    url: Url
    every_seconds: Annotated[float, Field(ge=0, le=60)] = 1.0


class Teams(_Config):
    """Microsoft Teams workflow that takes an adaptive card."""

    type: Literal["teams"]
    url: Url
    every_seconds: Annotated[float, Field(ge=0, le=60)] = 1.0


class Opsgenie(_Config):
    """Opsgenie Alert API."""

    type: Literal["opsgenie"]
    api_key: Annotated[str, Field(min_length=1)]
    url: Url = "https://api.opsgenie.com/v2/alerts"


class Email(_Config):
    """SMTP."""

    type: Literal["email"]
    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    username: str = ""
    password: str = ""
    sender: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]
    to: Annotated[list[Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]], Field(min_length=1)]


class Webhook(_Config):
    """JSON to an address of your own, HMAC-signed where a secret is set."""

    type: Literal["webhook"]
    url: Url
    secret: str = ""


class Log(_Config):
    """The service's log: what is used where there are no routes."""

    type: Literal["log"]


Config = Annotated[
    PagerDuty | Slack | Teams | Opsgenie | Email | Webhook | Log, Field(discriminator="type")
]
_config: TypeAdapter[Config] = TypeAdapter(Config)


class _Route(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    match: dict[str, str] = {}
    destinations: Annotated[list[str], Field(min_length=1)]
    goes_on: Annotated[bool, Field(alias="continue")] = False


@dataclass(frozen=True, slots=True)
class Matcher:
    """``value`` with ~ before it is a regular expression for the whole label."""

    label: str
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        there = labels.get(self.label, "")
        if self.value.startswith("~"):
            return pattern(self.value[1:]).fullmatch(there)
        return there == self.value


@dataclass(frozen=True, slots=True)
class Routes:
    """``destinations`` by name; ``routes``: matchers, names, whether to go on with the next."""

    destinations: Mapping[str, Any]
    routes: tuple[tuple[tuple[Matcher, ...], tuple[str, ...], bool], ...]

    def of(self, labels: Mapping[str, str]) -> list[str]:
        """Names of the destinations, each once, in order."""
        found: list[str] = []
        for matchers, names, goes_on in self.routes:
            if all(matcher.matches(labels) for matcher in matchers):
                found += [name for name in names if name not in found]
                if not goes_on:
                    break
        return found


#: Nobody but the log.
DEFAULT = Routes({"log": Log(type="log")}, (((), ("log",), False),))


def read_routes(path: str) -> Routes:
    """'' for DEFAULT. Raises RoutesError."""
    if not path:
        return DEFAULT
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RoutesError(f"EVERYSPAN_ALERT_ROUTES: {path}: {error}") from error
    except RecursionError as error:
        raise RoutesError(f"EVERYSPAN_ALERT_ROUTES: {path}: it is nested too deeply") from error
    if unknown := sorted(set(document) - {"destinations", "routes"}):
        raise RoutesError(f"{path}: unknown key '{unknown[0]}'; use destinations and routes")
    destinations: dict[str, Any] = {}
    for name, values in _table(path, document, "destinations").items():
        try:
            destinations[name] = _config.validate_python(_resolved(path, name, values))
        except ValidationError as error:
            raise RoutesError(f"{path}: destinations.{name}.{_problem(error)}") from error
    routes = []
    for number, values in enumerate(document.get("routes", []), 1):
        try:
            route = _Route.model_validate(values)
        except ValidationError as error:
            raise RoutesError(f"{path}: routes, number {number}: {_problem(error)}") from error
        for name in route.destinations:
            if name not in destinations:
                known = ", ".join(destinations) or "none"
                raise RoutesError(
                    f"{path}: routes, number {number}: there is no destination '{name}' among"
                    f" {known}; add [destinations.{name}]"
                )
        matchers = tuple(Matcher(label, value) for label, value in route.match.items())
        for matcher in matchers:
            _check(path, number, matcher)
        routes.append((matchers, tuple(route.destinations), route.goes_on))
    if not routes:
        raise RoutesError(f"{path}: no [[routes]]; add one with destinations = [...]")
    return Routes(destinations, tuple(routes))


def _table(path: str, document: dict[str, Any], name: str) -> dict[str, Any]:
    found = document.get(name, {})
    if not isinstance(found, dict) or not all(isinstance(v, dict) for v in found.values()):
        raise RoutesError(f"{path}: write [{name}.NAME] with type = …")
    return found


def _resolved(path: str, name: str, values: dict[str, Any]) -> dict[str, Any]:
    """``env:NAME`` is the variable's value."""
    found = {}
    for key, value in values.items():
        if isinstance(value, str) and (variable := _ENVIRONMENT.fullmatch(value)):
            told = os.environ.get(variable[1])
            if not told:
                raise RoutesError(
                    f"{path}: destinations.{name}.{key}: the environment variable {variable[1]} is"
                    " not set"
                )
            value = told
        found[key] = value
    return found


def _check(path: str, number: int, matcher: Matcher) -> None:
    try:
        pattern(matcher.value[1:] if matcher.value.startswith("~") else "")
    except PatternError as error:
        raise RoutesError(
            f"{path}: routes, number {number}: match.{matcher.label}: {error}"
        ) from error


def _problem(error: ValidationError) -> str:
    # The value may be a key: it is not told.
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"][-1:])
    return f"{where}: {first['msg']}"
