"""`/`: what needs attention now? Sentences, worst first; each leads to its rows.

Counted by the same SQL as the boards; a classifier needs attention where the lower end of its fail
rate's interval is over what grafana/thresholds.toml allows, as in the alert rules; of one that is
critical there, one failure is enough, or one attack that the model obeyed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from classify.tallies.counting import STEP
from grafana.build import tallied
from grafana.build.sql import CUSTOM, ONCE, PRODUCTION, classifiers
from grafana.thresholds import Thresholds
from grafana.thresholds import read as thresholds
from web import pages, say
from web.interval import wilson
from web.reader import Reader
from web.sql import at, literal
from web.when import AddressError, moment

_SLOTS = 48
_MOST_SENTENCES = 8
WINDOWS = ("1h", "24h", "7d", "30d")


@dataclass(slots=True)
class Sentence:
    """One classifier in one service. ``slots``: (failed, judged) along the window. ``critical``: what
    alone is enough, 'fail' or 'obeyed'; ``obeyed``: the newest traces in which the model obeyed."""

    classifier: str
    service: str
    failed: int = 0
    judged: int = 0
    slots: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)] * _SLOTS)
    limit: float = 0.0
    critical: str = ""
    since: datetime | None = None
    users: int = 0
    prompt: str = ""
    examples: list[str] = field(default_factory=list)
    obeyed: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Failed of judged."""
        return self.failed / self.judged if self.judged else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 %."""
        return wilson(self.failed, self.judged)

    @property
    def is_over(self) -> bool:
        """Whether it needs attention."""
        return self.failed > 0 and (self.alone or self.interval[0] > self.limit)

    @property
    def alone(self) -> bool:
        """Whether it is too much whatever the rate."""
        return self.critical == "fail" or bool(self.obeyed)

    @property
    def weight(self) -> float:
        """How bad: by how much its lower end is over the limit."""
        return (10.0 if self.alone else 0.0) + self.interval[0] / max(self.limit, 0.001)

    @property
    def spark(self) -> list[tuple[int, float]]:
        """x and height (0 to 30) of each bar of the fail rate."""
        rates = [failed / judged if judged else 0.0 for failed, judged in self.slots]
        top = max(rates) or 1.0
        return [(i, round(30 * rate / top, 1)) for i, rate in enumerate(rates) if rate]

    def address(self, since: str) -> str:
        """Of its rows."""
        return "/traces?" + urlencode(
            {"service": self.service, "failed": self.classifier, "since": since}
        )


def router(reader: Reader) -> APIRouter:
    """The first page."""
    api = APIRouter()

    @api.get("/")
    def now(request: Request, since: str = "24h", service: str = "") -> HTMLResponse:
        """``since``: the window; ``service``: of one alone."""
        unknown = [name for name in request.query_params if name not in ("since", "service")]
        if unknown:
            raise AddressError(f"{unknown[0][:40]}: there is no such filter; since and service")
        until = datetime.now(UTC)
        start = moment("since", since, until)
        if start >= until:
            raise AddressError("since lies ahead; write 1h, 24h or 7d")
        facts, verdicts = _facts(reader, start, until, service)
        sentences = _sentences(verdicts)
        _obeyed(reader, sentences, _where(start, until, service))
        over = sorted((s for s in sentences if s.is_over), key=lambda s: -s.weight)
        shown = over[:_MOST_SENTENCES]
        _detail(reader, shown, start, until)
        return pages.page(
            "now",
            here="now",
            facts=facts,
            over=shown,
            others=over[_MOST_SENTENCES:],
            quiet=_quiet(sentences),
            services=_services(sentences, service),
            since=since,
            service=service,
            windows=WINDOWS,
            slots=_SLOTS,
            encode=urlencode,
            interval=say.interval,
        )

    return api


def _where(start: datetime, until: datetime, service: str) -> str:
    own = f" AND service_name = {literal(service)}" if service else ""
    return f"{PRODUCTION} AND start_time >= {at(start)} AND start_time <= {at(until)}{own}"


def _facts(
    reader: Reader, start: datetime, until: datetime, service: str
) -> tuple[dict[str, Any], list[Any]]:
    """Of the window and of the one before it, and what each service's verdicts were along the
    window. All that is said of the window comes out of one reading, most of it of tallies."""
    before = start - (until - start)
    seconds = max(1.0, (until - start).total_seconds() / _SLOTS)

    def slot(milliseconds: str) -> str:
        since = f"({milliseconds} - {int(start.timestamp() * 1000)}) / {seconds * 1000:.1f}"
        return f"least({_SLOTS - 1}, toInt32(floor({since})))"

    slots = (slot("toUnixTimestamp64Milli(start_time)"), slot("1000 * toUnixTimestamp(at)"))
    own = f" AND service_name = {literal(service)}" if service else ""
    counted = tallied.tallied(
        {"service_name": tallied.SERVICE, "slot": slots, "once": tallied.IS_ONCE},
        _FACTS | {"verdicts": tallied.verdicts_of(classifiers())},
        rows=_where(before, until, service),
        tallies=f"NOT replayed{own}",
        windows=((at(before), at(start)), (at(start), at(until))),
        # Tallies are of five minutes.
        unless="0" if seconds >= STEP else "1",
    )
    found = reader.rows(f"""SELECT slot >= 0 AS is_now, sum(roots) AS traces, uniqArray(seen) AS users,
  sum(wrong) AS errors, quantileArray(0.95)(lasted) AS p95, sum(paid) AS cost, sum(stored) AS spans,
  sum(done) AS judged, groupArrayIf((service_name, slot, verdicts), once AND slot >= 0) AS counted
FROM (
{counted}
)
GROUP BY is_now""")
    verdicts: list[Any] = []
    facts = {"now": dict(_NOTHING), "then": dict(_NOTHING)}
    for row in found:
        verdicts += row.pop("counted")
        facts["now" if row.pop("is_now") else "then"] = row
    return facts, verdicts


#: What is said of a window, and of one without a row.
_FACTS = {
    "roots": tallied.TRACES,
    "seen": tallied.USERS,
    "wrong": tallied.ERRORS,
    "lasted": tallied.DURATIONS,
    "paid": tallied.COST,
    "stored": tallied.SPANS,
    "done": tallied.WHOLE,
}
_NOTHING = {
    "traces": 0,
    "users": 0,
    "errors": 0,
    "p95": math.nan,
    "cost": None,
    "spans": 0,
    "judged": 0,
}


def _sentences(verdicts: Iterable[tuple[str, int, list[Any]]]) -> list[Sentence]:
    """Of (service, slot, counts)."""
    limits = thresholds()
    found: dict[tuple[str, str], Sentence] = {}
    for service, slot, counted in verdicts:
        for name, fails, judged, _ in counted:
            key = (name, service)
            each = found.get(key)
            if each is None:
                limit, critical = _limit(limits, name)
                each = found[key] = Sentence(name, service, limit=limit, critical=critical)
            each.failed += fails
            each.judged += judged
            at_slot = max(0, int(slot))
            before = each.slots[at_slot]
            each.slots[at_slot] = (before[0] + fails, before[1] + judged)
    return list(found.values())


def _limit(limits: Thresholds, name: str) -> tuple[float, str]:
    known = limits.classifier.get(name)
    return (known.max_fail_rate, known.critical) if known else (limits.custom.max_fail_rate, "")


def _obeyed(reader: Reader, sentences: Sequence[Sentence], where: str) -> None:
    """Finds attacks that the model obeyed, where one is enough and any was found."""
    asked = {
        (each.classifier, each.service): each
        for each in sentences
        if each.critical == "obeyed" and each.failed
    }
    if not asked:
        return
    names = sorted({name for name, _ in asked})
    found = {name: f"({name} = 'fail' AND outcomes[{literal(name)}] = 'obeyed')" for name in names}
    which = ", ".join(f"if({found[name]}, {literal(name)}, '')" for name in names)
    rows = reader.rows(f"""SELECT classifier, service_name,
  arrayReverseSort(groupUniqArray(1000)((start_time, trace_id))) AS newest
FROM (
  SELECT service_name, start_time, trace_id, [{which}] AS obeyed
  FROM spans
  WHERE {where} AND {ONCE} AND ({" OR ".join(found.values())})
)
ARRAY JOIN obeyed AS classifier
WHERE classifier != ''
GROUP BY classifier, service_name""")
    for row in rows:
        if each := asked.get((row["classifier"], row["service_name"])):
            each.obeyed = list(dict.fromkeys(trace for _, trace in row["newest"]))


def _detail(reader: Reader, shown: Sequence[Sentence], start: datetime, until: datetime) -> None:
    """Whom each hits, since when, and two traces."""
    if not shown:
        return
    names = list(dict.fromkeys(each.classifier for each in shown))
    services = ", ".join(literal(name) for name in {each.service: 0 for each in shown})
    failures = ", ".join(f"if({_failed(name)}, {literal(name)}, '')" for name in names)
    pairs = ", ".join(f"({literal(each.classifier)}, {literal(each.service)})" for each in shown)
    rows = reader.rows(f"""SELECT classifier, service_name, min(start_time) AS since,
  uniqIf(user_id, user_id != '') AS users,
  topKIf(1)(prompt_version, prompt_version != '') AS prompts,
  countIf(prompt_version != '') AS prompted,
  arrayReverseSort(groupUniqArray(1000)((start_time, trace_id))) AS newest
FROM (
  SELECT service_name, start_time, trace_id, user_id, prompt_version, [{failures}] AS failures
  FROM spans
  WHERE {_where(start, until, "")} AND {ONCE} AND service_name IN ({services})
    AND ({" OR ".join(map(_failed, names))})
)
ARRAY JOIN failures AS classifier
WHERE (classifier, service_name) IN ({pairs})
GROUP BY classifier, service_name""")
    found = {(row["classifier"], row["service_name"]): row for row in rows}
    for each in shown:
        row = found.get((each.classifier, each.service))
        if row is None:
            # Judged otherwise since it was counted.
            continue
        each.since, each.users = row["since"], row["users"]
        often = 2 * row["prompted"] > each.failed
        each.prompt = row["prompts"][0] if row["prompts"] and often else ""
        newest = [trace for _, trace in row["newest"]]
        each.examples = list(dict.fromkeys((*each.obeyed, *newest)))[:2]


def _failed(classifier: str) -> str:
    own = classifier in classifiers() and classifier != CUSTOM
    return f"{classifier} = 'fail'" if own else f"custom[{literal(classifier)}] = 'fail'"


def _quiet(sentences: list[Sentence]) -> dict[str, Any]:
    """What is said of those that are within their limits."""
    names = {each.classifier for each in sentences if each.judged}
    over = {each.classifier for each in sentences if each.is_over}
    silent = {each.classifier for each in sentences} - names
    return {"within": sorted(names - over), "silent": sorted(silent)}


def _services(sentences: list[Sentence], service: str) -> list[str]:
    return sorted({each.service for each in sentences if each.service} | ({service} - {""}))
