"""Addresses of models that an agent states in its code."""

from __future__ import annotations

from collections.abc import Callable

#: Set while a replay runs.
through: Callable[[str], str] | None = None


def model_url(base: str) -> str:
    """The base URL to call: `base` itself, or the replay's endpoint in front of it.

    For agents that state the address of the model in their code, where OPENAI_BASE_URL and
    ANTHROPIC_BASE_URL don't reach.
    """
    return base if through is None else through(base)
