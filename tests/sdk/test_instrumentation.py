"""Which installed instrumentations are turned on: real distributions on a real sys.path."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, distributions
from pathlib import Path

import pytest

pytest.importorskip("everyspan", reason="the SDK is not installed: pip install -e sdk")

from everyspan import _instrumentation, _libraries

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts an instrumentation with its entry point on the path; it notes that it was started."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def put(distribution: str, entry: str, requires: str = "", fails: str = "") -> None:
        module = distribution.replace("-", "_")
        monkeypatch.delitem(sys.modules, module, raising=False)
        (tmp_path / f"{module}.py").write_text(
            "class Instrumentor:\n"
            "    is_instrumented_by_opentelemetry = False\n"
            "    def instrument(self, **options):\n"
            f"        {fails or 'pass'}\n"
            f"        import sys; sys.started.append({distribution!r})\n"
            "class DependencyConflictError(Exception): pass\n",
            encoding="utf-8",
        )
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "entry_points.txt").write_text(
            f"[{_instrumentation.GROUP}]\n{entry} = {module}:Instrumentor\n", encoding="utf-8"
        )
        requirement = f"Requires-Dist: {requires}\n" if requires else ""
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n{requirement}",
            encoding="utf-8",
        )

    def installed_here(group: str) -> list[EntryPoint]:
        """Not what this machine happens to have installed besides."""
        found = distributions(path=[str(tmp_path)])
        return [entry for one in found for entry in one.entry_points if entry.group == group]

    monkeypatch.setattr(_instrumentation, "entry_points", installed_here)
    monkeypatch.setattr(sys, "started", [], raising=False)
    return put


def started() -> list[str]:
    return sorted(sys.started)  # type: ignore[attr-defined]


def test_genai_libraries_only_one_each(install: Install) -> None:
    install("openinference-instrumentation-openai", "openai")
    install("opentelemetry-instrumentation-openai-v2", "openai", "opentelemetry-util-genai>=1")
    install("opentelemetry-instrumentation-genai-openai", "openai", "opentelemetry-util-genai<2")
    install(
        "opentelemetry-instrumentation-openai", "openai", "opentelemetry-semantic-conventions-ai<1"
    )
    install("opentelemetry-instrumentation-requests", "requests")
    install("opentelemetry-instrumentation-botocore", "botocore")
    install("openinference-instrumentation-langchain", "langchain")
    install(
        "opentelemetry-instrumentation-langchain",
        "langchain",
        "opentelemetry-semantic-conventions-ai<1",
    )
    assert sorted(_instrumentation.turn_on(True).on) == ["langchain", "openai"]
    assert started() == [
        "openinference-instrumentation-langchain",
        "opentelemetry-instrumentation-genai-openai",
    ]


def test_different_spellings_are_one_library(install: Install) -> None:
    install("openinference-instrumentation-google-genai", "google_genai")
    install(
        "opentelemetry-instrumentation-google-genai", "google-genai", "opentelemetry-util-genai"
    )
    install("openinference-instrumentation-vertexai", "vertexai")
    install("opentelemetry-instrumentation-vertexai", "google_cloud_aiplatform")
    assert sorted(_instrumentation.turn_on(True).on) == ["google_genai", "vertexai"]
    assert len(started()) == 2


def test_a_broken_one_is_a_warning_and_the_next_is_tried(install: Install) -> None:
    install(
        "opentelemetry-instrumentation-openai-v2",
        "openai",
        "opentelemetry-util-genai",
        fails="raise RuntimeError('boom')",
    )
    install("openinference-instrumentation-openai", "openai")
    with pytest.warns(RuntimeWarning, match="openai-v2' does not work.*boom"):
        assert list(_instrumentation.turn_on(True).on) == ["openai"]
    assert started() == ["openinference-instrumentation-openai"]


def test_one_whose_library_is_missing_is_left_off_quietly(
    install: Install, recwarn: pytest.WarningsRecorder
) -> None:
    install(
        "openinference-instrumentation-dspy",
        "dspy",
        fails="raise DependencyConflictError('dspy is too old')",
    )
    install(
        "openinference-instrumentation-crewai",
        "crewai",
        "no-such-library>=1; extra == 'instruments'",
        fails="raise ModuleNotFoundError('no_such_library')",
    )
    assert not _instrumentation.turn_on(True).on
    assert not recwarn.list


def test_by_name(install: Install) -> None:
    install("openinference-instrumentation-openai", "openai")
    install("opentelemetry-instrumentation-requests", "requests")
    install("openinference-instrumentation-groq", "groq")
    with pytest.warns(RuntimeWarning, match="instrument='nothing'"):
        found = _instrumentation.turn_on(["requests", "openai", "nothing"])
    assert sorted(found.on) == ["openai", "requests"]
    assert not _instrumentation.turn_on(False).on


def test_content_variables() -> None:
    environ: dict[str, str] = {"OTEL_SEMCONV_STABILITY_OPT_IN": "http"}
    _instrumentation.set_content_variables(True, environ)
    assert environ == {
        "OTEL_SEMCONV_STABILITY_OPT_IN": "http,gen_ai_latest_experimental",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
    }
    own = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "EVENT_ONLY"}
    _instrumentation.set_content_variables(True, own)
    assert own["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] == "EVENT_ONLY"
    _instrumentation.set_content_variables(False, own)
    assert own["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] == "NO_CONTENT"
    assert own["OPENINFERENCE_HIDE_INPUTS"] == "true"


def test_beside_a_library_that_traces_itself_one_voice(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anthropic's own spans, or those of an instrumentation that records more: never both."""
    monkeypatch.setattr(_libraries, "version", lambda name: "2.14.0")
    install(
        "opentelemetry-instrumentation-anthropic",
        "anthropic",
        "opentelemetry-semantic-conventions-ai<1",
    )
    install("openinference-instrumentation-mistralai", "mistralai")
    alone: dict[str, str] = {}
    assert not _instrumentation.turn_on(True, alone).on
    assert "ANTHROPIC_OPEN_TELEMETRY" not in alone
    named: dict[str, str] = {}
    assert list(_instrumentation.turn_on(["anthropic"], named).on) == ["anthropic"]
    assert named["ANTHROPIC_OPEN_TELEMETRY"] == "false"
    off = {"ANTHROPIC_OPEN_TELEMETRY": "false"}
    assert list(_instrumentation.turn_on(True, off).on) == ["anthropic"]
    official = "opentelemetry-instrumentation-genai-anthropic"
    install(official, "anthropic", "opentelemetry-util-genai")
    more: dict[str, str] = {}
    on = _instrumentation.turn_on(True, more).on
    assert on == {"anthropic": official}
    assert more["ANTHROPIC_OPEN_TELEMETRY"] == "false"
