"""``everyspan doctor``: what is usually set up wrong, found by asking, with the remedy."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

import requests
import typer
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from everyspan import versions
from pydantic import SecretStr
from rich.text import Text
from urllib3.exceptions import ProtocolError

from alerting.settings import AlertingSettings
from classify.coverage import coverage, told
from classify.registry import BUILT_IN
from classify.settings import ClassifySettings
from cli.console import console, read_settings
from cli.options import (
    AlertingPort,
    ClassifyPort,
    ClickHousePort,
    Data,
    Dsn,
    Host,
    HttpPort,
    WebPort,
)
from cli.reader import open_reader
from cli.sending import troubles
from ingest.settings import IngestSettings
from service.client import CallError
from service.client import Client as Service
from service.errors import UserError
from service.keys import is_key
from web.say import plural
from web.settings import WebSettings

State = Literal["good", "bad", "unknown"]

_DAYS = 1
#: Services' clocks may differ so much from ours.
_CLOCK_SECONDS = 60
#: Judged so long after it came.
_LAG_SECONDS = 120
#: A classifier that can tell of fewer than this share is said to abstain.
_TOLD = 0.5
#: What has a certificate where one is set.
_WITH_TLS = ("ingest", "web")
_MIN_ROWS = 20
_DATA_SOURCE = "everyspan-clickhouse"


@dataclass(slots=True, frozen=True)
class Finding:
    """``about``: what was looked at. ``found``: what is so. ``remedy``: '' where none is
    needed."""

    state: State
    about: str
    found: str
    remedy: str = ""


def doctor(
    host: Host = None,
    otlp_http_port: HttpPort = None,
    classify_port: ClassifyPort = None,
    alerting_port: AlertingPort = None,
    web_port: WebPort = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data: Data = None,
    clickhouse_dsn: Dsn = None,
    clickhouse_port: ClickHousePort = None,
) -> None:
    """Find what is set up wrong, and say the remedy. Ends with 1 where something is."""
    ingest = read_settings(IngestSettings, host=host, otlp_http_port=otlp_http_port)
    classify = read_settings(ClassifySettings, host=host, classify_port=classify_port)
    alerting = read_settings(AlertingSettings, host=host, alerting_port=alerting_port)
    web = read_settings(WebSettings, host=host, web_port=web_port)
    findings = [
        *_services(ingest, classify, alerting, web),
        *(Finding("bad", "sending", *each) for each in troubles(os.environ, ingest)),
        *_stored(
            lambda: open_reader(data, clickhouse_dsn, clickhouse_port),
            f"{ingest.scheme}://127.0.0.1:{ingest.otlp_http_port}",
        ),
        *_routes(alerting),
        *_grafana(alerting.grafana_url),
    ]
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in findings]))
    else:
        for each in findings:
            mark, style = {"good": ("✓", "green"), "bad": ("✗", "red"), "unknown": ("–", "dim")}[
                each.state
            ]
            console.print(
                Text.assemble((f"{mark} {each.about}: ", style), each.found), soft_wrap=True
            )
            if each.remedy:
                console.print(f"    {each.remedy}", soft_wrap=True)
    if any(each.state == "bad" for each in findings):
        raise typer.Exit(1)


def _services(
    ingest: IngestSettings,
    classify: ClassifySettings,
    alerting: AlertingSettings,
    web: WebSettings,
) -> Iterator[Finding]:
    """Whether each answers, is ready, and takes the token that is set here."""
    each: list[tuple[str, str, int, SecretStr, Path | None, str, str]] = [
        ("ingest", ingest.host, ingest.otlp_http_port, ingest.ingest_token,
         ingest.tls_certificate, "OTLP_HTTP", "INGEST"),
        ("classify", classify.host, classify.classify_port, classify.classify_token, None,
         "CLASSIFY", "CLASSIFY"),
        ("alerting", alerting.host, alerting.alerting_port, alerting.alerting_token, None,
         "ALERTING", "ALERTING"),
        ("web", web.host, web.web_port, web.web_token, web.tls_certificate, "WEB", "WEB"),
    ]  # fmt: skip
    for name, host, port, token, certificate, port_of, token_of in each:
        service = Service(name, host, port, token, "", seconds=15, certificate=certificate)
        address = service.address
        try:
            alive = replace(service, seconds=5).ask("GET", "/healthz")
        except CallError as error:
            yield Finding("bad", name, str(error), "set it to the file that the service has")
            continue
        except requests.exceptions.SSLError as error:
            yield Finding(
                "bad",
                name,
                f"what answers at {address} has another certificate, or none: {error}",
                "set EVERYSPAN_TLS_CERTIFICATE here as for the service, and start it again where"
                " it was set since",
            )
            continue
        except requests.RequestException as error:
            answers = any(isinstance(cause, ProtocolError) for cause in error.args)
            if answers and name == "ingest" and port == ingest.otlp_grpc_port:
                yield Finding(
                    "bad",
                    name,
                    f"what listens at {address} speaks gRPC, no HTTP",
                    "set EVERYSPAN_OTLP_HTTP_PORT to the port for HTTP (4318), and"
                    " EVERYSPAN_OTLP_GRPC_PORT to that for gRPC (4317)",
                )
                continue
            if answers and name in _WITH_TLS:
                yield Finding(
                    "bad",
                    name,
                    f"what listens at {address} speaks no plain HTTP",
                    "where the service has a certificate, set EVERYSPAN_TLS_CERTIFICATE here too",
                )
                continue
            yield Finding(
                "bad",
                name,
                f"nothing answers at {address}",
                f"start `everyspan up`, or set EVERYSPAN_{port_of}_PORT (and EVERYSPAN_HOST) to"
                " where it listens",
            )
            continue
        if alive.text != "ok\n":
            yield Finding(
                "bad",
                name,
                f"what answers at {address} is another program",
                f"stop that one, or set EVERYSPAN_{port_of}_PORT to a free port on both sides",
            )
            continue
        headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
        ready = service.ask("GET", "/readyz", headers=headers)
        known = service.ask(
            "GET", "/openapi.json" if name == "ingest" else "/nothing", headers=headers
        )
        key = is_key(token.get_secret_value())
        if key and known.status_code in (401, 503):
            yield Finding(
                "bad", name, f"answers at {address}: {_said(known)}",
                f"set EVERYSPAN_{token_of}_TOKEN to a key that holds, or to the service's token",
            )  # fmt: skip
        elif known.status_code in (401, 403) and not key:
            has = "differs from" if token.get_secret_value() else "is not set here, unlike in"
            yield Finding(
                "bad",
                name,
                f"answers at {address}; EVERYSPAN_{token_of}_TOKEN {has} the service",
                f"set EVERYSPAN_{token_of}_TOKEN to the service's own, here and where agents send",
            )
        elif ready.status_code != 200:
            yield Finding(
                "bad",
                name,
                f"answers at {address}, but is {' '.join(ready.text.split())[:300]}",
                "the reason says what is missing; its log has more",
            )
        elif "degraded" in ready.text:
            yield Finding(
                "bad", name, " ".join(ready.text.split())[:400], "the text says what to do"
            )
        else:
            yield Finding("good", name, f"ready at {address}")


def _said(refused: requests.Response) -> str:
    try:
        return str(refused.json()["detail"])[:300]
    except (ValueError, KeyError, TypeError):
        return " ".join(refused.text.split())[:300]


def _stored(open_: Callable[[], tuple[Client, Any]], address: str) -> Iterator[Finding]:
    """What came, and what was made of it."""
    try:
        client, settings = open_()
        database = settings.database
        yield from _arrived(client, database, address)
        yield from _judged(client, database)
    except (UserError, ClickHouseError) as error:
        yield Finding(
            "bad",
            "ClickHouse",
            " ".join(str(error).split())[:300],
            "start `everyspan up`, or give --clickhouse-dsn or --data",
        )


def _arrived(client: Client, database: str, address: str) -> Iterator[Finding]:
    window = f"ingested_at > now() - INTERVAL {_DAYS} DAY"
    result = client.query(
        "SELECT count() AS spans, countIf(step_kind = 'llm') AS calls,"
        " countIf(step_kind = 'llm' AND input = '' AND input_messages = '' AND output = '')"
        " AS empty,"
        " countIf(convention != '') AS known, uniqExact(service_name) AS services"
        f" FROM {database}.spans WHERE {window}"
    )
    row: dict[str, int] = dict(zip(result.column_names, result.result_rows[0], strict=True))
    if not row["spans"]:
        yield Finding(
            "bad",
            "spans",
            f"none came in the last {_DAYS * 24} hours",
            "in the agent's environment: pip install everyspan-sdk and everyspan.init(), or set"
            f" OTEL_EXPORTER_OTLP_ENDPOINT={address}; `everyspan demo` shows that the stack works",
        )
        return
    told_ = f"{row['spans']:,} from {plural(row['services'], 'service')} in {_DAYS * 24} hours"
    yield Finding("good", "spans", told_)
    if not row["calls"]:
        yield Finding(
            "bad",
            "instrumentation",
            "spans come, but none is a model's call",
            "instrument the library that calls the model: pip install 'everyspan-sdk[openai]' (or"
            " another of sdk/README.md), and call everyspan.init() before it is used",
        )
    elif row["empty"] == row["calls"]:
        yield Finding(
            "bad",
            "content",
            f"none of {row['calls']:,} calls of models says what was asked or answered",
            "let the instrumentation record messages: everyspan.init() does, else set"
            " OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true",
        )
    else:
        yield Finding("good", "instrumentation", f"{row['calls']:,} calls of models")
    rows = client.query(
        "SELECT service_name, median(dateDiff('second', start_time, ingested_at)"
        " - duration_ms / 1000) AS late, min(dateDiff('second', start_time, ingested_at)) AS least,"
        f" count() FROM {database}.spans WHERE {window} GROUP BY service_name"
        f" HAVING least < -{_CLOCK_SECONDS} OR late > 3600 ORDER BY service_name LIMIT 5"
    ).result_rows
    for service, late, least, count in rows:
        ahead = least < -_CLOCK_SECONDS
        found = (
            f"spans of {service or 'a service without a name'} began up to {-least:,.0f} s after"
            " they came"
            if ahead
            else f"half of {count:,} spans of {service or 'a service without a name'} ended over"
            f" {late / 3600:,.1f} h before they came"
        )
        yield Finding(
            "bad",
            "clock",
            found,
            "set the clock of that machine (NTP)"
            + ("" if ahead else ", unless old spans are sent"),
        )
    if not rows:
        yield Finding("good", "clock", "starts agree with when spans came")
    yield from _versions(client, database, window)


def _versions(client: Client, database: str, window: str) -> Iterator[Finding]:
    """Of the SDK in agents, beside the server's own, which is this program's."""
    server = version("everyspan-server")
    sent = client.query(
        "SELECT resource_attributes['telemetry.distro.version'] AS version,"
        f" arrayStringConcat(arraySort(groupUniqArray(5)(service_name)), ', ') AS services"
        f" FROM {database}.spans WHERE {window}"
        f" AND resource_attributes['telemetry.distro.name'] = '{versions.DISTRIBUTION}'"
        " GROUP BY version ORDER BY version LIMIT 100"
    ).result_rows
    for sdk, services in sent:
        if versions.newer(sdk, server):
            yield Finding(
                "bad",
                "versions",
                f"{services or 'a service without a name'}: everyspan-sdk {sdk[:40]};"
                f" the server is {server}, which may not read all of it",
                "upgrade the server first, then the agents (docs/operations.md)",
            )


def _judged(client: Client, database: str) -> Iterator[Finding]:
    found = coverage(client, database, days=_DAYS)
    if found.pending and found.oldest_pending_seconds > _LAG_SECONDS:
        yield Finding(
            "bad",
            "judging",
            f"{found.pending:,} rows wait, the oldest for {found.oldest_pending_seconds:,.0f} s",
            "see that classify runs; more EVERYSPAN_CLASSIFY_WORKERS, or another"
            " `everyspan classify` beside a server, where it can't keep up",
        )
    elif not found.judged:
        waits = f"none is judged yet: {plural(found.rows, 'row')}, too young to say more of"
        yield Finding("unknown", "judging", waits if found.rows else "nothing is there to judge")
    else:
        yield Finding("good", "judging", f"{found.ratio:.1%} of rows have their verdicts")
    abstaining = [
        (name, each)
        for name, each in told(client, database, _names(), _DAYS).items()
        if each.share is not None
        and each.judged + each.abstained >= _MIN_ROWS
        and each.share < _TOLD
    ]
    for name, each in abstaining:
        why = client.query(
            f"SELECT topK(1)(evidence['{name}'])[1] FROM {database}.spans"
            f" WHERE {name} = 'abstained' AND start_time > now() - INTERVAL {_DAYS} DAY"
        ).result_rows[0][0]
        yield Finding(
            "bad",
            name,
            f"can tell of {each.share:.0%} of {each.judged + each.abstained:,} rows; most often:"
            f" {' '.join(str(why).split())[:200]}",
            "give it what it lacks, or a classifier of your own: `everyspan classifier add`",
        )
    if not found.judged:
        yield Finding("unknown", "classifiers", "what abstains shows when rows are judged")
    elif not abstaining:
        yield Finding("good", "classifiers", "none abstains from most rows")


def _names() -> Sequence[str]:
    return [each.name for each in BUILT_IN]


def _routes(settings: AlertingSettings) -> Iterator[Finding]:
    if is_key(settings.alerting_token.get_secret_value()):
        yield Finding("unknown", "alerts", "routes are the operator's affair")
        return
    if not settings.alert_routes:
        yield Finding(
            "bad",
            "alerts",
            "no route is set here: alerts go to the log, and nobody is told",
            "write routes.toml (alerting/README.md), set EVERYSPAN_ALERT_ROUTES where alerting"
            " runs, and try it with `everyspan alerts test`",
        )
        return
    try:
        client = Service(
            "alerting", settings.host, settings.alerting_port, settings.alerting_token, "", 15
        )
        counts = client.call("GET", "/v1/alerts?limit=1")["counts"]
    except UserError as error:
        yield Finding("unknown", "alerts", str(error)[:300])
        return
    lost = {name: counts.get(name, 0) for name in ("dead", "unrouted") if counts.get(name)}
    if lost:
        yield Finding(
            "bad",
            "alerts",
            ", ".join(f"{n:,} {name}" for name, n in lost.items()),
            "`everyspan alerts --status dead` says why; `everyspan alerts resend ID` tells it"
            " again",
        )
    else:
        yield Finding("good", "alerts", "routes are set, and none is dead")


def _grafana(url: str) -> Iterator[Finding]:
    if not url:
        yield Finding(
            "unknown", "Grafana", "EVERYSPAN_GRAFANA_URL is not set; alerts link to the page"
        )
        return
    place = url.rstrip("/")
    try:
        health = requests.get(f"{place}/api/health", timeout=5)
        source = requests.get(f"{place}/api/datasources/uid/{_DATA_SOURCE}/health", timeout=15)
    except requests.RequestException as error:
        yield Finding(
            "bad",
            "Grafana",
            f"does not answer at {place} ({type(error).__name__})",
            "start it, or correct EVERYSPAN_GRAFANA_URL",
        )
        return
    if health.status_code != 200:
        yield Finding(
            "bad", "Grafana", f"{place}/api/health says {health.status_code}", "see Grafana's log"
        )
    elif source.status_code in (401, 403):
        yield Finding(
            "unknown",
            "Grafana",
            f"answers at {place}; its data source wants a login",
        )
    elif source.status_code == 404:
        yield Finding(
            "bad",
            "Grafana",
            f"has no data source with the uid {_DATA_SOURCE}",
            "add a ClickHouse data source with that uid and the default database everyspan, or"
            " mount grafana/provisioning (grafana/README.md)",
        )
    elif source.status_code != 200:
        yield Finding(
            "bad",
            "Grafana",
            f"its data source says {' '.join(source.text.split())[:200]}",
            "correct its address and password: it reads ClickHouse's HTTP port, 8123",
        )
    else:
        yield Finding("good", "Grafana", f"answers at {place}, and its data source works")
