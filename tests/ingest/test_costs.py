"""Costs of calls as providers bill them, to a hundredth of a cent.

The arithmetic is written out from each provider's published prices (US dollars a million tokens,
November 2026): the pricing pages of OpenAI, Anthropic, Google, Amazon Bedrock, Mistral, Groq, xAI,
DeepSeek. What goes in is a span as an instrumentation sends it, not our own columns.
"""

# ruff: noqa: E501 (a table)

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.ingest.spans import row

M = 1e6
#: Counts cached tokens apart, as Anthropic's and Bedrock's APIs do, and says so: token_meaning.py.
APART = "@traceloop/instrumentation-anthropic"
BEDROCK = "opentelemetry.instrumentation.bedrock"


def call(provider: str, model: str, scope: str = "app", **counts: Any) -> dict[str, Any]:
    """A span of the conventions; names of counts with ``_`` for ``.`` after ``usage``."""
    named = {
        "read": "gen_ai.usage.cache_read.input_tokens",
        "written": "gen_ai.usage.cache_creation.input_tokens",
        "reasoning": "gen_ai.usage.reasoning.output_tokens",
        "audio_in": "gen_ai.usage.audio.input_tokens",
        "audio_out": "gen_ai.usage.audio.output_tokens",
        "image_in": "gen_ai.usage.image.input_tokens",
        "image_out": "gen_ai.usage.image.output_tokens",
        "tier": "openai.response.service_tier",
        "into": "gen_ai.usage.input_tokens",
        "out": "gen_ai.usage.output_tokens",
        "kind": "gen_ai.operation.name",
    }
    return {
        "scope": scope,
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.response.model": model,
        **{named[name]: value for name, value in counts.items()},
    }


def answered(provider: str, model: str, answer: dict[str, Any]) -> dict[str, Any]:
    """A span that has the provider's whole answer and no count of its own."""
    return {
        "scope": "openinference.instrumentation.app",
        "openinference.span.kind": "LLM",
        "llm.provider": provider,
        "llm.model_name": model,
        "output.value": json.dumps(answer),
    }


def usage(**counts: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", "content": "Yes."}}], "usage": counts}


def gemini(**counts: Any) -> dict[str, Any]:
    content = {"role": "model", "parts": [{"text": "Yes."}]}
    return {"candidates": [{"content": content}], "usageMetadata": counts}


REALTIME = usage(
    input_tokens=1000,
    output_tokens=500,
    input_token_details={
        "text_tokens": 400,
        "audio_tokens": 600,
        "cached_tokens": 300,
        "cached_tokens_details": {"text_tokens": 100, "audio_tokens": 200},
    },
    output_token_details={"text_tokens": 100, "audio_tokens": 400},
)

# fmt: off
CALLS: list[tuple[str, dict[str, Any], float]] = [
    # Plain
    ("gpt-4o", call("openai", "gpt-4o-2024-08-06", into=20_000, out=900), (20_000 * 2.5 + 900 * 10) / M),
    ("gpt-4.1", call("openai", "gpt-4.1", into=50_000, out=2_000), (50_000 * 2 + 2_000 * 8) / M),
    ("gpt-4.1-mini", call("openai", "gpt-4.1-mini", into=90_000, out=9_000), (90_000 * 0.4 + 9_000 * 1.6) / M),
    ("claude-opus-4-1", call("anthropic", "claude-opus-4-1-20250805", into=4_000, out=800), (4_000 * 15 + 800 * 75) / M),
    ("claude-haiku-4-5", call("anthropic", "claude-haiku-4-5-20251001", into=40_000, out=5_000), (40_000 * 1 + 5_000 * 5) / M),
    ("gemini-2.5-flash", call("gcp.gemini", "gemini-2.5-flash", into=80_000, out=4_000), (80_000 * 0.3 + 4_000 * 2.5) / M),
    ("nova-pro", call("aws.bedrock", "amazon.nova-pro-v1:0", into=30_000, out=2_000), (30_000 * 0.8 + 2_000 * 3.2) / M),
    ("mistral-large", call("mistral_ai", "mistral-large-latest", into=30_000, out=2_000), (30_000 * 2 + 2_000 * 6) / M),
    ("llama on Groq", call("groq", "llama-3.3-70b-versatile", into=30_000, out=2_000), (30_000 * 0.59 + 2_000 * 0.79) / M),
    ("grok-4", call("x_ai", "grok-4", into=30_000, out=2_000), (30_000 * 3 + 2_000 * 15) / M),
    ("embedding", call("openai", "text-embedding-3-large", kind="embeddings", into=800_000), 800_000 * 0.13 / M),
    # Read from a cache: within input (OpenAI, Gemini) ...
    ("gpt-4o cached", call("openai", "gpt-4o", into=20_000, read=16_000, out=900), (4_000 * 2.5 + 16_000 * 1.25 + 900 * 10) / M),
    ("gpt-4.1 cached", call("openai", "gpt-4.1", into=20_000, read=16_000, out=900), (4_000 * 2 + 16_000 * 0.5 + 900 * 8) / M),
    ("gpt-5 cached", call("openai", "gpt-5", into=20_000, read=16_000, out=900), (4_000 * 1.25 + 16_000 * 0.125 + 900 * 10) / M),
    ("o4-mini cached", call("openai", "o4-mini", into=20_000, read=16_000, out=900), (4_000 * 1.1 + 16_000 * 0.275 + 900 * 4.4) / M),
    ("gemini cached", call("gcp.gemini", "gemini-2.5-flash", into=80_000, read=60_000, out=4_000), (20_000 * 0.3 + 60_000 * 0.03 + 4_000 * 2.5) / M),
    ("grok cached", call("x_ai", "grok-4", into=30_000, read=20_000, out=2_000), (10_000 * 3 + 20_000 * 0.75 + 2_000 * 15) / M),
    ("all of it cached", call("openai", "gpt-4.1", into=16_000, read=16_000, out=10), (16_000 * 0.5 + 10 * 8) / M),
    # ... and beside it (Anthropic, Bedrock)
    ("claude read", call("anthropic", "claude-sonnet-4-5", APART, into=500, read=30_000, out=190), (500 * 3 + 30_000 * 0.3 + 190 * 15) / M),
    ("claude read, as many", call("anthropic", "claude-sonnet-4-5", APART, into=5_000, read=5_000, out=190), (5_000 * 3 + 5_000 * 0.3 + 190 * 15) / M),
    ("claude read, within", call("anthropic", "claude-sonnet-4-5", "com.anthropic.sdk.x", into=8_000, read=3_000, out=190), (5_000 * 3 + 3_000 * 0.3 + 190 * 15) / M),
    ("claude on Bedrock read", call("aws.bedrock", "us.anthropic.claude-sonnet-4-20250514-v1:0", BEDROCK, into=500, read=300, out=27), (500 * 3 + 300 * 0.3 + 27 * 15) / M),
    # Written to a cache
    ("claude written", call("anthropic", "claude-sonnet-4-5", APART, into=500, written=30_000, out=190), (500 * 3 + 30_000 * 3.75 + 190 * 15) / M),
    ("claude written and read", call("anthropic", "claude-opus-4-1", APART, into=500, written=3_000, read=9_000, out=190), (500 * 15 + 3_000 * 18.75 + 9_000 * 1.5 + 190 * 75) / M),
    ("haiku written", call("anthropic", "claude-haiku-4-5", APART, into=900, written=20_000, out=400), (900 * 1 + 20_000 * 1.25 + 400 * 5) / M),
    ("claude on Bedrock written", call("aws.bedrock", "us.anthropic.claude-sonnet-4-20250514-v1:0", BEDROCK, into=500, written=300, out=27), (500 * 3 + 300 * 3.75 + 27 * 15) / M),
    # Reasoning is within output
    ("o3", call("openai", "o3", into=5_000, out=9_000, reasoning=8_200), (5_000 * 2 + 9_000 * 8) / M),
    ("gpt-5-mini", call("openai", "gpt-5-mini", into=5_000, out=9_000, reasoning=8_200), (5_000 * 0.25 + 9_000 * 2) / M),
    ("gemini thoughts", answered("google", "gemini-2.5-flash", gemini(promptTokenCount=9_000, candidatesTokenCount=900, thoughtsTokenCount=4_000, totalTokenCount=13_900)), (9_000 * 0.3 + 4_900 * 2.5) / M),
    # Audio
    ("realtime", call("openai", "gpt-realtime", into=1_000, audio_in=600, out=500, audio_out=400), (400 * 4 + 600 * 32 + 100 * 16 + 400 * 64) / M),
    ("realtime, cached audio", answered("openai", "gpt-realtime", REALTIME), (300 * 4 + 400 * 32 + 100 * 0.4 + 200 * 0.4 + 100 * 16 + 400 * 64) / M),
    ("gpt-audio", answered("openai", "gpt-audio", usage(prompt_tokens=800, completion_tokens=400, prompt_tokens_details={"audio_tokens": 700}, completion_tokens_details={"audio_tokens": 300})), (100 * 2.5 + 700 * 32 + 100 * 10 + 300 * 64) / M),
    ("gemini hears", answered("google", "gemini-2.5-flash", gemini(promptTokenCount=5_000, promptTokensDetails=[{"modality": "TEXT", "tokenCount": 1_000}, {"modality": "AUDIO", "tokenCount": 4_000}], candidatesTokenCount=500, totalTokenCount=5_500)), (1_000 * 0.3 + 4_000 * 1 + 500 * 2.5) / M),
    # Images
    ("gemini draws", call("gcp.gemini", "gemini-2.5-flash-image", into=300, out=1_290, image_out=1_290), (300 * 0.3 + 1_290 * 30) / M),
    ("gpt-image-1", call("openai", "gpt-image-1", into=1_500, image_in=1_400, out=4_160), (100 * 5 + 1_400 * 10 + 4_160 * 40) / M),
    ("realtime sees", call("openai", "gpt-realtime", into=1_000, image_in=700, out=100), (300 * 4 + 700 * 5 + 100 * 16) / M),
    # Batches, at half the price
    ("gpt-4o batch", call("openai", "gpt-4o", into=20_000, out=900, tier="batch"), (20_000 * 2.5 + 900 * 10) / 2 / M),
    ("gpt-5 flex, cached", call("openai", "gpt-5", into=20_000, read=16_000, out=900, tier="flex"), (4_000 * 1.25 + 16_000 * 0.125 + 900 * 10) / 2 / M),
    ("claude batch", {**call("anthropic", "claude-sonnet-4-5"), "app.usage": json.dumps({"input_tokens": 9_000, "output_tokens": 700, "service_tier": "batch"})}, (9_000 * 3 + 700 * 15) / 2 / M),
    # Prices that grow with the context, or with how long a cache is kept
    ("gemini over 200k", call("gcp.gemini", "gemini-2.5-pro", into=300_000, out=2_000), (300_000 * 2.5 + 2_000 * 15) / M),
    ("claude over 200k", call("anthropic", "claude-sonnet-4-5", into=250_000, out=2_000), (250_000 * 6 + 2_000 * 22.5) / M),
    ("claude for an hour", {**call("anthropic", "claude-sonnet-4-5", APART), "app.usage": json.dumps({"input_tokens": 500, "output_tokens": 190, "cache_creation_input_tokens": 8_000, "cache_creation": {"ephemeral_5m_input_tokens": 3_000, "ephemeral_1h_input_tokens": 5_000}})}, (500 * 3 + 3_000 * 3.75 + 5_000 * 6 + 190 * 15) / M),
]
# fmt: on


def test_there_are_forty() -> None:
    assert len(CALLS) >= 40


@pytest.mark.parametrize(
    ("attributes", "billed"), [c[1:] for c in CALLS], ids=[c[0] for c in CALLS]
)
def test_a_call_costs_what_is_billed(attributes: dict[str, Any], billed: float) -> None:
    rest = {name: value for name, value in attributes.items() if name != "scope"}
    span = row(rest, scope=attributes["scope"])
    assert span.cost_usd == pytest.approx(billed, abs=0.00005)
    assert span.cost_usd == pytest.approx(billed, rel=0.001)
