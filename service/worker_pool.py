"""Worker processes that end with the process that started them.

A ProcessPoolExecutor alone leaves its workers behind when its owner is killed, and stays broken
once one worker was.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import ParamSpec, TypeVar

from service.log import log_to_stderr

_P = ParamSpec("_P")
_T = TypeVar("_T")


class WorkerPool:
    """Runs functions in ``workers`` processes; 0 runs them in one thread of this process.

    ``memory``: bytes of data that a worker may have, 0 for no limit; over it calls get MemoryError.
    """

    def __init__(self, workers: int, memory: int = 0) -> None:
        self._workers = workers
        self._memory = memory
        #: Calls that run at a time.
        self.size = max(1, workers)
        self._lock = threading.Lock()
        self._executor = self._start()

    def submit(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Like ``Executor.submit``. A pool broken by a killed worker is replaced first; the calls
        that ran in the broken one fail with BrokenProcessPool. It is raised here where no worker
        can be started for now, for want of memory or of file handles."""
        with self._lock:
            try:
                return self._submit(function, *args, **kwargs)
            except OSError as error:
                raise BrokenProcessPool(f"no worker process can be started: {error}") from error

    def _submit(
        self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> Future[_T]:
        try:
            return self._executor.submit(function, *args, **kwargs)
        except BrokenProcessPool:
            # The new one first: where it can't be made, the next call comes here again.
            broken, self._executor = self._executor, self._start()
            broken.shutdown(wait=False, cancel_futures=True)
            return self._executor.submit(function, *args, **kwargs)

    def close(self) -> None:
        """Wait for what runs, then end the workers."""
        with self._lock:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def _start(self) -> Executor:
        if self._workers == 0:
            return ThreadPoolExecutor(1, thread_name_prefix="worker")
        # Never fork: the owner has threads, and an open ClickHouse in it.
        return ProcessPoolExecutor(
            self._workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_in_worker,
            initargs=(self._memory,),
        )


def _in_worker(memory: int) -> None:
    log_to_stderr()
    if memory:
        resource.setrlimit(resource.RLIMIT_DATA, (memory, resource.RLIM_INFINITY))
    # Ctrl-C reaches the whole process group; the owner decides when work ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_owner, daemon=True).start()


def _end_with_owner() -> None:
    owner = multiprocessing.parent_process()
    if owner is not None:
        wait([owner.sentinel])
        os._exit(1)
