"""Retry: send a message, note what became of it, and when it is tried again."""

from __future__ import annotations

import logging
import sqlite3
import time

from tenacity import RetryCallState, Retrying, wait_exponential, wait_random

from alerting.case import Case
from alerting.destinations.config import ChannelConfig
from alerting.destinations.registry import CHANNELS
from alerting.destinations.sending import AwayError, RefusedError
from alerting.outgoing import outgoing
from alerting.stages.group import Group
from alerting.store.deliveries import LONGEST_SECONDS, Deliveries, Delivery
from alerting.telemetry import Telemetry

log = logging.getLogger(__name__)

_wait = wait_exponential(multiplier=1, max=600) + wait_random(0, 1)


class Retry:
    """Of one destination: called by one thread. ``give_up_seconds``: of trying in vain."""

    def __init__(
        self,
        config: ChannelConfig,
        deliveries: Deliveries,
        telemetry: Telemetry,
        give_up_seconds: float,
    ) -> None:
        self._config, self._deliveries, self._telemetry = config, deliveries, telemetry
        self._give_up_seconds = give_up_seconds
        #: Was taken by the destination while the disk took nothing.
        self._unnoted: list[tuple[Delivery, ...]] = []

    def note(self) -> None:
        """What could not be noted when it was sent: else it would be sent again and again."""
        while self._unnoted:
            self._deliveries.sent(self._unnoted[0])
            self._unnoted.pop(0)

    def send(self, group: Group, case: Case) -> None:
        """Once."""
        began = time.monotonic()
        first = group.first
        try:
            message = outgoing(group.message(case))
            CHANNELS[self._config.type].send(self._config, message)
        except RefusedError as error:
            log.error("%s refuses alert %s: %s", first.destination, first.id, error)
            self._deliveries.not_sent(group.deliveries, str(error), None)
            outcome = "refused"
        except AwayError as error:
            outcome = "away"
            self._later(group, str(error), error.retry_after)
        except Exception as error:
            # A template or a body that nobody thought of: the alert is kept, and seen.
            log.exception("alert %s can't be sent", first.id)
            self._deliveries.not_sent(group.deliveries, f"{type(error).__name__}: {error}", None)
            outcome = "error"
        else:
            outcome = "sent"
            try:
                self._deliveries.sent(group.deliveries)
            except sqlite3.Error:
                self._unnoted.append(group.deliveries)
                raise
        finally:
            self._telemetry.send_seconds.observe(time.monotonic() - began)
        self._telemetry.sent.labels(first.destination, outcome).inc()

    def _later(self, group: Group, error: str, retry_after: float | None) -> None:
        first = group.first
        age = time.time() - first.created_at / 1000
        if age > self._give_up_seconds:
            log.error("%s: alert %s is given up: %s", first.destination, first.id, error)
            self._deliveries.not_sent(group.deliveries, error, None)
            return
        state = RetryCallState(retry_object=Retrying(), fn=None, args=(), kwargs={})
        state.attempt_number = first.attempts + 1
        delay = min(max(_wait(state), retry_after or 0.0), LONGEST_SECONDS)
        self._deliveries.not_sent(group.deliveries, error, int((time.time() + delay) * 1000))
