"""Thousands of spans to judge: progress shows, and SIGTERM is obeyed in time."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.everyspan_up import Up, free_ports
from tests.ingest.otlp_payloads import request, span, trace_id

SPANS, TEXT_WORDS = 3_000, 220
STOPPED_WITHIN = 10.0
WORDS = (
    "the a of to and in is it you that he was for on are with as his they at be this have "
    "from or one had by word but not what all were we when your can said there use an each "
    "which she do how their will up other about out many then them these so some her would "
    "make like him into time has look two more write go see number no way could people my "
    "than first water been call who oil its now find long down day did get come made may part "
    "order parcel invoice city weather ticket answer"
).split()


def text(seed: int) -> str:
    """In an order that nothing has seen, so that each has to be read."""
    order = random.Random(seed)
    return " ".join(order.choices(WORDS, k=TEXT_WORDS)).capitalize() + "."


@pytest.mark.slow
def test_it_goes_on_in_small_steps_and_stops_when_told(tmp_path: Path) -> None:
    up = Up(tmp_path / "data", free_ports())
    up.start()
    try:
        for first in range(0, SPANS, 500):
            spans = [
                span(
                    trace_id(),
                    attributes={
                        "gen_ai.operation.name": "chat",
                        "gen_ai.prompt": text(i),
                        "input.value": text(i),
                        "output.value": text(SPANS + i),
                        "openinference.span.kind": "LLM",
                    },
                )
                for i in range(first, first + 500)
            ]
            assert up.post("/v1/traces", request(*spans).SerializeToString()).status == 200
        seen: list[int] = []
        deadline = time.monotonic() + 120
        while len(seen) < 4:
            assert time.monotonic() < deadline, f"judged so far: {seen}"
            judged = int(
                up.query("SELECT countIf(verdict_version > 0) AS n FROM everyspan.spans")[0]["n"]
            )
            if judged and judged not in seen:
                seen.append(judged)
            time.sleep(0.2)
        assert seen[-1] < SPANS, "more than one step was seen before the end"
        began = time.monotonic()
    finally:
        status = up.stop()
    assert status == 0
    assert time.monotonic() - began < STOPPED_WITHIN
