"""What `/traces` asks for: the address is the query. Filters are the columns of ``spans``.

Filters of a trace (service, session …) hold for its rows; filters of a step (model, verdicts, a
search …) hold where some step of the trace is so, each for itself: a model's call that used v8, and
an answer that failed, need not be one row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlencode

from classify.registry import BUILT_IN
from grafana.build.sql import ONCE, PRODUCTION, ROOT, any_failed, classifiers
from web import search
from web.sql import at, literal, literals
from web.when import AddressError, moment

#: Equal to one of the values given.
_OF_TRACE = {"service": "service_name", "environment": "environment", "session": "session_id",
             "user": "user_id"}  # fmt: skip
_OF_STEP = {"model": "model", "prompt": "prompt_name", "prompt_version": "prompt_version",
            "kind": "step_kind", "name": "name", "tool": "tool_name", "agent": "agent_name",
            "experiment": "experiment", "variant": "variant", "code": "code_file",
            "status": "status", "error": "error_type"}  # fmt: skip
#: Of the step that the trace begins with.
_OF_ROOT = {"ended": "status"}
_VERDICTS = {"failed": "fail", "passed": "pass", "abstained": "abstained"}
COLUMNS = {**_OF_TRACE, **_OF_STEP, **_OF_ROOT}
#: What `failed` may say for every classifier.
ANY = "any"
REPLAYS = ("with", "without", "only")
ORDERS = {"newest": "started DESC", "oldest": "started", "slowest": "duration_ms DESC",
          "dearest": "cost_usd DESC NULLS LAST"}  # fmt: skip
_DEFAULT_SINCE = "24h"
_MOST_VALUES = 50
PAGE = 50
_MOST_PAGES = 200


@dataclass(slots=True)
class Filters:
    """``values``: parameter to what it may be. ``verdicts``: failed, passed, abstained to
    classifiers. ``since``, ``until``: as they were typed."""

    values: dict[str, list[str]] = field(default_factory=dict)
    verdicts: dict[str, list[str]] = field(default_factory=dict)
    contains: str = ""
    since: str = _DEFAULT_SINCE
    until: str = ""
    replays: str = "without"
    order: str = "newest"
    page: int = 1

    @classmethod
    def of(cls, given: Iterable[tuple[str, str]]) -> Filters:
        """From an address's parameters. Raises AddressError."""
        made = cls()
        for name, raw in given:
            value = raw.strip().replace("\0", "")
            if not value:
                continue
            if name in COLUMNS:
                made.values.setdefault(name, []).append(value[:1000])
            elif name in _VERDICTS:
                made.verdicts.setdefault(name, []).append(_classifier(name, value))
            elif name == "contains":
                made.contains = value[: search.MOST_CHARACTERS]
            elif name in ("since", "until"):
                moment(name, value, datetime.now(UTC))
                setattr(made, name, value)
            elif name == "replays":
                made.replays = _one_of(name, value, REPLAYS)
            elif name == "sort":
                made.order = _one_of(name, value, tuple(ORDERS))
            elif name == "page":
                made.page = _page(value)
            else:
                known = ", ".join((*COLUMNS, *_VERDICTS, "contains", "since", "until", "replays"))
                raise AddressError(f"{name[:40]}: there is no such filter; there are {known}")
        if any(
            len(each) > _MOST_VALUES for each in (*made.values.values(), *made.verdicts.values())
        ):
            raise AddressError(f"a filter has over {_MOST_VALUES} values; give fewer")
        return made

    def address(self, **changed: str | int | Sequence[str]) -> str:
        """The parameters, with some changed; '' or [] leaves one out. The page starts anew."""
        pairs: list[tuple[str, str]] = []
        now: dict[str, Sequence[str]] = {**self.values, **self.verdicts}
        now |= {
            "contains": [self.contains],
            "since": [self.since if self.since != _DEFAULT_SINCE else ""],
            "until": [self.until],
            "replays": [self.replays if self.replays != "without" else ""],
            "sort": [self.order if self.order != "newest" else ""],
        }
        for name, value in changed.items():
            now[name] = [str(value)] if isinstance(value, (str, int)) else value
        pairs = [(name, value) for name, values in now.items() for value in values if value]
        return f"/traces?{urlencode(pairs)}" if pairs else "/traces"

    def times(self, now: datetime) -> tuple[datetime, datetime]:
        """From and until, in UTC."""
        return moment("since", self.since, now), (
            moment("until", self.until, now) if self.until else now
        )

    @property
    def chips(self) -> list[tuple[str, str, str]]:
        """What is filtered by, one value each: name, value and the address without it."""
        found = []
        for name, values in (*self.values.items(), *self.verdicts.items()):
            for value in values:
                rest = [each for each in values if each != value]
                found.append((name.replace("_", " "), value, self.address(**{name: rest})))
        if self.contains:
            found.append(("contains", self.contains, self.address(contains="")))
        return found

    def where(self, now: datetime) -> str:
        """Conditions on a row that hold for the trace."""
        start, end = self.times(now)
        found = [f"start_time >= {at(start)}", f"start_time <= {at(end)}", ONCE]
        found += [
            f"{_OF_TRACE[name]} IN ({literals(values)})"
            for name, values in self.values.items()
            if name in _OF_TRACE
        ]
        if self.replays != "with":
            found.append(PRODUCTION if self.replays == "without" else f"NOT ({PRODUCTION})")
        return " AND ".join(found)

    def steps(self) -> list[str]:
        """Conditions each of which some step of the trace fulfils."""
        found = [
            f"{_OF_STEP[name]} IN ({literals(values)})"
            for name, values in self.values.items()
            if name in _OF_STEP
        ]
        found += [
            f"({ROOT} AND {_OF_ROOT[name]} IN ({literals(values)}))"
            for name, values in self.values.items()
            if name in _OF_ROOT
        ]
        for name, given in self.verdicts.items():
            found.append("(" + " OR ".join(_verdict(each, _VERDICTS[name]) for each in given) + ")")
        if text := search.condition(self.contains):
            found.append(text)
        return found


def _verdict(classifier: str, label: str) -> str:
    if classifier == ANY:
        if label == "fail":
            return any_failed(classifiers())
        names = [each.name for each in BUILT_IN]
        return "(" + " OR ".join(f"{name} = '{label}'" for name in names) + ")"
    if classifier in {each.name for each in BUILT_IN}:
        return f"{classifier} = '{label}'"
    return f"custom[{literal(classifier)}] = '{label}'"


def _classifier(name: str, value: str) -> str:
    if len(value) > 100:
        raise AddressError(f"{name}={value[:40]}: this is no classifier's name")
    return value


def _one_of(name: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise AddressError(f"{name}={value[:40]}: choose {', '.join(known)}")
    return value


def _page(value: str) -> int:
    if not value.isascii() or not value.isdigit() or not 1 <= int(value[:6]) <= _MOST_PAGES:
        raise AddressError(f"page={value[:40]}: a number from 1 to {_MOST_PAGES}; or filter more")
    return int(value)
