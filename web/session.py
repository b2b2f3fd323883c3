"""`/sessions/ID`: how did it go? Its turns in order, what was asked and answered, with marks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from grafana.build.sql import classifiers, failed
from service.moments import utc
from web import pages, traces
from web.filters import Filters
from web.mark import SHOWN, marked, shown
from web.reader import Reader, Row
from web.sql import literals
from web.when import AddressError

#: How far back its turns are looked for.
SINCE = "30d"
#: Characters of a text that are read: a secret that would be cut is still known by what follows.
_MOST_READ = 16_384


class NoSessionError(AddressError):
    """No turn of it is there."""


def router(reader: Reader) -> APIRouter:
    """One session."""
    api = APIRouter()

    @api.get("/sessions/{session:path}")
    def one(session: str, page: int = 1) -> HTMLResponse:
        """``page``: of 50 turns each, from 1."""
        if not session.strip():
            raise NoSessionError("name a session: /sessions/ID; the list of traces links to them")
        filters = Filters.of(
            [("session", session), ("since", SINCE), ("sort", "oldest"), ("page", str(page))]
        )
        found = traces.load(reader, filters, datetime.now(UTC))
        if not found.rows:
            raise NoSessionError(
                f"no turn of session {session[:60]} came in the last 30 days; replays are left out"
            )
        return pages.page(
            "session",
            here="traces",
            session=session,
            turns=_turns(reader, found.rows),
            shown=SHOWN,
            more=found.more,
            at=filters.page,
            listed=filters.address(),
        )

    return api


def _turns(reader: Reader, rows: list[Row]) -> list[dict[str, Any]]:
    """The rows of the list, with what was said and the evidence marked in it."""
    names = failed(classifiers())
    # As in the list: what was answered is the root's, where it says something.
    asked, answered = "start_time, input != ''", "(parent_span_id != '', start_time), output != ''"
    first, last = (utc(row["started"]) for row in (rows[0], rows[-1]))
    texts = reader.rows(f"""SELECT trace_id,
  argMinIf(substringUTF8(input, 1, {_MOST_READ}), {asked}) AS question,
  argMinIf(lengthUTF8(input), {asked}) AS question_length,
  argMinIf(substringUTF8(output, 1, {_MOST_READ}), {answered}) AS answer,
  argMinIf(lengthUTF8(output), {answered}) AS answer_length,
  groupArrayArray(20)(arrayMap(c -> (c, evidence[c]), {names})) AS said
FROM spans
WHERE {traces.around(first, last)}
  AND trace_id IN ({literals([row["trace_id"] for row in rows])})
GROUP BY trace_id""")
    by_id = {row["trace_id"]: row for row in texts}
    found = []
    for row in rows:
        text = by_id.get(row["trace_id"], {})
        evidence = [(name, told) for name, told in text.get("said", ()) if told]
        told = {
            side: marked(shown(text.get(side, "")), evidence) for side in ("question", "answer")
        }
        lengths = {f"{side}_length": text.get(f"{side}_length", 0) for side in told}
        found.append({**row, **told, **lengths})
    return found
