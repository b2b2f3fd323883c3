"""Lets reviews move a classifier's threshold, or give it a head of your own traffic, one state
after the other, and takes them back.

A state holds for the version of the classifier that it was found for: another version's scores mean
something else, and it begins as it comes. What somebody has set (EVERYSPAN_CLASSIFY_THRESHOLDS, a
threshold in a definition) is left alone.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from clickhouse_connect.driver.client import Client

from classify.classifier import Classifier
from classify.custom import classifier_store
from classify.custom.classifier_store import CALIBRATED, TAUGHT, Record
from classify.custom.texts import shown
from classify.models.checksums import ModelError
from classify.models.encoder import encoder
from classify.models.files import heads
from classify.reviews import calibration_store, local_head, relearning, review_store
from classify.reviews.calibration import Answered, propose
from classify.reviews.calibration_store import Calibration, before_last, history, run_of
from classify.reviews.deciding_texts import deciding_texts
from classify.reviews.local_head import Found
from classify.reviews.queue import DAYS, label_of, own_score_of
from classify.reviews.relearning import TAUGHT_BEFORE, Teaching
from classify.reviews.review_store import Review, settled
from classify.reviews.teacher import taught
from classify.signals.weighed import Weighed
from clickhouse.embedded_http.settings import quote
from service.errors import UserError
from service.keys import DEFAULT
from service.keys import told as whose

logger = logging.getLogger(__name__)

#: Answers since the last state from which on another is looked for, and after an undo.
_MORE, _AFTER_UNDO = 10, 20
#: Two thresholds nearer than this are one.
_SAME = 1e-3
#: A head is learned again from so many times the answers on: each has all rows judged again.
_AGAIN = 1.5
#: Answered rows that a head is learned from: the newest.
_MOST_ROWS = 600


class CalibrationError(UserError):
    """This can't be calibrated, or there is nothing to take back; the text says why."""


class Calibrating:
    """``classifiers``: the built-in ones as they come. ``fixed``: names whose threshold somebody
    has set. ``rethreshold``: gives a custom classifier another threshold; ``catalog``: teaches it
    again, None where nothing may. Safe to call from several threads."""

    def __init__(
        self,
        connect: Callable[[], Client],
        database: str,
        classifiers: Sequence[Classifier],
        fixed: Collection[str],
        rethreshold: Callable[[str, float | None, str], Record],
        catalog: Teaching | None = None,
    ) -> None:
        self._connect = connect
        self._database = database
        self._classifiers = {each.name: each for each in classifiers}
        self._fixed = frozenset(fixed)
        self._rethreshold = rethreshold
        self._catalog = catalog
        self._lock = threading.Lock()
        #: Classifier and project to the answers that there were when it was looked at last.
        self._looked: dict[tuple[str, str], int] = {}

    @property
    def built_in(self) -> Collection[str]:
        """Names of those that come with Everyspan."""
        return self._classifiers

    def use(self, classifiers: Sequence[Classifier]) -> None:
        """From now on these judge: the same, with other detectors."""
        self._classifiers = {each.name: each for each in classifiers}

    def all_new(self) -> list[Calibration]:
        """Look at each classifier that has got enough new answers. Returns new states."""
        with self._lock, self._connected() as client:
            counts = self._counts(client)
            states = history(run_of(client), self._database)
            held = {(each.classifier, each.project): each for each in states}
            found = []
            for (name, project), count in counts.items():
                last = held.get((name, project))
                since = max(last.answers if last else 0, self._looked.get((name, project), 0))
                more = _AFTER_UNDO if last and last.undoes else _MORE
                if count < since + (more if since else 1):
                    continue
                self._looked[name, project] = count
                try:
                    state, reason = self._look(client, name, "", project)
                except CalibrationError as error:
                    logger.info("%s is not calibrated: %s", name, error)
                    continue
                if state is not None:
                    found.append(state)
                    logger.info("%s: calibration %d: %s", name, state.number, reason)
            return found

    def now(self, name: str, author: str = "", project: str = "") -> tuple[Calibration | None, str]:
        """Look at one. Returns its new state, None where nothing changes, and why. ``project``:
        whose answers of a built-in one, and whose rows it is to hold for; '' for the default
        one's. Raises CalibrationError."""
        with self._lock, self._connected() as client:
            return self._look(client, name, author, self._whose(name, project))

    def history(self, name: str = "") -> list[Calibration]:
        """All states, oldest first."""
        with self._connected() as client:
            return history(run_of(client), self._database, name)

    def undo(self, name: str, author: str = "", project: str = "") -> Calibration:
        """Take the last state back. Raises CalibrationError."""
        project = self._whose(name, project)
        with self._lock, self._connected() as client:
            shipped, version, record = self._of(client, name)
            states = history(run_of(client), self._database, name, project)
            last, earlier = before_last(states)
            if last is None:
                raise CalibrationError(f"{name} is as it came; there is nothing to take back")
            threshold = earlier.threshold if earlier and earlier.of == last.of else 0.0
            fits = earlier is not None and earlier.moves and earlier.of == last.of
            back = earlier if earlier and fits else Calibration(name, 0, 0, 0.0, shipped)
            reason = f"calibration {last.number} taken back"
            if record is not None and self._catalog and TAUGHT_BEFORE in last.figures:
                record = self._catalog.restore(name, int(last.figures[TAUGHT_BEFORE]))
                version, threshold = record.version, record.definition.threshold or 0.0
                shipped = _own_threshold(record)
            elif record is not None:
                version = self._rethreshold(name, threshold or None, reason).version
            return self._put(
                client,
                Calibration(
                    name,
                    states[-1].number + 1,
                    version,
                    threshold,
                    shipped,
                    back.c,
                    back.a,
                    back.b,
                    back.head,
                    back.shift,
                    back.relabels,
                    back.model,
                    self._counts(client).get((name, project), 0),
                    {},
                    reason,
                    last.number,
                    author,
                    project=project,
                ),
            )

    @contextmanager
    def _connected(self) -> Iterator[Client]:
        with self._connect() as client:
            client.database = self._database
            yield client

    def _look(
        self, client: Client, name: str, author: str, project: str
    ) -> tuple[Calibration | None, str]:
        shipped, version, record = self._of(client, name)
        if name in self._fixed:
            raise CalibrationError(
                f"{name}: its threshold is set in EVERYSPAN_CLASSIFY_THRESHOLDS; take it out there,"
                " and reviews move it"
            )
        if record is not None and not record.definition.learns:
            raise CalibrationError(f"{name} decides by rules; there is no threshold to move")
        calibrated = record is not None and CALIBRATED in record.quality
        if record is not None and record.definition.threshold is not None and not calibrated:
            raise CalibrationError(
                f"{name}: its threshold is set in its definition; take it out there, and reviews"
                " move it"
            )
        run = run_of(client)
        # A custom one is one project's, or judges all: its answers are as many as there are.
        whose = project if name in self._classifiers else None
        given = review_store.read(client, self._database, name, project=whose)
        teachers = review_store.read(client, self._database, name, kind="teacher", project=whose)
        answered = answers(run, name, [*given, *taught(given, teachers)], whose)
        if record is not None and TAUGHT in record.quality:
            # What it was taught with says nothing of how good it is.
            known = {(each.trace_id, each.span_id) for each in record.definition.examples}
            answered = answered.only([i for i, r in enumerate(answered.rows) if r not in known])
        states = history(run, self._database, name, project)
        last = states[-1] if states and states[-1].of == version else None
        count = self._counts(client).get((name, project), 0)
        if last and last.head and count < _AGAIN * last.answers:
            return None, f"{count} answers; its head is learned again from half as many more on"
        if record is not None and self._catalog is not None:
            taught_with = relearning.look(self._catalog, record, answered)
            if taught_with.better:
                reason = taught_with.reason
                again = self._catalog.teach(name, taught_with.examples, reason)
                state = Calibration(
                    name,
                    (states[-1].number if states else 0) + 1,
                    again.version,
                    0.0,
                    again.member.threshold,
                    answers=count,
                    figures={**taught_with.figures, TAUGHT_BEFORE: float(record.version)},
                    reason=reason,
                    author=author or "reviews",
                    project=project,
                )
                return self._put(client, state), reason
        joins = self._head(client, name, answered, shipped, project)
        if joins.head is not None:
            head = joins.head
            state = Calibration(
                name,
                (states[-1].number if states else 0) + 1,
                version,
                0.0,
                shipped,
                head.map.c,
                head.map.a,
                head.map.b,
                tuple(head.weights),
                head.shift,
                head.relabels,
                heads().version,
                count,
                joins.figures,
                joins.reason,
                author=author or "reviews",
                project=project,
            )
            return self._put(client, state), joins.reason
        found = propose(answered, shipped)
        held = last.threshold if last else 0.0
        if not found.figures:
            return None, found.reason
        wanted = found.threshold or 0.0
        if abs(wanted - held) < _SAME and not (last and last.head):
            return None, f"{found.reason}; nothing changes"
        if record is not None:
            version = self._rethreshold(name, found.threshold, found.reason).version
        map = found.map
        state = Calibration(
            name,
            (states[-1].number if states else 0) + 1,
            version,
            wanted,
            shipped,
            *((map.c, map.a, map.b) if map else (0.0, 1.0, 1.0)),
            answers=count,
            figures=found.figures,
            reason=found.reason,
            author=author or "reviews",
            project=project,
        )
        return self._put(client, state), found.reason

    def _head(
        self, client: Client, name: str, answered: Answered, shipped: float, project: str
    ) -> Found:
        """What answers say of texts beyond the score, of a classifier that learns here."""
        classifier = self._classifiers.get(name)
        if not isinstance(classifier, Weighed) or not classifier.learns_here:
            return Found(None, "", {})
        if reason := local_head.too_few(answered):
            return Found(None, reason, {})
        try:
            rows = answered.rows[-_MOST_ROWS:]
            texts = deciding_texts(client, self._database, classifier, rows, project)
            known = [i for i, row in enumerate(answered.rows) if texts.get(row, "").strip()]
            vectors = encoder().vectors([shown(texts[answered.rows[i]]) for i in known])
        except ModelError as error:
            raise CalibrationError(f"{name} can't judge now: {error}") from error
        return local_head.look(answered.only(known), vectors, shipped)

    def _put(self, client: Client, state: Calibration) -> Calibration:
        calibration_store.put(client, self._database, state)
        return state

    def _of(self, client: Client, name: str) -> tuple[float, int, Record | None]:
        """Its own threshold, its version, and the record of a custom one."""
        if name in self._classifiers:
            found = self._classifiers[name]
            try:
                return found.threshold, found.version, None
            except ModelError as error:
                raise CalibrationError(f"{name} can't judge now: {error}") from error
        records = classifier_store.current(client, self._database, name)
        if not records or records[0].state == "removed":
            raise CalibrationError(
                f"there is no classifier '{name[:60]}'; `everyspan status` lists them"
            )
        record = records[0]
        return _own_threshold(record), record.version, record

    def _whose(self, name: str, project: str) -> str:
        """Of a custom classifier there is one state: its project's, or that of all."""
        if name in self._classifiers:
            return project
        of = name.rpartition("/")[0]
        return "" if of == DEFAULT else of

    def _counts(self, client: Client) -> dict[tuple[str, str], int]:
        """Rows that somebody has said right or wrong of, by classifier, and by project of the
        built-in ones."""
        run = run_of(client)
        found: dict[tuple[str, str], int] = {}
        projects = run(f"SELECT DISTINCT project FROM {self._database}.reviews ORDER BY project")
        for project in [str(row["project"]) for row in projects]:
            rows = run(
                "SELECT classifier, uniqExact(trace_id, span_id) AS n"
                f" FROM ({review_store.statement(self._database, project=project)})"
                " WHERE newest.1 IN ('right', 'wrong') GROUP BY classifier ORDER BY classifier"
            )
            for row in rows:
                key = row["classifier"], self._whose(row["classifier"], project)
                found[key] = found.get(key, 0) + int(row["n"])
        return found


def _own_threshold(record: Record) -> float:
    """Of a custom classifier, without what reviews made of it."""
    definition = record.definition
    if CALIBRATED in record.quality:
        definition = definition.model_copy(update={"threshold": None})
    return replace(record, definition=definition).member.threshold


def answers(
    run: calibration_store.Run,
    classifier: str,
    reviews: Sequence[Review],
    project: str | None = None,
) -> Answered:
    """Oldest first, as they stand with the scores that their rows have now, without a head: what an
    older version scored means something else, and a row that is gone is left out. Those that were
    chosen by whoever answered are left out too: they were, for what they say."""
    found = {
        key: fails
        for key, (review, fails) in settled(
            [each for each in reviews if each.chosen in ("random", "near")]
        ).items()
    }
    drawn = {(e.trace_id, e.span_id) for e in reviews if e.chosen == "random"}
    if not found:
        return Answered([], [], [])
    said, score = label_of(classifier), own_score_of(classifier)
    of = "" if project is None else f" AND project = {quote(project)}"
    listed = ", ".join(f"({quote(t)}, {quote(s)})" for t, s in sorted(found))
    rows = run(
        f"SELECT trace_id, span_id, toString({said}) AS label, toFloat64({score}) AS score"
        f" FROM spans WHERE (trace_id, span_id) IN ({listed}) AND {said} IN ('pass', 'fail')"
        f" AND isFinite({score}){of}"
    )
    shares = {
        row["label"]: int(row["n"])
        for row in run(
            f"SELECT toString({said}) AS label, count() AS n FROM spans"
            f" WHERE start_time > now() - INTERVAL {DAYS} DAY AND twin_of = '' AND replay_of = ''"
            f" AND {said} IN ('pass', 'fail'){of} GROUP BY label"
        )
    }
    order = {key: number for number, key in enumerate(found)}
    rows.sort(key=lambda row: order[row["trace_id"], row["span_id"]])
    random = [(row["trace_id"], row["span_id"]) in drawn for row in rows]
    asked: dict[str, int] = {}
    for row, at_random in zip(rows, random, strict=True):
        asked[row["label"]] = asked.get(row["label"], 0) + at_random
    return Answered(
        [row["score"] for row in rows],
        [found[row["trace_id"], row["span_id"]] for row in rows],
        [
            shares.get(row["label"], 0) / asked[row["label"]] if at_random else 0.0
            for row, at_random in zip(rows, random, strict=True)
        ],
        [(row["trace_id"], row["span_id"]) for row in rows],
    )


def told(state: Calibration) -> dict[str, Any]:
    """As JSON."""
    return {
        "classifier": state.classifier,
        "project": whose(state.project),
        "number": state.number,
        "of": state.of,
        "threshold": state.threshold or state.before,
        "own": state.before,
        "moved": state.moves,
        "head": bool(state.head),
        "answers": state.answers,
        "figures": dict(state.figures),
        "reason": state.reason,
        "undoes": state.undoes,
        "author": state.author,
        "changed_at": state.changed_at,
    }
