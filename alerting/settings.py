"""Settings of the alerting service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from clickhouse.settings import ClickHouseSettings
from service.settings import ListenSettings


class AlertingSettings(ClickHouseSettings, ListenSettings):
    """Environment variables ``EVERYSPAN_*``; docs/settings.md lists all of them."""

    alerting_port: Annotated[
        int, Field(ge=0, le=65535, description="HTTP port of the alerting service.")
    ] = 8085
    grafana_webhook_secret: Annotated[
        SecretStr,
        Field(
            description="HMAC secret of Grafana's webhook contact point; empty accepts unsigned "
            "notifications."
        ),
    ] = SecretStr("")
    alerting_token: Annotated[
        SecretStr,
        Field(
            description="Bearer token, or password of basic authentication, for a contact point "
            "without HMAC and for `everyspan alerts` from another machine; empty: none."
        ),
    ] = SecretStr("")
    grafana_timestamp_header: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9-]{1,64}$",
            description="Header of the signing time, as the contact point's HMAC settings name it.",
        ),
    ] = "X-Grafana-Alerting-Timestamp"
    grafana_require_timestamp: Annotated[
        bool,
        Field(description="Refuse signed notifications that carry no signing time."),
    ] = False
    grafana_max_age_seconds: Annotated[
        int,
        Field(
            ge=1,
            le=86_400,
            description="Seconds that a signing time may differ from the clock, either way.",
        ),
    ] = 300
    grafana_url: Annotated[
        str,
        Field(
            pattern=r"^(https?://\S+)?$",
            description="Grafana's address as people open it, for links in alerts; empty for none.",
        ),
    ] = ""
    web_url: Annotated[
        str,
        Field(
            pattern=r"^(https?://\S+)?$",
            description="The page's address as people open it, for links in alerts where no "
            "Grafana is set; empty: where `everyspan up` serves it.",
        ),
    ] = ""
    alert_routes: Annotated[
        str,
        Field(description="TOML file of destinations and routes; empty: alerts go to the log."),
    ] = ""
    alert_give_up_seconds: Annotated[
        int,
        Field(
            ge=60,
            description="A destination that does not answer for so long: the alert is dead, to be "
            "seen and sent again with `everyspan alerts`.",
        ),
    ] = 86_400
    alert_remind_seconds: Annotated[
        int,
        Field(
            ge=1,
            description="An alert that Grafana says again so long after a destination was told is"
            " told again, which opens an incident that was closed by hand; a little less than"
            " the contact point's repeat_interval.",
        ),
    ] = 3300
    alert_gather_seconds: Annotated[
        int,
        Field(
            ge=0,
            le=600,
            description="Drift waits so long for drift that began with it: together they are one"
            " incident.",
        ),
    ] = 10
    alert_stalled_seconds: Annotated[
        int,
        Field(
            ge=1,
            description="Notifications that wait for so long and do not move make /readyz, a metric"
            " and an alert to the other destinations say so.",
        ),
    ] = 300
    alert_clickhouse_away_seconds: Annotated[
        int,
        Field(
            ge=1,
            description="ClickHouse that does not answer for so long is an alert, which all rules"
            " that can't be evaluated for that are a part of.",
        ),
    ] = 30
    alert_unevaluated_seconds: Annotated[
        int,
        Field(
            ge=1,
            description="A rule that can't be evaluated for so long, though ClickHouse answers, is"
            " an alert.",
        ),
    ] = 120
    alert_settle_seconds: Annotated[
        int,
        Field(
            ge=1,
            description="What had fired before its rule could not be evaluated is over when it does"
            " not fire again within so long after the rule is evaluated again; more than any rule's"
            " `for`.",
        ),
    ] = 600
    source_roots: Annotated[
        str,
        Field(
            description="Where the source of your agents is, for alerts: `./agent`, or"
            " `/app=./agent, /srv/bot=/code/bot` where spans name other paths."
        ),
    ] = ""
    playbook: Annotated[
        str,
        Field(description="Folder of playbook files of your own, which come before Everyspan's."),
    ] = ""
    enrich_seconds: Annotated[
        int,
        Field(
            ge=1,
            le=60,
            description="Time for all that is looked up for an alert; then it goes out with what is"
            " known, and says what is missing.",
        ),
    ] = 10
    fix_llm_url: Annotated[
        str,
        Field(
            pattern=r"^(https?://\S+)?$",
            description="OpenAI-compatible endpoint that words the suggested fix, such as "
            "`http://127.0.0.1:11434/v1`; empty: the playbook does.",
        ),
    ] = ""
    fix_llm_model: Annotated[str, Field(description="Model of that endpoint.")] = ""
    fix_llm_key: Annotated[SecretStr, Field(description="Key of that endpoint.")] = SecretStr("")
    fix_llm_seconds: Annotated[
        float, Field(gt=0, le=120, description="The playbook's words are taken after so long.")
    ] = 8.0
    alerting_max_body_bytes: Annotated[
        int, Field(ge=1024, description="Largest notification, in bytes.")
    ] = 8 << 20

    @property
    def spool(self) -> Path:
        """File of the notifications received."""
        return self.data.resolve() / "alerting" / "notifications.sqlite3"
