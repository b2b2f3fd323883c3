"""`everyspan.init` in real programs: a subprocess a case, a receiver on a socket."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sdk.receiver import Receiver, receiving

pytest.importorskip("everyspan", reason="the SDK is not installed: pip install -e sdk")

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as received:
        yield received


@pytest.fixture
def run(tmp_path: Path, receiver: Receiver) -> Run:
    """Writes agent.py and runs it with the receiver as its endpoint."""

    def go(source: str, **environ: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "agent.py").write_text(textwrap.dedent(source).lstrip(), encoding="utf-8")
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "EVERYSPAN_"))}
        done = subprocess.run(
            [sys.executable, "agent.py"],
            cwd=tmp_path,
            env={**clean, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, **environ},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done

    return go


def test_five_lines_give_a_trace_with_code_locations(run: Run, receiver: Receiver) -> None:
    run(
        """
        import everyspan
        everyspan.init(service="five-lines", environment="test", version="1.2")

        @everyspan.step(kind="agent")
        def answer(question):
            return look_up(question).upper()

        @everyspan.step(kind="tool")
        def look_up(word: str, times: int = 2) -> str:
            return word * times

        answer("ab")
        """
    )
    agent, tool = receiver.named("invoke_agent answer"), receiver.named("execute_tool look_up")
    assert tool.parent_span_id == agent.span_id
    assert agent.parent_span_id == ""
    assert agent.attributes["code.file.path"] == "agent.py"
    assert agent.attributes["code.line.number"] == 5
    assert agent.attributes["code.function.name"] == "__main__.answer"
    assert tool.attributes["code.line.number"] == 9
    assert tool.attributes["gen_ai.tool.call.arguments"] == '{"word": "ab", "times": 2}'
    assert tool.attributes["gen_ai.tool.call.result"] == "abab"
    assert '"content": "ABAB"' in agent.attributes["gen_ai.output.messages"]
    assert agent.resource["service.name"] == "five-lines"
    assert agent.resource["service.version"] == "1.2"
    assert agent.resource["deployment.environment.name"] == "test"


def test_other_spans_carry_the_line_that_started_them(run: Run, receiver: Receiver) -> None:
    run(
        """
        import asyncio, everyspan
        from opentelemetry import trace
        everyspan.init(service="s")
        tracer = trace.get_tracer("any")

        class Client:
            async def call(self):
                with tracer.start_as_current_span("inner"):
                    await asyncio.sleep(0)

        async def main():
            await asyncio.gather(Client().call())

        asyncio.run(main())
        with tracer.start_as_current_span("outer"):
            from concurrent.futures import ThreadPoolExecutor
            here = trace.set_span_in_context(trace.get_current_span())
            with ThreadPoolExecutor() as pool:  # no user code on that thread's stack
                pool.submit(tracer.start_span, "on a thread", here).result().end()
        """
    )
    inner = receiver.named("inner").attributes
    assert inner["code.file.path"] == "agent.py"
    assert inner["code.line.number"] == 8
    assert inner["code.function.name"].startswith("__main__.")
    assert receiver.named("outer").attributes["code.line.number"] == 15
    assert receiver.named("on a thread").attributes["code.line.number"] == 15


def test_token_endpoint_and_flush_at_exit(run: Run, receiver: Receiver) -> None:
    run(
        f"""
        import everyspan
        everyspan.init(service="s", endpoint={receiver.endpoint!r} + "/", token="abc")

        @everyspan.step
        def plain(): ...
        plain()
        """,
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",
    )
    assert receiver.named("plain").attributes["openinference.span.kind"] == "CHAIN"
    assert receiver.headers[0]["authorization"] == "Bearer abc"


def test_log_records_arrive_too(run: Run, receiver: Receiver) -> None:
    run(
        """
        import everyspan
        from opentelemetry._logs import get_logger, LogRecord
        everyspan.init(service="s")
        get_logger("gen_ai").emit(LogRecord(body={"content": "hi"}, event_name="gen_ai.choice"))
        """
    )
    assert receiver.log_bodies == [{"content": "hi"}]


def test_a_second_init_changes_nothing_and_says_so(run: Run, receiver: Receiver) -> None:
    done = run(
        """
        import everyspan
        everyspan.init(service="first")
        everyspan.init(service="second")
        everyspan.step(lambda: 1)()
        """
    )
    assert "called before" in done.stderr
    assert [span.resource["service.name"] for span in receiver.spans] == ["first"]


def test_a_provider_that_is_there_is_used(run: Run, receiver: Receiver) -> None:
    done = run(
        """
        import everyspan
        from opentelemetry import trace
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        resource = Resource.create({"service.name": "theirs"})
        trace.set_tracer_provider(TracerProvider(resource=resource, shutdown_on_exit=False))
        everyspan.init(service="ours")
        trace.get_tracer("t").start_span("x").end()
        """,
        EVERYSPAN_GIT_REVISION="a" * 40,
    )
    span = receiver.named("x")
    assert span.resource["service.name"] == "theirs"
    assert span.attributes["code.line.number"] == 8
    assert span.attributes["vcs.ref.head.revision"] == "a" * 40
    assert "'theirs', which stays" in done.stderr


def test_a_foreign_provider_is_a_clear_error(run: Run) -> None:
    run(
        """
        import everyspan
        from opentelemetry import trace
        trace.set_tracer_provider(trace.NoOpTracerProvider())
        try:
            everyspan.init(service="s")
        except RuntimeError as error:
            assert "NoOpTracerProvider" in str(error)
        else:
            raise SystemExit("no error")
        """
    )


@pytest.mark.parametrize("endpoint", ["localhost:4318", "ftp://x", "http://"])
def test_an_endpoint_that_is_no_url_is_a_clear_error(run: Run, endpoint: str) -> None:
    run(
        f"""
        import everyspan
        try:
            everyspan.init(service="s", endpoint={endpoint!r})
        except ValueError as error:
            assert {endpoint!r} in str(error)
        else:
            raise SystemExit("no error")
        """
    )


def test_without_content_nothing_leaves(run: Run, receiver: Receiver) -> None:
    run(
        """
        import everyspan, os
        everyspan.init(service="s", capture_content=False)

        @everyspan.step(kind="tool")
        def secret(word): return word
        secret("hush")
        assert os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] == "NO_CONTENT"
        """
    )
    attributes = receiver.named("execute_tool secret").attributes
    assert "hush" not in str(attributes)
    assert attributes["gen_ai.tool.name"] == "secret"


def test_counts_and_flush(run: Run, receiver: Receiver) -> None:
    run(
        """
        import everyspan
        assert everyspan.flush() is False
        everyspan.init(service="s")
        for _ in range(3):
            everyspan.step(kind="parser")(lambda text: text)("x")
        assert everyspan.flush() is True
        counts = everyspan.export_counts()
        assert (counts.sent, counts.failed) == (3, 0), counts
        everyspan.shutdown()
        """
    )
    assert len(receiver.spans) == 3


def test_a_step_before_init_or_without_it_just_runs(run: Run, receiver: Receiver) -> None:
    run(
        """
        import everyspan

        @everyspan.step(kind="tool")
        def double(x): return x * 2

        assert double(2) == 4
        everyspan.init(service="s")
        assert double(3) == 6
        """
    )
    span = receiver.named("execute_tool double")
    assert span.attributes["code.file.path"] == "agent.py"
    assert span.attributes["code.line.number"] == 4
