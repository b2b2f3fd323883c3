"""Records the set-ups of agents/setups.py: ``python record_setups.py --venvs DIR [--only TEXT]``.

As record.py, against standin_more.py. DIR holds the virtual environments of README.md.
"""

from __future__ import annotations

import sys

from record import Recording, record_all

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
    "haystack-3": ("e", "haystack_native", "haystack-ai opentelemetry-haystack"),
    "haystack-3-openinference": (
        "e",
        "openinference_haystack",
        "haystack-ai openinference-instrumentation-haystack",
    ),
}
RECORDINGS = [
    Recording(
        venv,
        library,
        "weather",
        f"setups {function}",
        "span attributes",
        packages=tuple(packages.split()),
    )
    for library, (venv, function, packages) in SETUPS.items()
]


def main() -> int:
    """The exit status is the number of failed ones."""
    return record_all(
        RECORDINGS,
        __doc__,
        "standin_more.py",
        lambda address: {"OTEL_METRICS_EXPORTER": "none", "STANDIN": address},
    )


if __name__ == "__main__":
    sys.exit(main())
