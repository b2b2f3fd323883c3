"""Reads the checkpoints of a graph's saver, synchronous or not."""

from __future__ import annotations

import asyncio
from typing import Any


def keeps(graph: Any) -> bool:
    """Whether the graph has a checkpointer of its own."""
    return hasattr(graph.checkpointer, "list")


def checkpoints(graph: Any, config: dict[str, Any]) -> list[Any]:
    """All of a thread, the newest first. Raises what the saver raises."""
    saver = graph.checkpointer
    if _is_idle(saver):
        # Its own loop is over, so nobody would ever answer the synchronous call.
        return asyncio.run(_listed(saver, config))
    try:
        return list(saver.list(config))
    except (NotImplementedError, asyncio.InvalidStateError):  # asynchronous only
        return asyncio.run(_listed(saver, config))


async def _listed(saver: Any, config: dict[str, Any]) -> list[Any]:
    return [each async for each in saver.alist(config)]


def _is_idle(saver: Any) -> bool:
    loop = getattr(saver, "loop", None)
    return isinstance(loop, asyncio.AbstractEventLoop) and not loop.is_running()
