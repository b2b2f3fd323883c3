"""A house whose server ends by itself says so, and ends with an error."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from pydantic import SecretStr

from service.caller import Gate
from service.serve import ServerEndedError, Site, serve


class App:
    """Starts, and answers nothing."""

    gate = Gate("test", "", SecretStr(""))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})


async def nothing() -> None:
    pass


def test_a_server_that_ends_by_itself_is_named(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[bool] = []

    async def on_tick(server: object, counter: int) -> bool:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("service.serve._Server.on_tick", on_tick)

    async def stop() -> None:
        stopped.append(True)

    caplog.set_level(logging.ERROR, "service.serve")
    with pytest.raises(ServerEndedError, match=r"^classify ended though nobody asked for it"):
        asyncio.run(
            serve(
                [Site("classify", App(), "127.0.0.1", 0, "")],
                start=nothing,
                stop=stop,
                ready=lambda ports: None,
            )
        )
    assert stopped == [True], "the rest is stopped in order"
    assert "classify ended by itself" in caplog.text
    assert "a fault of ours" in caplog.text
