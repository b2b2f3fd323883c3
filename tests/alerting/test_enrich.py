"""What is found behind an alert, on a real ClickHouse; source code, playbook, the LLM's words."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from alerting.case import Change, Source
from alerting.destinations.sending import rendered
from alerting.enrich.budget import Budget
from alerting.enrich.choose import cause, chosen
from alerting.enrich.enrich import Tools, enrich
from alerting.enrich.failure import masked_source
from alerting.enrich.playbook import FACTS, PlaybookError, read_playbook, suggested
from alerting.enrich.source_code import RootsError, permalink, read_roots, source
from alerting.enrich.what_changed import hypergeometric
from alerting.message import Message
from alerting.notification import Alert
from alerting.routing import RoutesError, read_routes
from alerting.settings import AlertingSettings
from classify.classifiers import hallucination
from classify.job.deployed_set import deploy
from clickhouse.connection import connect
from clickhouse.migrate import migrate
from clickhouse.span import SPAN_COLUMNS, Span, columns_of
from grafana.replay_command import ENTRY_ATTRIBUTE, replay_command, replay_note, replay_sql
from tests.clickhouse.databases import database, engine

NOW = datetime.now(UTC)
SECOND = 10**9


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with an agent of 20 lines, changed since the revision that ran."""
    folder = tmp_path_factory.mktemp("code") / "agent"
    folder.mkdir()
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run([*git, "init", "-q"], check=True)
    file = folder / "agent.py"
    file.write_text("".join(f"line_{number} = {number}\n" for number in range(1, 21)))
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "Answer from the pages"], check=True)
    file.write_text("moved = 0\n" + file.read_text())
    return folder


def revision(folder: Path) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def trace(number: int, minutes: float, failing: bool, agent: Path) -> list[Span]:
    """Seven steps; the fourth is the answer. Failing ones run prompt version v8."""
    start = int((NOW - timedelta(minutes=minutes)).timestamp() * SECOND)
    kinds = ["agent", "retrieval", "prompt", "llm", "tool", "llm", "parser"]
    spans = []
    for i, kind in enumerate(kinds):
        code: dict[str, Any] = {}
        if i == 0:
            code = {
                "code_file": "/app/agent.py",
                "code_line": 12,
                "code_function": "answer",
                "code_revision": revision(agent),
                "code_repository": "git@github.com:shop/agent.git",
            }
        spans.append(
            Span(
                f"{number:032x}",
                f"{i + 1:016x}",
                parent_span_id="" if i == 0 else f"{1:016x}",
                name="answer" if i == 3 else f"step {i + 1}",
                step_kind=kind,
                service_name="shop",
                environment="production",
                service_version="1.0",
                session_id=f"s{number}",
                user_id=f"u{number % 5}",
                start_time=start + i * SECOND,
                duration_ms=900,
                model="gpt-4.1" if kind == "llm" else "",
                prompt_version=("v8" if failing else "v7") if kind == "llm" else "",
                cost_usd=0.01 if kind == "llm" else None,
                resource_attributes={ENTRY_ATTRIBUTE: "agent:answer"} if i == 3 else {},
                documents=["Returns within 30 days."] if kind == "retrieval" else [],
                status="error" if kind == "tool" and failing else "ok",
                error_type="TimeoutError" if kind == "tool" and failing else "",
                **code,
            )
        )
    return spans


@pytest.fixture(scope="module")
def store(
    tmp_path_factory: pytest.TempPathFactory, agent: Path
) -> Iterator[tuple[str, AlertingSettings, Client]]:
    with (
        engine(tmp_path_factory.mktemp("enrich") / "clickhouse") as dsn,
        database(dsn) as (client, made),
    ):
        migrate(client, made)
        deploy(client, made.database, [hallucination.classifier])
        healthy = [trace(n, 30 + n * 5, False, agent) for n in range(1, 41)]
        failing = [trace(n, 5 + (n - 100) * 2, True, agent) for n in range(101, 109)]
        spans = [span for each in (*healthy, *failing) for span in each]
        labels = [
            ("fail" if int(s.trace_id, 16) > 100 else "pass") if s.name == "answer" else ""
            for s in spans
        ]
        kinds = ["“Delivered on Monday” is not supported by document 1 of search", "no document"]
        evidence = [
            {"hallucination": kinds[int(s.trace_id, 16) % 4 == 0] + " a.b@mail-post.eu"}
            | {"promises_refund": "output: a refund is on its way"}
            if label == "fail"
            else {}
            for s, label in zip(spans, labels, strict=True)
        ]
        client.insert(
            "spans_raw",
            [
                *columns_of(spans),
                labels,
                [0.97 if label == "fail" else 0.1 for label in labels],
                evidence,
                [1] * len(spans),
                [{"promises_refund": label} if label else {} for label in labels],
                [{"promises_refund": 0.8} if label == "fail" else {} for label in labels],
            ],
            column_names=[
                *SPAN_COLUMNS,
                "hallucination",
                "hallucination_score",
                "evidence",
                "verdict_version",
                "custom",
                "custom_scores",
            ],
            column_oriented=True,
            database=made.database,
        )
        client.insert(
            "custom_classifiers",
            [["promises_refund", 1, "live"]],
            column_names=["name", "revision", "state"],
            database=made.database,
        )
        settings = AlertingSettings(
            clickhouse_dsn=dsn,
            database=made.database,
            source_roots=f"/app={agent}",
            grafana_url="https://grafana.example",
        )
        yield dsn, settings, client


def alert(**labels: str) -> Alert:
    told = {
        "alertname": "hallucination fails too often",
        "service": "shop",
        "environment": "production",
        "classifier": "hallucination",
        "kind": "fail_rate",
        "severity": "error",
        **labels,
    }
    return Alert.model_validate(
        {
            "status": "firing",
            "labels": {k: v for k, v in told.items() if v},
            "annotations": {"window_seconds": "3600", "summary": "fails"},
            "startsAt": (NOW - timedelta(minutes=2)).isoformat(),
            "fingerprint": "c0ffee",
            "panelURL": "https://grafana.example/d/x?viewPanel=1",
        }
    )


def found(store: tuple[str, AlertingSettings, Client], **labels: str) -> Any:
    dsn, settings, _ = store
    return enrich(alert(**labels), lambda: connect(dsn), Tools.of(settings), NOW)


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


def test_paths_that_lead_out(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret.py").write_text("password = 1\n")
    (root / "link.py").symlink_to(tmp_path / "secret.py")
    (root / "blob.py").write_bytes(b"\0\1\2")
    (root / "big.py").write_text("x = 1\n" * 400_000)
    (root / "good.py").write_text("x = 1\n")
    roots = read_roots(f"/app={root}, {root}")
    bad = ["../secret.py", "/app/../secret.py", str(tmp_path / "secret.py"), "link.py", "blob.py"]
    (root / ".env").write_text("KEY=1\n")
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("url = https://me:token@example.com\n")
    (root / "env.py").symlink_to(root / ".env")
    bad += [".env", ".git/config", "x/../.env", "env.py", "a\0b.py", "x" * 5000, "\n", "C:\\x.py"]
    for path in [*bad, "big.py", "/etc/passwd", "", "-"]:
        where = source(path, 1, "f", "--output=x", "", roots, Budget(60))
        assert where.lines == (), path
        assert where.missing, path
    assert source("/app/good.py", 1, "f", "", "", roots, Budget(60)).lines == ((1, "x = 1"),)
    assert source("good.py", 1, "f", "", "", roots, Budget(60)).lines == ((1, "x = 1"),)
    assert "1 lines only" in source("good.py", 9, "f", "", "", roots, Budget(60)).missing
    with pytest.raises(RootsError, match="is no folder"):
        read_roots("/app=/nowhere/at/all")


@pytest.mark.parametrize(
    ("repository", "link"),
    [
        ("https://github.com/a/b", "https://github.com/a/b/blob/0123abc/x/y.py#L7"),
        ("git@gitlab.com:a/sub/b.git", "https://gitlab.com/a/sub/b/-/blob/0123abc/x/y.py#L7"),
        ("ssh://git@bitbucket.org/a/b", "https://bitbucket.org/a/b/src/0123abc/x/y.py#lines-7"),
        ("https://git.example:8443/a/b.git", "https://git.example:8443/a/b/blob/0123abc/x/y.py#L7"),
        ("", ""),
        ("javascript:alert(1)//a/b", ""),
        ("https://me:token@github.com/a/b", "https://github.com/a/b/blob/0123abc/x/y.py#L7"),
        ("http://[::1/a/b", ""),
        ("http://host:port/a/b", ""),
    ],
)
def test_permalinks(repository: str, link: str) -> None:
    assert permalink(repository, "0123abc", "x/y.py", 7) == link
    assert permalink(repository, "main; rm", "x/y.py", 7) == ""


def test_secrets_in_the_source_are_masked() -> None:
    key = "AK" + "IA" + "QWERTYUIOPASDFG2"
    pem = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"
    change = Change("0123abc", NOW, f"Rotate {key}")
    where = masked_source(
        Source(
            "a.py",
            2,
            "f",
            (
                (1, f'KEY = "{key}"'),
                (2, "to = 'a.b@mail-post.eu'"),
                (3, pem),
                (4, "x" * 185 + f" {key}"),
            ),
            "",
            "",
            change,
        )
    )
    assert key not in repr(where)
    assert "a.b@mail-post.eu" not in repr(where)
    assert pem not in repr(where)
    assert "IAQWE" not in repr(where), "what is cut off is masked first"
    assert [number for number, _ in where.lines] == [1, 2, 3, 4]


def test_a_line_that_moved_has_no_last_change(agent: Path) -> None:
    """Without a revision the folder is shown; git is asked about what is committed."""
    roots = read_roots(str(agent))
    where = source("agent.py", 1, "f", "", "", roots, Budget(60))
    assert dict(where.lines)[1] == "moved = 0"
    assert where.change is None
    at = source("agent.py", 1, "f", revision(agent), "", roots, Budget(60))
    assert at.change is not None


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


@pytest.mark.parametrize("entry", ["", "a:b; rm -rf ~", "$(id):x", "a:b\n", "a", ":", "`id`"])
def test_an_unknown_entry_is_said(entry: str) -> None:
    unknown = "names no known entry" if entry else "names no entry"
    told = f"the trace {unknown}: unless it is a decorated agent's, add --entry module:function"
    assert replay_note(entry) == told
    assert replay_note("support.agent:answer") == ""


def test_causes() -> None:
    assert cause("order LF-1001 took 12.5 s") == cause("order LF-2044 took 3 s")
    rows = [
        {"trace_id": f"{n}", "name": "a", "said": f"timeout of order {n}{n}{n}{n}{n}{n}"}
        for n in range(9)
    ]
    rows.append({"trace_id": "x", "name": "b", "said": "no such tool"})
    picked = chosen(rows, most=3)
    assert [(row["trace_id"], count) for row, count in picked] == [("0", 9), ("x", 1), ("1", 9)]


def test_fisher() -> None:
    assert hypergeometric(3, 3, 3, 6) == pytest.approx(1 / 20)
    assert hypergeometric(0, 3, 3, 6) == pytest.approx(1.0)
    assert hypergeometric(8, 8, 8, 48) < 1e-8


def test_playbook_of_ones_own(tmp_path: Path) -> None:
    facts = dict.fromkeys(FACTS, "x") | {"evidence": "not among get_weather"}
    assert "does not exist" in suggested(read_playbook(), "tool_call_error", facts)
    assert suggested(read_playbook(), "never heard of", facts)
    (tmp_path / "tool_call_error.toml").write_text('[[entry]]\nfix = "Ask {service}."\n')
    assert suggested(read_playbook(str(tmp_path)), "tool_call_error", facts) == "Ask x."
    (tmp_path / "bad.toml").write_text('[[entry]]\nfix = "Ask {servise}."\n')
    with pytest.raises(PlaybookError, match=r"bad\.toml: entry 1: \{servise\} is no fact"):
        read_playbook(str(tmp_path))
    with pytest.raises(PlaybookError, match="is no folder"):
        read_playbook("/nowhere/at/all")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[routes]]\ndestinations = ['x']", "no destination 'x'"),
        ("[destinations.a]\ntype = 'slack'", "destinations.a.url"),
        ("[destinations.a]\ntype = 'fax'", "destinations.a"),
        ("[destinations.a]\ntype = 'pagerduty'\nrouting_key = 'env:NOT_SET_AT_ALL'", "is not set"),
        ("[destinations.a]\ntype = 'log'", "no \\[\\[routes\\]\\]"),
        ("[destination.a]\ntype = 'log'", "unknown key 'destination'"),
        (
            "[destinations.a]\ntype = 'log'\n[[routes]]\nmatch = {x = '~('}\ndestinations = ['a']",
            "match.x",
        ),
    ],
)
def test_routes_that_can_not_be(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "routes.toml"
    path.write_text(text)
    with pytest.raises(RoutesError, match=told):
        read_routes(str(path))


def test_routes_by_label(tmp_path: Path) -> None:
    path = tmp_path / "routes.toml"
    path.write_text(
        """
[destinations.a]
type = "log"
[destinations.b]
type = "log"
[[routes]]
match = {severity = "critical"}
destinations = ["a"]
continue = true
[[routes]]
match = {service = "~shop.*"}
destinations = ["b", "a"]
"""
    )
    routes = read_routes(str(path))
    assert routes.of({"severity": "critical", "service": "shop-agent"}) == ["a", "b"]
    assert routes.of({"service": "shop"}) == ["b", "a"]
    assert routes.of({"service": "desk"}) == []


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
