"""Records the captures of `RECORDINGS`: one agent run a row, against standin.py and recorder.py.

``python record.py --venvs DIR [--only TEXT] [--workdir /srv/app]``: DIR holds one virtual
environment a group (see README.md). The agents are copied to the work directory first and run
from there, so that stack traces in the payloads show only that path. ``--only`` takes part of
``library/scenario``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
RESOURCE = "service.name=weather-agent,service.version=1.4.0,deployment.environment.name=test"
CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
LATEST = {"OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental"}
JSON = {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}
GZIP = {"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}

DISTRIBUTIONS = (
    "opentelemetry-sdk",
    "openai",
    "langchain",
    "langchain-openai",
    "langgraph",
    "pydantic-ai-slim",
    "opentelemetry-util-genai",
    "opentelemetry-instrumentation-openai-v2",
    "opentelemetry-instrumentation-genai-openai",
    "opentelemetry-instrumentation-openai",
    "opentelemetry-instrumentation-langchain",
    "openinference-instrumentation",
    "openinference-instrumentation-openai",
    "openinference-instrumentation-langchain",
)


@dataclass(slots=True)
class Recording:
    """One row: where it is stored, what runs, in which environment, what content mode that is.

    ``packages``: those whose versions are noted, where they are installed.
    """

    venv: str
    library: str
    scenario: str
    agent: str
    content: str
    env: dict[str, str] = field(default_factory=dict)
    packages: tuple[str, ...] = DISTRIBUTIONS


def official(scenario: str, agent: str, content: str, **env: str) -> Recording:
    """A row of OpenTelemetry's own instrumentation, before the conventions moved."""
    name = "opentelemetry-instrumentation-openai-v2"
    return Recording("oai", name, scenario, f"openai_calls openai-v2 {agent}", content, env)


def genai(scenario: str, agent: str, content: str, **env: str) -> Recording:
    """A row of its successor."""
    name = "opentelemetry-instrumentation-genai-openai"
    return Recording("genai", name, scenario, f"openai_calls genai-openai {agent}", content, env)


def openinference(scenario: str, agent: str, **env: str) -> Recording:
    """A row of OpenInference's OpenAI instrumentation."""
    name = "openinference-instrumentation-openai"
    call = f"openai_calls openinference {agent}"
    return Recording("oi", name, scenario, call, "span attributes", env)


def langgraph(scenario: str, agent: str, **env: str) -> Recording:
    """A row of OpenInference's LangChain instrumentation."""
    name = "openinference-instrumentation-langchain"
    return Recording("lc", name, scenario, f"langgraph_agent {agent}", "span attributes", env)


def traceloop(scenario: str, agent: str, **env: str) -> Recording:
    """A row of Traceloop's LangChain instrumentation."""
    name = "opentelemetry-instrumentation-langchain"
    return Recording("tl", name, scenario, f"langgraph_agent {agent}", "span attributes", env)


def traceloop_openai(scenario: str, agent: str, content: str, venv: str = "tl") -> Recording:
    """A row of Traceloop's OpenAI instrumentation."""
    name = "opentelemetry-instrumentation-openai"
    return Recording(venv, name, scenario, f"openai_calls {agent}", content)


def pydantic(scenario: str, agent: str, content: str, venv: str = "pai", **env: str) -> Recording:
    """A row of Pydantic AI's own instrumentation."""
    return Recording(venv, "pydantic-ai", scenario, f"pydantic_ai_agent {agent}", content, env)


RECORDINGS = [
    official("tool_call_no_content", "tool_call", "none"),
    official("tool_call_log_events", "tool_call", "log records", **{CAPTURE: "true"}),
    official("stream_log_events", "stream", "log records", **{CAPTURE: "true"}, **GZIP),
    official("tool_call_span", "tool_call", "SPAN_ONLY", **LATEST, **{CAPTURE: "span_only"}),
    official("stream_span", "stream", "SPAN_ONLY", **LATEST, **{CAPTURE: "span_only"}),
    official("tool_call_event", "tool_call", "EVENT_ONLY", **LATEST, **{CAPTURE: "event_only"}),
    official("tool_call_json", "tool_call", "log records", **{CAPTURE: "true"}, **JSON),
    official("error", "error", "log records", **{CAPTURE: "true"}),
    official("embeddings", "embeddings", "none"),
    genai("tool_call_no_content", "tool_call", "none"),
    genai("tool_call_span", "tool_call", "SPAN_ONLY", **{CAPTURE: "span_only"}),
    genai("tool_call_event", "tool_call", "EVENT_ONLY", **{CAPTURE: "event_only"}),
    genai("responses_both", "responses", "SPAN_AND_EVENT", **{CAPTURE: "span_and_event"}, **GZIP),
    genai("stream_span", "stream", "SPAN_ONLY", **{CAPTURE: "span_only"}),
    genai("embeddings", "embeddings", "none"),
    genai("error", "error", "SPAN_ONLY", **{CAPTURE: "span_only"}),
    genai("tool_call_json", "tool_call", "SPAN_ONLY", **{CAPTURE: "span_only"}, **JSON),
    openinference("tool_call", "tool_call"),
    openinference("stream", "stream", **GZIP),
    openinference("responses", "responses"),
    openinference("embeddings", "embeddings"),
    openinference("error", "error"),
    openinference("tool_call_json", "tool_call", **JSON),
    langgraph("tool_call", "openinference tool_call"),
    langgraph("stream", "openinference stream"),
    langgraph("tool_error", "openinference tool_error"),
    langgraph("retrieval", "openinference retrieval"),
    langgraph("tool_call_twice", "openinference+openai tool_call"),
    langgraph("retrieval_twice", "openinference+openai retrieval"),
    langgraph("tool_call_json", "openinference tool_call", **JSON),
    traceloop("tool_call", "traceloop tool_call"),
    traceloop("stream", "traceloop stream"),
    traceloop("tool_error", "traceloop tool_error"),
    traceloop("retrieval", "traceloop retrieval"),
    traceloop("tool_call_twice", "traceloop+openai tool_call"),
    traceloop("retrieval_twice", "traceloop+openai retrieval"),
    traceloop("tool_call_json", "traceloop tool_call", **JSON),
    traceloop(
        "tool_call_twice_genai", "traceloop+genai tool_call", **{CAPTURE: "span_only"}
    ),
    Recording(
        "tlold", "opentelemetry-instrumentation-langchain", "tool_call_0_47",
        "langgraph_agent traceloop tool_call", "span attributes",
    ),
    Recording(
        "tlold", "opentelemetry-instrumentation-langchain", "retrieval_twice_0_47",
        "langgraph_agent traceloop+openai retrieval", "span attributes",
    ),
    traceloop_openai("tool_call", "traceloop tool_call", "span attributes"),
    traceloop_openai("stream", "traceloop stream", "span attributes"),
    traceloop_openai("responses", "traceloop responses", "span attributes"),
    traceloop_openai("error", "traceloop error", "span attributes"),
    traceloop_openai("tool_call_log_events", "traceloop-events tool_call", "log records"),
    traceloop_openai("tool_call_0_47", "traceloop tool_call", "span attributes", "tlold"),
    traceloop_openai("responses_0_47", "traceloop responses", "span attributes", "tlold"),
    pydantic("tool_call", "tool_call", "format 5, span attributes"),
    pydantic("stream", "stream", "format 5, span attributes"),
    pydantic("tool_error", "tool_error", "format 5, span attributes"),
    pydantic("responses", "tool_call model=responses", "format 5, span attributes"),
    pydantic("no_content", "tool_call include_content=no", "format 5, none"),
    pydantic("format_2", "tool_call version=2", "format 2, span attributes"),
    pydantic("format_6", "tool_call version=6", "format 6, span attributes"),
    pydantic("format_1_events", "tool_call version=1", "format 1, events attribute", "pai1"),
    pydantic(
        "format_1_logs", "tool_call version=1 event_mode=logs", "format 1, log records", "pai1"
    ),
    pydantic("tool_call_v1", "tool_call", "default of 1.x, span attributes", "pai1"),
    pydantic(
        "tool_call_twice", "tool_call client=genai", "format 5 and SPAN_ONLY", **LATEST,
        **{CAPTURE: "span_only"},
    ),
    pydantic("tool_call_json", "tool_call", "format 5, span attributes", **JSON),
]  # fmt: skip

ASK_VERSIONS = """
import importlib.metadata as m, sys
for n in sys.argv[1:]:
    try: print(f'{n}={m.version(n)}')
    except m.PackageNotFoundError: pass
"""


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def record(row: Recording, venvs: Path, workdir: Path, env: dict[str, str]) -> int:
    """Run one row; its old files go first. Returns the agent's exit status."""
    python = venvs / row.venv / "bin" / "python"
    asked = [str(python), "-c", ASK_VERSIONS, *row.packages]
    versions = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
    out = HERE / "payloads" / row.library / row.scenario
    for old in [*out.glob("0*_*"), out / "capture.json"]:
        old.unlink(missing_ok=True)
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(workdir),
        "OTEL_RESOURCE_ATTRIBUTES": RESOURCE,
        **env,
        **row.env,
    }
    agent, *arguments = row.agent.split()
    recorder = [sys.executable, str(HERE / "recorder.py"), "--port", str(free_port())]
    about = ["--out", str(out), "--library", row.library, "--content-mode", row.content]
    for version in versions:
        about += ["--version", version]
    run = [str(python), f"{agent}.py", *arguments]
    return subprocess.call([*recorder, *about, "--", *run], env=env, cwd=workdir)


@contextmanager
def standing_in(script: str) -> Iterator[str]:
    """The address of a stand-in that runs meanwhile."""
    port = free_port()
    standin = subprocess.Popen([sys.executable, str(HERE / script), "--port", str(port)])
    time.sleep(0.7)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        standin.terminate()
        standin.wait()


def record_all(
    rows: Sequence[Recording],
    description: str | None,
    standin: str,
    env: Callable[[str], dict[str, str]],
) -> int:
    """Record the rows asked for whose environment there is; the number of failed ones.

    ``env``: the address of the stand-in to what tells an agent of it.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--venvs", type=Path, required=True)
    parser.add_argument("--workdir", type=Path, default=Path("/srv/app"))
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    options.workdir.mkdir(parents=True, exist_ok=True)
    for agent in (HERE / "agents").glob("*.py"):
        shutil.copy(agent, options.workdir)
    failed = 0
    for row in rows:
        name = f"{row.library}/{row.scenario}"
        if options.only not in name:
            continue
        if not (options.venvs / row.venv).exists():
            print(f"{name}: no environment {row.venv}", flush=True)
            continue
        with standing_in(standin) as address:
            status = record(row, options.venvs, options.workdir, env(address))
        print(f"{name}: {'recorded' if status == 0 else f'exit status {status}'}", flush=True)
        failed += status != 0
    return failed


def main() -> int:
    """The exit status is the number of failed ones."""
    return record_all(
        RECORDINGS,
        __doc__,
        "standin.py",
        lambda address: {"OPENAI_BASE_URL": f"{address}/v1", "OPENAI_API_KEY": "none"},
    )


if __name__ == "__main__":
    sys.exit(main())
