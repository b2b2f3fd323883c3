"""Records the set-ups of agents/setups.py: ``python record_setups.py --venvs DIR [--only TEXT]``.

As record.py, against standin_more.py. DIR holds the virtual environments of README.md.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from record import ASK_VERSIONS, HERE, RESOURCE, free_port

#: Library (the folder of the payload) to environment, function of setups.py, packages that matter.
SETUPS: dict[str, tuple[str, str, str]] = {
    "anthropic-openinference": (
        "a",
        "openinference_anthropic",
        "anthropic openinference-instrumentation-anthropic",
    ),
    "google-genai-openinference": (
        "a",
        "openinference_google_genai",
        "google-genai openinference-instrumentation-google-genai",
    ),
    "llama-index-openinference": (
        "a",
        "openinference_llama_index",
        "llama-index-core openinference-instrumentation-llama-index",
    ),
    "agno-openinference": ("a", "openinference_agno", "agno openinference-instrumentation-agno"),
    "mistral-openinference": (
        "a",
        "openinference_mistral",
        "mistralai openinference-instrumentation-mistralai",
    ),
    "groq-openinference": ("a", "openinference_groq", "groq openinference-instrumentation-groq"),
    "dspy-openinference": ("a", "openinference_dspy", "dspy openinference-instrumentation-dspy"),
    "autogen-openinference": (
        "a",
        "openinference_autogen",
        "autogen-agentchat openinference-instrumentation-autogen-agentchat",
    ),
    "strands-0-anthropic": ("b", "strands_anthropic", "strands-agents anthropic"),
    "strands-0-bedrock": ("b", "strands_bedrock", "strands-agents boto3"),
    "llama-index-traceloop": (
        "c",
        "traceloop_llama_index",
        "llama-index-core opentelemetry-instrumentation-llamaindex",
    ),
    "groq-traceloop": ("c", "traceloop_groq", "groq opentelemetry-instrumentation-groq"),
    "ollama-traceloop": ("c", "traceloop_ollama", "ollama opentelemetry-instrumentation-ollama"),
    "langchain-anthropic-openinference": (
        "c",
        "openinference_langchain_anthropic",
        "langchain langchain-anthropic openinference-instrumentation-langchain",
    ),
    "langchain-anthropic-traceloop": (
        "c",
        "traceloop_langchain_anthropic",
        "langchain langchain-anthropic opentelemetry-instrumentation-langchain",
    ),
    "pydantic-ai-anthropic": ("c", "pydantic_ai_anthropic", "pydantic-ai-slim anthropic"),
    "logfire-openai": ("c", "logfire_openai", "logfire openai"),
    "logfire-anthropic": ("c", "logfire_anthropic", "logfire anthropic"),
    "agent-framework": ("d", "agent_framework", "agent-framework-core"),
    "semantic-kernel": ("d", "semantic_kernel", "semantic-kernel"),
}


def record(library: str, venvs: Path, workdir: Path, standin: int) -> int:
    """Run one; its old files go first. Returns the agent's exit status."""
    venv, function, packages = SETUPS[library]
    python = str(venvs / venv / "bin" / "python")
    asked = [python, "-c", ASK_VERSIONS, *packages.split()]
    versions = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
    out = HERE / "payloads" / library / "weather"
    for old in out.glob("*"):
        old.unlink()
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(workdir),
        "OTEL_RESOURCE_ATTRIBUTES": RESOURCE,
        "OTEL_METRICS_EXPORTER": "none",
        "STANDIN": f"http://127.0.0.1:{standin}",
    }
    recorder = [sys.executable, str(HERE / "recorder.py"), "--port", str(free_port())]
    about = ["--out", str(out), "--library", library, "--content-mode", "span attributes"]
    for version in versions:
        about += ["--version", version]
    run = [python, "setups.py", function]
    return subprocess.call([*recorder, *about, "--", *run], env=env, cwd=workdir)


def main() -> int:
    """Record those asked for; the exit status is the number of failed ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venvs", type=Path, required=True)
    parser.add_argument("--workdir", type=Path, default=Path("/srv/app"))
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    options.workdir.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "agents" / "setups.py", options.workdir)
    failed = 0
    for library in SETUPS:
        if options.only not in library or not (options.venvs / SETUPS[library][0]).exists():
            continue
        port = free_port()
        more = [sys.executable, str(HERE / "standin_more.py"), "--port", str(port)]
        standin = subprocess.Popen(more)
        time.sleep(0.7)
        try:
            status = record(library, options.venvs, options.workdir, port)
        finally:
            standin.terminate()
            standin.wait()
        print(f"{library}: {'recorded' if status == 0 else f'exit status {status}'}", flush=True)
        failed += status != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
