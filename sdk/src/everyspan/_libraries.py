"""The GenAI libraries that `init` knows: their instrumentations, and which trace themselves.

Distributions and versions: PyPI and the libraries' own code, 2026-11.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version


@dataclass(frozen=True)
class TracesItself:
    """A library that makes OpenTelemetry spans of its calls, without an instrumentation.

    since         the first version that does, as numbers.
    on            variables that have it do so, with content.
    off           variables that end it; set where an instrumentation of it runs, or its calls
                  count twice.
    gives_way_to  families of instrumentations that record more than it does; others are left off,
                  unless named.
    told          what the program has to say first; empty: nothing.
    """

    since: tuple[int, ...] = (0,)
    on: Mapping[str, str] = field(default_factory=dict)
    off: Mapping[str, str] = field(default_factory=dict)
    gives_way_to: tuple[str, ...] = ()
    told: str = ""


@dataclass(frozen=True)
class Library:
    """One GenAI library.

    name             as `instrument=` takes it and `init` says it.
    also             other names that its instrumentations go by, after `normal`.
    distribution     its own, which shows that it is there; empty: it is not looked for.
    extra            of everyspan-sdk, which brings the instrumentation; empty: none does.
    instrumentation  the distribution that the extra installs.
    models           True: its spans cover the model calls made through it, so that one of the
                     model's own client beside it would count them twice.
    """

    name: str
    also: tuple[str, ...] = ()
    distribution: str = ""
    extra: str = ""
    instrumentation: str = ""
    models: bool = False
    itself: TracesItself | None = None

    @property
    def names(self) -> frozenset[str]:
        return frozenset({self.name, *self.also})


def _official(name: str, distribution: str, instrumentation: str, *also: str) -> Library:
    extra = name.replace("_", "-")
    made = f"opentelemetry-instrumentation-{instrumentation}"
    return Library(name, also, distribution, extra, made)


def _openinference(
    name: str, distribution: str, *also: str, models: bool = False, of: str = ""
) -> Library:
    extra = name.replace("_", "-")
    made = f"openinference-instrumentation-{of or extra}"
    return Library(name, also, distribution, extra, made, models)


#: An extra brings the official instrumentation of a provider's client, and OpenInference's where
#: there is none or it does not take the library's current version, and for frameworks, of which it
#: records the most. A replay of LangGraph needs OpenInference's metadata.
LIBRARIES: tuple[Library, ...] = (
    _official("openai", "openai", "genai-openai", "openai_v2"),
    _official("openai_agents", "openai-agents", "genai-openai-agents", "openai_agents_v2"),
    Library(
        "anthropic",
        distribution="anthropic",
        extra="anthropic",
        instrumentation="opentelemetry-instrumentation-genai-anthropic",
        itself=TracesItself(
            since=(1, 14),
            on={"ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE": "content"},
            off={"ANTHROPIC_OPEN_TELEMETRY": "false"},
            # Its own leave out the answers of create(stream=True); Traceloop's miss such calls.
            gives_way_to=("official", "openinference"),
        ),
    ),
    _openinference("claude_agent_sdk", "claude-agent-sdk"),
    _openinference("google_genai", "google-genai", "google_generativeai"),
    Library(
        "google_adk",
        distribution="google-adk",
        models=True,
        # OpenInference's takes the place of its own spans by itself.
        itself=TracesItself(gives_way_to=("openinference",)),
    ),
    Library("vertexai", ("google_cloud_aiplatform",)),
    # boto3 is there for much else: it does not show that Bedrock is used.
    _official("bedrock", "", "genai-bedrock"),
    Library("sagemaker"),
    _openinference("cohere", "cohere"),
    Library(
        "mistralai",
        ("mistral",),
        "mistralai",
        # Version 2 can't be told to leave them off.
        itself=TracesItself(since=(2,), on={"MISTRAL_SDK_TELEMETRY": "global"}),
    ),
    _openinference("groq", "groq"),
    _openinference("ollama", "ollama"),
    _openinference("together", "together"),
    Library("replicate"),
    Library("watsonx"),
    Library("writer", ("writer_sdk",)),
    Library("alephalpha"),
    Library("voyageai"),
    Library("transformers"),
    _openinference("litellm", "litellm", models=True),
    Library("portkey"),
    _openinference("langchain", "langchain-core", models=True),
    # Stands on LangChain, whose instrumentation records it and whose distribution shows it.
    _openinference("langgraph", "", of="langchain"),
    _openinference("llama_index", "llama-index-core", "llamaindex", models=True),
    _openinference("haystack", "haystack-ai", models=True),
    _openinference("dspy", "dspy", models=True),
    _openinference("crewai", "crewai"),
    Library("autogen"),
    Library("autogen_agentchat"),
    _openinference("agno", "agno", models=True),
    _openinference("smolagents", "smolagents", models=True),
    Library("beeai"),
    Library("strands", ("strands_agents",), "strands-agents", models=True, itself=TracesItself()),
    Library(
        "pydantic_ai",
        distribution="pydantic-ai-slim",
        models=True,
        itself=TracesItself(told="pydantic_ai.Agent.instrument_all()"),
    ),
    Library("instructor"),
    Library("guardrails"),
    Library("promptflow"),
    Library("pipecat"),
    Library("agentspec"),
    Library("agentscope"),
    Library("qwen_agent"),
    Library("qwenpaw"),
    Library("mcp"),
)

BY_NAME: Mapping[str, Library] = {name: library for library in LIBRARIES for name in library.names}


def normal(name: str) -> str:
    """A name of a library, an entry point or a distribution as they are compared."""
    return re.sub(r"[-.\s]+", "_", name.strip().lower())


def find(name: str) -> Library | None:
    """The library of that name, however it is spelled; None for one that is none of ours."""
    return BY_NAME.get(normal(name))


def is_installed(library: Library) -> bool:
    return bool(library.distribution) and _version(library.distribution) is not None


def traces_itself(library: Library) -> TracesItself | None:
    """How the installed version of it traces itself; None where it does not."""
    itself = library.itself
    if itself is None:
        return None
    installed = _version(library.distribution)
    return itself if installed is not None and installed >= itself.since else None


def switched_off(itself: TracesItself, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a variable ends the library's own spans."""
    return any(environ.get(name, "").lower() == value for name, value in itself.off.items())


def _version(distribution: str) -> tuple[int, ...] | None:
    """The first two numbers of what is installed; None: it is not."""
    try:
        # An interrupted uninstall leaves a distribution without metadata.
        found = version(distribution) or "0"
    except PackageNotFoundError:
        return None
    return tuple(int(number) for number in re.findall(r"\d+", found)[:2])
