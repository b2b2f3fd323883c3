"""Judges in worker processes, and outlives classifiers that kill or hang one."""

from __future__ import annotations

import faulthandler
import pickle
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache

from classify.classifier import Classifier
from classify.custom.member import unpickled
from classify.custom.vectors import Vectors
from classify.detectors import model as detector_model
from classify.detectors.files import Installed
from classify.job.judging import judge
from classify.job.task import VECTORS, Judged, Task
from classify.job.working import told, trouble
from classify.models import encoder, files
from service.worker_pool import WorkerPool


class WorkerDiedError(Exception):
    """The worker process died of this task twice, the second time with nothing else to do."""


class JudgePool:
    """``workers`` 0 judges in this process, where neither crash nor hang can be survived.

    Classifiers travel pickled: they are instances of importable classes, and load what is large
    when they are first asked. For use by one thread.
    """

    def __init__(
        self, classifiers: Sequence[Classifier], workers: int, timeout_seconds: float
    ) -> None:
        self._classifiers = pickle.dumps(tuple(classifiers))
        self._timeout = timeout_seconds if workers else 0.0
        self._workers = workers
        self._pool = WorkerPool(workers)
        #: Tasks in flight that keep all workers busy.
        self.depth = workers + 1

    def submit(self, task: Task) -> Future[Judged]:
        """Begin; give the answer to ``result`` with the same task."""
        return self._pool.submit(_judge_in_worker, task, self._classifiers, self._timeout)

    def result(self, task: Task, future: Future[Judged]) -> Judged:
        """Wait. A task whose worker died gets a second chance, alone. Raises WorkerDiedError."""
        try:
            return future.result()
        except BrokenProcessPool:
            # Whatever else was in flight died with it, so the task at fault is this one if it
            # happens again.
            try:
                return self.submit(task).result()
            except BrokenProcessPool as error:
                raise WorkerDiedError("a worker process died twice of the same rows") from error

    def troubles(self, names: Collection[str], custom: bytes = b"") -> dict[str, str]:
        """Of the classifiers ``names``, and VECTORS: those that can't judge an everyday trace, and
        why. One that kills its worker is among them. ``custom``: the custom ones, pickled."""
        try:
            return self._troubles(sorted(names), custom)
        except BrokenProcessPool:
            found: dict[str, str] = {}
            for name in sorted(names):
                try:
                    found |= self._troubles([name], custom)
                except BrokenProcessPool:
                    found[name] = "it kills its worker process"
            return found

    def trial(self, installed: Installed) -> str:
        """Why a detector can't read an everyday text; '' where it can."""
        try:
            return self._pool.submit(_trial_in_worker, installed, self._timeout).result()
        except BrokenProcessPool:
            return f"detector {installed.detector.name}: it kills its worker process"

    def renew(self) -> None:
        """New workers, which know nothing of the model that the old ones had loaded."""
        self._pool.close()
        files.heads.cache_clear()
        encoder.encoder.cache_clear()
        detector_model.model.cache_clear()
        self._pool = WorkerPool(self._workers)

    def use(self, classifiers: Sequence[Classifier]) -> None:
        """From the next task on these judge."""
        self._classifiers = pickle.dumps(tuple(classifiers))

    def close(self) -> None:
        """End the workers."""
        self._pool.close()

    def _troubles(self, names: list[str], custom: bytes) -> dict[str, str]:
        return self._pool.submit(
            _troubles_in_worker, names, custom, self._classifiers, self._timeout
        ).result()


def _judge_in_worker(task: Task, classifiers: bytes, timeout: float) -> Judged:
    began = time.monotonic()
    with _watchdog(timeout):
        judged = judge(task, _unpickled(classifiers))
    judged.seconds = time.monotonic() - began
    return judged


def _trial_in_worker(installed: Installed, timeout: float) -> str:
    with _watchdog(timeout):
        try:
            detector_model.trial(installed)
        except Exception as error:
            reason = told(error)
            name = f"detector {installed.detector.name}"
            return reason if reason.startswith(name) else f"{name}: {reason}"
    return ""


def _troubles_in_worker(
    names: list[str], custom: bytes, classifiers: bytes, timeout: float
) -> dict[str, str]:
    with _watchdog(timeout):
        asked = [*_unpickled(classifiers), *unpickled(custom).members]
        found = {each.name: trouble(each) for each in asked if each.name in names}
        if VECTORS in names:
            try:
                Vectors().of(["everyday"])
            except Exception as error:
                found[VECTORS] = told(error)
    return {name: reason for name, reason in found.items() if reason}


@contextmanager
def _watchdog(timeout: float) -> Iterator[None]:
    if timeout:
        # A regular expression that runs away holds the interpreter; this watchdog needs none.
        faulthandler.dump_traceback_later(timeout, exit=True)
    try:
        yield
    finally:
        if timeout:
            faulthandler.cancel_dump_traceback_later()


@lru_cache(maxsize=2)
def _unpickled(classifiers: bytes) -> tuple[Classifier, ...]:
    found: tuple[Classifier, ...] = pickle.loads(classifiers)  # noqa: S301 - our own
    return found
