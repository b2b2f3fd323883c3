"""The classify service: runs the job on a schedule and tells how it is doing over HTTP.

Used on its own (``everyspan classify``) and inside ``everyspan up``, where it shares the embedded
engine with ingest through a client of its own.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from clickhouse_connect.driver.client import Client
from fastapi import HTTPException
from pydantic import AwareDatetime, BaseModel, ConfigDict

from classify.classifier import Classifier
from classify.coverage import coverage
from classify.custom.api import router
from classify.custom.catalog import Catalog
from classify.custom.classifier_definition import DefinitionError
from classify.custom.file import Folder
from classify.detectors.standing import Standing
from classify.forgetting import Forgetting, forgetting
from classify.job.classify_job import ClassifyJob
from classify.job.mending import MODEL
from classify.job.rejudge import ask
from classify.job.settling import Settling
from classify.job.task import VECTORS
from classify.models.checksums import ModelError
from classify.reviews.api import calibrations
from classify.reviews.calibrating import Calibrating
from classify.reviews.measuring import Measuring
from classify.schedule import Schedule
from classify.settings import ClassifySettings
from classify.shares.fence import LeaseLostError
from classify.shares.leases import Grant, Leases, alone
from classify.tallies.keep import Tallying
from classify.telemetry import Telemetry
from classify.thresholds import read_thresholds, with_thresholds
from clickhouse.erasure.old_rows import remove_old_rows
from clickhouse.erasure.old_text import remove_old_text
from service.app import Audit, ServiceApp
from service.caller import Caller, Gate
from service.keys import Keys, Scope

logger = logging.getLogger(__name__)

_COVERAGE_SECONDS = 15.0
_COVERAGE_DAYS = 2
_FILES_SECONDS = 5.0
_CALIBRATE_SECONDS = 15.0
_MEASURE_SECONDS = 15.0
_FORGET_SECONDS = 15.0
_TALLY_SECONDS = 15.0
_OLD_TEXT_SECONDS = 120.0
_REVIEWS = "/v1/reviews"
_FORGET = "/v1/forget"
#: Starting and stopping an experiment, which is a project's own.
_EXPERIMENTS = re.compile(r"/v1/experiments/.+/(start|stop)")
#: Data sets, which are a project's own.
_DATASETS = re.compile(r"/v1/datasets(/[^/]+)?")
#: Custom classifiers, which may be a project's own.
_CLASSIFIERS = re.compile(r"/v1/import|/v1/classifiers(/.+)?")
#: What answers make of thresholds, for one's own project's rows.
_CALIBRATIONS = re.compile(r"/v1/calibrations")
_OF_REVIEW = (_DATASETS, _CLASSIFIERS, _CALIBRATIONS)
#: Where keys are made: a project's own by whoever may.
_KEYS = re.compile(r"/v1/keys(/[0-9a-f]+)?")
_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS = 1.0, 60.0


class Stretch(BaseModel):
    """A stretch of time, ``until`` not included. Times have an offset from UTC."""

    model_config = ConfigDict(extra="forbid")

    since: AwareDatetime
    until: AwareDatetime


class ClassifyService:
    """``connect`` gives a client of its own to each thread that asks. ``classifiers``: the
    built-in ones unless given. ``telemetry``: shared by the shares of one process. ``leased``:
    whether shares of the traces are leased, which they are unless the engine is embedded.

    Raises ThresholdError where the settings' thresholds name no classifier, DefinitionError where
    EVERYSPAN_CLASSIFIERS is no folder, and DetectorError where EVERYSPAN_DETECTORS can't be read.
    """

    def __init__(
        self,
        settings: ClassifySettings,
        connect: Callable[[], Client],
        classifiers: Sequence[Classifier] | None = None,
        telemetry: Telemetry | None = None,
        leased: bool | None = None,
    ) -> None:
        if classifiers is None:
            from classify.registry import BUILT_IN

            classifiers = BUILT_IN
        fixed = read_thresholds(settings.classify_thresholds)
        classifiers = with_thresholds(classifiers, fixed)
        self.telemetry = telemetry or Telemetry()
        self._settings = settings
        self._connect = connect
        self._classifiers = classifiers
        self._detectors = Standing(settings.detectors, settings.detector_files, classifiers)
        #: Custom classifiers, to add to and to look at.
        self.catalog = Catalog(connect, settings.database, [each.name for each in classifiers])
        #: What reviews make of thresholds.
        self.calibrating = Calibrating(
            connect, settings.database, classifiers, fixed, self.catalog.rethreshold, self.catalog
        )
        #: What somebody asked to have forgotten.
        self.forgetting = Forgetting(connect, settings)
        if settings.classifiers and not settings.classifiers.is_dir():
            raise DefinitionError(
                f"EVERYSPAN_CLASSIFIERS: {settings.classifiers} is no folder; make it, or leave the"
                " setting out"
            )
        self._folder = Folder(settings.classifiers, self.catalog) if settings.classifiers else None
        self._measuring = Measuring(settings.database)
        self._tallying = Tallying(settings)
        if leased is None:
            leased = not settings.embedded
        #: Which shares of the traces are this worker's; None: those of the settings.
        lost = self.telemetry.leases_lost.inc
        self.leases = Leases(settings, connect, lost) if leased else None
        self._up_to_date = False
        self._job: ClassifyJob | None = None
        self._settling: Settling | None = None
        self._schedule: Schedule | None = None
        self._stopping = threading.Event()
        self._failure = "starting"
        self._retry_seconds = 0.0
        self._retry_at = 0.0
        self._said: dict[str, str] = {}

    def start(self) -> None:
        """Begin to judge. Raises SchemaError, and clickhouse-connect's errors where the storage
        is not there; the database must have been migrated."""
        job = ClassifyJob(
            self._settings, self._connect, self._classifiers, self.telemetry, self._detectors
        )
        self._job = job
        self.calibrating.use(job.equipped)
        self._stopping.clear()
        self._failure = ""
        if self.leases is not None:
            self.leases.start()
        schedule = Schedule()
        schedule.every(self._settings.classify_interval_seconds, lambda: self._run(job))
        self._settling = settling = Settling(self._settings, self._connect)
        schedule.every(self._settings.classify_interval_seconds, lambda: self._settle(settling))
        schedule.every(_COVERAGE_SECONDS, self._observe)
        # Once at the start, and where there is a folder to watch, again and again.
        self._once(schedule, _FILES_SECONDS, self._keep_custom, at_once=True)
        self._once(schedule, _MEASURE_SECONDS, self._measure)
        self._once(schedule, _FORGET_SECONDS, self._forget)
        self._once(schedule, _TALLY_SECONDS, self._tally)
        if self._settings.content_days:
            self._once(schedule, _OLD_TEXT_SECONDS, self._remove_old_text, at_once=True)
        if self._settings.kept_days:
            self._once(schedule, _OLD_TEXT_SECONDS, self._remove_old_rows, at_once=True)
        if self._settings.classify_calibrate:
            self._once(schedule, _CALIBRATE_SECONDS, self._calibrate)
        schedule.start()
        self._schedule = schedule
        logger.info(
            "classify: %d classifiers as set %d, share %s",
            len(self._classifiers),
            job.version,
            self._settings.classify_shard,
        )

    def stop(self) -> None:
        """Finish the batch at hand and end. Safe to call twice."""
        self._stopping.set()
        self._failure = "stopped"
        if self._schedule is not None:
            self._schedule.stop()
            self._schedule = None
        if self._settling is not None:
            self._settling.close()
            self._settling = None
        if self._job is not None:
            self._job.close()
            self._job = None
        if self.leases is not None:
            self.leases.stop()

    @property
    def version(self) -> int:
        """Number of the deployed classifier set; 0 before the start."""
        return self._job.version if self._job else 0

    def gate(self, keys: Keys | None = None) -> Gate:
        """Who may call the HTTP interface. ``keys``: of projects."""
        return Gate(
            "classify",
            "EVERYSPAN_CLASSIFY_TOKEN",
            self._settings.classify_token,
            self._settings.host_names,
            json_only=True,
            keys=keys,
            scope_of=_scope,
        )

    @property
    def not_ready(self) -> str:
        """Why the service is not ready; '' when it is. Where only some classifiers can't judge, the
        others do."""
        leasing = self.leases.not_ready if self.leases is not None else ""
        return self._failure or "; ".join(filter(None, (leasing, *self.degraded)))

    @property
    def degraded(self) -> list[str]:
        """What can't judge, why, and what to do: a sentence for each cause; and each detector that
        has no say."""
        by_reason: dict[str, list[str]] = {}
        for name, reason in (self._job.broken if self._job else {}).items():
            by_reason.setdefault(reason, []).append(name)
        return [
            *(f"{_who(names)}: {reason}" for reason, names in by_reason.items()),
            *self._detectors.told(),
        ]

    def judge_again(self, since: datetime, until: datetime) -> None:
        """Have the spans that start in [since, until) judged again, after new ones, newest first.

        It is a row of the database, so that a restart forgets nothing. Raises ValueError, and
        clickhouse-connect's errors.
        """
        with self._connect() as client:
            ask(client, self._settings.database, since, until)

    def _once(
        self, schedule: Schedule, seconds: float, work: Callable[[], None], *, at_once: bool = False
    ) -> None:
        """Do what one worker of all is to do: the one that has the first share."""

        def if_first() -> None:
            leases = self.leases
            if 0 in (leases.held if leases is not None else alone(self._settings).shares):
                work()

        schedule.every(seconds, if_first, at_once=at_once)

    def _run(self, job: ClassifyJob) -> None:
        # Also while nothing is tried: what it had is to be let go.
        grant = self._granted("job")
        if grant is not None:
            job.work_on(grant)
            if not grant.shares:
                return
        if self._stopping.is_set() or time.monotonic() < self._retry_at:
            return
        began = time.monotonic()

        def stopping() -> bool:
            # Asked between batches. While new rows keep coming a run has no end: what was wrong
            # before it is over as soon as rows are written again.
            if job.written_at > began and not self._stopping.is_set():
                self._failure = ""
            return self._is_to_end("job")

        try:
            job.run(stopping)
        except LeaseLostError as error:
            # Its traces are another's by now, or will be its own again.
            self._warn("what was judged was not written", error)
        except Exception as error:
            self.telemetry.errors.labels("storage").inc()
            self._retry_seconds = min(
                max(_FIRST_RETRY_SECONDS, self._retry_seconds * 2), _LAST_RETRY_SECONDS
            )
            self._retry_at = time.monotonic() + self._retry_seconds
            logger.exception("judging failed; trying again in %.0f s", self._retry_seconds)
            if not self._stopping.is_set():
                self._failure = f"{type(error).__name__}: {error}"
        else:
            self._retry_seconds = self._retry_at = 0.0
            if not self._stopping.is_set():
                self._failure = ""

    def _granted(self, user: str) -> Grant | None:
        """What ``user`` may work on now; None where nobody leases."""
        if self.leases is None:
            return None
        grant = self.leases.use(user)
        self.telemetry.shares.set(len(self.leases.held))
        return grant

    def _is_to_end(self, user: str) -> bool:
        """Whether to finish the batch at hand and come back."""
        moved = self.leases is not None and self.leases.changed(user)
        return moved or self._stopping.is_set()

    def _settle(self, settling: Settling) -> None:
        """What waits for the classifiers. The job does it as well when it judges."""
        grant = self._granted("settling")
        if grant is not None:
            settling.work_on(grant)
            if not grant.shares:
                return
        try:
            rows = settling.run(lambda: self._is_to_end("settling"))
            self.telemetry.settled_rows.inc(rows)
        except LeaseLostError as error:
            self._warn("what was settled was not written", error)
        except Exception as error:
            self.telemetry.errors.labels("storage").inc()
            self._warn("rows that wait could not be settled", error)

    def _keep_custom(self) -> None:
        """Custom classifiers of another model are learned anew; those of files follow them."""
        with self._trying("custom classifiers could not be brought up to date"):
            if not self._up_to_date:
                for name in self.catalog.learn_anew():
                    logger.info("custom classifier %s is learned anew for this model", name)
                self._up_to_date = True
            if self._folder is not None and self._folder.read():
                self.telemetry.errors.labels("classifier_files").inc()

    def _calibrate(self) -> None:
        """Where there are enough new reviews. The job takes over what they move."""
        with self._trying("reviews could not be weighed"):
            self.calibrating.all_new()

    def _forget(self) -> None:
        """What has come since of what is forgotten."""
        with self._trying("what is to be forgotten could not be removed"):
            self.forgetting.go_on()

    def _tally(self) -> None:
        """Hours in which nothing changes any more, for boards."""
        with self._trying("hours could not be tallied"), self._connect() as client:
            self._tallying.look(client, self._stopping.is_set)

    def _remove_old_text(self) -> None:
        """Of what is older than EVERYSPAN_CONTENT_DAYS."""
        with self._trying("old texts could not be removed"), self._connect() as client:
            changed = remove_old_text(client, self._settings, self._settings.content_days)
            _tell_removed("texts older than EVERYSPAN_CONTENT_DAYS were removed", changed)

    def _remove_old_rows(self) -> None:
        """Of projects that keep theirs for less long."""
        with self._trying("old rows of projects could not be removed"), self._connect() as client:
            removed = remove_old_rows(client, self._settings, self._settings.kept_days)
            _tell_removed("rows older than EVERYSPAN_PROJECT_RETENTION_DAYS are removed", removed)

    def _measure(self) -> None:
        """What reviews say now, for boards."""
        with self._trying("what reviews say could not be written down"), self._connect() as client:
            self._measuring.look(client)

    @contextmanager
    def _trying(self, trouble: str) -> Iterator[None]:
        """What is done now and then: where it fails that is counted and said, and no more."""
        try:
            yield
        except Exception as error:
            self.telemetry.errors.labels("storage").inc()
            self._warn(trouble, error)

    def _warn(self, what: str, error: Exception) -> None:
        """Once for each error: what is tried every few seconds would fill the log."""
        told = f"{type(error).__name__}: {error}"
        if self._said.get(what) != told:
            logger.warning("%s: %s", what, told, exc_info=not isinstance(error, ModelError))
        self._said[what] = told

    def _observe(self) -> None:
        if self._job is not None:
            self._job.tell_lag()
            self.calibrating.use(self._job.equipped)
        with self._trying("coverage could not be read"), self._connect() as client:
            found = coverage(client, self._settings.database, days=_COVERAGE_DAYS)
            self.telemetry.pending_rows.set(found.pending)
            self.telemetry.outdated_rows.set(found.outdated)
            self.telemetry.coverage.set(1.0 if found.ratio is None else found.ratio)


def _tell_removed(what: str, rows: Mapping[str, int]) -> None:
    """``rows``: by table."""
    if rows:
        counts = ", ".join(f"{number} of {table}" for table, number in rows.items())
        logger.info("%s: %s", what, counts)


def _who(names: Sequence[str]) -> str:
    if judges := [name for name in names if name not in (VECTORS, MODEL)]:
        whose = "its" if len(judges) == 1 else "their"
        return f"{', '.join(judges)} can't judge, {whose} rows wait"
    if VECTORS in names:
        return "texts get no vectors, which custom classifiers compare"
    return "no classifier needs it now, but the model is damaged"


def _scope(caller: Caller) -> Scope | None:
    """What a key opens; what is common to all projects, none does."""
    if caller.path == _FORGET or _EXPERIMENTS.fullmatch(caller.path):
        return "admin"
    if caller.path == _REVIEWS or any(each.fullmatch(caller.path) for each in _OF_REVIEW):
        return "review"
    return "admin" if _KEYS.fullmatch(caller.path) else None


def create_app(
    service: ClassifyService, keys: Keys | None = None, audit: Audit | None = None
) -> ServiceApp:
    """/v1/rejudge, /v1/classifiers, /v1/calibrations, /v1/forget, health and /openapi.json. Whoever
    made ``service`` starts and stops it."""

    async def ready() -> str:
        return service.not_ready

    app = ServiceApp(
        service.gate(keys),
        ready=ready,
        registries=(service.telemetry.registry,),
        schema=True,
        audit=audit,
        # Each answer is kept with who gave it; a key is noted by its id.
        unaudited=frozenset((_REVIEWS, "/v1/keys")),
    )
    app.include_router(router(service.catalog))
    app.include_router(calibrations(service.calibrating))
    app.include_router(forgetting(service.forgetting))

    @app.post("/v1/rejudge", status_code=202)
    def rejudge(stretch: Stretch) -> dict[str, str]:
        """Have the spans that start in a stretch of time judged again."""
        try:
            service.judge_again(stretch.since, stretch.until)
        except ValueError as error:
            raise HTTPException(422, str(error)) from error
        return {"since": stretch.since.isoformat(), "until": stretch.until.isoformat()}

    return app
