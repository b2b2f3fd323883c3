"""Hand-written OpenTelemetry spans around real model calls.

Usage: plain_otel.py {genai|genai_events|adhoc}
genai         current GenAI conventions, content on span attributes as JSON text
genai_events  the same, content only on log records (gen_ai.client.inference.operation.details)
adhoc         attribute names somebody made up
"""

import json
import sys
from typing import Any

import openai
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber, get_logger, set_logger_provider
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

SCENARIO = sys.argv[1]
QUESTION = "What is the weather in Paris?"
SYSTEM = "You answer questions about the weather."
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
FUNCTION = {
    "name": "get_weather",
    "description": "Current weather of a city.",
    "parameters": PARAMETERS,
}
STATIONS = [
    {"id": "s1", "score": 0.91, "content": "Paris-Montsouris"},
    {"id": "s2", "score": 0.72, "content": "Paris-Orly"},
]

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
logs = LoggerProvider()
logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
set_logger_provider(logs)
tracer = trace.get_tracer("weather.agent", "1.2.0")
logger = get_logger("weather.agent", "1.2.0")
client = openai.OpenAI(max_retries=0)
CONTENT_ON_SPAN = SCENARIO == "genai"


def event(name: str, attributes: dict[str, Any]) -> None:
    """A named log record in the current span's context."""
    logger.emit(
        LogRecord(event_name=name, severity_number=SeverityNumber.INFO, attributes=attributes)
    )


def text(role: str, content: str, **more: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": content}], **more}


def chat(history: list[dict[str, Any]], messages: list[dict[str, Any]]) -> Any:
    """One model call; `history` in the conventions' form, `messages` in the provider's."""
    with tracer.start_as_current_span("chat gpt-4o-mini", kind=trace.SpanKind.CLIENT) as span:
        answer = client.chat.completions.create(
            model="gpt-4o-mini",
            messages=messages,
            tools=[{"type": "function", "function": FUNCTION}],
        )
        choice, usage = answer.choices[0], answer.usage
        reason = "tool_call" if choice.message.tool_calls else "stop"
        span.set_attributes(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.conversation.id": "session-42",
                "user.id": "user-7",
                "gen_ai.prompt.name": "weather-system",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.response.model": answer.model,
                "gen_ai.response.id": answer.id,
                "gen_ai.response.finish_reasons": [reason],
                "gen_ai.usage.input_tokens": usage.prompt_tokens,
                "gen_ai.usage.output_tokens": usage.completion_tokens,
                "gen_ai.usage.cache_read.input_tokens": usage.prompt_tokens_details.cached_tokens,
                "gen_ai.usage.reasoning.output_tokens": (
                    usage.completion_tokens_details.reasoning_tokens
                ),
            }
        )
        if choice.message.tool_calls:
            call = choice.message.tool_calls[0]
            part = {
                "type": "tool_call",
                "id": call.id,
                "name": call.function.name,
                "arguments": json.loads(call.function.arguments),
            }
            output = {"role": "assistant", "parts": [part], "finish_reason": reason}
        else:
            output = text("assistant", choice.message.content, finish_reason=reason)
        content: dict[str, Any] = {
            "gen_ai.system_instructions": [{"type": "text", "content": SYSTEM}],
            "gen_ai.input.messages": history,
            "gen_ai.output.messages": [output],
            "gen_ai.tool.definitions": [{"type": "function", **FUNCTION}],
        }
        if CONTENT_ON_SPAN:
            span.set_attributes({k: json.dumps(v) for k, v in content.items()})
        else:
            event(
                "gen_ai.client.inference.operation.details",
                {
                    "gen_ai.operation.name": "chat",
                    "gen_ai.provider.name": "openai",
                    "gen_ai.request.model": "gpt-4o-mini",
                    "gen_ai.response.id": answer.id,
                    **content,
                },
            )
        history.append(output)
        if reason == "stop":
            event(
                "gen_ai.evaluation.result",
                {
                    "gen_ai.evaluation.name": "Relevance",
                    "gen_ai.evaluation.score.value": 0.95,
                    "gen_ai.evaluation.score.label": "relevant",
                    "gen_ai.evaluation.explanation": "names the weather asked for",
                    "gen_ai.response.id": answer.id,
                },
            )
        return choice.message


def genai() -> None:
    with tracer.start_as_current_span("invoke_agent weather-agent") as agent:
        agent.set_attributes(
            {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.provider.name": "openai",
                "gen_ai.agent.name": "weather-agent",
                "gen_ai.agent.id": "agent-1",
                "gen_ai.conversation.id": "session-42",
                "user.id": "user-7",
                "gen_ai.request.model": "gpt-4o-mini",
            }
        )
        with tracer.start_as_current_span("embeddings text-embedding-3-small") as span:
            answer = client.embeddings.create(model="text-embedding-3-small", input=QUESTION)
            span.set_attributes(
                {
                    "gen_ai.operation.name": "embeddings",
                    "gen_ai.provider.name": "openai",
                    "gen_ai.request.model": "text-embedding-3-small",
                    "gen_ai.embeddings.dimension.count": len(answer.data[0].embedding),
                    "gen_ai.usage.input_tokens": answer.usage.prompt_tokens,
                }
            )
        with tracer.start_as_current_span("retrieval stations") as span:
            span.set_attributes(
                {
                    "gen_ai.operation.name": "retrieval",
                    "gen_ai.data_source.id": "stations",
                    "gen_ai.request.top_k": 2.0,
                    "gen_ai.retrieval.query.text": QUESTION,
                    "gen_ai.retrieval.documents": json.dumps(STATIONS),
                }
            )
        history = [text("user", QUESTION)]
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": QUESTION},
        ]
        first = chat(history, messages)
        call = first.tool_calls[0]
        with tracer.start_as_current_span("execute_tool get_weather") as span:
            result = {"city": "Paris", "celsius": 18, "sky": "sunny"}
            span.set_attributes(
                {
                    "gen_ai.operation.name": "execute_tool",
                    "gen_ai.tool.name": "get_weather",
                    "gen_ai.tool.type": "function",
                    "gen_ai.tool.call.id": call.id,
                    "gen_ai.tool.description": FUNCTION["description"],
                    "gen_ai.tool.call.arguments": call.function.arguments,
                    "gen_ai.tool.call.result": json.dumps(result),
                }
            )
        part = {"type": "tool_call_response", "id": call.id, "response": result}
        history.append({"role": "tool", "parts": [part]})
        messages.append(first.model_dump(exclude_none=True))
        messages.append({"role": "tool", "tool_call_id": call.id, "content": json.dumps(result)})
        chat(history, messages)
        try:
            with tracer.start_as_current_span("execute_tool send_mail") as span:
                span.set_attributes(
                    {
                        "gen_ai.operation.name": "execute_tool",
                        "gen_ai.tool.name": "send_mail",
                        "gen_ai.tool.call.arguments": '{"to": "user-7"}',
                        "error.type": "ConnectionRefusedError",
                    }
                )
                raise ConnectionRefusedError("mail server refused the connection")
        except ConnectionRefusedError:
            pass
        if CONTENT_ON_SPAN:
            agent.set_attributes(
                {
                    "gen_ai.input.messages": json.dumps([text("user", QUESTION)]),
                    "gen_ai.output.messages": json.dumps([history[-1]]),
                }
            )


def adhoc() -> None:
    with tracer.start_as_current_span("handle_question") as root:
        root.set_attributes({"session_id": "session-42", "user_id": "user-7", "question": QUESTION})
        messages: list[dict[str, Any]] = [{"role": "user", "content": QUESTION}]
        with tracer.start_as_current_span("call_llm") as span:
            answer = client.chat.completions.create(model="gpt-4o-mini", messages=messages)
            span.set_attributes(
                {
                    "model": "openai/gpt-4o-mini",
                    "prompt": QUESTION,
                    "completion": answer.choices[0].message.content,
                    "prompt_tokens": answer.usage.prompt_tokens,
                    "completion_tokens": answer.usage.completion_tokens,
                }
            )
        with tracer.start_as_current_span("get_weather") as span:
            span.set_attributes({"tool.name": "get_weather", "input": '{"city": "Paris"}'})
            span.set_attribute("output", '{"celsius": 18}')
        with tracer.start_as_current_span("SELECT stations") as span:
            span.set_attributes({"db.system.name": "postgresql", "db.query.text": "SELECT 1"})
        root.set_attribute("answer", answer.choices[0].message.content)


adhoc() if SCENARIO == "adhoc" else genai()
provider.shutdown()
logs.shutdown()
