"""One running stack for all the tests that only add traces of their own to it."""

from __future__ import annotations

import gc
import os
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.everyspan_up import Up, shared

# Each of some hundred processes would otherwise compile anew all that it imports, for seconds.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Until all tests are there, nothing that was made becomes waste.
gc.disable()

# What passes here passes there: `make test` tries the same examples each time. `make test-all`
# (each night) tries new ones.
# How long an example takes says how busy the machine is.
_UNTIMED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("same", derandomize=True, **_UNTIMED)
settings.register_profile("new", print_blob=True, **_UNTIMED)
settings.load_profile("new" if os.environ.get("EVERYSPAN_TEST_NEW_EXAMPLES") else "same")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file's tests run in one worker, in whichever way pytest is called: what a file has sent to
    the one stack, another worker would send again. The order of files is that of below."""
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False
    return LoadFileScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of few tests first: those start processes, and one of them alone at the end leaves the
    other workers without work."""
    size = Counter(item.path for item in items)
    items.sort(key=lambda item: (size[item.path], item.path))


def pytest_collection_finish() -> None:
    """Modules and tests are there to the end: no collection looks at their objects again."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """``everyspan up`` on free ports, judging soon after the last span of a trace. It is one for
    all worker processes of a run: look at your own traces only."""
    own = tmp_path_factory.getbasetemp()
    with shared(
        own.parent if "PYTEST_XDIST_WORKER" in os.environ else own,
        classify_trace_quiet_seconds="1",
        classify_interval_seconds="0.5",
        # Captured payloads keep the day they were recorded on.
        retention_days="3650",
        max_attribute_bytes="65536",
        max_body_bytes=str(64 << 20),
        max_decompressed_bytes=str(128 << 20),
    ) as stack:
        yield stack
