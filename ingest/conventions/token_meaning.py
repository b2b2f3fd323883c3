"""Whether ``input_tokens`` as reported includes those read from and written to a cache.

OpenTelemetry says that it does, and so do the columns here. Anthropic's API and Bedrock count them
apart, and some instrumentations pass that on. Who does is a table, since the numbers alone don't
tell: 500 beside 300 may be 500 or 800. ``APART``: the row's count is without. ``INCLUDED``: with.
A pair that is in no row stays as reported and is counted as not understood.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

APART = "apart"
INCLUDED = "included"
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Meaning:
    """``scope``: start of the tracer's name. ``provider``: as in the column, '' for any.
    ``before``: versions below this one, (): any."""

    scope: str
    provider: str
    meaning: str
    source: str
    before: tuple[int, ...] = ()


#: The first row that fits counts.
MEANINGS = (
    # Who adds them up.
    Meaning("openinference.", "", INCLUDED, "OpenInference, spec/semantic_conventions.md"),
    Meaning("@arizeai/openinference", "", INCLUDED, "OpenInference, spec/semantic_conventions.md"),
    Meaning("com.anthropic.sdk.", "", INCLUDED, "captured: anthropic 2.14, @anthropic-ai/sdk 1.14"),
    Meaning(
        "opentelemetry.instrumentation.anthropic",
        "",
        INCLUDED,
        "captured: Traceloop 0.62.3 sends 800 for 500 and 300",
    ),
    Meaning(
        "opentelemetry.instrumentation.langchain",
        "",
        INCLUDED,
        "captured: Traceloop 0.62 over langchain-anthropic 1.7 sends 800 for 500 and 300",
    ),
    Meaning("logfire.anthropic", "", INCLUDED, "captured: logfire 5.4 sends 800 for 500 and 300"),
    Meaning("opentelemetry.util.genai", "", INCLUDED, "OpenTelemetry GenAI"),
    Meaning("pydantic-ai", "", INCLUDED, "captured: pydantic-ai 2 sends 800 for 500 and 300"),
    Meaning("litellm", "", INCLUDED, "BerriAI/litellm, Usage.prompt_tokens"),
    Meaning("gen_ai", "", INCLUDED, "captured: Vercel AI SDK 7"),
    Meaning("@mastra/", "", INCLUDED, "mastra-ai/mastra, observability usage"),
    Meaning("langsmith", "", INCLUDED, "langchain-core UsageMetadata.input_tokens"),
    Meaning(
        "strands", "", INCLUDED, "strands-agents 1.62, telemetry/metrics.py: total_prompt_tokens"
    ),
    Meaning("haystack", "anthropic", INCLUDED, "anthropic-haystack 8.0, chat/utils.py adds them"),
    # Who passes on what the provider says.
    Meaning(
        "opentelemetry.instrumentation.botocore", "", APART, "captured: 0.66b2 sends 500 beside 300"
    ),
    Meaning("opentelemetry.instrumentation.bedrock", "", APART, "captured: Traceloop 0.62.4"),
    Meaning("@traceloop/instrumentation-anthropic", "", APART, "captured: 0.27.0"),
    Meaning(
        "@traceloop/instrumentation-bedrock",
        "",
        APART,
        "its 0.27.0: usage.input_tokens of InvokeModel, usage.inputTokens of Converse",
    ),
    Meaning("com.anthropic.claude_code", "", APART, "Claude Code, monitoring: input_tokens"),
    Meaning("org.springframework", "anthropic", APART, "captured: Spring AI 2.0.1"),
    Meaning(
        "org.springframework",
        "aws.bedrock",
        APART,
        "Spring AI 1.1.2, BedrockProxyChatModel: usage().inputTokens() of Converse",
    ),
    Meaning("langchain4j", "anthropic", APART, "langchain4j 1.19, AnthropicMapper.toTokenUsage"),
    Meaning(
        "langchain4j",
        "aws.bedrock",
        APART,
        "langchain4j-bedrock 1.11, AbstractBedrockChatModel.tokenUsageFrom: Converse's inputTokens",
    ),
    Meaning("openlit", "anthropic", APART, "openlit 1.45, instrumentation/anthropic/utils.py"),
    # Before version 6, which says how many were not cached.
    Meaning("ai", "anthropic", APART, "captured: ai 5.0, @ai-sdk/anthropic 2.0"),
    Meaning("ai", "aws.bedrock", APART, "@ai-sdk/amazon-bedrock 3.0.137: Converse's inputTokens"),
)
#: Their own APIs count cached tokens within what went in, and everybody passes that on.
_INCLUSIVE = frozenset(
    "openai azure.ai.openai azure.ai.inference gcp.gemini gcp.vertex_ai gcp.gen_ai deepseek x_ai"
    " groq mistral_ai openrouter perplexity moonshot together_ai fireworks_ai".split()
)


def meaning_of(
    scope: str,
    version: str,
    provider: str,
    *,
    input_tokens: int,
    output_tokens: int,
    total_tokens: int | None,
    uncached_tokens: int | None,
    beside: int,
) -> str:
    """APART, INCLUDED or UNKNOWN. ``beside``: cached and cache-writing tokens reported, over 0.
    ``uncached_tokens``: input that was neither, where the sender says it."""
    if uncached_tokens is not None and input_tokens in (uncached_tokens, uncached_tokens + beside):
        return APART if input_tokens == uncached_tokens else INCLUDED
    if beside > input_tokens:
        return APART  # it can be nothing else
    if total_tokens is not None and total_tokens == input_tokens + output_tokens + beside:
        return APART
    return _said_of(scope, version, provider)


@lru_cache(maxsize=4096)
def _said_of(scope: str, version: str, provider: str) -> str:
    for row in MEANINGS:
        if not scope.startswith(row.scope) or row.provider not in ("", provider):
            continue
        if row.scope == "ai" and scope != "ai":
            continue
        if row.before and not _version(version) < row.before:
            continue
        return row.meaning
    return INCLUDED if provider in _INCLUSIVE else UNKNOWN


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:3] if part.isdigit())
