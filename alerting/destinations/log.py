"""The service's own log, where nobody else is to be told."""

from __future__ import annotations

import logging

from alerting.destinations.config import ChannelConfig
from alerting.destinations.sending import rendered
from alerting.message import Message

logger = logging.getLogger("alerting.alerts")


class Config(ChannelConfig):
    """Nothing to set."""


class Unrouted(Config):
    """Where alerts go that no route leads anywhere else."""


def send(config: Config, message: Message) -> None:
    """Never fails."""
    headline, _, rest = rendered("alert.txt", message).strip().partition("\n")
    unrouted = isinstance(config, Unrouted)
    told = "NOBODY IS TOLD, no route matches: %s" if unrouted else "%s"
    logger.warning(told, headline, extra={"below": rest.strip("\n")})
