"""LiteLLM's proxy and SDK. Source: BerriAI/litellm, integrations/opentelemetry.

It speaks OpenTelemetry GenAI; the span ``raw_gen_ai_request`` below a call repeats that call in the
provider's own words (``llm.openai.messages``), which stay in ``attributes``.
"""

from __future__ import annotations

from ingest.conventions.convention import Convention

CONVENTION = Convention(
    name="litellm",
    evidence=("litellm.*", "hidden_params", "metadata.user_api_key_hash", "gen_ai.cost.total_cost"),
    columns=(
        ("gen_ai.cost.total_cost", "cost_usd"),
        ("litellm.call_type", "name_of_call"),
        ("metadata.user_api_key_end_user_id", "user_id"),
        ("metadata.requester_metadata.session_id", "session_id"),
        ("llm.user", "user_id"),
    ),
    understood=("litellm.*", "metadata.*", "hidden_params", "llm.is_streaming"),
)
