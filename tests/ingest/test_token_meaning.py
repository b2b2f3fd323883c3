"""input_tokens means the same whoever reports it: with what a cache gave and took."""

from __future__ import annotations

import pytest

from clickhouse.span import Span
from ingest.conventions.token_counts import find_usage, usage_of
from tests.ingest.spans import normalised, row

CACHED = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "claude-sonnet-4-5",
    "gen_ai.usage.input_tokens": 500,
    "gen_ai.usage.output_tokens": 19,
    "gen_ai.usage.cache_read.input_tokens": 300,
}


def _span(scope: str, provider: str, **more: int) -> Span:
    named = {f"gen_ai.usage.{key}": value for key, value in more.items()}
    return row({**CACHED, "gen_ai.provider.name": provider, **named}, scope=scope)


@pytest.mark.parametrize(
    ("scope", "provider", "counted"),
    [
        ("opentelemetry.instrumentation.botocore.bedrock-runtime", "aws.bedrock", 800),
        ("opentelemetry.instrumentation.bedrock", "aws.bedrock", 800),
        ("@traceloop/instrumentation-anthropic", "anthropic", 800),
        ("org.springframework.boot", "anthropic", 800),
        ("org.springframework.boot", "openai", 500),
        ("opentelemetry.instrumentation.anthropic", "anthropic", 500),
        ("com.anthropic.sdk.python", "anthropic", 500),
        ("somebody.else", "openai", 500),
        ("somebody.else", "anthropic", 500),
    ],
)
def test_who_counts_cached_tokens_apart(scope: str, provider: str, counted: int) -> None:
    assert _span(scope, provider).input_tokens == counted


def test_equality_decides_nothing_and_a_larger_part_does() -> None:
    equal = _span("com.anthropic.sdk.python", "anthropic", **{"cache_read.input_tokens": 500})
    assert equal.input_tokens == 500
    larger = _span("com.anthropic.sdk.python", "anthropic", **{"cache_read.input_tokens": 501})
    assert larger.input_tokens == 1001


def test_a_total_that_includes_them_says_so() -> None:
    assert _span("somebody.else", "anthropic", total_tokens=819).input_tokens == 800
    assert _span("somebody.else", "anthropic", total_tokens=519).input_tokens == 500


@pytest.mark.parametrize(
    "usage",
    [
        {"promptTokens": 124, "completionTokens": 19},
        {"input_tokens": 124, "output_tokens": 19},
        {"inputTokens": 124, "outputTokens": 19},
        {"PromptTokens": 124, "CompletionTokens": 19},
        {"prompt_tokens": 124, "completion_tokens": 19, "total_tokens": 143},
        {"promptTokenCount": 124, "candidatesTokenCount": 19},
        {"inputTokens": {"total": 124, "cacheRead": 64}, "outputTokens": {"total": 19}},
        {"prompt_eval_count": 124, "eval_count": 19},
    ],
)
def test_names_in_any_case(usage: dict[str, object]) -> None:
    found = usage_of(usage)
    assert (found["input_tokens"], found["output_tokens"]) == (124, 19)


def test_details_of_either_side() -> None:
    found = usage_of(
        {
            "prompt_tokens": 124,
            "completion_tokens": 19,
            "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 5},
            "completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 7},
        }
    )
    assert found == {
        "input_tokens": 124,
        "output_tokens": 19,
        "cached_input_tokens": 64,
        "input_audio_tokens": 5,
        "reasoning_tokens": 4,
        "output_audio_tokens": 7,
    }


def test_thoughts_are_within_the_output_however_they_were_counted() -> None:
    beside = {"promptTokenCount": 82, "candidatesTokenCount": 19, "thoughtsTokenCount": 8}
    for usage, out in (
        ({**beside, "totalTokenCount": 109}, 27),
        (beside, 27),
        ({**beside, "candidatesTokenCount": 27, "totalTokenCount": 109}, 27),
    ):
        assert usage_of(usage)["output_tokens"] == out
        assert usage_of(usage)["reasoning_tokens"] == 8


def test_usage_within_what_frameworks_wrap_around_an_answer() -> None:
    inner = {"usage": {"prompt_tokens": 1, "completion_tokens": 2}}
    for answer in (
        inner,
        {"replies": [{"meta": inner}]},
        {"message": {"response_metadata": inner}},
    ):
        assert find_usage(answer) == {"input_tokens": 1, "output_tokens": 2}
    assert find_usage({"text": "usage"}) == {}


def test_what_no_table_tells_is_counted_as_not_understood() -> None:
    attributes = {**CACHED, "gen_ai.provider.name": "anthropic"}
    unknown = normalised(attributes, scope="somebody.else")
    assert dict(unknown.not_understood) == {
        ("somebody.else", "input_tokens beside cached tokens"): 1
    }
    assert not normalised(attributes, scope="com.anthropic.sdk.python").not_understood
