"""What is found behind an alert, on a real ClickHouse."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from alerting.destinations.sending import rendered
from alerting.enrich.enrich import Tools, enrich
from alerting.message import Message
from alerting.settings import AlertingSettings
from classify.classifiers import hallucination
from grafana.replay_command import replay_command, replay_note, replay_sql
from tests.alerting.failing_traces import NOW, alert, found, revision


def test_everything_that_is_known(store: tuple[str, AlertingSettings, Client], agent: Path) -> None:
    case = found(store)
    assert case.unenriched == ""
    assert (case.failing, case.traces, case.users, case.sessions) == (8, 8, 5, 8)
    assert case.judged > case.failing
    assert case.since is not None
    assert abs(case.since - (NOW - timedelta(minutes=21) + timedelta(seconds=3))).seconds < 5
    assert 0 < len(case.failures) <= 5
    assert len({failure.trace_id for failure in case.failures}) == len(case.failures)
    best = case.failures[0]
    assert (best.step, best.steps, best.step_name, best.step_kind) == (4, 7, "answer", "llm")
    assert best.similar == 6
    assert {f.similar for f in case.failures} == {6, 2}, "one of each cause"
    assert abs(best.score - 0.97) < 1e-6
    assert best.threshold == pytest.approx(hallucination.classifier.threshold)
    assert "a.b@mail-post.eu" not in best.evidence, "somebody's address is masked"
    assert "Delivered on Monday" in best.evidence
    assert best.trace_url.startswith("https://grafana.example/d/everyspan-trace?var-trace_id=")
    assert best.replay_command == f"everyspan replay {best.trace_id} --from-step 4"
    assert best.replay_note == "", "the trace names its entry"
    assert (best.model, best.prompt_version) == ("gpt-4.1", "v8")
    assert best.suggested_fix
    assert "v8" in best.suggested_fix
    assert any("prompt version v8" in told and "8 of 8 fail" in told for told in case.what_changed)

    where = best.source
    assert where is not None
    assert (where.file, where.line, where.function) == ("/app/agent.py", 12, "answer")
    assert dict(where.lines)[12] == "line_12 = 12", "the revision that ran, not the folder of today"
    assert where.change is not None
    assert where.change.summary == "Answer from the pages"
    assert where.permalink == (f"https://github.com/shop/agent/blob/{revision(agent)}/agent.py#L12")


def test_classifiers_that_users_added(store: tuple[str, AlertingSettings, Client]) -> None:
    case = found(store, classifier="promises_refund")
    assert case.unenriched == ""
    assert (case.failing, case.traces) == (8, 8)
    best = case.failures[0]
    assert (best.step_name, best.evidence) == ("answer", "output: a refund is on its way")
    assert best.score == pytest.approx(0.8)
    assert best.suggested_fix


@pytest.mark.parametrize(
    ("kind", "steps"),
    [("error_rate", 0), ("tool_failure", 5), ("latency", 1), ("cost", 4), ("drift_tokens", 4)],
)
def test_operational_alerts(
    store: tuple[str, AlertingSettings, Client], kind: str, steps: int
) -> None:
    case = found(store, kind=kind, classifier="")
    assert case.unenriched == ""
    if not steps:
        assert case.failures == ()
        return
    assert case.failures[0].step in (steps, 6)
    assert case.failures[0].suggested_fix


def test_alerts_that_no_row_answers(store: tuple[str, AlertingSettings, Client]) -> None:
    assert "not about single steps" in found(store, kind="silence", classifier="").unenriched
    assert found(store, service="nobody").failures == ()


def test_clickhouse_away_is_said(store: tuple[str, AlertingSettings, Client]) -> None:
    def away() -> Client:
        raise ConnectionError("refused")

    case = enrich(alert(), away, Tools.of(store[1]), NOW)
    assert case.unenriched == "ClickHouse is away: refused"
    assert case.service == "shop"
    assert case.links


def test_a_label_is_no_sql(store: tuple[str, AlertingSettings, Client]) -> None:
    case = found(store, service="x' OR 1=1 --", classifier="hallucination = 'fail' OR 1")
    assert case.failures == ()


def message(store: tuple[str, AlertingSettings, Client]) -> Message:
    one = alert()
    return Message("trigger", "k", one.labels, one.annotations, one.starts_at, found(store))


def test_what_people_read(store: tuple[str, AlertingSettings, Client]) -> None:
    told = message(store)
    text = rendered("alert.txt", told)
    best = told.case.failures[0]
    for part in (
        "hallucination · shop (production) · step 4 of 7 (answer) · /app/agent.py:12 ·",
        best.trace_id,
        "step           4 of 7: answer (llm)",
        "source         /app/agent.py line 12 in answer",
        "> 12 line_12 = 12",
        "Answer from the pages",
        "what changed   prompt version v8",
        "suggested fix  ",
        f"replay         {best.replay_command}",
    ):
        assert part in text, f"{part}\n\n{text}"


def test_the_command_of_dashboards_is_that_of_alerts(
    store: tuple[str, AlertingSettings, Client],
) -> None:
    _, settings, client = store
    sql = (
        f"SELECT DISTINCT trace_id, {replay_sql('4')} FROM {settings.database}.spans WHERE name = "
    )
    ((trace_id, told),) = client.query(f"{sql}'answer' LIMIT 1").result_rows
    assert told == replay_command(trace_id, 4)


@pytest.mark.parametrize(
    "trace_id", ["", "abc", "$(id)", f"{'a' * 32}\n", f"{'a' * 32}; id", "A" * 32, f"{'a' * 31}`"]
)
def test_what_is_no_trace_id_is_pasted_into_no_shell(
    store: tuple[str, AlertingSettings, Client], trace_id: str
) -> None:
    assert replay_command(trace_id, 2) == ""
    told = store[2].query(
        f"SELECT {replay_sql('2')} FROM (SELECT {{id:String}} AS trace_id)",
        parameters={"id": trace_id},
    )
    assert told.result_rows == [("",)]


@pytest.mark.parametrize("entry", ["a:b; rm -rf ~", "$(id):x", "a:b\n", "a", ":", "`id`"])
def test_an_entry_that_is_none_is_said(entry: str) -> None:
    told = "the trace names no known entry; the replay lists those that your code declares"
    assert replay_note(entry) == told


def test_no_entry_is_asked_for_where_none_is_known() -> None:
    assert replay_note("") == replay_note("support.agent:answer") == ""
    assert "--entry" not in replay_command("a" * 32, 3)


def test_words_of_an_llm_and_without_it(
    store: tuple[str, AlertingSettings, Client],
) -> None:
    asked: list[dict[str, Any]] = []
    status = 200

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            body = json.dumps({"choices": [{"message": {"content": "Change\n the prompt."}}]})
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    dsn, settings, client = store
    with_llm = (dsn, settings.model_copy(update={"fix_llm_url": url, "fix_llm_model": "m"}), client)
    assert found(with_llm).failures[0].suggested_fix == "Change the prompt."
    assert "a.b@mail-post.eu" not in json.dumps(asked), "only masked facts leave"
    status = 500
    assert found(with_llm).failures[0].suggested_fix == found(store).failures[0].suggested_fix
    server.shutdown()
    server.server_close()
