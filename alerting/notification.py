"""The body that Grafana's webhook contact point sends (and Alertmanager's, which is a part of it).

Fields that this version does not know are kept in the stored body and otherwise ignored. See
https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/#body
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

log = logging.getLogger(__name__)

Status = Literal["firing", "resolved"]
#: Times at the ends of the calendar are nobody's: reckoning with them would leave it. An alert that
#: says no time that can be read has the first.
_EARLIEST, _LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
_datetime: TypeAdapter[datetime] = TypeAdapter(datetime)


# One alert may say something odd in any field; the others of its notification, and what can be
# understood of itself, are told all the same. So these take what they can and never refuse.
def _time(value: object) -> datetime:
    """Go writes all times with an offset from UTC; one without is taken for UTC."""
    try:
        at = _datetime.validate_python(value)
        known = at if at.tzinfo else at.replace(tzinfo=UTC)
        return min(max(known, _EARLIEST), _LATEST).astimezone(UTC)
    except (ValidationError, ValueError, OverflowError):
        return _EARLIEST


def _end(value: object) -> datetime | None:
    """Go's zero time, which firing alerts have, is none."""
    at = _time(value)
    return None if at == _EARLIEST else at


def _text(value: object) -> str:
    if isinstance(value, str):
        # They can't be encoded, so not stored or sent either.
        return value.encode("utf-8", "replace").decode()
    return "" if value is None else _text(json.dumps(value, default=str))


def _labels(value: object) -> dict[str, str]:
    """Go writes a map that was never made as null."""
    return {_text(k): _text(v) for k, v in value.items()} if isinstance(value, dict) else {}


def _values(value: object) -> dict[str, float | None] | None:
    if not isinstance(value, dict):
        return None
    found: dict[str, float | None] = {}
    for name, each in value.items():
        try:
            number = float(each)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        found[_text(name)] = number if math.isfinite(number) else None
    return found


def _count(value: object) -> int:
    return min(max(value, 0), 1 << 31) if isinstance(value, int) else 0


Time = Annotated[datetime, BeforeValidator(_time)]
End = Annotated[datetime | None, BeforeValidator(_end)]
Text = Annotated[str, BeforeValidator(_text)]
Labels = Annotated[dict[str, str], BeforeValidator(_labels)]
Values = Annotated[dict[str, float | None] | None, BeforeValidator(_values)]
Count = Annotated[int, BeforeValidator(_count)]

_MAX_PROBLEMS = 5
#: A key is a part of a destination's, which PagerDuty cuts at 255 characters.
_MOST_FINGERPRINT = 64


class BodyError(Exception):
    """The body is not a notification of Grafana's. The text names the fields and a remedy."""


class _Body(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True
    )


class Alert(_Body):
    """One alert instance. ``values``: RefID of the rule's queries to number."""

    status: Status
    labels: Labels = {}
    annotations: Labels = {}
    starts_at: Time = _EARLIEST
    ends_at: End = None
    generator_url: Annotated[Text, Field(alias="generatorURL")] = ""
    fingerprint: Text = ""
    silence_url: Annotated[Text, Field(alias="silenceURL")] = ""
    dashboard_url: Annotated[Text, Field(alias="dashboardURL")] = ""
    panel_url: Annotated[Text, Field(alias="panelURL")] = ""
    image_url: Annotated[Text, Field(alias="imageURL")] = ""
    rule_uid: Annotated[Text, Field(alias="ruleUID")] = ""
    values: Values = None
    value_string: Text = ""
    #: Of ours: how many alerts Grafana left out of the notification that it came with.
    left_out: Count = 0

    @property
    def key(self) -> str:
        """The same for all states of it; of at most 64 characters."""
        if self.fingerprint and len(self.fingerprint) <= _MOST_FINGERPRINT:
            return self.fingerprint
        # Not the labels themselves: keys are cut to what a destination takes, and two alerts whose
        # labels begin alike would become one incident.
        told = [self.fingerprint, self.rule_uid, sorted(self.labels.items())]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    @property
    def says_since(self) -> bool:
        """Whether ``starts_at`` is a time that somebody wrote."""
        return self.starts_at > _EARLIEST

    @property
    def lasted(self) -> timedelta | None:
        """Of a resolved one; None where it does not say (Grafana may end it when it began)."""
        if self.ends_at is None or not self.says_since or self.ends_at <= self.starts_at:
            return None
        return self.ends_at - self.starts_at

    @property
    def state_key(self) -> str:
        """The same whenever it is sent again in this state."""
        return json.dumps(self.state, default=str)

    @property
    def state(self) -> list[Any]:
        """What makes it this alert in this state."""
        return [
            self.key,
            self.status,
            self.starts_at.isoformat(),
            # Of a firing alert it is a guess that moves on with each evaluation.
            self.ends_at.isoformat() if self.status == "resolved" and self.ends_at else "",
        ]


class Notification(_Body):
    """One group of alerts that changed, or that still fires."""

    receiver: Text = ""
    status: Status
    alerts: Annotated[list[Alert], Field(min_length=1)]
    group_labels: Labels = {}
    common_labels: Labels = {}
    common_annotations: Labels = {}
    external_url: Annotated[Text, Field(alias="externalURL")] = ""
    group_key: Text = ""
    truncated_alerts: Count = 0
    org_id: Count = 0
    title: Text = ""
    message: Text = ""

    @property
    def whole(self) -> list[Alert]:
        """The alerts, the first of which says how many were left out."""
        first, *others = self.alerts
        return [first.model_copy(update={"left_out": self.truncated_alerts}), *others]

    @property
    def group(self) -> bytes:
        """32 bytes: the same for all notifications of the group."""
        told = [self.org_id, self.receiver, self.group_key]
        return hashlib.sha256(json.dumps(told).encode()).digest()

    @property
    def content_key(self) -> bytes:
        """32 bytes: the same for a retry and for a reminder that says nothing new."""
        content = [
            self.org_id,
            self.receiver,
            self.group_key,
            self.status,
            sorted((alert.state for alert in self.alerts), key=repr),
            self.truncated_alerts,
        ]
        return hashlib.sha256(json.dumps(content).encode()).digest()


def read_notification(body: bytes) -> Notification:
    """Alerts in it that are none are left out, and the log says so. Raises BodyError."""
    try:
        # Python's reader: it takes what other writers make of texts that are not Unicode.
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BodyError(f"this is no JSON: {error}"[:300]) from error
    try:
        return Notification.model_validate(_readable(document))
    except ValidationError as error:
        raise BodyError(
            f"this is no notification of Grafana's: {_problems(error)}; point a contact point of "
            "type Webhook here and leave its custom payload empty"
        ) from error
    except RecursionError as error:
        raise BodyError("this is no notification of Grafana's: it is nested too deeply") from error


def _readable(document: object) -> object:
    """With the notification's status for alerts that have none of their own, without what is no
    alert where there are others."""
    if not isinstance(document, dict) or not isinstance(document.get("alerts"), list):
        return document
    told = document.get("status")
    alerts = [
        each if each.get("status") in get_args(Status) else {**each, "status": told}
        for each in document["alerts"]
        if isinstance(each, dict)
    ]
    if left_out := len(document["alerts"]) - len(alerts):
        log.error("%d of the alerts of a notification are none", left_out)
    return {**document, "alerts": alerts or document["alerts"]}


def _problems(error: ValidationError) -> str:
    found = [
        f"{'.'.join(map(str, problem['loc'])) or 'the body'}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    more = len(found) - _MAX_PROBLEMS
    return ", ".join(found[:_MAX_PROBLEMS]) + (f", and {more} more" if more > 0 else "")
