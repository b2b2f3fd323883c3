"""Batches on their way to the worker processes and back into the table.

A batch that is too large, can't be read or stored, or kills its worker goes again in halves, down
to the one trace at fault, which is put off; it takes no other with it.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace

from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from classify.job.pool import JudgePool, WorkerDiedError
from classify.job.put_off import PutOff
from classify.job.rows import Batch, Loaded, Rows, TooLargeError
from classify.job.task import Judged, Task
from classify.telemetry import Telemetry

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Flight:
    batch: Batch
    task: Task
    future: Future[Judged]
    began: float


@dataclass(slots=True, frozen=True)
class Ground:
    """What flights ask of the job. ``load`` raises TooLargeError and clickhouse-connect's errors;
    ``task``: of what was loaded, with the failure to say instead of judging, '' for none;
    ``killed``: whether a classifier is to blame for the death of a task's worker, whatever it is
    given; ``judged``: of what came back."""

    load: Callable[[Batch], Loaded]
    task: Callable[[Batch, Loaded, str], Task]
    killed: Callable[[Task], bool]
    judged: Callable[[Judged], None]


class Flights:
    """For one thread, and one connection."""

    def __init__(
        self, rows: Rows, pool: JudgePool, put_off: PutOff, ground: Ground, telemetry: Telemetry
    ) -> None:
        self._rows = rows
        self._pool = pool
        self._put_off = put_off
        self._ground = ground
        self._telemetry = telemetry

    def process(self, batches: Iterable[Batch], stopping: Callable[[], bool]) -> int:
        """Load the next batch and write the last one while workers judge. Returns rows written."""
        flights: deque[_Flight] = deque()
        written = 0
        for batch in batches:
            if stopping():
                break
            for flight in self._departures(batch):
                flights.append(flight)
                if len(flights) >= self._pool.depth:
                    written += self._land(flights.popleft())
        while flights:
            written += self._land(flights.popleft())
        return written

    def _departures(self, batch: Batch, failure: str = "") -> Iterator[_Flight]:
        """Load and submit, in smaller parts where the rows are too large or can't be loaded."""
        began = time.monotonic()
        try:
            loaded = self._ground.load(batch)
        except TooLargeError:
            yield from self._departures_in_halves(batch, failure)
            return
        except OperationalError:
            raise
        except DatabaseError as error:
            if len(batch.traces) == 1:
                self._put_off.add(batch.traces[0], error)
            else:
                yield from self._departures_in_halves(batch, failure)
            return
        task = self._ground.task(batch, loaded, failure)
        # What was found out about twins holds for the parts as well.
        batch = replace(batch, twins=task.twins)
        yield _Flight(batch, task, self._pool.submit(task), began)

    def _departures_in_halves(self, batch: Batch, failure: str) -> Iterator[_Flight]:
        for part in self._halves(batch):
            yield from self._departures(part, failure)

    def _land(self, flight: _Flight) -> int:
        """Wait for the verdicts and write them. Returns rows written."""
        try:
            judged = self._pool.result(flight.task, flight.future)
            self._write(judged)
        except WorkerDiedError as error:
            return self._after_death(flight, error)
        except OperationalError:
            raise
        except Exception as error:
            # Odd rows may not take the others with them, whatever is odd about them.
            if len(flight.batch.traces) == 1:
                self._put_off.add(flight.batch.traces[0], error)
                return 0
            return self._again_in_halves(flight.batch)
        self._put_off.stored(flight.batch.traces)
        self._ground.judged(judged)
        self._telemetry.batch_seconds.observe(time.monotonic() - flight.began)
        return judged.rows

    def _write(self, judged: Judged) -> None:
        for block in (*judged.changed, *judged.pending):
            self._rows.write_spans(block)
        for block in judged.content:
            self._rows.write_content(block)
        if judged.vectors:
            self._rows.write_vectors(judged.vectors)

    def _after_death(self, flight: _Flight, error: WorkerDiedError) -> int:
        """Find the trace that kills its worker, and store that it does."""
        batch, failure = flight.batch, flight.task.failure
        self._telemetry.errors.labels("worker").inc()
        if self._ground.killed(flight.task):
            # It takes no trace at all: this one waits for it.
            return self._again(batch, failure)
        if len(batch.traces) > 1:
            return self._again_in_halves(batch)
        logger.error("trace %s: %s", batch.traces[0].trace_id, error)
        if failure:
            # Not the classifiers, then.
            self._put_off.add(batch.traces[0], error)
            return 0
        return self._again(batch, f"classifier error: {error}")

    def _again(self, batch: Batch, failure: str = "") -> int:
        return sum(map(self._land, self._departures(batch, failure)))

    def _again_in_halves(self, batch: Batch) -> int:
        return sum(map(self._again, self._halves(batch)))

    def _halves(self, batch: Batch) -> list[Batch]:
        """Half the traces each; of a single trace, half its time each.

        Spans that start in the same nanosecond stay together, without a limit.
        """
        middle = len(batch.traces) // 2
        if middle:
            parts = (batch.traces[:middle], batch.traces[middle:])
            return [replace(batch, traces=part) for part in parts]
        first, last, root = self._rows.split(batch.traces[0], batch.stretch)
        root = batch.root_id or root
        if first >= last:
            return [replace(batch, root_id=root, limited=False)]
        half = (first + last) // 2
        return [
            replace(batch, stretch=(first, half), root_id=root),
            replace(batch, stretch=(half + 1, last), root_id=root),
        ]
