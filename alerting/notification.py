"""The body that Grafana's webhook contact point sends (and Alertmanager's, which is a part of it).

Fields that this version does not know are kept in the stored body and otherwise ignored. See
https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/#body
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

Status = Literal["firing", "resolved"]
#: Times at the ends of the calendar are nobody's: reckoning with them would leave it.
_EARLIEST, _LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


def _in_utc(at: datetime) -> datetime:
    """Go writes all times with an offset from UTC; one without is taken for UTC."""
    known = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(known, _EARLIEST), _LATEST).astimezone(UTC)


Time = Annotated[datetime, AfterValidator(_in_utc)]
# Go writes a map that was never made as null.
Labels = Annotated[dict[str, str], BeforeValidator(lambda value: {} if value is None else value)]

_MAX_PROBLEMS = 5


class BodyError(Exception):
    """The body is not a notification of Grafana's. The text names the fields and a remedy."""


class _Body(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True
    )


class Alert(_Body):
    """One alert instance. ``values``: RefID of the rule's queries to number."""

    status: Status
    labels: Labels
    annotations: Labels = {}
    starts_at: Time
    ends_at: Time | None = None
    generator_url: Annotated[str, Field(alias="generatorURL")] = ""
    fingerprint: str = ""
    silence_url: Annotated[str, Field(alias="silenceURL")] = ""
    dashboard_url: Annotated[str, Field(alias="dashboardURL")] = ""
    panel_url: Annotated[str, Field(alias="panelURL")] = ""
    image_url: Annotated[str, Field(alias="imageURL")] = ""
    rule_uid: Annotated[str, Field(alias="ruleUID")] = ""
    values: dict[str, float | None] | None = None
    value_string: str = ""

    @property
    def key(self) -> str:
        """The same for all states of it."""
        return self.fingerprint or json.dumps(sorted(self.labels.items()))

    @property
    def state_key(self) -> str:
        """The same whenever it is sent again in this state."""
        return json.dumps(self.state, default=str)

    @property
    def state(self) -> list[Any]:
        """What makes it this alert in this state."""
        return [
            self.fingerprint or sorted(self.labels.items()),
            self.status,
            self.starts_at.isoformat(),
            # Of a firing alert it is a guess that moves on with each evaluation.
            self.ends_at.isoformat() if self.status == "resolved" and self.ends_at else "",
        ]


class Notification(_Body):
    """One group of alerts that changed, or that still fires."""

    receiver: str = ""
    status: Status
    alerts: Annotated[list[Alert], Field(min_length=1)]
    group_labels: Labels = {}
    common_labels: Labels = {}
    common_annotations: Labels = {}
    external_url: Annotated[str, Field(alias="externalURL")] = ""
    group_key: str = ""
    truncated_alerts: int = 0
    org_id: int = 0
    title: str = ""
    message: str = ""

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
    """Raises BodyError."""
    try:
        return Notification.model_validate_json(body)
    except ValidationError as error:
        raise BodyError(
            f"this is no notification of Grafana's: {_problems(error)}; point a contact point of "
            "type Webhook here and leave its custom payload empty"
        ) from error


def _problems(error: ValidationError) -> str:
    found = [
        f"{'.'.join(map(str, problem['loc'])) or 'the body'}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    more = len(found) - _MAX_PROBLEMS
    return ", ".join(found[:_MAX_PROBLEMS]) + (f", and {more} more" if more > 0 else "")
