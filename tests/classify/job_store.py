"""A real ClickHouse in process, a database for each test, and classifiers of the tests' own."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client

from classify.classifier import Classifier, Layer, Subject, Unit
from classify.job.classify_job import ClassifyJob
from classify.settings import ClassifySettings
from clickhouse.connection import connect
from clickhouse.span import SPAN_COLUMNS, Span, Verdict, columns_of
from tests.clickhouse.migrated import without_rows

SECOND = 10**9
#: A program on this machine, for TestClient.
HERE, CALLER = "http://127.0.0.1", ("127.0.0.1", 50_000)


@dataclass
class Store:
    """A database with two classifiers' columns, ``words`` and ``tree``."""

    client: Client
    settings: ClassifySettings
    more: list[Client] = field(default_factory=list)

    @property
    def database(self) -> str:
        return self.settings.database

    def another_client(self) -> Client:
        client = connect(self.settings.dsn)
        self.more.append(client)
        return client

    def insert(self, spans: Sequence[Span]) -> None:
        """As ingest does: without verdicts."""
        self.client.insert(
            "spans_raw",
            columns_of(spans),
            column_names=list(SPAN_COLUMNS),
            column_oriented=True,
            database=self.database,
        )

    def insert_content(self, rows: Sequence[tuple[str, str, int, int, str, str]]) -> None:
        """(trace_id, span_id, time, record_id, name, attributes)."""
        self.client.insert(
            "span_content",
            rows,
            column_names="trace_id span_id time record_id name attributes".split(),
            database=self.database,
        )

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Of this database; ``spans`` is the view."""
        self.client.database = self.database
        rows = self.client.query(sql, query_formats={"DateTime64": "int"}).result_rows
        return [tuple(row) for row in rows]

    def job(self, *classifiers: Classifier, **settings: Any) -> ClassifyJob:
        changed = self.settings.model_copy(update=settings)
        return ClassifyJob(
            changed, lambda: connect(self.settings.dsn), classifiers or (Words(), Tree())
        )

    def judge(self, *classifiers: Classifier, **settings: Any) -> int:
        """One run of a job of its own."""
        job = self.job(*classifiers, **settings)
        try:
            return job.run()
        finally:
            job.close()


@contextmanager
def engine(path: Path) -> Iterator[str]:
    """The DSN of an embedded engine that stays open."""
    dsn = f"chdb://{path}"
    client = connect(dsn)
    try:
        yield dsn
    finally:
        client.close()


@contextmanager
def store(dsn: str) -> Iterator[Store]:
    """A database without rows."""
    with without_rows(dsn, _columns_of_tests) as (client, name):
        settings = ClassifySettings(
            clickhouse_dsn=dsn,
            database=name,
            classify_trace_quiet_seconds=0,
            classify_workers=0,
        )
        found = Store(client, settings)
        try:
            yield found
        finally:
            for other in found.more:
                other.close()


def _columns_of_tests(client: Client, database: str) -> None:
    for name in ("words", "tree", "recall"):
        client.command(
            f"ALTER TABLE {database}.spans_raw"
            f" ADD COLUMN {name} LowCardinality(String) DEFAULT '',"
            f" ADD COLUMN {name}_score Float32 DEFAULT nan"
        )
    # The view lists the columns that were there when it was made.
    client.command(
        f"CREATE OR REPLACE VIEW {database}.spans AS SELECT * FROM {database}.spans_raw FINAL"
    )


@dataclass
class Words:
    """Fails spans with 'bad' in the output. Does what the output says to try the job's patience."""

    name: str = "words"
    description: str = "The output says bad."
    version: int = 1
    unit: Unit = "span"
    layer: Layer = "quality"
    step_kinds: frozenset[str] = frozenset({"llm", "tool"})
    needs: tuple[str, ...] = ()
    threshold: float = 0.5

    def judge(self, subjects: Sequence[Subject]) -> list[Verdict]:
        return [self._one(subject.span) for subject in subjects]

    def _one(self, span: Span) -> Verdict:
        if "raise" in span.output:
            raise ValueError("no such word")
        if "exit" in span.output:
            os._exit(3)
        if "hang" in span.output:
            time.sleep(600)
        if "bad" in span.output:
            return Verdict("fail", 0.9, f"‘{span.output[:40]}’")
        return Verdict("pass", 0.1)


@dataclass
class Tree:
    """Fails traces with a failed step."""

    name: str = "tree"
    description: str = "A step failed."
    version: int = 1
    unit: Unit = "trace"
    layer: Layer = "quality"
    step_kinds: frozenset[str] = frozenset()
    needs: tuple[str, ...] = ()
    threshold: float = 0.5

    def judge(self, subjects: Sequence[Subject]) -> list[Verdict]:
        return [
            Verdict("fail", 1.0, f"{n} of {len(s.trace.spans)} steps")
            if (n := sum(span.status == "error" for span in s.trace.spans))
            else Verdict("pass", 0.0, f"{len(s.trace.spans)} steps")
            for s in subjects
        ]


@dataclass
class Recall:
    """Says which earlier traces of the session it was shown."""

    name: str = "recall"
    description: str = "The session so far."
    version: int = 1
    unit: Unit = "session"
    layer: Layer = "quality"
    step_kinds: frozenset[str] = frozenset()
    needs: tuple[str, ...] = ()
    threshold: float = 0.5

    def judge(self, subjects: Sequence[Subject]) -> list[Verdict]:
        return [
            Verdict("pass", 0.0, " ".join(["seen", *(t.root.name for t in s.trace.session)]))
            for s in subjects
        ]


def now() -> int:
    """ns since 1970, not a round number."""
    return time.time_ns() // 1000 * 1000 + 321


def trace_id(number: int) -> str:
    return f"{number:032x}"


def trace(number: int, steps: int = 3, *, start: int | None = None, **root: Any) -> list[Span]:
    """A root and its steps, one millisecond apart; ``root`` sets columns of the root."""
    start = start if start is not None else now() - 60 * SECOND
    spans = [
        Span(
            trace_id(number),
            f"{1:016x}",
            name=f"trace {number}",
            step_kind="agent",
            start_time=start,
            duration_ms=float(steps),
            service_name="shop",
            attributes={"a": "1", "ü": "“"},
        )
    ]
    for column, value in root.items():
        setattr(spans[0], column, value)
    spans += [
        Span(
            trace_id(number),
            f"{i:016x}",
            f"{1:016x}",
            name=f"step {i}",
            step_kind="llm",
            start_time=start + i * 10**6,
            duration_ms=1.0,
            service_name="shop",
            input_tokens=i,
            output="good",
            documents=["one", "two"],
            document_scores=[0.5, 0.25],
        )
        for i in range(2, steps + 1)
    ]
    return spans
