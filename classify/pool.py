"""Judges in worker processes, and outlives classifiers that kill or hang one."""

from __future__ import annotations

import faulthandler
import pickle
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache

from classify.classifier import Classifier
from classify.judge import Judged, Task, judge
from ingest.worker_pool import WorkerPool


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

    def close(self) -> None:
        """End the workers."""
        self._pool.close()


def _judge_in_worker(task: Task, classifiers: bytes, timeout: float) -> Judged:
    if timeout:
        # A regular expression that runs away holds the interpreter; this watchdog needs none.
        faulthandler.dump_traceback_later(timeout, exit=True)
    try:
        return judge(task, _unpickled(classifiers))
    finally:
        if timeout:
            faulthandler.cancel_dump_traceback_later()


@lru_cache(maxsize=2)
def _unpickled(classifiers: bytes) -> tuple[Classifier, ...]:
    found: tuple[Classifier, ...] = pickle.loads(classifiers)  # noqa: S301 - our own
    return found
