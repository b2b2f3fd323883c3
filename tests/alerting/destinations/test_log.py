"""The service's own log."""

from __future__ import annotations

import logging

import pytest

from alerting.destinations import log
from tests.alerting.destinations.messages import message


def test_a_headline_and_what_is_below_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        log.send(log.Config(type="log"), message())
    (record,) = caplog.records
    headline = (
        "hallucination · shop (test) · step 4 of 7 (answer) · agent.py:112 · 7.5 % of 40 fail"
    )
    assert record.getMessage() == headline
    assert "step           4 of 7: answer (llm)" in record.__dict__["below"]
