"""What each convention's attributes mean, those included that no capture shows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clickhouse.span import STEP_KINDS, Span
from ingest.conventions import hand_written
from ingest.conventions.convention import CONTENT
from ingest.conventions.registry import CONVENTIONS
from tests.ingest.spans import normalised, row

MESSAGES = json.dumps([{"role": "user", "content": "Weather in Paris?"}])
ANSWER = json.dumps({"choices": [{"message": {"role": "assistant", "content": "Sunny."}}]})

#: name → attributes, columns as they should come out.
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "genai retrieval": (
        {
            "gen_ai.operation.name": "retrieval",
            "gen_ai.retrieval.query.text": "refund",
            "gen_ai.retrieval.documents": json.dumps(
                [{"content": "14 days", "score": 0.9}, {"content": "Rotterdam", "score": 0.5}]
            ),
        },
        {
            "step_kind": "retrieval",
            "input": "refund",
            "documents": ["14 days", "Rotterdam"],
            "convention": "opentelemetry",
        },
    ),
    "genai workflow": (
        {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": "refunds"},
        {"step_kind": "chain", "agent_name": "refunds"},
    ),
    "genai prompt": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "azure.ai.openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.prompt.name": "greeting",
            "gen_ai.prompt.version": "3",
            "gen_ai.usage.reasoning.output_tokens": 9,
        },
        {
            "provider": "azure.ai.openai",
            "prompt_name": "greeting",
            "prompt_version": "3",
            "reasoning_tokens": 9,
        },
    ),
    "genai up to 1.36": (
        {
            "gen_ai.system": "az.ai.openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.prompt": MESSAGES,
            "gen_ai.completion": "Sunny.",
            "gen_ai.usage.prompt_tokens": 5,
            "gen_ai.usage.completion_tokens": 2,
        },
        {
            "step_kind": "llm",
            "provider": "azure.ai.openai",
            "input": "Weather in Paris?",
            "output": "Sunny.",
            "input_tokens": 5,
            "output_tokens": 2,
        },
    ),
    "openinference reranker": (
        {
            "openinference.span.kind": "RERANKER",
            "reranker.query": "refund",
            "reranker.model_name": "cohere/rerank-v3.5",
            "reranker.output_documents.0.document.content": "14 days",
            "reranker.output_documents.0.document.score": 0.98,
        },
        {
            "step_kind": "reranker",
            "input": "refund",
            "model": "rerank-v3.5",
            "documents": ["14 days"],
            "document_scores": [0.98],
            "convention": "openinference",
        },
    ),
    "openinference completions": (
        {
            "openinference.span.kind": "LLM",
            "llm.prompts.0.prompt.text": "def fib(n):",
            "llm.choices.0.completion.text": " return n",
            "llm.model_name": "gpt-3.5-turbo-instruct",
        },
        {"input": "def fib(n):", "output": " return n"},
    ),
    "openinference contents": (
        {
            "openinference.span.kind": "LLM",
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.contents.0.message_content.type": "text",
            "llm.input_messages.0.message.contents.0.message_content.text": "What is this?",
            "llm.input_messages.0.message.contents.1.message_content.type": "image",
            "llm.input_messages.0.message.contents.1.message_content.image.image.url": "http://x/y",
        },
        {"input": "What is this?"},
    ),
    "openinference guardrail": (
        {
            "openinference.span.kind": "guardrail",
            "input.value": '"is this safe?"',
            "output.value": '{"result": "no"}',
        },
        {"step_kind": "guardrail", "input": "is this safe?", "output": "no"},
    ),
    "traceloop task of a retriever": (
        {
            "traceloop.span.kind": "task",
            "gen_ai.operation.name": "retrieval",
            "traceloop.entity.input": '{"query": "refund", "tags": []}',
        },
        {"step_kind": "retrieval", "input": "refund", "convention": "traceloop"},
    ),
    "langsmith prompt": (
        {
            "langsmith.span.kind": "prompt",
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "langchain",
            "gen_ai.prompt": '{"input": "Hi"}',
        },
        {"step_kind": "prompt", "provider": "", "input": "Hi", "convention": "langsmith"},
    ),
    "vercel object": (
        {
            "ai.operationId": "ai.generateObject.doGenerate",
            "ai.model.provider": "google.generative-ai",
            "ai.model.id": "models/gemini-2.5-flash",
            "ai.prompt.messages": MESSAGES,
            "ai.response.object": '{"sky":"clear"}',
            "ai.usage.cachedInputTokens": 3,
        },
        {
            "step_kind": "llm",
            "provider": "gcp.gemini",
            "model": "gemini-2.5-flash",
            "input": "Weather in Paris?",
            "output": '{"sky":"clear"}',
            "cached_input_tokens": 3,
        },
    ),
    "logfire's openai": (
        {
            "logfire.msg": "Chat Completion with 'gpt-4o'",
            "request_data": json.dumps({"model": "gpt-4o", "messages": json.loads(MESSAGES)}),
            "response_data": json.dumps(
                {
                    "message": {"role": "assistant", "content": "Sunny."},
                    "usage": {"input_tokens": 5},
                }
            ),
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.system": "openai",
        },
        {"step_kind": "llm", "input": "Weather in Paris?", "output": "Sunny.", "input_tokens": 5},
    ),
    "mlflow": (
        {
            "mlflow.spanType": '"PARSER"',
            "mlflow.spanInputs": '{"text": "a,b"}',
            "mlflow.spanOutputs": '["a", "b"]',
        },
        {"step_kind": "parser", "input": "a,b", "output": '["a","b"]', "convention": "mlflow"},
    ),
    "langfuse usage apart": (
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "claude-sonnet-4-5",
            "langfuse.observation.usage_details": json.dumps(
                {"input": 10, "input_cached_tokens": 90, "output": 5, "total": 105}
            ),
            "langfuse.observation.cost_details": '{"input": 0.1, "output": 0.2}',
            "langfuse.observation.level": "ERROR",
            "langfuse.observation.status_message": "overloaded",
        },
        {
            "step_kind": "llm",
            "provider": "anthropic",
            "input_tokens": 100,
            "cached_input_tokens": 90,
            "output_tokens": 5,
            "cost_usd": pytest.approx(0.3),
            "status": "error",
            "status_message": "overloaded",
        },
    ),
    "google adk": (
        {
            "gen_ai.system": "gcp.vertex.agent",
            "gen_ai.operation.name": "chat",
            "gcp.vertex.agent.session_id": "s1",
            "gcp.vertex.agent.llm_request": json.dumps(
                {
                    "model": "gemini-2.5-flash",
                    "contents": [{"role": "user", "parts": [{"text": "Weather in Paris?"}]}],
                }
            ),
            "gcp.vertex.agent.llm_response": json.dumps(
                {"content": {"role": "model", "parts": [{"text": "Sunny."}]}}
            ),
        },
        {
            "convention": "google_adk",
            "provider": "gcp.vertex_ai",
            "session_id": "s1",
            "input": "Weather in Paris?",
            "output": "Sunny.",
        },
    ),
    "genkit": (
        {
            "genkit:metadata:subtype": "tool",
            "genkit:input": '{"city":"Paris"}',
            "genkit:output": '"sunny"',
        },
        {"step_kind": "tool", "input": '{"city":"Paris"}', "output": "sunny"},
    ),
    "hand-written model call": (
        {"model": "openai/gpt-4o-mini", "prompt": "Hi", "completion": "Hello", "prompt_tokens": 3},
        {
            "step_kind": "llm",
            "provider": "openai",
            "model": "gpt-4o-mini",
            "input": "Hi",
            "output": "Hello",
            "input_tokens": 3,
            "convention": "hand_written",
        },
    ),
    "hand-written with a prefix": (
        {
            "myapp.llm.prompt": "Hi",
            "myapp.llm.response": "Hello",
            "myapp.llm.model": "mistral-large",
        },
        {"step_kind": "llm", "provider": "mistral_ai", "input": "Hi", "output": "Hello"},
    ),
    "an unknown convention's retriever": (
        {"acme.span_type": "retriever", "acme.query": "refund", "acme.documents": '["14 days"]'},
        {"step_kind": "retrieval", "input": "refund", "documents": ["14 days"]},
    ),
    "an http client": (
        {"http.request.method": "POST", "url.full": "https://api.openai.com", "input": "x"},
        {"step_kind": "other", "input": "", "convention": ""},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_columns(case: str) -> None:
    attributes, expected = CASES[case]
    span = row(attributes)
    assert {column: getattr(span, column) for column in expected} == expected
    assert normalised(attributes).not_understood == {}


@pytest.mark.parametrize("case", CASES)
def test_the_scope_s_name_does_not_matter(case: str) -> None:
    attributes, _ = CASES[case]
    here, there = row(attributes, scope="a"), row(attributes, scope="opentelemetry.langsmith.ai")
    there.scope_name = here.scope_name
    assert here == there


def test_names_of_hand_written_spans_say_the_kind_where_nothing_else_does() -> None:
    kinds = {
        "rerank documents": "reranker",
        "embed_query": "embedding",
        "retrieve_context": "retrieval",
        "check_guardrail": "guardrail",
        "run_agent": "agent",
        "handle_question": "chain",
        "parse_answer": "parser",
    }
    assert {name: row({"input": "x"}, name=name).step_kind for name in kinds} == kinds


def test_a_span_that_says_nothing_is_other() -> None:
    span = row(name="GET /")
    assert (span.step_kind, span.convention, span.input) == ("other", "", "")


def test_the_standard_wins_over_others_for_columns_and_the_specific_for_kinds() -> None:
    span = row(
        {
            "openinference.span.kind": "EVALUATOR",
            "llm.model_name": "gpt-4",
            "llm.token_count.prompt": 1,
            "gen_ai.operation.name": "chat",
            "gen_ai.response.model": "gpt-4o",
            "gen_ai.request.model": "gpt-4o-alias",
            "gen_ai.usage.input_tokens": 2,
        }
    )
    assert (span.step_kind, span.model) == ("evaluator", "gpt-4o")
    # Not a call of a model: what it reports does not count before the trace is settled.
    assert span.input_tokens is None
    assert json.loads(span.attributes["everyspan.reported_usage"])["input_tokens"] == 2


def test_tool_spans_show_arguments_and_result_as_json() -> None:
    langchain = row(
        {
            "openinference.span.kind": "TOOL",
            "tool.name": "weather",
            "input.value": "{'city': 'Paris', 'days': 2}",
            "output.value": json.dumps(
                {"type": "tool", "content": '{"sky": "clear"}', "tool_call_id": "c1"}
            ),
        }
    )
    assert langchain.input == '{"city":"Paris","days":2}'
    assert langchain.output == '{"sky": "clear"}'
    one = row(
        {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.call.arguments": '{"query":"x"}'}
    )
    assert one.input == '{"query":"x"}', "one named argument is no wrapper"


def test_tool_definitions_have_one_form() -> None:
    expected = [
        {
            "type": "function",
            "name": "weather",
            "description": "Of a city",
            "parameters": {"type": "object"},
        }
    ]
    openai = [
        {"type": "function", "function": {k: v for k, v in expected[0].items() if k != "type"}}
    ]
    anthropic = [
        {"name": "weather", "description": "Of a city", "input_schema": {"type": "object"}}
    ]
    vercel = [
        json.dumps(
            {
                "type": "function",
                "name": "weather",
                "description": "Of a city",
                "inputSchema": {"type": "object"},
            }
        )
    ]
    for attributes in (
        {"gen_ai.tool.definitions": json.dumps(openai)},
        {"gen_ai.tool.definitions": json.dumps(anthropic)},
        {"ai.prompt.tools": vercel, "ai.operationId": "ai.generateText.doGenerate"},
        {"llm.tools.0.tool.json_schema": json.dumps(openai[0]), "llm.model_name": "x"},
    ):
        assert json.loads(row(attributes).tool_definitions) == expected


#: What only other columns are made of.
BESIDE = (
    "cache_write_tokens input_audio_tokens output_audio_tokens total_tokens usage failed"
    " uncached_tokens time_to_first_token cached_audio_tokens input_image_tokens"
    " output_image_tokens cache_write_1h_tokens service_tier"
).split()


def test_the_tables_name_columns_and_kinds_that_exist() -> None:
    columns = {*Span.__slots__, *CONTENT, *BESIDE}
    for convention in CONVENTIONS:
        assert {column for _, column in convention.columns} <= columns, convention.name
        for kinds in convention.kinds.values():
            assert set(kinds.values()) <= set(STEP_KINDS), convention.name
            assert all(value == value.lower() for value in kinds), convention.name
    assert {column for _, column in hand_written.ENDINGS} <= columns


@pytest.mark.parametrize("arguments", ['\'{"city":"Paris"}\'', r"'\x'"])
def test_calls_that_openai_agents_writes_as_a_repr(arguments: str) -> None:
    text = f"ResponseFunctionToolCall(arguments={arguments}, call_id='c1', name='weather')"
    messages = [{"role": "assistant", "parts": [{"type": "text", "content": text}]}]
    span = row({"gen_ai.operation.name": "chat", "gen_ai.output.messages": json.dumps(messages)})
    if "city" in arguments:
        assert json.loads(span.output) == [
            {"id": "c1", "name": "weather", "arguments": {"city": "Paris"}}
        ]
    else:
        assert span.output == text
