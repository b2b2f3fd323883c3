"""`init(mask=…)` in real programs: what is masked never reaches the socket."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.ingest import personal
from tests.sdk.receiver import Receiver
from tests.sdk.test_init import Run, receiver, run

__all__ = ["receiver", "run"]

AGENT = """
    import logging
    import everyspan
    from opentelemetry import trace
    from opentelemetry._logs import LogRecord, get_logger
    everyspan.init(service="masked", {arguments})
    SAID = {said!r}

    @everyspan.step(kind="agent")
    def answer(question):
        trace.get_current_span().add_event(SAID, {{"list": [SAID]}})
        get_logger("x").emit(LogRecord(body={{"content": SAID}}, attributes={{"a": SAID}}))
        with trace.get_tracer("x").start_as_current_span(SAID) as span:
            span.set_attribute(SAID[:60], SAID)
        raise ValueError(SAID)

    try:
        answer(SAID)
    except ValueError:
        pass
"""


def _everything(received: Receiver) -> str:
    return repr((received.spans, received.log_bodies))


def test_each_kind_in_every_place(run: Run, receiver: Receiver) -> None:
    details = personal.values(3, 1)
    said = "; ".join(said for _, _, said in details)
    run(AGENT.format(arguments="mask=True", said=said), EVERYSPAN_PRIVACY_KEY="of this test")
    everything = _everything(receiver)
    assert len(receiver.spans) == 2
    assert len(receiver.log_bodies) == 1
    for _, value, _ in details:
        for part in personal.tell_tale(value):
            assert part not in everything
            assert repr(part)[1:-1] not in everything
    for kind in ("email", "phone", "card", "iban", "id", "ip", "secret"):
        assert everything.count(f"[{kind}:") > 5


@pytest.mark.parametrize(
    ("arguments", "variable"), [("mask=['email']", ""), ("", "email"), ("mask=['email']", "card")]
)
def test_some_kinds(run: Run, receiver: Receiver, arguments: str, variable: str) -> None:
    said = "ann.lee@web.de paid with the card 4539 1488 0343 6467"
    run(AGENT.format(arguments=arguments, said=said), EVERYSPAN_MASK=variable)
    everything = _everything(receiver)
    assert "[email] paid" in everything
    assert "ann.lee" not in everything
    assert "4539 1488 0343 6467" in everything


def test_nothing_is_masked_unasked(run: Run, receiver: Receiver) -> None:
    run(AGENT.format(arguments="", said="ann.lee@web.de"))
    assert "ann.lee@web.de" in _everything(receiver)


def test_a_function(run: Run, receiver: Receiver) -> None:
    said = "the plan of Ann"
    arguments = "mask=lambda text: text.replace('Ann', '***')"
    run(AGENT.format(arguments=arguments, said=said))
    assert "Ann" not in _everything(receiver)
    assert "the plan of ***" in _everything(receiver)


def test_a_function_that_raises_lets_nothing_out(run: Run, receiver: Receiver) -> None:
    done = run(AGENT.format(arguments="mask=lambda text: text[1000]", said="the plan of Ann"))
    assert len(receiver.spans) == 2
    assert "Ann" not in _everything(receiver)
    assert done.stderr.count("the function given as mask raised IndexError") == 1


def test_a_kind_that_is_none(tmp_path: Path) -> None:
    program = "import everyspan; everyspan.init(mask=['emails'])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    assert "everyspan.init: mask: 'emails' can't be masked; there are secret, card" in done.stderr
