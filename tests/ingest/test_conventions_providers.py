"""One spelling of providers and models."""

from __future__ import annotations

import pytest

from ingest.conventions.providers import model_name, provider_name, provider_of_model


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("OpenAI", "openai"),
        ("openai.chat", "openai"),
        ("openai.responses", "openai"),
        ("azure", "azure.ai.openai"),
        ("az.ai.openai", "azure.ai.openai"),
        ("azure.responses", "azure.ai.openai"),
        ("google.generative-ai", "gcp.gemini"),
        ("google.vertex.chat", "gcp.vertex_ai"),
        ("vertex_ai", "gcp.vertex_ai"),
        ("amazon-bedrock", "aws.bedrock"),
        ("anthropic.messages", "anthropic"),
        ("mistralai", "mistral_ai"),
        ("xai", "x_ai"),
        ("Langchain", ""),
        ("langgraph", ""),
        ("NewProvider", "newprovider"),
    ],
)
def test_providers(given: str, expected: str) -> None:
    assert provider_name(given) == expected


@pytest.mark.parametrize(
    ("given", "model", "provider"),
    [
        ("gpt-4o-2024-08-06", "gpt-4o-2024-08-06", "openai"),
        ("openai/gpt-4o", "gpt-4o", "openai"),
        ("openrouter/anthropic/claude-sonnet-4", "claude-sonnet-4", "openrouter"),
        ("models/gemini-2.5-pro", "gemini-2.5-pro", "gcp.gemini"),
        ("publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro", "gcp.gemini"),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", "claude-sonnet-4-20250514", "aws.bedrock"),
        ("anthropic.claude-3-haiku-20240307-v1:0", "claude-3-haiku-20240307", "aws.bedrock"),
        ("anthropic:claude-sonnet-4-5", "claude-sonnet-4-5", "anthropic"),
        ("llama3.2:1b", "llama3.2:1b", ""),
        ("meta.llama3-70b-instruct-v1:0", "llama3-70b-instruct", "aws.bedrock"),
        ("my-own-model", "my-own-model", ""),
    ],
)
def test_models(given: str, model: str, provider: str) -> None:
    assert model_name(given) == model
    assert provider_of_model(given) == provider
