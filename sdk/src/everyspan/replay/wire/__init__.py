"""The APIs of model providers that a replay speaks, one module each.

Each has: `spoken(body)`, what a request says; `answer(step, body)`, the recorded answer as the
API's JSON; `events(answer, body)`, the same as its stream; `usage(answer)`, tokens of a live one;
`request(step)`, the recorded call as a request; `heard(answer)`, what an answer says, and
`joined(events)`, the answer that a stream of events adds up to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from everyspan.replay.record import Step
from everyspan.replay.wire import anthropic_messages, openai_chat, openai_responses
from everyspan.replay.wire.spoken import Spoken


class Api(Protocol):
    """A module of this package."""

    NAME: str
    PATH: str

    def spoken(self, body: dict[str, Any]) -> Spoken: ...
    def answer(self, step: Step, body: dict[str, Any]) -> dict[str, Any]: ...
    def events(self, answer: dict[str, Any], body: dict[str, Any]) -> Iterator[bytes]: ...
    def joined(self, events: Iterable[dict[str, Any]]) -> dict[str, Any]: ...
    def usage(self, answer: dict[str, Any]) -> tuple[int, int]: ...
    def request(self, step: Step) -> dict[str, Any]: ...
    def heard(self, answer: dict[str, Any]) -> list[dict[str, Any]]: ...
    def with_prompt(self, body: dict[str, Any], prompt: str) -> dict[str, Any]: ...


APIS: tuple[Api, ...] = (openai_chat, openai_responses, anthropic_messages)


def api_of(path: str) -> Api | None:
    """The API that a request's path belongs to; None for another than a model call."""
    bare = path.partition("?")[0].rstrip("/")
    return next((api for api in APIS if bare.endswith(api.PATH)), None)
