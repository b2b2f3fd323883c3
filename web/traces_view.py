"""`/traces` and its rows as JSON, `/traces.json`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from everyspan.masking.mask import masked
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse

from web import pages, say, search, traces
from web.filters import ANY, ORDERS, REPLAYS, Filters
from web.mark import marked
from web.reader import Reader, Row
from web.reviews import known

#: Filters that the form has fields for; the others come by links.
FIELDS = ("service", "environment", "model", "prompt_version", "kind")
SINCE = (("15m", "15 minutes"), ("1h", "hour"), ("24h", "24 hours"), ("7d", "7 days"),
         ("30d", "30 days"))  # fmt: skip


def router(reader: Reader) -> APIRouter:
    """The list of traces."""
    api = APIRouter()
    suggestions = traces.Suggestions(reader)

    @api.get("/traces")
    def listed(request: Request) -> HTMLResponse:
        """One line a trace."""
        now = datetime.now(UTC)
        filters = Filters.of(request.query_params.multi_items())
        found = traces.load(reader, filters, now)
        words = search.examples(filters.contains)
        for row in found.rows:
            for name in ("question", "answer"):
                row[name] = marked(pages.line(row[name], 200), (), words)
        return pages.page(
            "traces",
            here="traces",
            found=found,
            filters=filters,
            suggested=suggestions.get(now),
            classifiers=_classifiers(reader, filters),
            told=_told(filters),
            fields=FIELDS,
            sinces=SINCE,
            orders=list(ORDERS),
            replays=REPLAYS,
            hidden=_hidden(filters),
            json_address=filters.address(page=filters.page).replace("/traces", "/traces.json", 1),
            now=now,
        )

    @api.get("/traces.json")
    def as_json(request: Request) -> JSONResponse:
        """The same rows for a program."""
        filters = Filters.of(request.query_params.multi_items())
        found = traces.load(reader, filters, datetime.now(UTC))
        return JSONResponse(
            {"traces": [told(row) for row in found.rows], "more": found.more, "sql": found.sql}
        )

    return api


def _classifiers(reader: Reader, filters: Filters) -> list[str]:
    """All that may have failed, and what the address names, though it be gone."""
    asked = [each for each in filters.verdicts.get("failed", ()) if each != ANY]
    return list(dict.fromkeys((*known(reader), *asked)))


def _hidden(filters: Filters) -> list[tuple[str, str]]:
    """What the form keeps of the address: all that its fields don't show."""
    shown = {*FIELDS, "status", "failed"}
    return [
        (name, value)
        for name, values in (*filters.values.items(), *filters.verdicts.items())
        for value in (values[1:] if name in shown else values)
    ]


def _told(filters: Filters) -> str:
    """What of the form is no filter, in words: 'last 24 hours, newest first'."""
    since = dict(SINCE).get(filters.since)
    when = f"last {since}" if since else f"since {filters.since}"
    until = f" until {filters.until}" if filters.until else ""
    replays = {"with": ", with replays", "only": ", replays only"}.get(filters.replays, "")
    return f"{when}{until}, {filters.order} first{replays}"


def told(row: Row) -> dict[str, Any]:
    """A trace's row as JSON has it: texts masked."""
    return {
        name: say.iso(value) if isinstance(value, datetime)
        else masked(value) if isinstance(value, str)
        else value
        for name, value in row.items()
    }  # fmt: skip
