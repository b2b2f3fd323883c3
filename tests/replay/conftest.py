"""The running stack and the stand-in model of the replayed agents."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.everyspan_up import Up
from tests.replay.running import Replays


@pytest.fixture(scope="module")
def replays(up: Up, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replays]:
    pytest.importorskip("everyspan", reason="the SDK is not installed: pip install -e sdk")
    made = Replays(up, tmp_path_factory.mktemp("replay"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def model(replays: Replays) -> Iterator[str]:
    """Base URL of the model that makes up an answer unless it was told the facts."""
    from demo.llm_standin import StandIn
    from tests.replay.model import PLAYED

    with StandIn([PLAYED]) as standin:
        replays.environment["OPENAI_BASE_URL"] = standin.base_url
        yield standin.base_url
        del replays.environment["OPENAI_BASE_URL"]
