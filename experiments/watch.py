"""Looks at experiments: keeps what boards show of them, and stops those whose variants lose a
guard-rail, where their definition asks for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client

from experiments.datasets.dataset_store import versions
from experiments.experiment_store import StateError, stop, stored
from experiments.measured import measure
from experiments.views import complete

log = logging.getLogger(__name__)

#: So many times as long as a look takes is the time until the next: a twentieth of a processor.
_PAUSE = 20


def losers(client: Client, database: str) -> list[str]:
    """Running experiments with ``stop_on_loss`` of which every variant loses a guard-rail."""
    asking = [
        str(name)
        for (name,) in client.query(
            f"SELECT name FROM {database}.experiments"
            " WHERE status = 'running' AND JSONExtractBool(definition, 'stop_on_loss')"
        ).result_rows
    ]
    if not asking:
        return []
    rows = client.query(
        f"SELECT experiment FROM {database}.experiment_verdicts"
        " WHERE experiment IN {names:Array(String)} GROUP BY experiment"
        " HAVING countIf(empty(guardrails_lost)) = 0 ORDER BY experiment",
        parameters={"names": asking},
    ).result_rows
    return [str(name) for (name,) in rows]


def metrics(client: Client, database: str) -> list[str]:
    """What running experiments are judged by."""
    rows = client.query(
        "SELECT DISTINCT JSONExtractString("
        "arrayJoin(JSONExtractArrayRaw(definition, 'metrics')), 'metric')"
        f" FROM {database}.experiments WHERE status = 'running'"
    ).result_rows
    return [str(name) for (name,) in rows]


class Watch:
    """Looks every so many seconds, in a thread. ``connect``: a client of its own. ``cluster``:
    EVERYSPAN_CLUSTER, '' for none.

    Several at once, of several classify workers, do no harm: a stopped experiment stays stopped.
    """

    def __init__(
        self, connect: Callable[[], Client], database: str, every: float, cluster: str = ""
    ) -> None:
        self._connect, self._database, self._every = connect, database, every
        self._cluster = cluster
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._trouble = ""

    def start(self) -> None:
        """Look until `stop`."""
        self._thread = threading.Thread(target=self._loop, name="experiments", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the look at hand and end. Safe to call twice."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=30)

    def look(self) -> list[str]:
        """Keep what there is to say, and stop what is to be stopped; names of what was. Raises
        clickhouse-connect's errors."""
        stopped = []
        with self._connect() as client:
            # A migration makes the view for the built-in classifiers alone.
            complete(client, self._database, metrics(client, self._database), self._cluster)
            # Read, so that what can't be is told before somebody needs it.
            stored(client, self._database)
            versions(client, self._database)
            for name in losers(client, self._database):
                try:
                    stop(client, self._database, name)
                except StateError:  # another was faster, or its record can't be read
                    continue
                stopped.append(name)
                log.warning("experiment %s is stopped: every variant loses a guard-rail", name)
            # One of several workers is enough.
            recently = datetime.now(UTC) - timedelta(seconds=self._every / 2)
            measure(client, self._database, recently)
        return stopped

    def _loop(self) -> None:
        took = 0.0
        while not self._stopping.wait(max(self._every, _PAUSE * took)):
            began = time.monotonic()
            try:
                self.look()
                self._trouble = ""
            except Exception as error:
                if str(error) != self._trouble:
                    log.warning("experiments are not watched for now: %s", error)
                self._trouble = str(error)
            took = time.monotonic() - began
