"""Looking at alerts and silencing them over HTTP: what `everyspan alerts` calls."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, get_args

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator

from alerting.case import Case
from alerting.destinations.registry import CHANNELS
from alerting.destinations.sending import AwayError, RefusedError, rendered
from alerting.outgoing import outgoing, plain
from alerting.routing import UNROUTED, Routes
from alerting.sample import sample
from alerting.stages import dedup
from alerting.stages.record import release
from alerting.store.deliveries import Delivery, Status
from alerting.store.silences import Silence
from alerting.store.store import Store
from alerting.whose import whose
from service.keys import ASKING, told
from service.pattern import PatternError, pattern

#: So many of all projects' newest are looked through for a key's own.
_LOOKED_AT = 10_000
_case: TypeAdapter[Case | None] = TypeAdapter(Case | None)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Silencing(_Body):
    """``matchers``: label to value, or to ~regular expression."""

    matchers: Annotated[dict[str, str], Field(min_length=1)]
    seconds: Annotated[int, Field(ge=1, le=30 * 86_400)]
    comment: Annotated[str, Field(max_length=500)] = ""

    @field_validator("matchers")
    @classmethod
    def _compiles(cls, value: dict[str, str]) -> dict[str, str]:
        for label, text in value.items():
            if text.startswith("~"):
                try:
                    pattern(text[1:])
                except PatternError as error:
                    raise ValueError(f"{label}: {error}") from error
        return value


class Testing(_Body):
    """Labels to route a test message by."""

    labels: dict[str, str] = {}


_Ids = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=4096)]], Field(max_length=10_000)
]


class Forgetting(_Body):
    """Ids. ``users``, ``sessions``: whose steps alerts have named."""

    traces: Annotated[
        list[Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]], Field(max_length=10_000)
    ] = []
    users: _Ids = []
    sessions: _Ids = []


def router(routes: Routes, store: Callable[[], Store]) -> APIRouter:
    """/v1/alerts, /v1/silences and /v1/forget. With a key: alerts and silences of its project."""
    api = APIRouter()

    @api.get("/v1/alerts")
    def alerts(status: str = "", limit: Annotated[int, Field(ge=1, le=1000)] = 100) -> Any:
        """Deliveries, newest first, and how many there are in each state."""
        deliveries = store().deliveries
        if ASKING.get().key is not None:
            own = [each for each in deliveries.read(limit=_LOOKED_AT) if _is_own(each)]
            counts = Counter(each.status for each in own)
            wanted = [each for each in own if status in ("", each.status)]
            return {
                "counts": dict.fromkeys(get_args(Status), 0) | counts,
                "unrouted": sum(each.destination == UNROUTED for each in own),
                "deliveries": [_told(each) for each in wanted[:limit]],
            }
        return {
            "counts": deliveries.counts(),
            "unrouted": deliveries.count_of(UNROUTED),
            "deliveries": [_told(each) for each in deliveries.read(status, limit)],
        }

    @api.get("/v1/alerts/{number}")
    def alert(number: int) -> Any:
        """One delivery with its alert, and what enrichment found; null where it has not yet."""
        found = store().deliveries.one(number)
        if found is None or not _is_own(found):
            raise HTTPException(HTTPStatus.NOT_FOUND, f"there is no delivery {number}")
        alert = found.alert.model_dump(mode="json", by_alias=True)
        case = json.loads(_case.dump_json(store().cases.get(found.case_key)))
        return _told(found) | {"alert": plain(alert), "case": plain(case)}

    @api.post("/v1/alerts/{number}/resend", status_code=HTTPStatus.ACCEPTED)
    def resend(number: int) -> Any:
        """Send it again now; what could not be looked up is tried again."""
        known = store().deliveries.one(number)
        if known is None or not _is_own(known):
            raise HTTPException(HTTPStatus.NOT_FOUND, f"there is no delivery {number}")
        # First: what is due may be sent at once.
        store().cases.drop_incomplete(known.case_key)
        store().deliveries.resend(number)
        return {"id": number}

    @api.post("/v1/alerts/{number}/acknowledge", status_code=HTTPStatus.ACCEPTED)
    def acknowledge(number: int) -> Any:
        """Tell those who know of the alert that somebody is at it."""
        known = store().deliveries.one(number)
        if known is None or not _is_own(known) or not dedup.acknowledge(store(), number):
            raise HTTPException(
                HTTPStatus.NOT_FOUND, f"there is no delivery {number} of an alert that fires"
            )
        return {"id": number}

    @api.post("/v1/alerts/test")
    def test(testing: Testing) -> Any:
        """Send a sample to the destinations that these labels lead to; what each said."""
        labels, own = dict(testing.labels), ASKING.get().project
        if own is not None:
            labels["project"] = own
        message = outgoing(sample(labels))
        found = []
        for name in routes.of(message.labels):
            config = routes.destinations[name]
            try:
                CHANNELS[config.type].send(config, message)
                answer = "sent"
            except (AwayError, RefusedError) as error:
                answer = str(error)
            found.append({"destination": name, "type": config.type, "answer": answer})
        return {"text": rendered("alert.txt", message), "destinations": found}

    @api.get("/v1/silences")
    def silences() -> Any:
        """Those that hold."""
        own = ASKING.get().project
        found = store().silences.active()
        return [_silence(each) for each in found if own is None or each.project == own]

    @api.post("/v1/silences", status_code=HTTPStatus.CREATED)
    def silence(asked: Silencing) -> Any:
        """Alerts with these labels are recorded and not told."""
        until = int((time.time() + asked.seconds) * 1000)
        own = ASKING.get().project
        return _silence(store().silences.add(asked.matchers, until, asked.comment, own))

    @api.delete("/v1/silences/{number}")
    def unsilence(number: int) -> Any:
        """End it."""
        if not store().silences.remove(number, ASKING.get().project):
            raise HTTPException(HTTPStatus.NOT_FOUND, f"there is no silence {number}")
        release(store())
        return {"id": number}

    @api.post("/v1/forget")
    def forget(asked: Forgetting) -> Any:
        """Delete what was told about these, with a key of its project's alerts alone; ``left``:
        what is to be told yet, or still fires, and is deleted within minutes of its end."""
        own = ASKING.get().project
        deleted, left = store().forgotten.erase(asked.traces, asked.users, asked.sessions, own)
        return {"deleted": deleted, "left": left}

    return api


def _is_own(delivery: Delivery) -> bool:
    """Whether whoever asks may see it."""
    own = ASKING.get().project
    return own is None or whose(delivery.alert.labels) == own


def _told(delivery: Delivery) -> dict[str, Any]:
    labels = delivery.alert.labels
    return {
        "id": delivery.id,
        "status": delivery.status,
        "destination": delivery.destination,
        "event": delivery.event,
        "alertname": plain(labels.get("alertname", "")),
        "service": plain(labels.get("service", "")),
        "project": plain(labels.get("project", "")),
        "classifier": plain(labels.get("classifier", "")),
        "severity": plain(labels.get("severity", "")),
        "created_at": delivery.created_at,
        "due_at": delivery.due_at,
        "sent_at": delivery.sent_at,
        "attempts": delivery.attempts,
        "repeats": delivery.repeats,
        "told_with": delivery.told_with,
        "error": plain(delivery.error),
    }


def _silence(silence: Silence) -> dict[str, Any]:
    return {
        "id": silence.id,
        "matchers": {m.label: m.value for m in silence.matchers},
        "until": silence.until,
        "comment": silence.comment,
        "project": None if silence.project is None else told(silence.project),
    }
