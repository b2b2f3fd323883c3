"""Senders of other tools, with our address and token in place of theirs; browsers; JSON lines."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest

from tests.everyspan_up import Up, running
from tests.ingest.otlp_payloads import request, span, trace_id
from tests.ingest.test_otlp_http import as_json

TOKEN = "s3cret"
SITE = "https://app.example.org"


@pytest.fixture(scope="module")
def shut(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A stack with a token, and a site whose pages may send."""
    with running(
        tmp_path_factory.mktemp("drop-in") / "data",
        ingest_token=TOKEN,
        cors_origins=f"{SITE}, https://other.example.org",
    ) as stack:
        yield stack


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/public/otel/v1/traces", {"authorization": _basic("pk-lf-1", TOKEN)}),
        ("/otel/v1/traces", {"x-api-key": TOKEN, "langsmith-project": "shop"}),
        ("/v1/traces", {"api_key": TOKEN, "space_id": "U3BhY2U6"}),
        ("/v1/traces/", {"authorization": f"Bearer {TOKEN}"}),
        ("/api/v1/private/otel/v1/traces", {"authorization": f"Bearer {TOKEN}"}),
    ],
    ids=["langfuse", "langsmith", "arize", "phoenix", "opik"],
)
def test_address_and_key_are_enough(shut: Up, path: str, headers: dict[str, str]) -> None:
    trace = trace_id()
    body = request(span(trace)).SerializeToString()
    answer = shut.request("POST", path, body, {"content-type": "application/x-protobuf", **headers})
    assert answer.status == 200, answer.body
    shut.sent()
    assert len(shut.spans(trace.hex(), "span_id")) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": _basic("pk-lf-1", "wrong")},
        {"authorization": "Basic !!"},
        {"x-api-key": "wrong"},
        {"x-api-key": ""},
        {"authorization": TOKEN},
        {},
    ],
)
def test_a_wrong_key_is_401(shut: Up, headers: dict[str, str]) -> None:
    body = request(span(trace_id())).SerializeToString()
    given = {"content-type": "application/x-protobuf", **headers}
    assert shut.request("POST", "/api/public/otel/v1/traces", body, given).status == 401


def test_another_path_says_where_to_send(shut: Up) -> None:
    given = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
    answer = shut.request("POST", "/v1/trace", b"{}", given)
    assert answer.status == 404
    message = json.loads(answer.body)["message"]
    assert "/v1/traces" in message
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in message


def test_a_browser_of_a_named_site_may_send(shut: Up) -> None:
    asked = {
        "origin": SITE,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    answer = shut.request("OPTIONS", "/v1/traces", b"", asked)
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == SITE
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type"
    trace = trace_id()
    given = {
        "origin": SITE,
        "sec-fetch-site": "cross-site",
        "content-type": "application/json",
        "authorization": f"Bearer {TOKEN}",
    }
    answer = shut.request("POST", "/v1/traces", as_json(request(span(trace))), given)
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == SITE
    shut.sent()
    assert len(shut.spans(trace.hex(), "span_id")) == 1


def test_no_other_site_is_told_anything(shut: Up) -> None:
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    answer = shut.request("OPTIONS", "/v1/traces", b"", asked)
    assert answer.status == 401
    assert "access-control-allow-origin" not in answer.headers


def test_json_lines(shut: Up) -> None:
    traces = [trace_id() for _ in range(3)]
    lines = b"\n".join(as_json(request(span(trace))).replace(b"\n", b"") for trace in traces)
    given = {"authorization": f"Bearer {TOKEN}"}
    for content_type in ("application/json", "application/x-ndjson"):
        answer = shut.request(
            "POST", "/v1/traces", lines + b"\n", {"content-type": content_type, **given}
        )
        assert answer.status == 200, answer.body
    shut.sent()
    for trace in traces:
        assert len(shut.spans(trace.hex(), "span_id")) == 1


def test_a_large_body_that_is_sent_again_is_not_done_again(shut: Up) -> None:
    trace = trace_id()
    body = request(span(trace, attributes={"text": "x" * (1 << 21)})).SerializeToString()
    given = {"content-type": "application/x-protobuf", "authorization": f"Bearer {TOKEN}"}

    def stages() -> float:
        text = shut.request("GET", "/metrics", b"", given).body.decode()
        line = next(
            line
            for line in text.splitlines()
            if line.startswith('everyspan_ingest_rows_stored_total{table="spans_raw"}')
        )
        return float(line.rpartition(" ")[2])

    assert shut.request("POST", "/v1/traces", body, given).status == 200
    before = stages()
    assert shut.request("POST", "/v1/traces", body, given).status == 200
    assert stages() == before
    shut.sent()
    assert len(shut.spans(trace.hex(), "span_id")) == 1
