"""The batch job: finds traces that are due, has them judged, and writes their rows again.

There must be one writer per row: run one job per shard, and let nothing else insert rows of
spans_raw with a verdict_version. A row is inserted whole, so a second writer's columns would be
lost. Ingest is no second writer: its rows have version 0 and never replace a judged one.

Each trace is written in an order that a stop at any point leaves it pending: first rows judged
before that change (the root, when spans came late), then rows not judged yet, then the marks on
the content that was merged. What was done twice ends in the same rows.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from classify.classifier import Classifier
from classify.custom.classifier_store import everything, members, newest_revision
from classify.custom.member import Members
from classify.custom.vectors import model
from classify.job.back_fill import BackFill, due, waiting_for, waiting_for_none_of
from classify.job.deployed_set import deploy, latest_version
from classify.job.due import MAX_TRACES, DueTrace, Finder, Share, batches
from classify.job.outages import Outages
from classify.job.pool import JudgePool, WorkerDiedError
from classify.job.rejudge import OldRows, Pace
from classify.job.rows import Batch, Rows, TooLargeError, read_schema
from classify.job.task import VECTORS, Judged, Task
from classify.models import files
from classify.models.checksums import ModelError
from classify.models.learned import Learned
from classify.settings import ClassifySettings
from classify.settle.twin_search import LATE_SECONDS as TWIN_SECONDS
from classify.settle.twin_search import TwinSearch
from classify.settle.twins import Twin
from classify.telemetry import Telemetry

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 3600.0
#: How often days older than two are looked at for rows that came just now.
LATE_SECONDS = 15.0
#: How often somebody's wish to have rows judged again is looked for.
ASK_SECONDS = 10.0
# A trace that can't be stored is tried again after so long, twice as long each time.
_FIRST_DELAY_SECONDS, _LAST_DELAY_SECONDS = 10.0, 3600.0
# Looking for twins takes this part of the time at most: one in so many seconds.
_TWIN_SHARE = 20
# So many traces put off in one pass mean that the storage is at fault, not they.
_MAX_PUT_OFF = 5
#: What is broken where a file of the model is damaged that no classifier needs now.
MODEL = "model"


@dataclass(slots=True)
class _Flight:
    batch: Batch
    task: Task
    future: Future[Judged]
    began: float


class ClassifyJob:
    """One worker's share of the work. For use by one thread at a time.

    Raises SchemaError at construction where the table lacks a classifier's columns, and
    clickhouse-connect's errors.
    """

    def __init__(
        self,
        settings: ClassifySettings,
        connect: Callable[[], Client],
        classifiers: Sequence[Classifier],
        telemetry: Telemetry | None = None,
    ) -> None:
        self.telemetry = telemetry or Telemetry()
        self._settings = settings
        self._connect = connect
        self._classifiers = classifiers
        self._outages = Outages(self.telemetry)
        self._outages.broke(self._damage())
        self._ask_at = self._look_at = time.monotonic()
        #: Custom classifiers as they are now, and their rows to go over.
        self._revision = -1
        self._custom = Members()
        self._pickled = b""
        self._back_fill_pace = Pace(1.0, settings.classify_batch_rows)
        self._back_fill_at = time.monotonic() + SWEEP_SECONDS
        self._pace = Pace(settings.classify_rejudge_share, settings.classify_batch_rows)
        self._twins_at = time.monotonic()
        client = connect()
        try:
            self._schema = read_schema(client, settings.database, classifiers)
            self._take_up(client)
        finally:
            client.close()
        self._client: Client | None = None
        #: Classifiers that were asked for an everyday trace since they are deployed or mended.
        self._tried: set[str] = set()
        self._sessions = any(c.unit == "session" for c in classifiers)
        self._pool = JudgePool(
            classifiers, settings.classify_workers, settings.classify_timeout_seconds
        )
        self._sweep_at = self._late_at = time.monotonic()
        self._days: list[str] = []
        self._put_off: dict[str, tuple[float, float]] = {}
        self._strikes = 0
        #: When rows were last written, by time.monotonic(); 0 for never.
        self.written_at = 0.0

    @property
    def broken(self) -> Mapping[str, str]:
        """Name to why it can't judge; its rows wait."""
        return self._outages.reasons

    def _take_up(self, client: Client) -> None:
        """The number of the deployed set, and who looks for its work. Of a model that can't be read
        nobody knows what it is: the newest set's number goes on until it can."""
        settings = self._settings
        try:
            self.version = deploy(client, settings.database, self._classifiers)
            self._deployed = True
        except ModelError:
            self._deployed = False
            known = [each for each in self._classifiers if not isinstance(each, Learned)]
            newest = latest_version(client, settings.database)
            self.version = newest or deploy(client, settings.database, known)
        self.telemetry.version.set(self.version)
        index, count = settings.shard
        self._share = share = Share(settings.database, self.version, index, count)
        self._old = OldRows(share)
        self._twins = TwinSearch(share)
        self._finder = Finder(
            share,
            settings.classify_trace_quiet_seconds,
            settings.classify_trace_max_wait_seconds,
        )
        self._look_for_debts()

    def _look_for_debts(self) -> None:
        """Look everywhere for the rows that working classifiers owe a verdict: built-in ones, whose
        rows are judged whole, and custom ones."""
        built_in = {each.name for each in self._classifiers}
        broken = set(self.broken)
        self._left = BackFill(self._share, waiting_for(built_in - broken))
        of_others = waiting_for_none_of(built_in | broken | set(self._custom.aside))
        of_custom = due(self._custom)
        self._back_fill = BackFill(
            self._share, f"({of_custom} OR {of_others})" if of_custom else of_others
        )

    def close(self) -> None:
        """End the worker processes and the connection."""
        self._pool.close()
        self._disconnect()

    def run(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Judge all that is due. Returns rows written. ``stopping`` ends it after a batch.

        Raises clickhouse-connect's errors and StorageUnavailableError when the storage fails;
        calling again connects anew and goes on.
        """
        try:
            if self._client is None:
                self._client = self._connect()
                self._rows = Rows(self._client, self._settings, self._schema)
            return self._run(self._client, stopping)
        except Exception:
            # Embedded, a failed query can leave its output to the next one.
            self._disconnect()
            # What it was about to say may not have been written.
            self._twins = TwinSearch(self._share)
            raise

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _refresh(self, client: Client) -> None:
        """Take over custom classifiers that were added or changed since."""
        revision = newest_revision(client, self._settings.database)
        if revision == self._revision:
            return
        gone = set(self.broken) - {each.name for each in self._classifiers} - {VECTORS, MODEL}
        self._custom = members(*everything(client, self._settings.database))
        self._pickled = self._custom.pickled() if revision else b""
        # What has changed is tried anew.
        self._outages.mended(gone)
        self._look_for_debts()
        self._revision = revision
        if revision:
            names = ", ".join(member.name for member in self._custom.members)
            logger.info("custom classifiers: %s", names or "none")

    def _damage(self) -> dict[str, str]:
        """What the model's files, as they are now, keep from working."""
        damaged = files.damaged()
        found: dict[str, str] = {}

        def needs(name: str, needed: Iterable[str]) -> None:
            if reason := next((damaged[each] for each in needed if each in damaged), ""):
                found[name] = reason

        for classifier in self._classifiers:
            if isinstance(classifier, Learned):
                try:
                    needs(classifier.name, classifier.model_files)
                except ModelError as error:
                    found[classifier.name] = str(error)
        needs(VECTORS, files.needed_for(files.GENERAL))
        if damaged and not found.keys() - {VECTORS}:
            others = [each for each in damaged if each not in files.needed_for(files.GENERAL)]
            if others:
                found[MODEL] = damaged[others[0]]
        return found

    def _try(self) -> None:
        """Ask classifiers for an everyday trace before rows depend on them."""
        names = {each.name for each in self._classifiers} - set(self.broken) - self._tried
        if names:
            self._tried |= names
            self._break(self._pool.troubles(names))

    def _break(self, found: Mapping[str, str]) -> None:
        if not found:
            return
        news = set(found) - set(self.broken)
        self._outages.broke(found)
        self._tried -= set(found)
        if news:
            self._look_for_debts()

    def _mend(self, client: Client) -> None:
        """Look again at what is broken, once its time has come."""
        due = set(self._outages.due())
        if not due:
            return
        damage = self._damage()
        self._break({name: reason for name, reason in damage.items() if name in due})
        maybe = due - set(damage)
        if not maybe:
            return
        self._pool.renew()
        # What is renewed is loaded anew, all of it.
        self._tried.clear()
        troubles = self._pool.troubles(maybe - {MODEL}, self._pickled)
        self._break(troubles)
        mended = maybe - set(troubles)
        self._tried |= mended
        self._outages.mended(mended)
        if mended and not self._deployed:
            self._take_up(client)
        elif mended:
            self._look_for_debts()

    def _run(self, client: Client, stopping: Callable[[], bool]) -> int:
        if time.monotonic() >= self._sweep_at:
            self._days = self._finder.days(client)
            self._sweep_at = time.monotonic() + SWEEP_SECONDS
        elif time.monotonic() >= self._late_at:
            # Long enough for a trace that came then to have fallen quiet.
            window = self._settings.classify_trace_max_wait_seconds + 2 * LATE_SECONDS
            touched = self._finder.touched(client, int(window))
            self._days += [day for day in touched if day not in self._days]
            self._late_at = time.monotonic() + LATE_SECONDS
        written = 0
        self._strikes = 0
        done: set[DueTrace] = set()
        while not stopping():
            self._refresh(client)
            self._mend(client)
            if time.monotonic() >= self._twins_at:
                written += self._mark_twins(client, stopping)
            due = self._finder.recent(client)
            self._observe_lag(due)
            todo = self._not_yet(due, done)
            if not todo and self._days:
                found = self._finder.day(client, self._days[0])
                todo = self._not_yet(found, done)
                if len(found) < MAX_TRACES or not todo:
                    self._days.pop(0)
                if not todo:
                    continue
            if todo:
                done.update(todo)
                found_rows = batches(todo, self._settings.classify_batch_rows)
                written += self._process(found_rows, stopping)
                continue
            if time.monotonic() >= self._back_fill_at:
                self._left.again()
                self._back_fill.again()
                self._back_fill_at = time.monotonic() + SWEEP_SECONDS
            more = (
                self._fill(client, stopping, self._left)
                or self._fill(client, stopping, self._back_fill, custom_only=True)
                or self._again(client, stopping)
            )
            if not more:
                break
            written += more
        return written

    def _mark_twins(self, client: Client, stopping: Callable[[], bool]) -> int:
        """Judge again what turned out to be the same call as one of another trace."""
        began = time.monotonic()
        traces, twins = self._twins.late(client)
        took = time.monotonic() - began
        self._twins_at = began + max(TWIN_SECONDS, _TWIN_SHARE * took)
        found = self._not_yet(traces, set())
        return self._process([found] if found else [], stopping, twins=twins)

    def _fill(
        self,
        client: Client,
        stopping: Callable[[], bool],
        found: BackFill,
        *,
        custom_only: bool = False,
    ) -> int:
        """Have a round of rows judged that wait for a classifier which was broken, or that custom
        ones have not seen, for about two seconds, then new rows come first again. Returns rows
        written, 0 where none is left."""
        began = time.monotonic()
        taken = self._not_yet(found.take(client, self._back_fill_pace.rows), set())
        if not taken:
            return 0
        # A batch for each worker.
        size = -(-self._back_fill_pace.rows // self._pool.depth)
        written = self._process(batches(taken, size), stopping, custom_only=custom_only)
        self._back_fill_pace.took(time.monotonic() - began)
        return written

    def _again(self, client: Client, stopping: Callable[[], bool]) -> int:
        """Judge one batch of old rows, if its time has come. Returns rows written, 0 for none.

        While a classifier is broken they keep the verdicts that they have of it, and wait."""
        if not self._pace.may() or any(each.name in self.broken for each in self._classifiers):
            return 0
        began = time.monotonic()
        if began >= self._ask_at:
            everywhere = began >= self._look_at
            self._old.look(client, everywhere=everywhere)
            self._ask_at = began + ASK_SECONDS
            if everywhere:
                self._look_at = began + SWEEP_SECONDS
        traces, before = self._old.take(client, self._pace.rows)
        if not traces:
            return 0
        found = self._not_yet(traces, set())
        written = self._process([found] if found else [], stopping, before, old=True)
        self._pace.took(time.monotonic() - began)
        return written

    @property
    def _compares(self) -> bool:
        return any(member.definition.learns for member in self._custom.members)

    def _not_yet(self, due: Iterable[DueTrace], done: set[DueTrace]) -> list[DueTrace]:
        now = time.monotonic()
        return [
            trace
            for trace in due
            if trace not in done and self._put_off.get(trace.trace_id, (0.0, 0.0))[0] <= now
        ]

    def _observe_lag(self, due: Sequence[DueTrace]) -> None:
        waiting = max((trace.waiting_seconds for trace in due), default=0.0)
        quiet = self._settings.classify_trace_quiet_seconds
        self.telemetry.lag_seconds.labels(self._settings.classify_shard).set(
            max(0.0, waiting - quiet)
        )

    def _process(
        self,
        found: Iterable[list[DueTrace]],
        stopping: Callable[[], bool],
        before: int = 0,
        *,
        old: bool = False,
        custom_only: bool = False,
        twins: Mapping[str, Twin] | None = None,
    ) -> int:
        """Load the next batch and write the last one while workers judge."""
        if not custom_only:
            self._try()
        flights: deque[_Flight] = deque()
        written = 0
        for traces in found:
            if stopping():
                break
            batch = Batch(traces, before=before, old=old, custom_only=custom_only, twins=twins)
            for flight in self._departures(batch):
                flights.append(flight)
                if len(flights) >= self._pool.depth:
                    written += self._land(flights.popleft())
        while flights:
            written += self._land(flights.popleft())
        return written

    def _names(self, custom_only: bool) -> set[str]:
        """Of those that judge: classifiers that are not known to be broken."""
        names = {each.name for each in self._custom.members}
        if not custom_only:
            names |= {each.name for each in self._classifiers}
        return names - set(self.broken)

    def _departures(self, batch: Batch, failure: str = "") -> Iterator[_Flight]:
        """Load and submit, in smaller parts where the rows are too large or can't be loaded."""
        began = time.monotonic()
        try:
            loaded = self._rows.load(
                batch, sessions=self._sessions, vectors_of=_model() if self._compares else 0
            )
        except TooLargeError:
            for part in self._halves(batch):
                yield from self._departures(part, failure)
            return
        except OperationalError:
            raise
        except DatabaseError as error:
            if len(batch.traces) == 1:
                self._put_off_trace(batch.traces[0], error)
                return
            for part in self._halves(batch):
                yield from self._departures(part, failure)
            return
        if batch.twins is None and not batch.custom_only:
            assert self._client is not None
            batch = replace(batch, twins=self._twins.of(self._client, batch.traces))
        days = self._settings.classify_vector_days
        task = Task(
            loaded,
            self._schema,
            self.version,
            time.time_ns() // 10**6,
            self._settings.classify_batch_rows,
            batch.root_id,
            failure,
            batch.before,
            self._pickled,
            batch.custom_only,
            0.0 if batch.old or batch.custom_only else self._settings.classify_embed_share,
            int(time.time()) + days * 86_400 if days else 0,
            frozenset(self.broken),
            dict(batch.twins or {}),
        )
        yield _Flight(batch, task, self._pool.submit(task), began)

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
                self._put_off_trace(flight.batch.traces[0], error)
                return 0
            return self._again_in_halves(flight.batch)
        for trace in flight.batch.traces:
            self._put_off.pop(trace.trace_id, None)
        self.written_at = time.monotonic()
        self.telemetry.rows.inc(judged.rows)
        self._outages.worked(judged.worked)
        self._break(judged.broken)
        for (classifier, label), count in judged.verdicts.items():
            self.telemetry.verdicts.labels(classifier, label).inc(count)
        for where, count in judged.errors.items():
            self.telemetry.errors.labels(where).inc(count)
        if judged.reused:
            self.telemetry.reused_ids.inc(judged.reused.total())
            logger.warning(
                "%d spans of trace %s came with ids that an earlier run had used; all are kept,"
                " told apart by id_reuse (does the sender call random.seed? everyspan.init"
                " prevents that)",
                judged.reused.total(),
                next(iter(judged.reused)),
            )
        self.telemetry.batch_seconds.observe(time.monotonic() - flight.began)
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
        self.telemetry.errors.labels("worker").inc()
        asked = self._names(flight.batch.custom_only) - flight.task.broken
        if found := self._pool.troubles(asked, self._pickled):
            # It takes no trace at all: this one waits for it.
            self._break(found)
            return sum(map(self._land, self._departures(flight.batch, flight.task.failure)))
        if len(flight.batch.traces) > 1:
            return self._again_in_halves(flight.batch)
        logger.error("trace %s: %s", flight.batch.traces[0].trace_id, error)
        if flight.task.failure:
            # Not the classifiers, then.
            self._put_off_trace(flight.batch.traces[0], error)
            return 0
        failure = f"classifier error: {error}"
        return sum(map(self._land, self._departures(flight.batch, failure)))

    def _again_in_halves(self, batch: Batch) -> int:
        return sum(
            self._land(flight) for part in self._halves(batch) for flight in self._departures(part)
        )

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

    def _put_off_trace(self, trace: DueTrace, error: Exception) -> None:
        delay = self._put_off.get(trace.trace_id, (0.0, _FIRST_DELAY_SECONDS / 2))[1] * 2
        delay = min(delay, _LAST_DELAY_SECONDS)
        self._put_off[trace.trace_id] = (time.monotonic() + delay, delay)
        self.telemetry.errors.labels("trace").inc()
        logger.error("trace %s put off for %.0f s: %s", trace.trace_id, delay, error)
        self._strikes += 1
        if self._strikes >= _MAX_PUT_OFF:
            raise error


def _model() -> int:
    """Whose stored vectors are of use; 0 where the model can't be read."""
    try:
        return model()
    except ModelError:
        return 0
