"""`/alerts`: who was told, who waits, what is dead, silenced, unrouted; send again, silence."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from service.client import CallError, Client
from web import pages
from web.forms import fields
from web.mark import shown
from web.when import AddressError

_HOURS = {"1": "hour", "8": "8 hours", "24": "day", "168": "week"}
#: Labels by which a page silences.
_LABELS = ("classifier", "alertname", "service")
#: Of an alert of which nothing was found out, such as one that is over.
_CASE: dict[str, Any] = {"judged": 0, "failures": (), "what_changed": ()}
_MOST_SHOWN = 20_000


def router(alerting: Client) -> APIRouter:
    """What alerting says."""
    api = APIRouter()

    @api.get("/alerts")
    def alerts(status: str = "", told: str = "") -> Response:
        """Deliveries, newest first."""
        try:
            found = alerting.call("GET", f"/v1/alerts?limit=200&status={quote(status)}")
            silences = alerting.call("GET", "/v1/silences")
        except CallError as error:
            return pages.problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), "Alerting is away")
        return pages.page(
            "alerts",
            here="alerts",
            counts={name: n for name, n in found["counts"].items() if n or name == status},
            rows=[_row(each) for each in found["deliveries"]],
            silences=[{**each, "until": _time(each["until"])} for each in silences],
            chosen=status,
            hours=_HOURS,
            told=told,
        )

    @api.get("/alerts/{number}")
    def one(number: int) -> HTMLResponse:
        """One, with what was found out about it."""
        found = alerting.call("GET", f"/v1/alerts/{number}")
        case = found["case"] or {}
        return pages.page(
            "alert",
            here="alerts",
            row=_row(found),
            summary=found["alert"].get("annotations", {}).get("summary", ""),
            case=_CASE | case | {"since": _moment(case.get("since"))},
            without=_without(case),
            came=shown(json.dumps(found["alert"], indent=2, ensure_ascii=False), _MOST_SHOWN),
        )

    @api.post("/alerts/{number}/resend")
    async def resend(number: int) -> Response:
        """Tell it again."""
        return await pages.in_thread(
            lambda: _done(alerting, "POST", f"/v1/alerts/{number}/resend", {}, "told again")
        )

    @api.post("/alerts/silence")
    async def silence(request: Request) -> Response:
        """For some hours, by the labels of an alert."""
        given = await fields(request)
        hours = given.get("hours", "1")
        matchers = {name: given[name] for name in _LABELS if given.get(name)}
        if hours not in _HOURS or not matchers:
            raise AddressError("silence an alert from its line in the list")
        body = {
            "matchers": matchers,
            "seconds": int(hours) * 3600,
            "comment": given.get("comment", "")[:500],
        }
        return await pages.in_thread(
            lambda: _done(alerting, "POST", "/v1/silences", body, "silenced")
        )

    @api.post("/alerts/silences/{number}/end")
    async def unsilence(number: int) -> Response:
        """End it."""
        return await pages.in_thread(
            lambda: _done(alerting, "DELETE", f"/v1/silences/{number}", None, "silence ended")
        )

    return api


def _done(alerting: Client, method: str, path: str, body: Any, told: str) -> Response:
    alerting.call(method, path, body)
    return RedirectResponse(f"/alerts?{urlencode({'told': told})}", HTTPStatus.SEE_OTHER)


def _row(found: dict[str, Any]) -> dict[str, Any]:
    return {
        **found,
        "what": found["classifier"] or found["alertname"],
        "at": _time(found["sent_at"] or found["created_at"]),
        "labels": {name: found.get(name, "") for name in _LABELS},
    }


def _without(case: dict[str, Any]) -> str:
    """What could not be found out."""
    if case.get("unenriched"):
        return f"traces: {case['unenriched']}"
    return str(case.get("missing", ""))


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
