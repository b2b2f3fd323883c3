"""The service's own log, where nobody else is to be told."""

from __future__ import annotations

import logging

from alerting.destinations.sending import rendered
from alerting.message import Message
from alerting.routing import Log

logger = logging.getLogger("alerting.alerts")


def send(config: Log, message: Message) -> None:
    """Never fails."""
    headline, _, rest = rendered("alert.txt", message).strip().partition("\n")
    logger.warning("%s", headline, extra={"below": rest.strip("\n")})
