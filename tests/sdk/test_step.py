"""Steps and contexts: every sort of function, exceptions, content, inheritance."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncGenerator, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("everyspan", reason="the SDK is not installed: pip install -e sdk")

import everyspan
from everyspan import _content, _context, _source, _step
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

HERE = Path(__file__)


class Spans(InMemorySpanExporter):
    def __getitem__(self, name: str) -> ReadableSpan:
        (found,) = [span for span in self.get_finished_spans() if span.name == name]
        return found

    def parent(self, name: str) -> int | None:
        parent = self[name].parent
        return parent.span_id if parent is not None else None

    def attributes(self, name: str) -> dict[str, Any]:
        return dict(self[name].attributes or {})


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    exporter = Spans()
    provider = TracerProvider(shutdown_on_exit=False)
    sources = _source.Sources(HERE.parents[2])
    provider.add_span_processor(_source.SourceProcessor(sources))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(_step, "_tracer", provider.get_tracer("test"))
    monkeypatch.setattr(_step, "sources", sources)
    before = otel_context.get_current()
    yield exporter
    assert otel_context.get_current() == before, "a step left its context attached"


def child(name: str = "child") -> None:
    """A span of another instrumentation, started here."""
    _step._tracer.start_span(name).end()


def test_tool(spans: Spans) -> None:
    @everyspan.step(kind="tool")
    def look_up(order_id: str, *more: int, deep: bool = False, **rest: Any) -> dict[str, Any]:
        return {"id": order_id}

    assert look_up("x", 1, 2, extra="y") == {"id": "x"}
    attributes = spans.attributes("execute_tool look_up")
    assert attributes["gen_ai.operation.name"] == "execute_tool"
    assert attributes["gen_ai.tool.name"] == "look_up"
    assert json.loads(attributes["gen_ai.tool.call.arguments"]) == {
        "order_id": "x",
        "more": [1, 2],
        "deep": False,
        "extra": "y",
    }
    assert json.loads(attributes["gen_ai.tool.call.result"]) == {"id": "x"}
    assert attributes["code.file.path"] == "tests/sdk/test_step.py"
    lines = HERE.read_text(encoding="utf-8").splitlines()
    assert "def look_up(order_id" in lines[attributes["code.line.number"] - 1]
    assert attributes["code.function.name"].endswith("test_tool.<locals>.look_up")


def test_agent(spans: Spans) -> None:
    @everyspan.step(kind="agent", name="helper")
    def run(question: str, top: int = 3) -> str:
        return question.upper()

    run("where?")
    attributes = spans.attributes("invoke_agent helper")
    assert attributes["gen_ai.operation.name"] == "invoke_agent"
    assert attributes["gen_ai.agent.name"] == "helper"
    assert json.loads(attributes["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "where?"}]}
    ]
    (answer,) = json.loads(attributes["gen_ai.output.messages"])
    assert answer["role"] == "assistant"
    assert answer["parts"] == [{"type": "text", "content": "WHERE?"}]


@dataclass
class Document:
    page_content: str
    metadata: dict[str, str]
    id: str = "d1"


@pytest.mark.parametrize(
    ("result", "documents"),
    [
        (["a"], [{"content": "a"}]),
        ([("a", 0.5)], [{"content": "a", "score": 0.5}]),
        ([(0.5, "a")], [{"content": "a", "score": 0.5}]),
        ([{"id": "1", "score": 2}], [{"id": "1", "score": 2}]),
        (
            [(Document("text", {"s": "u"}), 0.9)],
            [{"content": "text", "metadata": {"s": "u"}, "id": "d1", "score": 0.9}],
        ),
        ([], []),
        (None, [None]),
    ],
)
def test_retrieval(spans: Spans, result: Any, documents: Any) -> None:
    @everyspan.step(kind="retrieval")
    def search(k: int, query: str) -> Any:
        return result

    search(3, "tents")
    attributes = spans.attributes("retrieval search")
    assert attributes["gen_ai.operation.name"] == "retrieval"
    assert attributes["gen_ai.retrieval.query.text"] == "tents"
    assert json.loads(attributes["gen_ai.retrieval.documents"]) == documents


@pytest.mark.parametrize(
    "kind",
    ["llm", "chain", "prompt", "parser", "guardrail", "embedding", "reranker", "evaluator"],
)
def test_other_kinds(spans: Spans, kind: Any) -> None:
    @everyspan.step(kind=kind)
    def work(text: str) -> list[int]:
        return [len(text)]

    work("abc")
    attributes = spans.attributes("work")
    assert attributes["openinference.span.kind"] == kind.upper()
    assert (attributes["input.value"], attributes["input.mime_type"]) == ("abc", "text/plain")
    assert attributes["output.value"] == "[3]"
    assert attributes["output.mime_type"] == "application/json"


def test_methods(spans: Spans) -> None:
    class Shop:
        @everyspan.step(kind="tool")
        def method(self, a: int) -> int:
            return a

        @everyspan.step(kind="tool")
        @classmethod
        def of_class(cls, a: int) -> int:
            return a

        @staticmethod
        @everyspan.step(kind="tool")
        def static(a: int) -> int:
            return a

    assert Shop().method(1) + Shop.of_class(2) + Shop.static(3) == 6
    for name, value in (("method", 1), ("of_class", 2), ("static", 3)):
        arguments = spans.attributes(f"execute_tool {name}")["gen_ai.tool.call.arguments"]
        assert json.loads(arguments) == {"a": value}


def test_exception(spans: Spans) -> None:
    @everyspan.step(kind="tool")
    def fail() -> None:
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone") as caught:
        fail()
    assert caught.traceback[-1].name == "fail"
    span = spans["execute_tool fail"]
    assert span.status.status_code is trace.StatusCode.ERROR
    assert span.status.description == "KeyError: 'gone'"
    assert spans.attributes("execute_tool fail")["error.type"] == "KeyError"
    (event,) = span.events
    assert event.name == "exception"
    assert 'raise KeyError("gone")' in str((event.attributes or {})["exception.stacktrace"])


def test_wrong_call(spans: Spans) -> None:
    class Shop:
        @everyspan.step(kind="tool")
        def get(self, order_id: str) -> None: ...

    with pytest.raises(TypeError):
        Shop().get(order="x")  # type: ignore[call-arg]
    attributes = spans.attributes("execute_tool get")
    assert json.loads(attributes["gen_ai.tool.call.arguments"]) == {"order": "x"}
    assert attributes["error.type"] == "TypeError"


def test_async(spans: Spans) -> None:
    @everyspan.step(kind="agent")
    async def outer() -> int:
        return sum(await asyncio.gather(inner(1), inner(2)))

    @everyspan.step(kind="tool")
    async def inner(n: int) -> int:
        await asyncio.sleep(0.001)
        return n

    assert inspect.iscoroutinefunction(inner)
    assert asyncio.run(outer()) == 3
    parent = spans["invoke_agent outer"].context
    children = [s for s in spans.get_finished_spans() if s.name == "execute_tool inner"]
    assert len(children) == 2
    assert all(s.parent is not None and s.parent.span_id == parent.span_id for s in children)


def test_cancelled(spans: Spans) -> None:
    @everyspan.step(kind="tool")
    async def slow() -> None:
        await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.create_task(slow())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert spans.attributes("execute_tool slow")["error.type"] == "asyncio.CancelledError"


def test_generator(spans: Spans) -> None:
    @everyspan.step(kind="chain")
    def stream() -> Generator[str, str, str]:
        child("before")
        with everyspan.context(session="inside"):
            got = yield "a"
            child("after")
            yield got
        return "done"

    running = stream()
    assert inspect.isgeneratorfunction(stream)
    assert next(running) == "a"
    child("of the consumer")
    assert running.send("b") == "b"
    with pytest.raises(StopIteration) as stop:
        next(running)
    assert stop.value.value == "done"
    own = spans["stream"].context.span_id
    assert spans.parent("before") == spans.parent("after") == own
    assert spans.attributes("after")["session.id"] == "inside"
    assert spans["of the consumer"].parent is None
    assert "session.id" not in spans.attributes("of the consumer")
    assert spans.attributes("stream")["output.value"] == "ab"


def test_generator_left_early_or_failing(spans: Spans) -> None:
    closed = []

    @everyspan.step(kind="chain")
    def stream(fail: bool) -> Generator[int, None, None]:
        try:
            yield 1
            if fail:
                raise ValueError("no more")
            yield 2
        finally:
            closed.append(fail)

    running = stream(False)
    assert next(running) == 1
    running.close()
    with pytest.raises(ValueError, match="no more"):
        list(stream(True))
    assert closed == [False, True]
    left, failed = spans.get_finished_spans()
    assert left.status.status_code is trace.StatusCode.UNSET
    assert (left.attributes or {})["output.value"] == "[1]"
    assert failed.status.status_code is trace.StatusCode.ERROR


def test_async_generator(spans: Spans) -> None:
    @everyspan.context(session="s")
    @everyspan.step(kind="chain")
    async def stream() -> AsyncGenerator[str, str | None]:
        try:
            got = yield "a"
            child("in between")
            yield str(got)
        except ValueError:
            yield "caught"

    async def main() -> list[str]:
        running = stream()
        items = [await running.asend(None), await running.asend("b")]
        child("of the consumer")
        items.append(await running.athrow(ValueError()))
        return items + [item async for item in running]

    assert inspect.isasyncgenfunction(stream)
    assert asyncio.run(main()) == ["a", "b", "caught"]
    assert spans.parent("in between") == spans["stream"].context.span_id
    assert spans.attributes("in between")["session.id"] == "s"
    assert spans["of the consumer"].parent is None
    assert spans.attributes("stream")["output.value"] == "abcaught"


def test_context_is_inherited_and_nested(spans: Spans) -> None:
    with everyspan.context(session="s1", user=7, prompt="p", prompt_version=2):
        child("outer")
        with everyspan.context(prompt_version="3", experiment="e", variant="b"):
            child("inner")
        child("outer again")
    child("outside")
    outer = {
        "session.id": "s1",
        "gen_ai.conversation.id": "s1",
        "user.id": "7",
        "gen_ai.prompt.name": "p",
        "gen_ai.prompt.version": "2",
    }
    inner = {
        **outer,
        "gen_ai.prompt.version": "3",
        "everyspan.experiment": "e",
        "everyspan.variant": "b",
    }

    def of_context(name: str) -> dict[str, Any]:
        return {k: v for k, v in spans.attributes(name).items() if k in _context.ALL_NAMES}

    assert of_context("outer") == of_context("outer again") == outer
    assert of_context("inner") == inner
    assert of_context("outside") == {}


def test_context_decorates_every_sort_of_function(spans: Spans) -> None:
    tagged = everyspan.context(session="s")

    @tagged
    def plain() -> None:
        child("plain")

    @tagged
    async def coroutine() -> None:
        await asyncio.sleep(0)
        child("coroutine")

    @tagged
    def generator() -> Iterator[int]:
        child("generator")
        yield 1

    async def main() -> None:
        await asyncio.gather(coroutine())
        async with everyspan.context(user="u"):
            child("async with")

    plain()
    assert list(generator()) == [1]
    asyncio.run(main())
    for name in ("plain", "coroutine", "generator"):
        assert spans.attributes(name)["session.id"] == "s"
    assert spans.attributes("async with")["user.id"] == "u"


def test_context_reaches_threads_by_context_or_parent(spans: Spans) -> None:
    with everyspan.context(session="s"), ThreadPoolExecutor() as pool:
        pool.submit(copy_context().run, child, "carried").result()
        parent = _step._tracer.start_span("parent")
        only_parent = trace.set_span_in_context(parent, otel_context.Context())
        pool.submit(_step._tracer.start_span, "by parent", only_parent).result().end()
        parent.end()
    assert spans.attributes("carried")["session.id"] == "s"
    assert spans.attributes("by parent")["session.id"] == "s"


def test_what_an_instrumentation_set_stays(spans: Spans) -> None:
    with everyspan.context(session="ours", user="u"):
        own = {"gen_ai.conversation.id": "theirs", "code.file.path": "their.py"}
        _step._tracer.start_span("x", attributes=own).end()
    attributes = spans.attributes("x")
    assert attributes["gen_ai.conversation.id"] == "theirs"
    assert attributes["code.file.path"] == "their.py"
    assert "code.line.number" not in attributes
    assert attributes["session.id"] == "ours"


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


def test_arguments_that_do_not_serialise_break_nothing(spans: Spans) -> None:
    @everyspan.step(kind="tool")
    def work(value: Any) -> Any:
        return value

    loop: list[Any] = []
    loop.append(loop)
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    values: list[Any] = [loop, deep, Hostile(), {(1, 2): {1}}, b"\xff", date(2026, 11, 2), "\ud800"]
    for value in values:
        assert work(value) is value
    assert len(spans.get_finished_spans()) == len(values)
    arguments = [
        str((s.attributes or {})["gen_ai.tool.call.arguments"]) for s in spans.get_finished_spans()
    ]
    assert arguments[2] == '{"value": "<Hostile: repr() raised>"}'
    assert arguments[3] == '{"value": {"(1, 2)": [1]}}'
    assert arguments[5] == '{"value": "2026-11-02"}'
    while deep:  # else freeing it recursively would overflow
        deep = deep[0]


def test_long_content_is_cut_with_a_mark(spans: Spans) -> None:
    @everyspan.step(kind="chain")
    def work(text: str) -> Iterator[str]:
        yield text
        yield "tail"

    over = 1000
    list(work("x" * (_content.LIMIT + over)))
    attributes = spans.attributes("work")
    assert attributes["input.value"].endswith(f"x…[cut: {over} more characters]")
    assert attributes["output.value"].endswith(f"x…[cut: {over + 4} more characters]")
    assert len(attributes["output.value"]) < _content.LIMIT + 50


def test_documents_over_the_limit_stay_json(spans: Spans) -> None:
    @everyspan.step(kind="retrieval")
    def search(query: str) -> list[str]:
        return ["x" * _content.LIMIT] * 3

    search("q")
    documents = json.loads(spans.attributes("retrieval search")["gen_ai.retrieval.documents"])
    assert len(documents) == 3
    assert "[cut: " in documents[0]["content"]


def test_capture_off(spans: Spans) -> None:
    @everyspan.step(kind="tool", capture=False)
    def secret(word: str) -> str:
        return word

    assert secret("hush") == "hush"
    assert "hush" not in str(spans.attributes("execute_tool secret"))


def test_bad_use_is_a_clear_error() -> None:
    with pytest.raises(ValueError, match="kind='tol' is unknown; use one of tool, retrieval"):
        everyspan.step(kind="tol")  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="is no function"):
        everyspan.step("tool")  # type: ignore[call-overload]


def test_half_a_surrogate_pair_is_sent_as_what_utf8_can_hold(spans: Spans) -> None:
    half = "a\ud83d b"

    @everyspan.step(kind="tool")
    def echo(text: str) -> str:
        return text

    @everyspan.step
    def fails(text: str) -> None:
        raise ValueError(text)

    with everyspan.context(session=half, user="\ud83d\ude00"):
        assert echo(half) == half
        with pytest.raises(ValueError, match="a"):
            fails(half)
    for span in spans.get_finished_spans():
        event: dict[str, Any] = {}
        for each in span.events:
            event |= dict(each.attributes or {})
        told = {**dict(span.attributes or {}), **event, "status": span.status.description}
        for name, value in told.items():
            assert str(value).encode(), name
    assert spans.attributes("execute_tool echo")["gen_ai.tool.call.result"] == "a\ufffd b"
    assert spans.attributes("execute_tool echo")["session.id"] == "a\ufffd b"
    assert spans.attributes("execute_tool echo")["user.id"] == "\U0001f600", (
        "a whole pair is one character"
    )
