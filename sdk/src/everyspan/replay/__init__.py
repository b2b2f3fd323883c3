"""Replay and fork a recorded trace.

    everyspan replay TRACE_ID --from-step 4

Runs in the agent's own environment. README.md says how.
"""

from __future__ import annotations

from typing import Any

from everyspan.replay.errors import ReplayedError, ReplayError, ReplayStopped
from everyspan.replay.record import Step, Trace
from everyspan.replay.urls import model_url
from everyspan.replay.wire import openai_chat

__all__ = [
    "ReplayError",
    "ReplayStopped",
    "ReplayedError",
    "Step",
    "Trace",
    "chat_messages",
    "model_url",
]


def chat_messages(step: Step) -> list[dict[str, Any]]:
    """What a recorded model call was asked, as messages of OpenAI's chat API.

    For an entry whose agent goes on with an earlier conversation.
    """
    messages: list[dict[str, Any]] = openai_chat.request(step)["messages"]
    return messages
