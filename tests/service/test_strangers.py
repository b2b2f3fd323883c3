"""A stranger's trace is text on every way out, terminal, log and report, and obeyed on none."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.browser import chromium
from tests.everyspan_up import ROOT, Up, running, unset
from tests.ingest.otlp_payloads import trace_id
from tests.service import hostile

#: What rich itself writes: colours, and where it redraws a line.
_STYLE = re.compile(r"\x1b\[[0-9;]*m|\x1b\[2K|\x1b\[\d*A|\x1b\[\?25[lh]")
_OBEYED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]")


@pytest.fixture(scope="module")
def mark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mark") / "obeyed"


@pytest.fixture(scope="module")
def trace() -> bytes:
    return trace_id()


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, trace: bytes, mark: Path) -> Iterator[Up]:
    """Judged, its alerts told to the log."""
    with running(
        tmp_path_factory.mktemp("strangers") / "data",
        classify_trace_quiet_seconds="1",
        classify_interval_seconds="0.2",
        grafana_evaluate_seconds="20",
        ingest_workers="1",
        classify_workers="1",
    ) as stack:
        for each in hostile.traces(trace, mark):
            assert stack.post("/v1/traces", each.SerializeToString()).status == 200
        stack.judged([trace.hex()], 120)
        rows = stack.spans(trace.hex(), "name, data_leakage")
        assert len(rows) == 2 * len(hostile.PAYLOADS)
        yield stack
        assert stack.spans(trace.hex(), "name, data_leakage") == rows, "nothing was changed"
    assert not mark.exists(), "a text was run"


def on_terminal(up: Up, *arguments: str, answers: bytes = b"") -> str:
    """What a command writes to a terminal, stdout and stderr together."""
    ours, its = pty.openpty()
    ports = {
        f"EVERYSPAN_{name.upper()}_PORT": str(up.ports[name])
        for name in ("clickhouse", "classify", "alerting")
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", *arguments],
        cwd=ROOT,
        env={**unset(), **ports, "COLUMNS": "250", "TERM": "xterm-256color"},
        stdin=its,
        stdout=its,
        stderr=its,
        close_fds=True,
    )
    os.close(its)
    os.write(ours, answers)
    written = b""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 1)[0]:
            try:
                part = os.read(ours, 1 << 16)
            except OSError:  # Linux: the other end is closed.
                break
            if not part:
                break
            written += part
        elif process.poll() is not None:
            break
    os.close(ours)
    assert process.wait(30) in (0, 1, 2), written
    text = written.decode("utf-8", "replace").replace("\r\n", "\n")
    assert "Traceback" not in text, text
    return text


def assert_neutral(text: str, *, lines: bool = False) -> None:
    """Only what rich draws commands the terminal. ``lines``: what was asked for has line feeds."""
    rest = re.sub(r"(?m)^.*\r(?=[^\n])", "", _STYLE.sub("", text))
    found = _OBEYED.search(rest) or re.search(r"\r(?!\n)", rest)
    assert not found, (found, rest[max(0, found.start() - 60) : found.end() + 60])
    assert "\x1b]" not in text
    assert lines or not re.search(rf"(?m)^{re.escape(hostile.FORGED)}", rest)


def test_sql_shows_what_is_in_a_cell(up: Up) -> None:
    """`[/x]` was a stack trace."""
    texts = ("[/x]", "[bold]b[/bold]", "[link=https://evil.example]", ":boom:")
    cells = ", ".join(f"'{text}' AS cell_{n}, 1 AS `{text}`" for n, text in enumerate(texts))
    shown = on_terminal(up, "sql", f"SELECT {cells}, '{''.join(texts)}' AS all_of_them")
    # As a cell, as a title, and among the others.
    assert {text: shown.count(text) for text in texts} == dict.fromkeys(texts, 3), shown
    assert "1 row" in shown


OTHERS: list[tuple[str, ...]] = [
    ("sql", "SELECT \x1b]0;x\x07[/x]"),
    ("alerts", "--status", "[/x]\x1b[2J"),
    ("alerts", "silences"),
    ("alerts", "test", "--route", "service=[/x]\x1b[2J"),
    ("classifier", "list"),
    ("classifier", "show", "[/x]\x1b[2J"),
    ("dataset", "list"),
    ("dataset", "show", "[/x]\x1b[2J"),
    ("experiment", "list"),
    ("experiment", "status", "[/x]\x1b[2J"),
    ("trace", "[/x]\x1b[2J"),
    ("report", "--last", "[/x]\x1b[2J"),
]


def slow(arguments: tuple[str, ...]) -> Any:
    return pytest.param(arguments, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    "arguments",
    [
        ("trace", "TRACE"),
        ("sql", "SELECT * FROM everyspan.spans WHERE trace_id = 'TRACE'"),
        ("status",),
        ("sql", "SELECT * FROM everyspan.spans WHERE trace_id = 'TRACE'", "--format=TSVRaw"),
        ("sql", "SELECT * FROM everyspan.spans WHERE trace_id = 'TRACE'", "--format=CSV"),
        ("sql", "SELECT name, service_name FROM everyspan.spans FORMAT LineAsString"),
        ("sql", "SELECT throwIf(1, name) FROM everyspan.spans WHERE trace_id = 'TRACE'"),
        ("alerts",),
        *map(slow, OTHERS),
    ],
    ids=lambda arguments: " ".join(arguments)[:40].encode("unicode_escape").decode(),
)
def test_commands_obey_nothing(up: Up, trace: bytes, arguments: tuple[str, ...]) -> None:
    given = [each.replace("TRACE", trace.hex()) for each in arguments]
    raw = "FORMAT" in given[-1].upper()
    assert_neutral(on_terminal(up, *given), lines=raw)


def test_the_trace_is_masked(up: Up, trace: bytes) -> None:
    shown = on_terminal(up, "trace", trace.hex())
    assert "data_leakage" in shown
    assert hostile.KEY not in shown
    assert "ghp_…" in shown


@pytest.mark.slow
def test_a_classifier_made_of_it_and_a_data_set(up: Up, trace: bytes) -> None:
    ids = [
        row["span_id"]
        for row in up.spans(trace.hex(), "span_id, step_kind")
        if row["step_kind"] == "llm"
    ]
    shown = on_terminal(
        up, "classifier", "add", "strange", "--positive", *ids[:6], "--describe", "[/x]\x1b[2J"
    )
    assert_neutral(shown)
    assert "strange" in shown
    for command in (
        ("classifier", "review", "strange"),
        ("classifier", "show", "strange"),
        ("classifier", "export", "strange"),
        ("classifier", "list"),
        ("status",),
        (
            "dataset",
            "build",
            "strange",
            "--where",
            "data_leakage = 'fail'",
            "--out",
            str(up.data.parent / "sets"),
        ),
        ("dataset", "show", "strange"),
        ("dataset", "show", "strange", "--json"),
        ("dataset", "drift", "strange"),
    ):
        written = on_terminal(up, *command, answers=b"s\ns\ns\nq\n" if "review" in command else b"")
        if "review" in command:
            assert "should it fail?" in written
            assert hostile.KEY not in written
        # TOML has texts of several lines.
        assert_neutral(written, lines="export" in command)


def test_machines_get_it_exactly(up: Up, trace: bytes) -> None:
    """Into a file or a pipe nothing is made visible."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "cli.main", "sql", "--format=JSONEachRow"),
            f"SELECT name FROM everyspan.spans WHERE trace_id = '{trace.hex()}'",
            f"--clickhouse-port={up.ports['clickhouse']}",
        ],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=60,
    )
    names = {json.loads(line)["name"] for line in done.stdout.splitlines()}
    assert any("\x1b]52;c;" in name for name in names)
    assert any("\u202e" in name for name in names)
    raw = subprocess.run(
        [
            *(sys.executable, "-m", "cli.main", "sql", "--format=RawBLOB"),
            "SELECT unhex('1b5b324a000dff')",
            f"--clickhouse-port={up.ports['clickhouse']}",
        ],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert raw.stdout == b"\x1b[2J\x00\r\xff"


def test_the_log_is_a_record_a_line(up: Up) -> None:
    deadline = time.monotonic() + 90
    while "alerting.alerts: " not in up.log() or "replay  " not in up.log():
        assert time.monotonic() < deadline, up.log()
        time.sleep(0.5)
    text = up.log()
    assert not _OBEYED.search(text)
    record = re.compile(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ +[\w.]+: |    |everyspan is up$|  \w|$"
    )
    for line in text.split("\n"):
        assert record.match(line), line
        assert not line.startswith(hostile.FORGED)
    assert hostile.KEY not in text


class _Page(HTMLParser):
    """Tags that run, load or lead somewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[dict[str, Any]] = []
        self.wrong: list[tuple[str, Any]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script":
            self.scripts.append(given)
        if tag in ("img", "iframe", "svg", "object", "embed", "link", "base", "form", "input"):
            self.wrong.append((tag, attrs))
        for name, value in given.items():
            leads = name in ("href", "src", "srcset", "action", "data", "xlink:href")
            if name.startswith("on") or (leads and not (value or "").startswith("#")):
                self.wrong.append((tag, attrs))


def test_the_report_runs_loads_and_shows_nothing_of_it(up: Up, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    assert_neutral(on_terminal(up, "report", "--last", "1h", "-o", str(path)))
    text = path.read_text(encoding="utf-8")
    assert hostile.KEY not in text
    assert "evil.example" in text, "the test looks at something"
    assert not _OBEYED.search(re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL))
    page = _Page()
    page.feed(text)
    assert page.wrong == []
    runs = [given for given in page.scripts if given.get("type") != "application/json"]
    assert len(runs) == 2
    assert "default-src &#39;none&#39;" in text or "default-src 'none'" in text
    with chromium() as browser:
        view = browser.new_page()
        view.set_default_timeout(90_000)  # a machine that runs tests is busy
        asked: list[str] = []
        wrong: list[str] = []
        view.on("request", lambda each: asked.append(each.url))
        view.on("dialog", lambda each: wrong.append(each.message))
        view.on("pageerror", lambda error: wrong.append(str(error)))
        view.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        view.goto(path.as_uri())
        view.wait_for_selector(".plot .main-svg")
        view.wait_for_timeout(500)
        assert view.evaluate("window.pwned") is None
        assert wrong == []
        assert asked == [path.as_uri()]
        links = view.evaluate(
            "[...document.querySelectorAll('a')].map(a => a.getAttribute('href')"
            " || a.getAttribute('xlink:href') || '').filter(h => h && !h.startsWith('#'))"
        )
        assert links == []
