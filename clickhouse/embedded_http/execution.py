"""From a question to its answer: a place, the guard, the engine, and an end in any case.

A statement ends by itself, by the engine's time limit, by KILL, or not at all: ClickHouse looks at
neither inside one call of a function. The place of one that does not end is lost, and this process
with it: ``lost`` is set, and whoever runs the process replaces it.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from clickhouse.embedded_http import handshake, plain, settings
from clickhouse.embedded_http.engine import Engine, Result
from clickhouse.embedded_http.errors import REFUSED, QueryRefused
from clickhouse.embedded_http.guard import Guard, Statement
from clickhouse.embedded_http.guard_rules import OPERATORS, PROJECTS
from clickhouse.embedded_http.places import Place, Places
from clickhouse.embedded_http.request import Question

_T = TypeVar("_T")

# clickhouse-connect asks this at the start and from then on sends only settings that it may write.
_SETTINGS_QUESTION = re.compile(
    r"SELECT name, value, readonly(?: AS readonly)? FROM system\.settings( LIMIT \d+)?"
)
# Seconds past the engine's own time limit until a statement is killed from outside.
_GRACE_SECONDS = 1.0
# Seconds that a killed statement has until its place counts as lost.
_KILL_SECONDS = 3.0
# Reading a statement takes milliseconds. Some texts are made to take for ever.
_PARSE_SECONDS = 5.0
# Seconds that statements of others have to end once a place was lost.
_LAST_SECONDS = 4.0
# Longer statements are not kept among the checked ones.
_MAX_CACHED_CHARS = 8192
# Parameters that are values, whatever they are given: a statement with no others is the same one.
_VALUE = re.compile(r"\{(\w+):(String|Array\(String\)|U?Int(?:8|16|32|64))\}")
_STAND_INS = {"String": "", "Array(String)": "[]"}


class Disconnected(Exception):
    """The client went away before its answer was ready."""


@dataclass(slots=True, frozen=True)
class Answered:
    """The result, and the format that it is in."""

    result: Result
    format_name: str
    content_type: str


@dataclass(slots=True, frozen=True)
class _Prepared:
    """What the engine is given. ``answer`` where it needs not be asked."""

    sql: str
    format_name: str
    content_type: str
    database: str
    params: Mapping[str, str]
    settings: Mapping[str, str]
    seconds: float
    answer: Result | None = None
    project: str | None = None


class Execution:
    """Runs questions. ``counts``: outcomes by name, since the start."""

    def __init__(self, engine: Engine, places: Places, database: str) -> None:
        self._engine = engine
        self.places = places
        self._database = database
        self._threads = ThreadPoolExecutor(places.size, thread_name_prefix="clickhouse-http")
        #: KILL must get through when every thread is busy.
        self._killer = ThreadPoolExecutor(1, thread_name_prefix="clickhouse-http-kill")
        self._tasks: set[asyncio.Task[None]] = set()
        # Dashboards repeat their statements. The verdict depends on the text alone.
        self._checked = lru_cache(maxsize=256)(self._check)
        self._guards: dict[bool, Guard] = {}
        self.lost = asyncio.Event()
        self.counts: Counter[str] = Counter()

    async def answer(self, question: Question, gone: asyncio.Future[None]) -> Answered:
        """``gone`` is done when the client went away. Raises QueryRefused and Disconnected."""
        try:
            answered = await self._answer(question, gone)
        except QueryRefused as error:
            self.counts[_outcome(error.code)] += 1
            raise
        except Disconnected:
            self.counts["disconnected"] += 1
            raise
        self.counts["answered"] += 1
        return answered

    def leave(self, seconds: float) -> None:
        """Begin nothing more; what runs has so long to end."""
        self.places.close()
        asyncio.get_running_loop().call_later(
            seconds, self.places.ask_all_back, "this reader is leaving; ask again"
        )

    def close(self) -> None:
        """Begin nothing more. What runs is not waited for."""
        self.places.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _answer(self, question: Question, gone: asyncio.Future[None]) -> Answered:
        place = await self._place(gone)
        try:
            seconds = _PARSE_SECONDS
            prepared = await self._step(place, gone, seconds, self._prepare, question)
            result = prepared.answer
            if result is None:
                seconds = prepared.seconds
                result = await self._step(
                    place, gone, seconds + _GRACE_SECONDS, self._run, prepared, place
                )
            return Answered(result, prepared.format_name, prepared.content_type)
        except TimeoutError as error:
            raise QueryRefused(159, f"Timeout exceeded: {seconds:g} seconds") from error
        finally:
            if place.idle:
                self.places.free(place)
            else:
                task = asyncio.ensure_future(self._end(place))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _place(self, gone: asyncio.Future[None]) -> Place:
        taking = asyncio.ensure_future(self.places.take())
        try:
            both: set[asyncio.Future[Any]] = {taking, gone}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if taking.done():
                return taking.result()
            raise Disconnected
        finally:
            taking.cancel()

    async def _step(
        self,
        place: Place,
        gone: asyncio.Future[None],
        seconds: float,
        function: Callable[..., _T],
        *args: object,
    ) -> _T:
        """One call in a thread. Raises TimeoutError, QueryRefused and Disconnected."""
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._threads, function, *args)
        place.work = work
        waited: set[asyncio.Future[Any]] = {work, gone, place.asked_back}
        await asyncio.wait(waited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        if gone.done():
            raise Disconnected
        if place.asked_back.done():
            raise QueryRefused(202, f"Too many simultaneous queries: {place.asked_back.result()}")
        raise TimeoutError

    async def _end(self, place: Place) -> None:
        """Stop what still runs in a place, and see that it does."""
        assert place.work is not None
        place.stopped.set()
        loop = asyncio.get_running_loop()
        killing = loop.run_in_executor(self._killer, self._engine.kill, place.tag)
        killing.add_done_callback(_seen)
        place.work.add_done_callback(_seen)
        await asyncio.wait({place.work}, timeout=_KILL_SECONDS)
        if not place.idle:
            self._lose()
            await asyncio.wait({place.work})
        self.places.free(place)

    def _lose(self) -> None:
        self.counts["lost"] += 1
        if not self.lost.is_set():
            self.lost.set()
            self.leave(_LAST_SECONDS)

    def _prepare(self, question: Question) -> _Prepared:
        """What to run. Raises QueryRefused."""
        engine = self._engine
        if not question.sql.strip():
            raise QueryRefused(62, "Empty query")
        params = _told_apart_by(question)
        check = self._checked if len(question.sql) <= _MAX_CACHED_CHARS else self._check
        alone = question.project is not None
        statement = check(question.sql, params, alone)
        wanted: dict[str, str] = {}
        for name, value in question.settings.items():
            wanted |= self._guard(alone).check_setting(name, value)
        limited = engine.limited(wanted | dict(statement.settings))
        if alone:
            # How much was read depends on what others have.
            limited |= {"output_format_write_statistics": "0"} | plain.SETTINGS
            if filters := limited.get(plain.FILTERS):
                limited[plain.FILTERS] = plain.instead_in_filters(
                    filters, self._database, engine.canonical
                )
        asked = statement.format or question.default_format
        if asked.lower() not in engine.formats:
            raise QueryRefused(73, f"Unknown format {asked}")
        format_name, content_type = engine.formats[asked.lower()]
        sql, answer = statement.sql, None
        if sql == handshake.QUESTION:
            if handshake.needs_block(question.protocol_version, format_name):
                data = handshake.block(engine.version, engine.timezone)
                answer = Result(data, 1, len(data), 0.0)
            sql = handshake.PLAIN_ANSWER
        elif found := _SETTINGS_QUESTION.fullmatch(sql):
            sql = (
                f"SELECT name, value, toUInt8(NOT match(name, {settings.quote(settings.WRITABLE)}))"
                f" AS readonly FROM system.settings{found[1] or ''}"
            )
        given = question.params if params else {}
        database = self._current_database(question.database)
        if alone:
            given = plain.instead_in_names(sql, given, self._database)
            sql = plain.instead(sql, self._database)
            database = plain.DATABASE if database == self._database else database
        return _Prepared(
            sql,
            format_name,
            content_type,
            database,
            given,
            limited,
            float(limited["max_execution_time"]),
            answer,
            question.project,
        )

    def _run(self, prepared: _Prepared, place: Place) -> Result:
        if place.stopped.is_set():
            raise Disconnected
        try:
            return self._engine.run(
                prepared.sql,
                prepared.format_name,
                database=prepared.database,
                params=prepared.params,
                settings=prepared.settings,
                tag=place.tag,
                project=prepared.project,
            )
        except QueryRefused as error:
            error.message = error.message.replace(f"{plain.DATABASE}.", f"{self._database}.")
            raise

    def _check(self, sql: str, params: tuple[tuple[str, str], ...], alone: bool) -> Statement:
        return self._guard(alone).check(sql, dict(params))

    def _guard(self, alone: bool) -> Guard:
        """``alone``: for a reader of one project."""
        if alone not in self._guards:
            engine = self._engine
            self._guards[alone] = Guard(
                engine.canonical,
                engine.syntax_tree,
                engine.table_functions,
                PROJECTS if alone else OPERATORS,
            )
        return self._guards[alone]

    def _current_database(self, asked: str) -> str:
        if asked == "system":
            raise QueryRefused(497, "name tables of 'system' in full: system.tables")
        return self._database if asked in ("", "default") else asked


def _told_apart_by(question: Question) -> tuple[tuple[str, str], ...]:
    """The parameters that a statement is checked with: those that could name something, and
    stand-ins for values."""
    if "{" not in question.sql:
        return ()
    values = _VALUE.findall(question.sql)
    if len(values) < question.sql.count("{"):
        return tuple(sorted(question.params.items()))
    return tuple(sorted((name, _STAND_INS.get(kind, "0")) for name, kind in values))


def _seen(work: asyncio.Future[Any]) -> None:
    if not work.cancelled():
        work.exception()  # Nobody may be waiting for it any more.


def _outcome(code: int) -> str:
    """What became of a statement that was not answered."""
    return {159: "timeout", 202: "busy"}.get(code, "refused" if code in REFUSED else "failed")
