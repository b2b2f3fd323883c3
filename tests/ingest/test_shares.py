"""What boards need is there: over all captures, of every call of a model or tool.

What a library does not send is listed, and only that may be missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from clickhouse.span import Span
from ingest.conventions.reported import REPORTED_USAGE
from tests.ingest.test_captures import CAPTURES, name, rows_of

TEXTS = {"input", "output"}
#: Start of library/scenario, start of the tracer's name, what it does not send.
NOT_SENT: tuple[tuple[str, str, set[str]], ...] = (
    ("", "com.anthropic.sdk", TEXTS),  # tokens alone
    ("claude-code/", "com.anthropic.claude_code", TEXTS),  # prompts are on the interaction
    ("java-spring-ai-1/", "", TEXTS),  # content is off unless one asks for it
    ("java-spring-ai-2-anthropic/", "", TEXTS),
    ("java-otel-by-hand/", "", {"output"}),  # of a call that asks for a tool
    ("java-quarkus-langchain4j/", "", {"output"}),  # the same
    # The same, and tokens of a stream.
    ("js-llamaindex-traceloop/", "", {"output", "tokens"}),
    ("ollama-traceloop/", "", {"output"}),  # the same
    ("livekit/", "", TEXTS),  # what a realtime model hears and says is audio
    ("semantic-kernel/", "", TEXTS),  # log records of Python
    ("dspy-openinference/", "", {"tokens"}),
    ("go-genkit/", "", {"tokens"}),  # of a stream
    ("autogen-openinference/", "autogen-core", {"arguments", "result"}),
    ("mcp/", "", {"arguments", "result"}),
    ("opentelemetry-instrumentation-genai-openai/tool_call_no_content", "", TEXTS),
    ("opentelemetry-instrumentation-openai-v2/tool_call_no_content", "", TEXTS),
    ("pydantic-ai/no_content", "", TEXTS | {"arguments", "result"}),
)
#: Nobody takes money for them.
FREE = {"llama3.2"}


def missing(row: Span) -> Iterator[str]:
    if row.step_kind == "tool":
        if not row.tool_name:
            yield "name"
        if not row.input:
            yield "arguments"
        if not row.output:
            yield "result"
        return
    if not row.model:
        yield "model"
    elsewhere = REPORTED_USAGE in row.attributes
    if not elsewhere and (row.input_tokens is None or row.output_tokens is None):
        yield "tokens"
    if not elsewhere and row.input_tokens and row.cost_usd is None and row.model not in FREE:
        yield "cost"
    if not row.input:
        yield "input"
    if not row.output:
        yield "output"


def test_model_and_tool_rows_have_what_they_should() -> None:
    rows: Counter[str] = Counter()
    lacking: list[str] = []
    for path in CAPTURES:
        for row in rows_of(path):
            if row.step_kind not in ("llm", "tool") or row.status == "error" or row.twin_of:
                continue
            rows[row.step_kind] += 1
            sent = {
                what
                for start, scope, listed in NOT_SENT
                if name(path).startswith(start) and row.scope_name.startswith(scope)
                for what in listed
            }
            lacking += [f"{name(path)} {row.name}: {m}" for m in missing(row) if m not in sent]
    assert len({path.parent for path in CAPTURES}) >= 77
    assert rows["llm"] > 350
    assert rows["tool"] > 85
    assert not lacking, "\n".join(lacking)
