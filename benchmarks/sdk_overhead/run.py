"""What everyspan adds to the cost of a span, beside plain OpenTelemetry, in one run.

    python benchmarks/sdk_overhead/run.py [--spans 20000] [--repeat 7]

Each row starts and ends spans under a stack of user and library frames; the sides alternate
and the best of `--repeat` rounds counts, so that other load on the machine disturbs least.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import everyspan
from everyspan import _source, _step
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

LIMIT_MICROSECONDS = 50.0


def provider(with_everyspan: bool) -> TracerProvider:
    made = TracerProvider(shutdown_on_exit=False)
    if with_everyspan:
        made.add_span_processor(_source.SourceProcessor(_step.sources or _sources()))
    return made


def _sources() -> _source.Sources:
    _step.sources = _source.Sources(Path(__file__).parent)
    return _step.sources


def spans(tracer: trace.Tracer, count: int) -> None:
    for _ in range(count):
        with tracer.start_as_current_span("chat"):
            pass


def add(a: int, b: int = 2) -> int:
    return a + b


decorated = everyspan.step(kind="tool")(add)


def calls(count: int) -> None:
    for _ in range(count):
        decorated(1)


def best(rounds: int, count: int, *works: Callable[[], None]) -> list[float]:
    """Microseconds a span, best of `rounds`, the works taking turns."""
    seconds = [float("inf")] * len(works)
    for _ in range(rounds):
        for index, work in enumerate(works):
            started = time.perf_counter()
            work()
            seconds[index] = min(seconds[index], time.perf_counter() - started)
    return [value / count * 1e6 for value in seconds]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--spans", type=int, default=20_000)
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args(arguments)
    count, rounds = options.spans, options.repeat

    plain = provider(with_everyspan=False).get_tracer("plain")
    ours_provider = provider(with_everyspan=True)
    ours = ours_provider.get_tracer("ours")
    _step._tracer = ours

    def in_context(work: Callable[[], None]) -> None:
        with everyspan.context(session="s", user="u", prompt="p", prompt_version="1"):
            work()

    rows: list[tuple[str, list[float]]] = [
        (
            "source line",
            best(rounds, count, lambda: spans(plain, count), lambda: spans(ours, count)),
        ),
        (
            "source line, 50 library frames up",
            best(
                rounds,
                count,
                lambda: _from_library(plain, count),
                lambda: _from_library(ours, count),
            ),
        ),
        (
            "source line and context",
            best(
                rounds,
                count,
                lambda: spans(plain, count),
                lambda: in_context(lambda: spans(ours, count)),
            ),
        ),
        (
            "@step with arguments and result, source and context",
            best(
                rounds,
                count,
                lambda: spans(plain, count),
                lambda: in_context(lambda: calls(count)),
            ),
        ),
    ]
    print(
        f"{'us a span, best of ' + str(rounds):54}{'plain':>8}{'with':>8}{'added':>8}{'ratio':>8}"
    )
    for title, (without, with_) in rows:
        added = with_ - without
        print(f"{title:54}{without:8.1f}{with_:8.1f}{added:8.1f}{with_ / without:8.2f}")
    worst = max(with_ - without for _, (without, with_) in rows)
    print(f"most added: {worst:.1f} us, limit {LIMIT_MICROSECONDS:.0f} us")
    return 0 if worst < LIMIT_MICROSECONDS else 1


def _from_library(tracer: trace.Tracer, count: int) -> None:
    """Spans started in a library's own code: the walk passes its frames."""
    scope: dict[str, object] = {"__name__": "framework.client"}
    source = (
        "def send(tracer, count):\n"
        "    for _ in range(count):\n"
        "        with tracer.start_as_current_span('chat'):\n"
        "            pass\n"
        "def down(n, tracer, count):\n"
        "    return send(tracer, count) if n == 0 else down(n - 1, tracer, count)\n"
    )
    exec(compile(source, "/site-packages/framework/client.py", "exec"), scope)
    down = scope["down"]
    assert callable(down)
    down(50, tracer, count)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
