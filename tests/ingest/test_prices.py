"""Costs are those of the genai-prices package, and None where it has none."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot

from ingest.prices import cost_usd

AT = datetime(2026, 3, 1, 18, tzinfo=UTC)


def cost(
    provider: str, model: str, *, at: datetime | None = AT, **tokens: int | None
) -> float | None:
    counts: dict[str, int | None] = {
        "input_tokens": 1000,
        "output_tokens": 100,
        "cached_input_tokens": None,
    }
    return cost_usd(provider=provider, model=model, at=at, **(counts | tokens))


@pytest.mark.parametrize(
    ("provider", "theirs", "model"),
    [
        ("openai", "openai", "gpt-4o"),
        ("azure.ai.openai", "azure", "gpt-4o-mini"),
        ("azure.ai.inference", "azure", "gpt-4o"),
        ("anthropic", "anthropic", "claude-sonnet-4-20250514"),
        ("aws.bedrock", "aws", "us.anthropic.claude-sonnet-4-20250514-v1:0"),
        ("aws.bedrock", "aws", "amazon.nova-pro-v1:0"),
        ("gcp.gemini", "google", "gemini-2.5-pro"),
        ("gcp.vertex_ai", "google", "gemini-2.5-flash"),
        ("gcp.vertex_ai", "google", "claude-sonnet-4-5"),
        ("x_ai", "x-ai", "grok-4"),
        ("mistral_ai", "mistral", "mistral-large-latest"),
        ("cohere", "cohere", "command-r-plus"),
        ("deepseek", "deepseek", "deepseek-chat"),
        ("groq", "groq", "llama-3.3-70b-versatile"),
        ("perplexity", "perplexity", "sonar"),
        ("openai", "openai", "text-embedding-3-small"),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_costs_are_the_packages_own(provider: str, theirs: str, model: str, size: int) -> None:
    usage = Usage(input_tokens=1000 * size, output_tokens=70, cache_read_tokens=400 * size)
    expected = calc_price(usage, model, provider_id=theirs, genai_request_timestamp=AT)
    found = cost(
        provider,
        model,
        input_tokens=1000 * size,
        output_tokens=70,
        cached_input_tokens=400 * size,
    )
    assert found == pytest.approx(float(expected.total_price), rel=1e-12)
    assert found


def test_every_token_price_of_the_package_is_computed_as_it_does() -> None:
    """All models of all providers, by their own ids, where tokens are all there is to price."""
    compared = 0
    usage = Usage(
        input_tokens=300_000, output_tokens=700, cache_read_tokens=200_000, cache_write_tokens=50
    )
    for provider in get_snapshot().providers:
        for model in provider.models:
            found = provider.find_model(model.id, all_providers=get_snapshot().providers)
            price = found.get_prices(AT) if found else None
            if price is None or not {"input_mtok", "output_mtok"} <= vars(price).keys():
                continue
            expected = found.calc_price(usage, provider, genai_request_timestamp=AT)
            mine = cost(
                provider.id,
                model.id,
                input_tokens=300_000,
                output_tokens=700,
                cached_input_tokens=200_000,
                cache_write_tokens=50,
            )
            assert mine == pytest.approx(float(expected.total_price), rel=1e-9), model.id
            compared += 1
    assert compared > 1500


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "gpt-4o-stand-in"), ("", "nobody-knows-it"), ("openai", ""), ("", "x" * 9999)],
)
def test_an_unknown_model_costs_none_not_nothing(provider: str, model: str) -> None:
    assert cost(provider, model) is None


def test_no_tokens_cost_none() -> None:
    assert cost("openai", "gpt-4o", input_tokens=None, output_tokens=None) is None
    assert cost("openai", "gpt-4o", input_tokens=0, output_tokens=0) is None
    assert cost("openai", "gpt-4o", input_tokens=-5, output_tokens=None) is None


def test_an_empty_price_list_is_unknown_and_a_free_model_free() -> None:
    assert cost("openrouter", "google/gemma-3-27b-it:free") == 0
    assert cost("openai", "moderation") is None


def test_what_one_runs_oneself_has_no_list_price() -> None:
    assert cost("ollama", "deepseek-chat") is None
    assert cost("vllm", "gpt-4o") is None


def test_without_a_provider_the_model_says_whose_it_is() -> None:
    expected = cost("openai", "gpt-4o")
    assert expected == pytest.approx(0.0035)
    assert cost("", "gpt-4o") == cost("my-gateway", "openai/gpt-4o") == expected
    assert cost("", "claude-sonnet-4-20250514") == cost("anthropic", "claude-sonnet-4-20250514")


def test_an_openai_client_may_reach_anybodys_model() -> None:
    assert cost("openai", "claude-sonnet-4-5") == cost("anthropic", "claude-sonnet-4-5")


def test_a_host_that_does_not_list_a_model_is_not_priced_by_another_of_many() -> None:
    assert cost("fireworks_ai", "command-r-plus") is None


def test_a_name_without_its_owners_prefix_is_found() -> None:
    short = cost("together_ai", "Llama-3.3-70B-Instruct-Turbo")
    assert short == cost("together_ai", "meta-llama/Llama-3.3-70B-Instruct-Turbo")
    assert short is not None
    assert cost("aws.bedrock", "nova-pro") == cost("aws.bedrock", "amazon.nova-pro-v1:0")


def test_cached_tokens_beside_the_input_are_added_to_it() -> None:
    beside = cost("anthropic", "claude-sonnet-4-5", input_tokens=10, cached_input_tokens=90)
    within = cost("anthropic", "claude-sonnet-4-5", input_tokens=100, cached_input_tokens=90)
    assert beside == within
    written = cost(
        "anthropic", "claude-sonnet-4-5", input_tokens=100, output_tokens=0, cache_write_tokens=100
    )
    assert written == pytest.approx(100 * 3.75e-6)


def test_the_price_is_that_of_the_day() -> None:
    model = next(
        model
        for provider in get_snapshot().providers
        if provider.id == "openai"
        for model in provider.models
        if isinstance(model.prices, list)
        and model.get_prices(datetime(2020, 1, 1, tzinfo=UTC)) != model.get_prices(AT)
        and provider.find_model(model.id) is model
    )
    early = cost("openai", model.id, at=datetime(2020, 1, 1, tzinfo=UTC))
    assert early != cost("openai", model.id)


def test_a_known_model_costs_no_time() -> None:
    cost("deepseek", "deepseek-chat")
    start = time.perf_counter()
    for _ in range(2000):
        cost("deepseek", "deepseek-chat")
    assert (time.perf_counter() - start) / 2000 < 100e-6  # 3 µs on an idle core
