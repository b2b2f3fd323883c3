"""`/review/CLASSIFIER`: is the verdict right? `/classifiers`: how good are they here?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from classify.reviews import queue, review_store
from classify.reviews.calibration_store import history, standing
from classify.reviews.estimate import reviews_for
from classify.reviews.fails_from import fails_from
from classify.reviews.figures import TITLES
from classify.reviews.review_store import Review
from grafana.build.sql import CUSTOM, PRODUCTION, classifiers, counts
from grafana.thresholds import read as thresholds
from service.client import Client
from service.keys import ASKING
from web import conversation, pages, trace
from web.forms import fields
from web.interval import wilson
from web.reader import Reader
from web.sql import at
from web.when import AddressError

#: Half of an interval that is worth having.
NARROW = 0.1
_ANSWERS = {"right": "y", "wrong": "n", "unsure": "space"}


def router(reader: Reader, classify: Client) -> APIRouter:
    """Reading is done here, writing by the service that has the database open."""
    api = APIRouter()

    @api.get("/review/{classifier:path}")
    def review(
        classifier: str, trace_id: str = "", span_id: str = "", skip: str = "", told: str = ""
    ) -> HTMLResponse:
        """One case; that of the address, else the most informative."""
        names = known(reader)
        if classifier not in names:
            raise AddressError(
                f"there is no classifier {classifier[:60]}; there are {', '.join(names)}"
            )
        reviews = reviews_of(reader, classifier)
        fails = fails_from(reader.rows)
        if span_id:
            case: queue.Case | None = queue.Case(trace_id, span_id, "", float("nan"), "asked")
        else:
            case = queue.next_case(reader.rows, classifier, reviews, fails, skip)
        shown = _shown(reader, case) if case else None
        quality = queue.how_good(reader.rows, classifier, reviews)
        return pages.page(
            "review",
            here="classifiers",
            classifier=classifier,
            case=case,
            shown=shown,
            quality=quality,
            more=reviews_for(quality.fail_rate, NARROW),
            reviews=reviews,
            last=reviews[-1] if reviews else None,
            threshold=fails.of(classifier, shown["step"].row["project"] if shown else ""),
            keys=_ANSWERS,
            told=told,
            days=queue.DAYS,
        )

    @api.post("/review/{classifier:path}")
    async def answer(classifier: str, request: Request) -> Response:
        """Keep an answer, and show the next case."""
        given = await fields(request)
        return await pages.in_thread(lambda: _answer(classifier, given))

    def _answer(classifier: str, given: dict[str, str]) -> Response:
        classify.call(
            "POST",
            "/v1/reviews",
            {
                "classifier": classifier,
                "trace_id": given.get("trace_id", ""),
                "span_id": given.get("span_id", ""),
                "answer": given.get("answer", ""),
                "chosen": given.get("chosen") or "asked",
                "reviewer": given.get("reviewer", ""),
            },
        )
        back = given.get("back", "")
        if back.startswith("/") and not back.startswith("//") and not urlsplit(back).netloc:
            page, _, place = back.partition("#")
            kept = urlencode({"kept": given.get("answer", "")})
            joined = f"{page}{'&' if '?' in page else '?'}{kept}"
            return RedirectResponse(f"{joined}#{place}" if place else joined, HTTPStatus.SEE_OTHER)
        # What was just stored is seen by readers half a second later: not asked again meanwhile.
        query = {"skip": given.get("span_id", "")}
        if not given.get("answer"):
            query = {"trace_id": given.get("trace_id", ""), "span_id": given.get("span_id", "")}
        return RedirectResponse(
            f"/review/{quote(classifier, safe='')}?{urlencode(query)}", HTTPStatus.SEE_OTHER
        )

    @api.get("/classifiers")
    def listed() -> HTMLResponse:
        """A line a classifier."""
        return pages.page(
            "classifiers", here="classifiers", rows=_rows(reader), days=queue.DAYS, titles=TITLES
        )

    return api


def reviews_of(reader: Reader, classifier: str = "") -> list[Review]:
    """The newest answers, oldest first."""
    rows = reader.rows(review_store.statement(reader.database, classifier))
    return [review_store.review(list(row.values())) for row in rows]


def known(reader: Reader) -> list[str]:
    """Names of all classifiers, the users' own too."""
    rows = reader.rows(
        "SELECT DISTINCT name FROM custom_classifiers WHERE state != 'removed' ORDER BY name"
    )
    return [n for n in classifiers() if n != CUSTOM] + [row["name"] for row in rows]


def _shown(reader: Reader, case: queue.Case) -> dict[str, Any] | None:
    """The step of the case and what it says; None where it is gone."""
    try:
        found = trace.load(reader, case.trace_id)
    except trace.NotStoredError:
        return None
    steps = [step for step in found.steps if step.row["span_id"] == case.span_id]
    if not steps:
        return None
    # What came before it is often what it is judged by.
    trace.contents(reader, found, steps)
    return {
        "trace": found,
        "step": steps[0],
        "blocks": conversation.blocks(steps[0]),
    }


def _rows(reader: Reader) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    (row,) = reader.rows(
        f"SELECT {counts(classifiers())} AS counts FROM spans"
        f" WHERE start_time >= {at(now - timedelta(days=queue.DAYS))} AND twin_of = ''"
        f" AND {PRODUCTION}"
    )
    limits, found = thresholds(), []
    # None for whoever sees the rows of all.
    whose = ASKING.get().project
    fails = fails_from(reader.rows)
    reviews = reviews_of(reader)
    moved = standing(history(reader.rows, reader.database), whose or "")
    for name, failed, judged, abstained in sorted(row["counts"]):
        mine = [each for each in reviews if each.classifier == name]
        known = limits.classifier.get(name)
        limit = known.allowed if known else limits.custom.max_fail_rate
        low, _ = wilson(failed, judged)
        found.append(
            {
                "name": name,
                "failed": failed,
                "judged": judged,
                "abstained": abstained,
                "rate": failed / judged if judged else None,
                "is_over": failed > 0 and low > limit,
                "threshold": fails.of(name, whose or "") if fails.knows(name) else None,
                "of_projects": fails.own.get(name, {}) if whose is None else {},
                "moved": moved[name] if name in moved and moved[name].moves else None,
                "quality": queue.how_good(reader.rows, name, mine) if mine else None,
                "reviews": len(mine),
                "contradicted": review_store.contradicted(mine),
            }
        )
    return found
