"""Who is told: destinations and routes in one TOML file, checked when the service starts."""

from __future__ import annotations

import logging
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from alerting.destinations.config import ChannelConfig
from alerting.destinations.log import Unrouted
from alerting.destinations.registry import CHANNELS
from service.errors import UserError
from service.pattern import PatternError, pattern

log = logging.getLogger(__name__)

_ENVIRONMENT = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")


class RoutesError(UserError):
    """The file of routes can't be used; the text names the key and the remedy."""


class _Route(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    match: dict[str, str] = {}
    destinations: Annotated[list[str], Field(min_length=1)]
    continue_: Annotated[bool, Field(alias="continue")] = False


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
    """``destinations`` by name; ``routes``: matchers, names, whether the next count too."""

    destinations: Mapping[str, ChannelConfig]
    routes: tuple[tuple[tuple[Matcher, ...], tuple[str, ...], bool], ...]

    def of(self, labels: Mapping[str, str]) -> list[str]:
        """Names of the destinations, each once, in order; UNROUTED where no route matches."""
        found: list[str] = []
        for matchers, names, continue_ in self.routes:
            if all(matcher.matches(labels) for matcher in matchers):
                found += [name for name in names if name not in found]
                if not continue_:
                    break
        return found or [UNROUTED]


#: Where alerts go that match no route: into the log, and nobody is told.
UNROUTED = "unrouted"
#: Nobody but the log.
DEFAULT = Routes({"log": CHANNELS["log"].config(type="log")}, (((), ("log",), False),))


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
    destinations = {
        name: _config(path, name, values)
        for name, values in _table(path, document, "destinations").items()
    }
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
        routes.append((matchers, tuple(route.destinations), route.continue_))
    if not routes:
        raise RoutesError(f"{path}: no [[routes]]; add one with destinations = [...]")
    if UNROUTED in destinations:
        raise RoutesError(f"{path}: destinations.{UNROUTED}: give it another name")
    if all(matchers for matchers, _, _ in routes):
        log.warning(
            "%s: alerts that match no route go to the log, and nobody is told; end it with"
            " [[routes]] that has destinations and no match",
            path,
        )
        destinations[UNROUTED] = Unrouted(type="log")
    return Routes(destinations, tuple(routes))


def _table(path: str, document: dict[str, Any], name: str) -> dict[str, Any]:
    found = document.get(name, {})
    if not isinstance(found, dict) or not all(isinstance(v, dict) for v in found.values()):
        raise RoutesError(f"{path}: write [{name}.NAME] with type = …")
    return found


def _config(path: str, name: str, values: dict[str, Any]) -> ChannelConfig:
    told = _resolved(path, name, values)
    channel = CHANNELS.get(str(told.get("type")))
    if channel is None:
        raise RoutesError(
            f"{path}: destinations.{name}.type: choose one of {', '.join(sorted(CHANNELS))}"
        )
    try:
        return channel.config.model_validate(told)
    except ValidationError as error:
        raise RoutesError(f"{path}: destinations.{name}.{_problem(error)}") from error


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
