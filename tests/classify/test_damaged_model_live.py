"""The real thing: ``everyspan up`` with a model that was cut, altered or lost, and then mended."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from classify.models import checksums, files
from tests.classify.damaged_model import cut, house_of_its_own, invert
from tests.everyspan_up import ROOT, Up, running
from tests.ingest.otlp_payloads import request, span, trace_id

SAFETY = ["jailbreak", "prompt_injection", "toxicity", "user_frustration"]
SETTINGS = {
    "classify_trace_quiet_seconds": "0.2",
    "classify_interval_seconds": "0.2",
    "classify_workers": "1",
    # What was never judged is no matter of judging again.
    "classify_rejudge_share": "0",
    "grafana_evaluate_seconds": "1",
}
RULE = "everyspan-classifier-broken"


@pytest.fixture
def house(tmp_path: Path) -> Path:
    return house_of_its_own(tmp_path)


def send(up: Up) -> str:
    """A trace of one model step; its id."""
    trace = trace_id()
    attributes = {
        "gen_ai.operation.name": "chat",
        "input.value": "Where is my parcel?",
        "output.value": "It comes on Friday.",
    }
    sent = request(span(trace, name="chat", attributes=attributes))
    assert up.post("/v1/traces", sent.SerializeToString()).status == 200
    return trace.hex()


def until(up: Up, condition: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, up.log()[-4000:]
        time.sleep(0.1)


def status(up: Up) -> dict[str, Any]:
    """What ``everyspan status --json`` says."""
    port = f"--clickhouse-port={up.ports['clickhouse']}"
    found: dict[str, Any] = json.loads(
        subprocess.run(
            [sys.executable, "-m", "cli.main", "status", "--json", port],
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout
    )
    return found


def labels(up: Up, trace: str) -> dict[str, object]:
    (row,) = up.spans(trace, f"{', '.join(SAFETY)}, tool_call_error, data_leakage, unjudged")
    return row


def is_ready(up: Up) -> bool:
    return up.request("GET", "/readyz", port="classify").status == 200


@pytest.mark.slow
@pytest.mark.parametrize("harm", [cut, invert], ids=["cut", "inverted"])
def test_mended_while_it_runs(tmp_path: Path, house: Path, harm: Callable[[Path], None]) -> None:
    path = house / "classify/models/assets/safety.onnx"
    harm(path)
    with running(tmp_path / "data", root=house, **SETTINGS) as up:
        ready = up.request("GET", "/readyz")
        assert ready.status == 200, "spans are taken"
        assert ready.body.startswith(b"ok\ndegraded: jailbreak, prompt_injection, toxicity,")
        answer = up.request("GET", "/readyz", port="classify")
        assert answer.status == 503
        told = answer.body.decode()
        assert all(name in told for name in SAFETY)
        assert f"or restore {path}" in told
        assert "reinstall everyspan-server" in told
        trace = send(up)
        up.judged([trace])
        found = labels(up, trace)
        assert [found[name] for name in SAFETY] == ["", "", "", ""]
        assert found["unjudged"] == SAFETY
        assert found["data_leakage"] == "pass", "the others judge"
        query = (ROOT / "clickhouse/queries/06_coverage_and_lag.sql").read_text()
        assert up.query(query)[0]["coverage"] == 0
        metrics = up.request("GET", "/metrics", port="classify").body.decode()
        assert 'everyspan_classify_broken{classifier="toxicity"} 1.0' in metrics
        assert "Traceback" not in up.log()
        assert up.log().count("safety.onnx") <= 2 * len(SAFETY), "it is not said again and again"

        shutil.copyfile(files.ASSETS / "safety.onnx", path)
        until(up, lambda: not labels(up, trace)["unjudged"])
        found = labels(up, trace)
        assert [found[name] for name in SAFETY] == ["pass"] * 4
        until(up, lambda: is_ready(up))
        assert up.request("GET", "/readyz").body == b"ok\n"


@pytest.mark.slow
def test_mended_before_the_next_start(tmp_path: Path, house: Path) -> None:
    path = house / "classify/models/assets/embeddings.onnx"
    invert(path)
    with running(tmp_path / "data", root=house, **SETTINGS) as up:
        trace = send(up)
        up.judged([trace])
        assert labels(up, trace)["unjudged"] == SAFETY
        alert = (
            "SELECT labels['classifier'] AS name FROM everyspan.stack_metrics WHERE value = 1"
            " AND metric = 'everyspan_classify_broken' GROUP BY name ORDER BY name"
        )
        broken = sorted([*SAFETY, "retrieval_relevance", "vectors"])
        until(up, lambda: len(up.query(alert)) == len(broken))
        assert [row["name"] for row in up.query(alert)] == broken
        facts = status(up)
        assert facts["broken"] == broken
        assert facts["unjudged"] == dict.fromkeys(SAFETY, 1)
        assert (facts["rows"], facts["pending"], facts["coverage"]) == (1, 1, 0.0)
        memory = up.data / "grafana" / "evaluation.json"
        until(up, lambda: memory.exists() and RULE in memory.read_text())
    shutil.copyfile(files.ASSETS / "embeddings.onnx", path)
    with running(tmp_path / "data", root=house, **SETTINGS) as up:
        until(up, lambda: not labels(up, trace)["unjudged"])
        assert [labels(up, trace)[name] for name in SAFETY] == ["pass"] * 4
        assert is_ready(up)


@pytest.mark.slow
def test_without_what_says_which_model_it_is(tmp_path: Path, house: Path) -> None:
    """Nobody knows version and thresholds then; what needs no model goes on all the same."""
    (house / "classify/models/assets/heads.json").unlink()
    with running(tmp_path / "data", root=house, **SETTINGS) as up:
        assert not is_ready(up)
        trace = send(up)
        up.judged([trace])
        found = labels(up, trace)
        assert found["data_leakage"] == "pass"
        assert set(SAFETY) <= set(found["unjudged"])  # type: ignore[call-overload]
        shutil.copyfile(files.ASSETS / "heads.json", house / "classify/models/assets/heads.json")
        until(up, lambda: not labels(up, trace)["unjudged"])
        assert labels(up, trace)["toxicity"] == "pass"
        until(up, lambda: is_ready(up))


_POISON = """
import sys
from clickhouse.connection import connect
from clickhouse.migrate import migrate
from clickhouse.settings import ClickHouseSettings

settings = ClickHouseSettings(data=sys.argv[1])
client = connect(settings.dsn)
migrate(client, settings)
client.command(
    "INSERT INTO everyspan.custom_classifiers (name, revision, version, state, definition)"
    " VALUES ('of_tomorrow', 1, 1, 'live', '')"
)
client.command(
    "INSERT INTO everyspan.classifier_sets (version, fingerprint, classifiers) VALUES (1, 'x', '{')"
)
"""


def test_records_that_cannot_be_read_stop_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    subprocess.run([sys.executable, "-c", _POISON, str(data)], cwd=ROOT, check=True)
    with running(data, **SETTINGS | {"grafana_evaluate": "false"}) as up:
        trace = send(up)
        up.judged([trace])
        found = labels(up, trace)
        assert [found[name] for name in SAFETY] == ["pass"] * 4
        assert found["unjudged"] == ["of_tomorrow"]
        facts = status(up)
        assert list(facts["set_aside"]["custom_classifiers"]) == ["of_tomorrow"]
        assert facts["custom_classifiers"] == {"of_tomorrow": {"version": 1, "state": "set aside"}}
        assert "Traceback" not in up.log()
        assert up.log().count("'of_tomorrow' is set aside") == 1
        assert is_ready(up)


@pytest.mark.slow
def test_a_damaged_file_that_nobody_needs_now_is_said(tmp_path: Path, house: Path) -> None:
    spare = house / "classify/models/assets/spare.onnx"
    spare.write_bytes(b"of a training to come" * 100)
    checksums.write(spare.parent)
    cut(spare)
    with running(tmp_path / "data", root=house, **SETTINGS) as up:
        told = up.request("GET", "/readyz", port="classify")
        assert told.status == 503
        assert b"no classifier needs it now, but the model is damaged: " in told.body
        assert b"spare.onnx" in told.body
        trace = send(up)
        up.judged([trace])
        assert labels(up, trace)["unjudged"] == []
