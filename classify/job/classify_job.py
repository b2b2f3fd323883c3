"""The batch job: finds traces that are due, has them judged, and writes their rows again.

There must be one writer per row: one job per share, which classify/shares sees to, and let nothing
else insert rows of spans_raw with a verdict_version. A row is inserted whole, so a second writer's
columns would be lost. Ingest is no second writer: its rows have version 0 and never replace a
judged one.

Each trace is written in an order that a stop at any point leaves it pending: first rows judged
before that change (the root, when spans came late), then rows not judged yet, then the marks on
the content that was merged. What was done twice ends in the same rows.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from clickhouse_connect.driver.client import Client

from classify.classifier import Classifier
from classify.custom.classifier_store import everything, members, newest_revision
from classify.custom.member import Members
from classify.custom.vectors import model
from classify.detectors.standing import Standing, with_detectors
from classify.job.back_fill import BackFill, debts
from classify.job.batch_size import BatchSize
from classify.job.deployed_set import deploy
from classify.job.due import MAX_TRACES, DueTrace, Finder, Share, batches
from classify.job.flights import Flights, Ground
from classify.job.mending import MODEL, Mending, damage
from classify.job.outages import Outages
from classify.job.own_traffic import OwnTraffic
from classify.job.pool import JudgePool
from classify.job.put_off import PutOff
from classify.job.rejudge import OldRows, Pace
from classify.job.rows import Batch, Loaded, Rows, read_schema
from classify.job.set_numbers import newest
from classify.job.task import VECTORS, Judged, Task
from classify.models.checksums import ModelError
from classify.reviews.calibration_store import history, mark, run_of
from classify.reviews.in_force import in_force
from classify.settings import ClassifySettings
from classify.settle.twin_search import LATE_SECONDS as TWIN_SECONDS
from classify.settle.twin_search import TwinSearch
from classify.settle.twins import Twin
from classify.shares.leases import Grant, alone
from classify.signals.weighed import Weighed
from classify.telemetry import Telemetry
from classify.thresholds import read_thresholds

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 3600.0
#: How often days older than two are looked at for rows that came just now.
LATE_SECONDS = 15.0
#: How often somebody's wish to have rows judged again is looked for.
ASK_SECONDS = 10.0
#: How often the files of detectors are looked at.
DETECTOR_SECONDS = 5.0
# Looking for twins takes this part of the time at most: one in so many seconds.
_TWIN_SHARE = 20


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
        detectors: Standing | None = None,
    ) -> None:
        self.telemetry = telemetry or Telemetry()
        self._settings = settings
        self._connect = connect
        self._as_they_come = self._classifiers = classifiers
        self._detectors = detectors
        self._detectors_at = 0.0
        #: The classifiers with their detectors, as they are before reviews move their thresholds.
        self.equipped: Sequence[Classifier] = classifiers
        #: Names whose threshold somebody has set, and what reviews had said when it was looked at.
        self._fixed = frozenset(read_thresholds(settings.classify_thresholds))
        self._reviewed = ""
        self._outages = Outages(self.telemetry)
        self._outages.broke(damage(classifiers))
        self._lag = (time.monotonic(), 0.0)
        self._grant = alone(settings)
        self._has_moved = False
        #: Custom classifiers as they are now, and their rows to go over.
        self._revision = -1
        self._custom = Members()
        self._pickled = b""
        self._back_fill_pace = Pace(1.0, settings.classify_batch_rows)
        self._back_fill_at = time.monotonic() + SWEEP_SECONDS
        self._pace = Pace(settings.classify_rejudge_share, settings.classify_batch_rows)
        self._own = OwnTraffic(classifiers, settings.database)
        self._size = BatchSize(settings.classify_batch_rows)
        self._twins_at = time.monotonic()
        self._pool = JudgePool(
            classifiers, settings.classify_workers, settings.classify_timeout_seconds
        )
        self._look_at_detectors()
        client = connect()
        try:
            self._schema = read_schema(client, settings.database, classifiers)
            self._take_up(client)
        finally:
            client.close()
        self._client: Client | None = None
        self._sessions = any(c.unit == "session" for c in classifiers)
        self._mending = Mending(classifiers, self._outages, self._pool, self._look_for_debts)
        self._put_off = PutOff(self.telemetry)
        self._sweep_at = self._late_at = time.monotonic()
        self._days: list[str] = []
        #: Rows of twins that this run has marked between batches.
        self._marked = 0
        #: When rows were last written, by time.monotonic(); 0 for never.
        self.written_at = 0.0

    @property
    def version(self) -> int:
        """Number of the deployed set."""
        return self.numbers.shared

    @property
    def broken(self) -> Mapping[str, str]:
        """Name to why it can't judge; its rows wait."""
        return self._outages.reasons

    def _take_up(self, client: Client) -> None:
        """The thresholds that hold, the numbers of the deployed sets, and who looks for work. Of
        a model that can't be read nobody knows what it is: the newest set's number goes on until it
        can."""
        settings = self._settings
        self._reviewed = mark(client, settings.database)
        states = history(run_of(client), settings.database)
        self.equipped = with_detectors(
            self._as_they_come, self._detectors.usable if self._detectors else ()
        )
        self._classifiers = in_force(self.equipped, states, self._fixed)
        self._pool.use(self._classifiers)
        try:
            self.numbers = deploy(client, settings.database, self._classifiers)
            self._deployed = True
        except ModelError:
            self._deployed = False
            known = [c for c in self._classifiers if not isinstance(c, Weighed)]
            self.numbers = newest(client, settings.database)
            if not self.numbers.shared:
                self.numbers = deploy(client, settings.database, known)
        self.telemetry.version.set(self.version)
        grant = self._grant
        self._share = share = Share(
            settings.database, self.numbers, grant.shares, grant.shares_of, settings.cluster
        )
        self._old = OldRows(share)
        # What the set before judged is looked for at once.
        self._ask_at = self._look_at = time.monotonic()
        self._twins = TwinSearch(share)
        self._finder = Finder(
            share,
            settings.classify_trace_quiet_seconds,
            settings.classify_trace_max_wait_seconds,
        )
        self._look_for_debts()

    def _look_at_detectors(self) -> set[str]:
        """Those whose files have come, changed or gone. Returns names of classifiers that have
        others than before."""
        now = time.monotonic()
        if self._detectors is None or (self._detectors_at and now < self._detectors_at):
            return set()
        self._detectors_at = now + DETECTOR_SECONDS
        known, before = set(self._detectors.aside), set(self._detectors.classifiers)
        changed = self._detectors.look(self._pool.trial)
        for name in known | set(self._detectors.aside):
            broken = self.telemetry.broken.labels(f"detector {name}")
            broken.set(name in self._detectors.aside)
        return before | self._detectors.classifiers if changed else set()

    def _look_for_debts(self) -> None:
        """Look everywhere for the rows that working classifiers owe a verdict: built-in ones, whose
        rows are judged whole, and custom ones."""
        built_in = {each.name for each in self._classifiers}
        self._left, self._back_fill = debts(self._share, built_in, set(self.broken), self._custom)

    def work_on(self, grant: Grant) -> None:
        """Of these shares from the next run on. Not while one goes on."""
        if (grant.shares, grant.shares_of) != (self._grant.shares, self._grant.shares_of):
            self._has_moved = True
        self._grant = grant
        if self._client is not None:
            self._rows.fence = grant.fence

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
                self._rows = Rows(self._client, self._settings, self._schema, self._grant.fence)
                ground = Ground(self._load, self._task, self._killed, self._take_note)
                self._flights = Flights(
                    self._rows, self._pool, self._put_off, ground, self.telemetry
                )
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
        """Take over thresholds that reviews moved, and custom classifiers that were added or
        changed since."""
        if changed := self._look_at_detectors():
            self._mending.anew(changed)
        if changed or mark(client, self._settings.database) != self._reviewed:
            self._take_up(client)
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

    def _mend(self, client: Client) -> None:
        """Look again at what is broken."""
        if self._mending.look_again(self._pickled):
            if self._deployed:
                self._look_for_debts()
            else:
                self._take_up(client)

    def _run(self, client: Client, stopping: Callable[[], bool]) -> int:
        if self._has_moved:
            self._take_up(client)
            # What waits there may be older than what is looked for each second.
            self._sweep_at = time.monotonic()
            self._has_moved = False
        self._look_for_days(client)
        written = self._marked = 0
        self._put_off.new_pass()
        done: set[DueTrace] = set()
        while not stopping():
            self._refresh(client)
            self._mend(client)
            if time.monotonic() >= self._twins_at:
                written += self._mark_twins(client, stopping)
            todo = self._of_recent_days(client, done)
            if not todo and self._days:
                todo = self._of_an_older_day(client, done)
                if not todo:
                    continue
            if todo:
                done.update(todo)
                found = self._with_twins(batches(todo, self._size.rows), client, stopping)
                written += self._process(found, stopping)
            elif more := self._of_judged_rows(client, stopping):
                written += more
            else:
                break
        return written + self._marked

    def _with_twins(
        self, found: Iterable[list[DueTrace]], client: Client, stopping: Callable[[], bool]
    ) -> Iterator[list[DueTrace]]:
        """The batches. Between them twins are marked, when it is time: a backlog is no reason for a
        call to count twice. What is in the air is no twin's yet: it waits for a verdict."""
        for batch in found:
            if time.monotonic() >= self._twins_at:
                self._marked += self._mark_twins(client, stopping)
            yield batch

    def _look_for_days(self, client: Client) -> None:
        """Days older than two that have rows without verdicts: all of them now and then, those that
        rows came for just now more often."""
        if time.monotonic() >= self._sweep_at:
            self._days = self._finder.days(client)
            self._sweep_at = time.monotonic() + SWEEP_SECONDS
        elif time.monotonic() >= self._late_at:
            # Long enough for a trace that came then to have fallen quiet.
            window = self._settings.classify_trace_max_wait_seconds + 2 * LATE_SECONDS
            touched = self._finder.touched(client, int(window))
            self._days += [day for day in touched if day not in self._days]
            self._late_at = time.monotonic() + LATE_SECONDS

    def _of_recent_days(self, client: Client, done: set[DueTrace]) -> list[DueTrace]:
        due = self._finder.recent(client)
        self._observe_lag(due)
        return self._put_off.without(due, done)

    def _of_an_older_day(self, client: Client, done: set[DueTrace]) -> list[DueTrace]:
        """Of the first of the days that are left, which goes once it has no more."""
        found = self._finder.day(client, self._days[0])
        todo = self._put_off.without(found, done)
        if len(found) < MAX_TRACES or not todo:
            self._days.pop(0)
        return todo

    def _of_judged_rows(self, client: Client, stopping: Callable[[], bool]) -> int:
        """A round of rows that have verdicts and wait for more. Returns rows written."""
        if time.monotonic() >= self._back_fill_at:
            self._left.again()
            self._back_fill.again()
            self._back_fill_at = time.monotonic() + SWEEP_SECONDS
        return (
            self._fill(client, stopping, self._left)
            or self._fill(client, stopping, self._back_fill, custom_only=True)
            or self._again(client, stopping)
        )

    def _mark_twins(self, client: Client, stopping: Callable[[], bool]) -> int:
        """Judge again what turned out to be the same call as one of another trace."""
        began = time.monotonic()
        traces, twins = self._twins.late(client)
        took = time.monotonic() - began
        self._twins_at = began + max(TWIN_SECONDS, _TWIN_SHARE * took)
        found = self._put_off.without(traces)
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
        taken = self._put_off.without(found.take(client, self._back_fill_pace.rows))
        if not taken:
            return 0
        # A batch for each worker.
        size = -(-self._back_fill_pace.rows // self._pool.depth)
        written = self._process(batches(taken, lambda: size), stopping, custom_only=custom_only)
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
        found = self._put_off.without(traces)
        written = self._process([found] if found else [], stopping, before, old=True)
        self._pace.took(time.monotonic() - began)
        return written

    @property
    def _compares(self) -> bool:
        return any(member.definition.learns for member in self._custom.members)

    def _observe_lag(self, due: Sequence[DueTrace]) -> None:
        waiting = max((trace.waiting_seconds for trace in due), default=0.0)
        quiet = self._settings.classify_trace_quiet_seconds
        self._lag = (time.monotonic(), max(0.0, waiting - quiet))
        self.tell_lag()

    def tell_lag(self) -> None:
        """What was found waiting, and the time since: a large batch keeps it waiting on. Any
        thread may call this."""
        at, found = self._lag
        grown = time.monotonic() - at if found else 0.0
        self.telemetry.lag_seconds.labels(self._settings.classify_shard).set(found + grown)

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
        """Have batches of traces judged and written. Returns rows written."""
        if not custom_only:
            self._mending.try_new()
        batches_found = (
            Batch(traces, before=before, old=old, custom_only=custom_only, twins=twins)
            for traces in found
        )
        return self._flights.process(batches_found, stopping)

    def _load(self, batch: Batch) -> Loaded:
        return self._rows.load(
            batch, sessions=self._sessions, vectors_of=_model() if self._compares else 0
        )

    def _task(self, batch: Batch, loaded: Loaded, failure: str) -> Task:
        twins = batch.twins
        if twins is None and not batch.custom_only:
            assert self._client is not None
            twins = self._twins.of(self._client, batch.traces)
        settings = self._settings
        days = settings.classify_vector_days
        return Task(
            loaded,
            self._schema,
            self.numbers,
            now=time.time_ns() // 10**6,
            batch_rows=settings.classify_batch_rows,
            root_id=batch.root_id,
            failure=failure,
            before=batch.before,
            custom=self._pickled,
            custom_only=batch.custom_only,
            embed_share=(0.0 if batch.old or batch.custom_only else settings.classify_embed_share),
            vectors_expire=int(time.time()) + days * 86_400 if days else 0,
            broken=frozenset(self.broken),
            twins=dict(twins or {}),
            limits=self._own.limits(self._client) if self._client is not None else {},
        )

    def _killed(self, task: Task) -> bool:
        names = self._mending.names(self._custom, custom_only=task.custom_only)
        return self._mending.killed(names - task.broken, self._pickled)

    def _take_note(self, judged: Judged) -> None:
        """Of what was written."""
        self.written_at = time.monotonic()
        self._size.took(judged.rows, judged.seconds)
        self.telemetry.rows.inc(judged.rows)
        self._outages.worked(judged.worked)
        self._mending.broke(judged.broken)
        for (classifier, label), count in judged.verdicts.items():
            self.telemetry.verdicts.labels(classifier, label).inc(count)
        for gap, count in judged.gaps.items():
            self.telemetry.count_gap(gap, count)
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


def _model() -> int:
    """Whose stored vectors are of use; 0 where the model can't be read."""
    try:
        return model()
    except ModelError:
        return 0
