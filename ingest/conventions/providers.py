"""Provider and model names in one spelling.

Providers: the well-known values of gen_ai.provider.name (open-telemetry/semantic-conventions-genai)
where there is one, lower case otherwise. Models: as the provider's own API names them, without the
prefix that a gateway or library puts in front. A date at the end stays.
"""

from __future__ import annotations

import re
from functools import lru_cache

#: Older and other spellings. A value's first segment ('openai.chat', 'azure.responses') is looked
#: up where the whole is not here.
PROVIDERS = {
    "openai": "openai",
    "open_ai": "openai",
    "open-ai": "openai",
    "googleai": "gcp.gemini",
    "google_ai_gemini": "gcp.gemini",
    "azure_open_ai": "azure.ai.openai",
    "azure": "azure.ai.openai",
    "az.ai.openai": "azure.ai.openai",
    "azure.ai.openai": "azure.ai.openai",
    "azure_openai": "azure.ai.openai",
    "azureopenai": "azure.ai.openai",
    "azure-openai": "azure.ai.openai",
    "az.ai.inference": "azure.ai.inference",
    "azure.ai.inference": "azure.ai.inference",
    "azure_ai": "azure.ai.inference",
    "azure_ai_inference": "azure.ai.inference",
    "anthropic": "anthropic",
    "claude": "anthropic",
    "aws": "aws.bedrock",
    "bedrock": "aws.bedrock",
    "amazon": "aws.bedrock",
    "amazon-bedrock": "aws.bedrock",
    "amazon_bedrock": "aws.bedrock",
    "aws_bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "aws.bedrock": "aws.bedrock",
    "google": "gcp.gemini",
    "gemini": "gcp.gemini",
    "google_genai": "gcp.gemini",
    "google-gla": "gcp.gemini",
    "google.generative-ai": "gcp.gemini",
    "generativelanguage": "gcp.gemini",
    "google_ai_studio": "gcp.gemini",
    "gcp.gen_ai": "gcp.gen_ai",
    "gcp.gemini": "gcp.gemini",
    "gcp.vertex_ai": "gcp.vertex_ai",
    "gcp.vertex.agent": "gcp.vertex_ai",
    "vertex_ai": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "vertex": "gcp.vertex_ai",
    "google-vertex": "gcp.vertex_ai",
    "google_vertexai": "gcp.vertex_ai",
    "google.vertex": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "mistral_ai": "mistral_ai",
    "xai": "x_ai",
    "x_ai": "x_ai",
    "x-ai": "x_ai",
    "grok": "x_ai",
    "watsonx": "ibm.watsonx.ai",
    "ibm": "ibm.watsonx.ai",
    "ibm.watsonx.ai": "ibm.watsonx.ai",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "groq": "groq",
    "perplexity": "perplexity",
    "ollama": "ollama",
    "openrouter": "openrouter",
    "together": "together_ai",
    "together_ai": "together_ai",
    "fireworks": "fireworks_ai",
    "fireworks_ai": "fireworks_ai",
    "huggingface": "huggingface",
    "meta-llama": "meta",
    "meta": "meta",
    "qwen": "qwen",
    "moonshotai": "moonshot",
    "nvidia": "nvidia",
}

#: Frameworks that some instrumentations name as if they were the provider.
FRAMEWORKS = frozenset(
    "langchain langgraph llamaindex llama_index crewai agno autogen pydantic_ai pydantic-ai vercel"
    " litellm haystack dspy smolagents strands strands-agents openai_agents mcp semantic_kernel"
    " spring_ai mastra unknown _other other none null undefined genkit agent_framework google_adk"
    " microsoft.agent_framework autogen_agentchat langchain4j langchaingo langfuse".split()
)

#: Prefixes of models that say whose they are: 'openai/gpt-4o', 'models/gemini-2.5-pro'.
_BEDROCK_REGION = re.compile(r"^(?:us|eu|apac|jp|au|global|us-gov)\.(?=[a-z0-9]+\.)")
_BEDROCK_VENDOR = re.compile(
    r"^(?:anthropic|amazon|meta|mistral|cohere|ai21|deepseek|qwen|openai|stability|writer)\.(?=[a-z])"
)
_BEDROCK_VERSION = re.compile(r"-v\d+(?::\d+)?$|:\d+$")
_BY_MODEL = (
    (
        re.compile(r"^(?:gpt-|o[1345](?:-|$)|chatgpt-|text-embedding-(?:3|ada)|davinci|codex)"),
        "openai",
    ),
    (re.compile(r"^claude-"), "anthropic"),
    (re.compile(r"^(?:gemini|gemma)-"), "gcp.gemini"),
    (re.compile(r"^(?:mistral|mixtral|codestral|magistral|ministral)-"), "mistral_ai"),
    (re.compile(r"^deepseek-"), "deepseek"),
    (re.compile(r"^grok-"), "x_ai"),
    (re.compile(r"^command-"), "cohere"),
)


@lru_cache(maxsize=4096)
def provider_name(value: str) -> str:
    """The provider in one spelling; '' for a framework's name."""
    name = value.strip().lower()
    if name in FRAMEWORKS:
        return ""
    found = PROVIDERS.get(name)
    if found:
        return found
    for end in (name.rfind("."), name.find("."), name.find("-chat"), name.find(" ")):
        if end > 0:
            head = name[:end]
            if head in FRAMEWORKS:
                return ""
            if head in PROVIDERS:
                return PROVIDERS[head]
    return name


@lru_cache(maxsize=4096)
def provider_of_model(value: str) -> str:
    """The provider that a model's name gives away, '' for none."""
    head, slash, _ = value.partition("/")
    if slash and head.lower() in PROVIDERS:
        return PROVIDERS[head.lower()]
    if _BEDROCK_VENDOR.match(_BEDROCK_REGION.sub("", value)):
        return "aws.bedrock"
    name = model_name(value)
    return next((provider for pattern, provider in _BY_MODEL if pattern.match(name)), "")


@lru_cache(maxsize=4096)
def model_name(value: str) -> str:
    """The model without prefixes.

    'openai/gpt-4o' → 'gpt-4o'; 'models/gemini-2.5-pro' → 'gemini-2.5-pro';
    'us.anthropic.claude-sonnet-4-20250514-v1:0' → 'claude-sonnet-4-20250514'.
    """
    name = value.strip()
    if name.startswith("arn:"):
        name = name.rsplit("/", 1)[-1]
    # 'publishers/google/models/x', 'openrouter/anthropic/claude-…', 'accounts/fireworks/models/x'.
    name = name.rsplit("/", 1)[-1] or name
    # Pydantic AI and others write 'openai:gpt-4o'; Ollama writes 'llama3.2:1b'.
    head, colon, tail = name.partition(":")
    if colon and tail and (head.lower() in PROVIDERS or head.lower() in FRAMEWORKS):
        name = tail
    bedrock = _BEDROCK_REGION.sub("", name)
    stripped = _BEDROCK_VENDOR.sub("", bedrock)
    if stripped != bedrock or stripped.startswith("claude-"):
        name = _BEDROCK_VERSION.sub("", stripped)
    return name
