"""The service's own log, where nobody else is to be told."""

from __future__ import annotations

import logging

from alerting.destinations.config import ChannelConfig
from alerting.destinations.sending import rendered
from alerting.message import Message

logger = logging.getLogger("alerting.alerts")


class Config(ChannelConfig):
    """Nothing to set."""


def send(config: Config, message: Message) -> None:
    """Never fails."""
    headline, _, rest = rendered("alert.txt", message).strip().partition("\n")
    logger.warning("%s", headline, extra={"below": rest.strip("\n")})
