"""The channels: every module of this folder that has a ``Config`` and a ``send``.

There is no list to add to; tests/alerting/test_channels_contract.py says what else a channel needs.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

from alerting import destinations
from alerting.destinations.config import ChannelConfig
from alerting.message import Message

#: What the channels share.
_SHARED = frozenset({"config", "registry", "sending"})


class ChannelError(TypeError):
    """A module among the channels is none. The text names it and what it lacks."""


@dataclass(frozen=True, slots=True)
class Channel:
    """``send`` gets a ``config`` and raises RefusedError and AwayError."""

    config: type[ChannelConfig]
    send: Callable[[Any, Message], None]


def channel_of(module: ModuleType) -> Channel:
    """Raises ChannelError."""
    config, send = getattr(module, "Config", None), getattr(module, "send", None)
    if not (isinstance(config, type) and issubclass(config, ChannelConfig)):
        raise ChannelError(f"{module.__name__} has no class Config(ChannelConfig) of its own")
    if not callable(send):
        raise ChannelError(f"{module.__name__} has no function send(config, message)")
    return Channel(config, send)


#: Type of a destination, which is its module's name, to the channel.
CHANNELS = {
    found.name: channel_of(import_module(f"{destinations.__name__}.{found.name}"))
    for found in pkgutil.iter_modules(destinations.__path__)
    if found.name not in _SHARED
}
