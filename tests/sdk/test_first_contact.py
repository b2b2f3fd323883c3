"""What a newcomer is told: by `init`, and at exit. And what the extras install."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

pytest.importorskip("everyspan", reason="the SDK is not installed: pip install -e sdk")

from everyspan import _instrumentation, _libraries, _notices
from everyspan._definitions import tomllib
from everyspan._instrumentation import TurnedOn
from everyspan._libraries import LIBRARIES

from tests.sdk.receiver import receiving

ROOT = Path(__file__).parents[2]
#: Of libraries; `server` is the application.
EXTRAS: Mapping[str, list[str]] = {
    extra: given
    for extra, given in tomllib.loads((ROOT / "sdk/pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]["optional-dependencies"].items()
    if extra != "server"
}


# --- extras ---


def test_the_extras_are_the_table_of_libraries() -> None:
    """One instrumentation each: two of one library would count its calls twice."""
    installed = {extra: [_distribution(one) for one in given] for extra, given in EXTRAS.items()}
    assert installed == {
        library.extra: [library.instrumentation] for library in LIBRARIES if library.extra
    }


def test_an_extra_of_a_library_that_traces_itself_takes_its_place() -> None:
    """Otherwise its calls would count twice."""
    for library in LIBRARIES:
        if library.itself is not None and library.extra:
            assert library.itself.off, library.name
            assert library.instrumentation.startswith("opentelemetry-instrumentation-genai-")
            assert "official" in library.itself.gives_way_to, library.name


def test_the_readme_lists_the_extras() -> None:
    text = (ROOT / "sdk/README.md").read_text(encoding="utf-8")
    table = text.partition("<!-- extras -->")[2].partition("<!-- /extras -->")[0]
    listed = dict(re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|$", table, re.MULTILINE))
    assert listed == {extra: _distribution(given[0]) for extra, given in EXTRAS.items()}


def _distribution(requirement: str) -> str:
    return re.split(r"[^a-z0-9-]", requirement)[0]


# --- what is said ---


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Only these distributions are there, as `name=version`."""

    def put(**versions: str) -> None:
        named = {name.replace("_", "-"): version for name, version in versions.items()}

        def version(distribution: str) -> str:
            if distribution not in named:
                raise PackageNotFoundError(distribution)
            return named[distribution]

        monkeypatch.setattr(_libraries, "version", version)

    for name in ("ANTHROPIC_OPEN_TELEMETRY", "MISTRAL_SDK_TELEMETRY"):
        monkeypatch.delenv(name, raising=False)
    return put


def hints(found: TurnedOn | None = None, wanted: bool = True) -> list[str]:
    lines = _notices.opening("s", "http://e", wanted, found or TurnedOn())
    assert lines[0][0] == logging.INFO
    return [text for _, text in lines[1:]]


def test_a_library_without_its_instrumentation(installed: Callable[..., None]) -> None:
    installed(openai="3.57.0", groq="1.7.0")
    (line,) = hints()
    assert "calls of openai, groq are not recorded" in line
    assert "pip install 'everyspan-sdk[openai,groq]'" in line
    on = TurnedOn(on={"openai": "x", "groq": "y"})
    assert hints(on) == []
    assert hints(wanted=False) == []


def test_beside_a_framework_the_client_is_only_for_calls_of_ones_own(
    installed: Callable[..., None],
) -> None:
    """LangChain's spans have the model calls: an OpenAI instrumentation would double them."""
    installed(openai="3.57.0", langchain_core="1.8.3")
    framework, client = hints()
    assert "pip install 'everyspan-sdk[langchain]'" in framework
    assert "not through langchain" in client
    assert "only if" in client
    assert hints(TurnedOn(on={"langchain": "x"})) == [client]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("anthropic", "1.13.9", "1.14.0"), ("anthropic", "0.75", "2.14.0")],
)
def test_a_library_that_traces_itself_needs_nothing(
    installed: Callable[..., None], name: str, old: str, new: str
) -> None:
    installed(**{name: old})
    assert "everyspan-sdk[anthropic]" in hints()[0]
    installed(**{name: new})
    assert hints() == []
    assert "anthropic (traces itself)" in _notices.opening("s", "e", True, TurnedOn())[0][1]


def test_one_that_traces_itself_has_one_voice(
    installed: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(anthropic="2.14.0", mistralai="3.7.0")
    monkeypatch.setattr(_instrumentation, "entry_points", lambda group: [])
    alone: dict[str, str] = {}
    _instrumentation.turn_on(True, alone)
    assert alone == {
        "ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE": "content",
        "MISTRAL_SDK_TELEMETRY": "global",
    }
    own = {"ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE": "metadata_only"}
    _instrumentation.turn_on(True, own)
    assert own["ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE"] == "metadata_only"
    without: dict[str, str] = {}
    _instrumentation.set_content_variables(False, without)
    _instrumentation.turn_on(True, without)
    assert without["ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE"] == "metadata_only"
    assert without["MISTRAL_SDK_TELEMETRY"] == "false"


def test_pydantic_ai_is_told_how(installed: Callable[..., None]) -> None:
    installed(pydantic_ai_slim="2.68.0", openai="3.57.0")
    told, client = hints()
    assert "pydantic_ai.Agent.instrument_all()" in told
    assert "not through pydantic_ai" in client


def test_a_version_that_the_instrumentation_does_not_take(installed: Callable[..., None]) -> None:
    installed(openai="9.0")
    (line,) = hints(TurnedOn(refused={"openai": "genai-openai: needs openai<4"}))
    assert "the calls of openai are not recorded: genai-openai: needs openai<4" in line


def test_a_name_of_instrument_that_is_missing_says_the_pip_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_instrumentation, "entry_points", lambda group: [])
    with pytest.warns(RuntimeWarning, match=re.escape("pip install 'everyspan-sdk[llama-index]'")):
        _instrumentation.turn_on(["llamaindex"], {})


def test_a_program_with_logging_gets_log_records(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    _notices.set_quiet(False)
    _notices.say("hello")
    assert [record.getMessage() for record in caplog.records] == ["hello"]
    _notices.set_quiet(None, {"EVERYSPAN_QUIET": "1"})
    _notices.say("hush")
    _notices.set_quiet(None, {"EVERYSPAN_QUIET": "0"})
    _notices.say("again")
    assert [record.getMessage() for record in caplog.records] == ["hello", "again"]
    assert capsys.readouterr().err == ""


# --- in real processes ---

#: Hides the instrumentations that are installed here.
HIDDEN = """
import importlib.metadata as metadata
real = metadata.entry_points
metadata.entry_points = lambda **which: (
    [] if which.get("group") == "opentelemetry_instrumentor" else real(**which)
)
"""


def run(folder: Path, source: str, **environ: str) -> str:
    """stderr of a program in an environment without instrumentations."""
    (folder / "sitecustomize.py").write_text(HIDDEN, encoding="utf-8")
    (folder / "agent.py").write_text(textwrap.dedent(source), encoding="utf-8")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "EVERYSPAN_"))}
    with receiving() as receiver:
        done = subprocess.run(
            [sys.executable, "agent.py"],
            cwd=folder,
            env={
                **clean,
                "PYTHONPATH": str(folder),
                "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
                **environ,
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    return done.stderr


NOTHING = "no span was recorded by this process"


def test_the_first_run_is_not_silent(tmp_path: Path) -> None:
    pytest.importorskip("openai")
    source = "import everyspan; everyspan.init(service='support-agent')"
    said = run(tmp_path, source)
    assert "spans of 'support-agent' go to http://127.0.0.1:" in said
    assert re.search(r"pip install 'everyspan-sdk\[[^]]*openai[^]]*\]'", said)
    assert said.count(NOTHING) == 1
    assert run(tmp_path, source, EVERYSPAN_QUIET="1") == ""
    assert run(tmp_path, source.replace("')", "', quiet=True)")) == ""
    level = "import logging; logging.getLogger('everyspan').setLevel(logging.CRITICAL); "
    assert run(tmp_path, level + source) == ""


@pytest.mark.parametrize(
    "more",
    [
        "everyspan.step(lambda: 1)",
        "from opentelemetry import trace; trace.get_tracer('t').start_span('x').end()",
    ],
    ids=["a step", "a span"],
)
def test_with_something_recorded_the_exit_says_nothing(tmp_path: Path, more: str) -> None:
    assert NOTHING not in run(tmp_path, f"import everyspan; everyspan.init(service='s'); {more}")
