"""A key's spans a second: bursts pass, debts are paid, and nobody pays for another."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from ingest.rate import BURST_SECONDS, Rates
from ingest.refusal import Refused
from service.keys import Key


def key(number: str = "1", rate: int = 100) -> Key:
    return Key(number, "p", "", frozenset(["write"]), rate)


def test_over_the_limit_a_request_waits_until_the_debt_is_paid() -> None:
    at = [0.0]
    rates = Rates(lambda: at[0])
    rates.check(key())
    rates.charge(key(), int(100 * BURST_SECONDS))
    with pytest.raises(Refused) as refused:
        rates.check(key())
    assert refused.value.refusal.status == HTTPStatus.TOO_MANY_REQUESTS
    assert refused.value.refusal.retry_after == 1
    rates.check(key("2"))
    at[0] = 0.5
    rates.check(key())
    # One request may be larger than all that is left; those after it wait.
    rates.charge(key(), 1050)
    with pytest.raises(Refused) as refused:
        rates.check(key())
    assert refused.value.refusal.retry_after == 10
    at[0] = 10.6
    rates.check(key())
    # Quiet does not save up without end.
    at[0] = 1e6
    rates.check(key())
    rates.charge(key(), int(100 * BURST_SECONDS))
    with pytest.raises(Refused):
        rates.check(key())


def test_without_a_limit_nothing_is_counted() -> None:
    rates = Rates(lambda: 0.0)
    for _ in range(3):
        rates.check(key(rate=0))
        rates.charge(key(rate=0), 10**9)
        rates.check(None)
        rates.charge(None, 10**9)
