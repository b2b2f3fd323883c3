"""What every channel's configuration has: a table ``[destinations.NAME]`` of the file of routes."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class ChannelConfig(BaseModel):
    """``type``: the name of the channel's module."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str
    #: Seconds between two messages, so as not to be throttled.
    every_seconds: Annotated[float, Field(ge=0, le=60)] = 0.0
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 10.0


Url = Annotated[str, Field(pattern=r"^https?://\S+$")]
