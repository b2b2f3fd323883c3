"""`/`: what needs attention now? Sentences, worst first; each leads to its rows.

Counted by the same SQL as the boards; a classifier needs attention where the lower end of its fail
rate's interval is over what grafana/thresholds.toml allows, as in the alert rules.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from grafana.build.sql import CUSTOM, JUDGED, PRODUCTION, ROOT, classifiers, counts
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
    """One classifier in one service. ``slots``: (failed, judged) along the window."""

    classifier: str
    service: str
    failed: int = 0
    judged: int = 0
    slots: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)] * _SLOTS)
    limit: float = 0.0
    critical: bool = False
    since: datetime | None = None
    users: int = 0
    prompt: str = ""
    examples: list[str] = field(default_factory=list)

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
        return self.failed > 0 and (self.critical or self.interval[0] > self.limit)

    @property
    def weight(self) -> float:
        """How bad: by how much its lower end is over the limit."""
        return (10.0 if self.critical else 0.0) + self.interval[0] / max(self.limit, 0.001)

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
        facts = _facts(reader, start, until, service)
        sentences = _sentences(reader, start, until, service)
        over = sorted((s for s in sentences if s.is_over), key=lambda s: -s.weight)
        shown = over[:_MOST_SENTENCES]
        for each in shown:
            _detail(reader, each, start, until)
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


def _facts(reader: Reader, start: datetime, until: datetime, service: str) -> dict[str, Any]:
    """Of the window and of the one before it."""
    before = start - (until - start)
    columns = (
        f"countIf({ROOT}) AS traces, uniqIf(user_id, user_id != '') AS users,"
        f" countIf({ROOT} AND status = 'error') AS errors,"
        f" quantileIf(0.95)(duration_ms, {ROOT}) AS p95, sum(cost_usd) AS cost,"
        f" count() AS spans, countIf({JUDGED}) AS judged"
    )
    (now,) = reader.rows(f"SELECT {columns} FROM spans WHERE {_where(start, until, service)}")
    (then,) = reader.rows(f"SELECT {columns} FROM spans WHERE {_where(before, start, service)}")
    return {"now": now, "then": then}


def _sentences(reader: Reader, start: datetime, until: datetime, service: str) -> list[Sentence]:
    seconds = max(1.0, (until - start).total_seconds() / _SLOTS)
    rows = reader.rows(
        f"SELECT service_name, least({_SLOTS - 1}, toInt32((toUnixTimestamp64Milli(start_time)"
        f" - {int(start.timestamp() * 1000)}) / {seconds * 1000:.1f})) AS slot,"
        f" {counts(classifiers())} AS counts FROM spans"
        f" WHERE {_where(start, until, service)} AND twin_of = '' GROUP BY service_name, slot"
    )
    limits = thresholds()
    found: dict[tuple[str, str], Sentence] = {}
    for row in rows:
        for name, failed, judged, _ in row["counts"]:
            key = (name, row["service_name"])
            each = found.get(key)
            if each is None:
                limit, critical = _limit(limits, name)
                each = found[key] = Sentence(
                    name, row["service_name"], limit=limit, critical=critical
                )
            each.failed += failed
            each.judged += judged
            slot = max(0, int(row["slot"]))
            before = each.slots[slot]
            each.slots[slot] = (before[0] + failed, before[1] + judged)
    return list(found.values())


def _limit(limits: Thresholds, name: str) -> tuple[float, bool]:
    known = limits.classifier.get(name)
    return (known.max_fail_rate, known.one_pages) if known else (limits.custom.max_fail_rate, False)


def _detail(reader: Reader, each: Sentence, start: datetime, until: datetime) -> None:
    """Whom it hits, since when, and two traces."""
    failed = (
        f"{each.classifier} = 'fail'"
        if each.classifier in classifiers() and each.classifier != CUSTOM
        else f"custom[{literal(each.classifier)}] = 'fail'"
    )
    (row,) = reader.rows(
        "SELECT min(start_time) AS since, uniqIf(user_id, user_id != '') AS users,"
        " topKIf(1)(prompt_version, prompt_version != '') AS prompts,"
        " countIf(prompt_version != '') AS prompted,"
        " arrayReverseSort(groupUniqArray(1000)((start_time, trace_id))) AS newest FROM spans"
        f" WHERE {_where(start, until, each.service)} AND twin_of = '' AND {failed}"
    )
    each.since, each.users = row["since"], row["users"]
    each.prompt = row["prompts"][0] if row["prompts"] and 2 * row["prompted"] > each.failed else ""
    each.examples = list(dict.fromkeys(trace for _, trace in row["newest"]))[:2]


def _quiet(sentences: list[Sentence]) -> dict[str, Any]:
    """What is said of those that are within their limits."""
    names = {each.classifier for each in sentences if each.judged}
    over = {each.classifier for each in sentences if each.is_over}
    silent = {each.classifier for each in sentences} - names
    return {"within": sorted(names - over), "silent": sorted(silent)}


def _services(sentences: list[Sentence], service: str) -> list[str]:
    return sorted({each.service for each in sentences if each.service} | ({service} - {""}))
