"""Spring AI 1 and 2. Source: spring-projects/spring-ai, observation conventions.

Advisors and the chat client are ``gen_ai.operation.name`` 'framework'; request and answer are
logged, not recorded. Version 1 repeats in each call of a tool loop what the ones before it spent
(classify/settle/running_totals).
"""

from __future__ import annotations

from ingest.conventions.convention import Convention

CONVENTION = Convention(
    name="spring_ai",
    evidence=("spring.ai.*",),
    columns=(
        ("spring.ai.tool.call.arguments", "tool_arguments"),
        ("spring.ai.tool.call.result", "tool_result"),
        ("spring.ai.tool.definition.name", "tool_name"),
        ("spring.ai.chat.client.conversation.id", "session_id"),
        ("spring.ai.chat.client.user.text", "input"),
        ("spring.ai.chat.client.system.text", "system_instructions"),
        ("spring.ai.chat.client.tool.names", "tool_definitions"),
        ("spring.ai.model.request.tool.names", "tool_definitions"),
        ("spring.ai.model.request.tool.definitions", "tool_definitions"),
        ("gen_ai.prompt", "input_messages"),
        ("db.vector.query.content", "input"),
        ("spring.ai.vector_store.query.content", "input"),
        ("db.vector.query.response.documents", "documents"),
    ),
    kinds={
        "spring.ai.kind": {
            "advisor": "chain",
            "chat_client": "chain",
            "tool_call": "tool",
            "vector_store": "retrieval",
        }
    },
    understood=(
        "spring.ai.kind",
        "spring.ai.advisor.*",
        "spring.ai.chat.client.advisors",
        "spring.ai.chat.client.stream",
        "spring.ai.tool.call.id",
        "spring.ai.tool.type",
        "spring.ai.tool.definition.description",
        "spring.ai.tool.definition.schema",
        "spring.ai.vector_store.*",
    ),
)
