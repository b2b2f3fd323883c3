"""Adds, sharpens, lists and removes custom classifiers: the one way in for CLI, HTTP and Python.

    catalog = Catalog(lambda: connect(dsn), "everyspan")
    answer = catalog.add(Definition(name="promises_refund"), positive=["00f067aa0ba902b7", …])

What it stores the running classify job takes over within its next search for work.
"""

from __future__ import annotations

import getpass
import logging
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from clickhouse_connect.driver.client import Client
from pydantic import BaseModel, ValidationError

from classify.custom import classifier_store, traffic
from classify.custom.classifier_definition import (
    Definition,
    DefinitionError,
    Example,
    Mark,
    NameInUseError,
    State,
    UnknownClassifierError,
    plain,
    said,
)
from classify.custom.classifier_store import Record
from classify.custom.fewshot import Head, learn
from classify.custom.member import joined
from classify.custom.texts import texts_of
from classify.custom.vectors import Vectors, model, using
from classify.job.back_fill import progress
from clickhouse.span import SPAN_COLUMNS

logger = logging.getLogger(__name__)

#: Rows that are shown to confirm or reject.
SHOWN = 10
#: Examples of opposite marks that are closer than this contradict each other (cosine).
_CONTRADICTION = 0.975
#: Classifiers that share more than this of what they fail are near-duplicates (Jaccard).
_DUPLICATE, _DUPLICATE_LEAST = 0.6, 3
#: A sample of the traffic serves several answers of one review.
_SAMPLE_SECONDS = 120.0
_ID = re.compile(r"(?:([0-9a-f]{32})[/:])?([0-9a-f]{16})|([0-9a-f]{32})")
_TEXT = 2000


class Shown(BaseModel):
    """A row of real traffic and what the classifier says of it. ``score``: 0 to 1."""

    trace_id: str
    span_id: str
    score: float
    text: str


class Duplicate(BaseModel):
    """A classifier that says much the same. ``overlap``: of the rows that either fails, the share
    that both do, 0 to 1."""

    name: str
    overlap: float


class Answer(BaseModel):
    """What somebody needs to trust a classifier, or not.

    ``reason``: why it is not live, '' where it is. ``quality``: cross-checked on the examples.
    ``expected_fail_rate``: of ``sampled`` rows, None where there were none. ``to_go_over``: stored
    rows that it will judge now.
    """

    name: str
    version: int
    state: State
    reason: str
    threshold: float
    quality: dict[str, Any]
    nearest: list[Shown]
    borderline: list[Shown]
    expected_fail_rate: float | None
    sampled: int
    near_duplicates: list[Duplicate]
    to_go_over: int


class Listed(BaseModel):
    """One line of the list. ``set_aside``: why its record can't be read, '' where it can."""

    name: str
    state: str
    version: int
    on: str
    describe: str
    examples: int
    rules: int
    author: str
    source: str
    changed_at: str
    set_aside: str = ""


@dataclass(slots=True)
class _Cached:
    at: float
    key: tuple[Any, ...]
    sample: traffic.Sample


class Catalog:
    """``connect`` gives each call a client of its own. ``classifiers``: the built-in ones' names.

    Methods raise DefinitionError for what the user gave, and clickhouse-connect's errors. Safe to
    call from several threads.
    """

    def __init__(
        self, connect: Callable[[], Client], database: str, classifiers: Sequence[str] = ()
    ) -> None:
        self._connect = connect
        self._database = database
        if not classifiers:
            from classify.registry import BUILT_IN

            classifiers = [each.name for each in BUILT_IN]
        self._classifiers = list(classifiers)
        self._lock = threading.Lock()
        self._cached: _Cached | None = None
        self._vectors = Vectors()

    def add(
        self,
        definition: Definition,
        positive: Sequence[str] = (),
        negative: Sequence[str] = (),
        *,
        author: str = "",
        enable: bool = False,
    ) -> Answer:
        """Learn a new classifier and let it judge. ``positive``, ``negative``: span ids besides the
        definition's own examples. With too little evidence it is stored as a draft, which judges
        nothing; ``enable`` lets it judge all the same."""
        with self._lock, self._connect() as client, using(self._vectors):
            self._free(client, definition.name)
            self._cached = None
            definition = self._complete(client, definition, positive, negative)
            return self._learn(client, definition, author=author, enable=enable)

    def mark(
        self,
        name: str,
        positive: Sequence[str] = (),
        negative: Sequence[str] = (),
        *,
        author: str = "",
    ) -> Answer:
        """Learn anew with more examples; an earlier mark of the same row is overruled."""
        with self._lock, self._connect() as client, using(self._vectors):
            record = self._one(client, name)
            if not positive and not negative:
                raise DefinitionError("positive and negative are empty: name rows to learn from")
            definition = self._complete(client, record.definition, positive, negative)
            return self._learn(client, definition, author=author, before=record)

    def review(self, name: str) -> Answer:
        """What the classifier says of real rows that nobody has marked yet."""
        with self._lock, self._connect() as client, using(self._vectors):
            return self._answer(client, self._one(client, name), "")

    def disable(self, name: str, author: str = "") -> Listed:
        """It judges no more; the verdicts that it gave stay."""
        return self._set(name, "disabled", author)

    def enable(self, name: str, author: str = "") -> Listed:
        """It judges again, and goes over the rows that came meanwhile. Drafts too: on your word."""
        return self._set(name, "live", author)

    def remove(self, name: str, author: str = "") -> Listed:
        """It judges no more, and its verdicts go from the rows in the background."""
        return self._set(name, "removed", author)

    def all(self, *, removed: bool = False) -> list[Listed]:
        """All by name."""
        with self._connect() as client:
            readable, unreadable = classifier_store.everything(client, self._database)
        found = [*map(listed, readable), *map(listed_aside, unreadable)]
        return sorted(
            (each for each in found if removed or each.state != "removed"),
            key=lambda each: each.name,
        )

    def show(self, name: str) -> Record:
        """The newest state of one."""
        with self._connect() as client:
            return self._one(client, name)

    def history(self, name: str) -> Sequence[Record]:
        """All states of one, newest first."""
        with self._connect() as client:
            found = classifier_store.history(client, self._database, name)
        if not found:
            raise self._unknown(name, [])
        return found

    def take(self, record: Record, *, replacing: bool = False, enable: bool = False) -> Answer:
        """Store what a file holds. What it has learned counts if it is of this model; else it is
        learned anew from its examples. ``replacing``: whatever has the name now."""
        with self._lock, self._connect() as client, using(self._vectors):
            before = None
            if replacing:
                found = classifier_store.current(client, self._database, record.name)
                before = found[0] if found else None
                self._not_built_in(record.name)
            else:
                self._free(client, record.name)
            definition = self._complete(client, record.definition, (), ())
            if record.head and record.model == model():
                self._check_head(record)
                version = before.version + 1 if before else record.version
                stored = classifier_store.put(
                    client, self._database, replace(record, definition=definition, version=version)
                )
                return self._answer(client, stored, "")
            return self._learn(
                client,
                definition,
                author=record.author,
                before=before,
                source=record.source,
                enable=enable,
            )

    def learn_anew(self) -> list[str]:
        """Those that another model's vectors taught, from their examples. Returns names."""
        done = []
        with self._lock, self._connect() as client, using(self._vectors):
            for record in classifier_store.current(client, self._database):
                if record.state == "removed" or not record.head or record.model == model():
                    continue
                try:
                    self._learn(client, record.definition, author=record.author, before=record)
                except DefinitionError as error:
                    # It keeps the verdicts that it gave; the others are learned all the same.
                    logger.error("%s can't be learned anew: %s", record.name, error)
                    continue
                done.append(record.name)
        return done

    def back_fill(self) -> tuple[int, int]:
        """Judged rows, and those that custom classifiers have yet to go over."""
        with self._connect() as client:
            found = progress(client, self._database)
        return found.rows, found.left

    def _set(self, name: str, state: State, author: str) -> Listed:
        with self._lock, self._connect() as client:
            aside = self._aside(client, name)
            if aside is not None and state != "live":
                classifier_store.put_state(client, self._database, aside, state)
                return listed_aside(replace(aside, state=state))
            record = self._one(client, name)
            if record.state == state:
                raise DefinitionError(f"'{name}' is {state} already")
            stored = classifier_store.put(
                client,
                self._database,
                replace(record, state=state, author=author or record.author),
            )
            return listed(stored)

    def _aside(self, client: Client, name: str) -> classifier_store.Unreadable | None:
        found = classifier_store.everything(client, self._database, name)[1]
        return found[0] if found and found[0].state != "removed" else None

    def _one(self, client: Client, name: str) -> Record:
        found, aside = classifier_store.everything(client, self._database, name)
        if found and found[0].state != "removed":
            return found[0]
        if aside and aside[0].state != "removed":
            raise DefinitionError(
                f"'{name}' is set aside, its record can't be read: {aside[0].reason}; remove it"
                f" (`everyspan classifier remove {name}`), import it again from a file, or install"
                " the version that wrote it"
            )
        names = [
            each.name
            for each in classifier_store.current(client, self._database)
            if each.state != "removed"
        ]
        raise self._unknown(name, names)

    def _unknown(self, name: str, names: Sequence[str]) -> UnknownClassifierError:
        if name in self._classifiers:
            return UnknownClassifierError(
                f"'{name}' comes with Everyspan; it is no custom classifier"
            )
        there = f"there are {', '.join(names)}" if names else "there is none yet"
        return UnknownClassifierError(f"there is no custom classifier '{name}'; {there}")

    def _not_built_in(self, name: str) -> None:
        if name in self._classifiers or name in SPAN_COLUMNS:
            raise NameInUseError(
                f"name '{name}' is taken by a column of spans; choose another, such as my_{name}"
            )

    def _free(self, client: Client, name: str) -> None:
        self._not_built_in(name)
        found, aside = classifier_store.everything(client, self._database, name)
        if aside and aside[0].state != "removed":
            raise NameInUseError(
                f"name '{name}' is in use by a record that can't be read; remove it first, or"
                " choose another name"
            )
        if found and found[0].state != "removed":
            raise NameInUseError(
                f"name '{name}' is in use ({found[0].state}); sharpen it with `everyspan classifier"
                f" review {name}`, remove it first, or choose another name"
            )

    def _complete(
        self,
        client: Client,
        definition: Definition,
        positive: Sequence[str],
        negative: Sequence[str],
    ) -> Definition:
        """With the texts of the rows named, and checked."""
        asked: list[tuple[Mark, str]] = [("positive", i) for i in positive]
        asked += [("negative", i) for i in negative]
        new, kinds = self._examples(client, definition, asked)
        told = {(each.trace_id, each.span_id) for each in new}
        both = [i for i in told if len({e.mark for e in new if (e.trace_id, e.span_id) == i}) > 1]
        if both:
            raise DefinitionError(
                f"span {both[0][1]} is positive and negative; leave it out of one of them"
            )
        kept = [
            each
            for each in definition.examples
            if not each.span_id or (each.trace_id, each.span_id) not in told
        ]
        examples = _distinct([*kept, *new])
        if not definition.kinds and not definition.learns and definition.on != "steps" and kinds:
            definition = definition.model_copy(update={"kinds": sorted(kinds)})
        definition = definition.model_copy(update={"examples": examples})
        # Checks how the parts fit, which model_copy does not.
        return _validated(definition)

    def _examples(
        self, client: Client, definition: Definition, asked: Sequence[tuple[Mark, str]]
    ) -> tuple[list[Example], set[str]]:
        """Examples of span ids, and the kinds of step of the positive ones."""
        if not asked:
            return [], set()
        found = _find(client, self._database, [i for _, i in asked])
        if missing := [told for _, told in asked if told not in found]:
            raise DefinitionError(
                f"no span is stored with the id {', '.join(missing[:5])}"
                + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
                + "; give span ids (16 hex digits) as dashboards and `everyspan sql` show them, or"
                " TRACE/SPAN"
            )
        examples, kinds = [], set()
        whole = (
            {
                trace.root.trace_id: trace
                for trace in traffic.traces(
                    client, self._database, sorted({span.trace_id for span in found.values()})
                )
            }
            if definition.on == "steps"
            else {}
        )
        for mark, told in asked:
            span = found[told]
            if definition.on == "steps":
                trace = whole[span.trace_id]
                texts, ids = texts_of("steps", trace.root, trace), trace.root
            else:
                wanted = ["input", "output"] if definition.on == "both" else [definition.on]
                texts, ids = [getattr(span, column) for column in wanted], span
                if empty := [c for c, text in zip(wanted, texts, strict=True) if not text.strip()]:
                    other = "input" if empty[0] == "output" else "output"
                    raise DefinitionError(
                        f"span {told} ({span.step_kind} {span.name}) has no {empty[0]}; choose"
                        f" another span, or --on {other}"
                    )
            if mark == "positive":
                kinds.add(span.step_kind)
            examples.append(
                Example(mark=mark, texts=texts, trace_id=ids.trace_id, span_id=ids.span_id)
            )
        return examples, kinds

    def _learn(
        self,
        client: Client,
        definition: Definition,
        *,
        author: str,
        before: Record | None = None,
        source: str = "",
        enable: bool = False,
    ) -> Answer:
        """Learn, store, and tell."""
        positives, negatives = definition.marked("positive"), definition.marked("negative")
        if not definition.examples and not definition.fail_if:
            raise DefinitionError(
                f"'{definition.name}' has nothing to go by: name three or four spans with"
                " --positive, or write fail_if conditions into a rule file"
            )
        head, reason = b"", ""
        quality: dict[str, Any] = {}
        if definition.learns:
            _check_examples(positives, negatives)
            learned = self._head(client, definition)
            head, quality, reason = learned.to_bytes(), learned.quality, learned.reason
        state: State = "draft" if reason and not enable else "live"
        if before and before.state in ("disabled", "live"):
            # Somebody has decided; more examples do not overrule that.
            state = before.state
        version = before.version + 1 if before else 1
        stored = classifier_store.put(
            client,
            self._database,
            Record(
                definition,
                state,
                version,
                head,
                quality,
                model() if head else 0,
                author or _me(),
                source or (before.source if before else ""),
            ),
        )
        return self._answer(client, stored, reason)

    def _head(self, client: Client, definition: Definition) -> Head:
        positives = joined([each.texts for each in definition.marked("positive")])
        told = [each.texts for each in definition.marked("negative")]
        negatives = joined(told) if told else np.zeros((0, positives.shape[1]), np.float32)
        _check_contradictions(definition, positives, negatives)
        found = self._sample(client, definition)
        mine = {(each.trace_id, each.span_id) for each in definition.examples if each.span_id}
        others = [
            i
            for i, ids in enumerate(zip(found.trace_ids, found.span_ids, strict=True))
            if ids not in mine
        ]
        return learn(positives, negatives, found.vectors[others])

    def _sample(self, client: Client, definition: Definition) -> traffic.Sample:
        key = (definition.on, tuple(definition.kinds))
        cached = self._cached
        if cached and cached.key == key and time.monotonic() - cached.at < _SAMPLE_SECONDS:
            return cached.sample
        found = traffic.sample(client, self._database, definition, self._classifiers)
        self._cached = _Cached(time.monotonic(), key, found)
        return found

    def _answer(self, client: Client, record: Record, reason: str) -> Answer:
        definition = record.definition
        ask = self._by_judging if definition.fail_if or definition.only else self._by_vectors
        nearest, borderline, rate, sampled, duplicates = ask(client, record)
        left = progress(client, self._database).left if record.state == "live" else 0
        if not reason and record.state != "live":
            reason = str(record.quality.get("reason") or record.state)
        return Answer(
            name=record.name,
            version=record.version,
            state=record.state,
            reason=reason,
            threshold=record.member.threshold,
            quality=record.quality,
            nearest=nearest,
            borderline=borderline,
            expected_fail_rate=rate,
            sampled=sampled,
            near_duplicates=duplicates,
            to_go_over=left,
        )

    def _by_vectors(
        self, client: Client, record: Record
    ) -> tuple[list[Shown], list[Shown], float | None, int, list[Duplicate]]:
        found = self._sample(client, record.definition)
        if not len(found):
            return [], [], None, 0, []
        member = record.member
        scores = member.score_vectors(found.vectors)
        fails = {int(i) for i in np.flatnonzero(scores >= member.threshold)}
        marked = {(each.trace_id, each.span_id) for each in record.definition.examples}
        texts = {plain(" ".join(each.texts)) for each in record.definition.examples}
        by_score = np.argsort(-scores, kind="stable")
        by_doubt = np.argsort(np.abs(scores - member.threshold), kind="stable")
        nearest = self._shown(client, record, found, scores, by_score, marked, set(texts))
        taken = marked | {(each.trace_id, each.span_id) for each in nearest}
        texts |= {plain(each.text) for each in nearest}
        borderline = self._shown(client, record, found, scores, by_doubt, taken, texts)
        return (
            nearest,
            borderline,
            len(fails) / len(found),
            len(found),
            _duplicates(record.name, fails, found.failed),
        )

    def _shown(
        self,
        client: Client,
        record: Record,
        found: traffic.Sample,
        scores: Any,
        order: Any,
        without: set[tuple[str, str]],
        texts: set[str],
    ) -> list[Shown]:
        """The first rows of an order whose texts differ from each other and from ``texts``."""
        shown: list[Shown] = []
        for start in range(0, min(len(order), 5 * SHOWN * SHOWN), 5 * SHOWN):
            ids = [
                (found.trace_ids[i], found.span_ids[i]) for i in order[start : start + 5 * SHOWN]
            ]
            stored = traffic.texts_for(client, self._database, record.definition.on, ids)
            for i, each in zip(order[start:], ids, strict=False):
                text = "\n".join(stored.get(each, ()))
                if not text or each in without or plain(text) in texts:
                    continue
                texts.add(plain(text))
                shown.append(
                    Shown(
                        trace_id=each[0],
                        span_id=each[1],
                        score=round(float(scores[i]), 4),
                        text=text[:_TEXT],
                    )
                )
                if len(shown) == SHOWN:
                    return shown
        return shown

    def _by_judging(
        self, client: Client, record: Record
    ) -> tuple[list[Shown], list[Shown], float | None, int, list[Duplicate]]:
        """Rules look at whole rows and traces: the newest traces are judged as the job will."""
        member = record.member
        rows = traffic.subjects(member, traffic.newest_traces(client, self._database))
        verdicts = list(zip(rows, member.judge(rows), strict=True))
        judged = [(row, v) for row, v in verdicts if v.label in ("pass", "fail")]
        if not judged:
            return [], [], None, 0, []
        failed = [(row, v) for row, v in judged if v.label == "fail"]
        failed.sort(key=lambda each: -each[1].score)
        nearest = [
            Shown(
                trace_id=row.span.trace_id,
                span_id=row.span.span_id,
                score=v.score,
                text=v.evidence,
            )
            for row, v in failed[:SHOWN]
        ]
        doubtful = sorted(
            (each for each in judged if 0 < each[1].score < 1),
            key=lambda each: abs(each[1].score - member.threshold),
        )
        borderline = [
            Shown(
                trace_id=row.span.trace_id,
                span_id=row.span.span_id,
                score=round(v.score, 4),
                text=row.span.output[:_TEXT],
            )
            for row, v in doubtful[:SHOWN]
        ]
        return nearest, borderline, len(failed) / len(judged), len(judged), []

    def _check_head(self, record: Record) -> None:
        try:
            Head.from_bytes(record.head)
        except Exception as error:
            raise DefinitionError(
                f"learned: what '{record.name}' has learned can't be read ({error}); delete the"
                " table [learned] from the file, and it is learned anew"
            ) from error


def listed(record: Record) -> Listed:
    """As the list shows it."""
    definition = record.definition
    return Listed(
        name=record.name,
        state=record.state,
        version=record.version,
        on=definition.on if definition.learns else "rules",
        describe=definition.describe,
        examples=len(definition.examples),
        rules=len(definition.fail_if),
        author=record.author,
        source=record.source.partition(" ")[0],
        changed_at=record.changed_at.isoformat(timespec="seconds"),
    )


def listed_aside(record: classifier_store.Unreadable) -> Listed:
    """As the list shows one that can't be read."""
    row = record.row
    return Listed(
        name=record.name,
        state=record.state,
        version=int(row["version"]),
        on="",
        describe="",
        examples=0,
        rules=0,
        author=row["author"],
        source=row["source"].partition(" ")[0],
        changed_at=row["changed_at"].isoformat(timespec="seconds"),
        set_aside=record.reason,
    )


def _find(client: Client, database: str, told: Sequence[str]) -> dict[str, Any]:
    """Span of each id that is stored: a span's id, TRACE/SPAN, or a trace's for its root."""
    wanted: dict[str, tuple[str, str]] = {}
    for each in told:
        match = _ID.fullmatch(each.strip().lower())
        if match is None:
            raise DefinitionError(
                f"'{each}' is no span id; give 16 hex digits, TRACE/SPAN, or a trace's 32 digits"
                " for its root"
            )
        wanted[each] = (match[1] or match[3] or "", match[2] or "")
    columns = "trace_id, span_id, parent_span_id, step_kind, name, input, output"
    rows = client.query(
        f"SELECT {columns} FROM {database}.spans_raw"
        " WHERE span_id IN {spans:Array(String)}"
        " OR (trace_id IN {traces:Array(String)} AND parent_span_id = '')"
        " ORDER BY start_time, verdict_version DESC LIMIT 1 BY trace_id, span_id",
        parameters={
            "spans": [span for _, span in wanted.values() if span],
            "traces": [trace for trace, span in wanted.values() if trace and not span],
        },
    ).result_rows
    found = {}
    for each, (trace_id, span_id) in wanted.items():
        fits = [
            row
            for row in rows
            if (row[1] == span_id if span_id else not row[2]) and trace_id in ("", row[0])
        ]
        if len({row[0] for row in fits}) > 1:
            raise DefinitionError(
                f"{len(fits)} spans have the id {each}; write TRACE/SPAN, for example"
                f" {fits[0][0]}/{span_id}"
            )
        if fits:
            found[each] = _Found(*fits[0])
    return found


@dataclass(frozen=True, slots=True)
class _Found:
    trace_id: str
    span_id: str
    parent_span_id: str
    step_kind: str
    name: str
    input: str
    output: str


def _distinct(examples: Sequence[Example]) -> list[Example]:
    seen: set[tuple[str, str]] = set()
    found = []
    for each in examples:
        key = (each.mark, "\0".join(plain(text) for text in each.texts))
        if key not in seen:
            seen.add(key)
            found.append(each)
    return found


def _named(example: Example) -> str:
    text = " ".join(example.texts[0].split())[:60]
    return f"span {example.span_id}" if example.span_id else f"'{text}'"


def _check_examples(positives: Sequence[Example], negatives: Sequence[Example]) -> None:
    for each in (*positives, *negatives):
        if not all(text.strip() for text in each.texts):
            raise DefinitionError(
                f"examples: {_named(each)} ({each.mark}) has an empty text; leave it out"
            )
    if len(positives) < 2:
        count = "one example is" if positives else "no positive example is"
        raise DefinitionError(
            f"positive: {count} too little to learn from; give three or four different ones"
        )
    texts = {tuple(map(plain, each.texts)): each for each in positives}
    for each in negatives:
        same = texts.get(tuple(map(plain, each.texts)))
        if same is not None:
            raise DefinitionError(
                f"{_named(same)} is positive and {_named(each)} is negative, but they say the same;"
                " leave one of them out"
            )


def _check_contradictions(definition: Definition, positives: Any, negatives: Any) -> None:
    if not len(negatives):
        return
    alike = positives @ negatives.T
    worst = np.unravel_index(int(alike.argmax()), alike.shape)
    if alike[worst] >= _CONTRADICTION:
        one = definition.marked("positive")[int(worst[0])]
        other = definition.marked("negative")[int(worst[1])]
        raise DefinitionError(
            f"{_named(one)} is positive and {_named(other)} is negative, but to the encoder they"
            f" are the same (cosine {alike[worst]:.3f}); leave one of them out, or tell them apart"
            " with a rule"
        )


def _duplicates(name: str, fails: set[int], failed: dict[str, set[int]]) -> list[Duplicate]:
    found = [
        Duplicate(name=other, overlap=round(len(fails & theirs) / len(fails | theirs), 3))
        for other, theirs in failed.items()
        if other != name and len(fails & theirs) >= _DUPLICATE_LEAST
    ]
    return sorted(
        (each for each in found if each.overlap >= _DUPLICATE), key=lambda each: -each.overlap
    )


def _validated(definition: Definition) -> Definition:
    try:
        return Definition.model_validate(definition.model_dump())
    except ValidationError as error:
        raise DefinitionError(said(error)) from error


def _me() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
