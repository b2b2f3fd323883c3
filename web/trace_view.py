"""`/traces/ID`: what happened?"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from everyspan.masking.mask import masked
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from classify.reviews.review_store import ANSWERS
from service.moments import utc
from web import conversation, pages, say, search, trace
from web.mark import MOST_SHOWN, marked, shown
from web.reader import Reader, Row
from web.sql import at, literal

#: Steps that are shown whole at once, and lines of the tree.
MOST_OPEN = 30
MOST_LINES = 400


def router(reader: Reader) -> APIRouter:
    """One trace."""
    api = APIRouter()

    @api.get("/traces/{trace_id}")
    def one(
        request: Request, trace_id: str, step: int = 0, run: int = 0, tree: str = "",
        contains: str = "", kept: str = "",
    ) -> Response:  # fmt: skip
        """``step``: where to look; else the first that failed. ``tree=all``: every line of it.
        ``kept``: what was just answered of a verdict there."""
        whole = trace.find(reader, trace_id)
        if whole != trace_id:
            query = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(f"/traces/{whole}{query}", 307)
        found = trace.load(reader, whole, run)
        first = found.first_failing
        focus = step if 1 <= step <= len(found.steps) else (first.number if first else 1)
        opened = _window(found.steps, focus, MOST_OPEN)
        trace.contents(reader, found, opened)
        words = search.examples(contains)
        lines = found.tree
        if tree != "all" and len(lines) > MOST_LINES:
            place = next(i for i, each in enumerate(lines) if each.number == focus)
            lines = _around(lines, place, MOST_LINES)
        return pages.page(
            "trace",
            here="traces",
            trace=found,
            lines=lines,
            opened=[(each, conversation.blocks(each, words)) for each in opened],
            open_numbers={each.number for each in opened},
            focus=focus,
            kept=kept if kept in ANSWERS else "",
            neighbours=_neighbours(reader, found),
            elsewhere=_elsewhere(found),
            replay=found.replay(focus),
            shown=shown,
            marked=marked,
            base=f"/traces/{whole}" + (f"?run={found.run}&" if found.runs > 1 else "?"),
        )

    @api.get("/traces/{trace_id}/text/{span_id}/{column}")
    def text(trace_id: str, span_id: str, column: str) -> HTMLResponse:
        """One text, whole."""
        whole = trace.find(reader, trace_id)
        found = trace.text_of(reader, whole, span_id, column, MOST_SHOWN)
        told = shown(found, MOST_SHOWN)
        return pages.page(
            "text", here="traces", text=told, column=column, trace_id=whole, span_id=span_id,
            is_cut=len(found) >= MOST_SHOWN, most=MOST_SHOWN,
        )  # fmt: skip

    @api.get("/api/traces/{trace_id}")
    def as_json(trace_id: str, run: int = 0) -> JSONResponse:
        """The steps with their verdicts, and what the first of them said."""
        found = trace.load(reader, trace.find(reader, trace_id), run)
        trace.contents(reader, found, found.steps[:MOST_OPEN])
        return JSONResponse(document(found))

    return api


def document(found: trace.Trace) -> dict[str, Any]:
    """A trace as JSON: texts masked."""
    return {
        "trace_id": found.trace_id,
        "run": found.run,
        "runs": found.runs,
        "steps": [
            {
                "number": each.number,
                "depth": each.depth,
                **{
                    name: _plain(value) for name, value in each.row.items() if name not in _NOT_TOLD
                },
                "verdicts": [
                    {
                        "classifier": verdict.classifier,
                        "label": verdict.label,
                        "score": verdict.score if verdict.has_score else None,
                        "evidence": masked(verdict.said),
                    }
                    for verdict in each.verdicts
                ],
                "content": {name: _plain(value) for name, value in each.content.items()},
            }
            for each in found.steps
        ],
    }


_NOT_TOLD = {"nanoseconds", "entry", "trace_id", "id_reuse"}


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return masked(value)
    if hasattr(value, "isoformat"):
        return say.iso(value)
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value


def _window(steps: list[trace.Step], focus: int, most: int) -> list[trace.Step]:
    return _around(steps, focus - 1, most)


def _around(steps: list[trace.Step], place: int, most: int) -> list[trace.Step]:
    """At most ``most`` of them, with the one at ``place`` among the first of the middle."""
    start = max(0, min(place - most // 3, len(steps) - most))
    return steps[start : start + most]


def _neighbours(reader: Reader, found: trace.Trace) -> tuple[Row | None, Row | None]:
    """The traces of its session before and after it."""
    session = found.first("session_id")
    if not session:
        return None, None
    root = found.steps[0].row
    common = (
        "SELECT trace_id, start_time, name FROM spans WHERE session_id ="
        f" {literal(session)} AND service_name = {literal(root['service_name'])}"
        f" AND trace_id != {literal(found.trace_id)} AND parent_span_id = '' AND"
    )
    moment = at(utc(found.started))
    before = reader.rows(f"{common} start_time < {moment} ORDER BY start_time DESC LIMIT 1")
    after = reader.rows(f"{common} start_time >= {moment} ORDER BY start_time LIMIT 1")
    return (before[0] if before else None), (after[0] if after else None)


def _elsewhere(found: trace.Trace) -> list[tuple[str, str]]:
    """Same failure elsewhere: classifier and the address that lists it."""
    service = found.first("service_name")
    names = dict.fromkeys(v.classifier for step in found.steps for v in step.failures)
    return [
        (name, "/traces?" + urlencode({"failed": name, "service": service, "since": "7d"}))
        for name in names
    ]
