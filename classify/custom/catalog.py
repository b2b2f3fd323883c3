"""Adds, sharpens, lists and removes custom classifiers: the one way in for CLI, HTTP and Python.

    catalog = Catalog(lambda: connect(dsn), "everyspan")
    answer = catalog.add(Definition(name="promises_refund"), positive=["00f067aa0ba902b7", …])

What it stores the running classify job takes over within its next search for work.
"""

from __future__ import annotations

import getpass
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from clickhouse_connect.driver.client import Client

from classify.custom import classifier_store, traffic
from classify.custom.answers import HELD, Answer, Listed, listed, listed_aside
from classify.custom.classifier_definition import (
    ALL,
    Definition,
    DefinitionError,
    Example,
    NameInUseError,
    State,
    UnknownClassifierError,
    full_name,
)
from classify.custom.classifier_store import Record
from classify.custom.examples import check, complete, with_examples, without_contradictions
from classify.custom.learning import check_readable, fails_by, learned
from classify.custom.plain_rule import PlainRule, plain_rule
from classify.custom.review import Reviewer
from classify.custom.vectors import Vectors, model, using
from classify.job.back_fill import progress
from clickhouse.span import SPAN_COLUMNS

logger = logging.getLogger(__name__)

#: What a project may have; the operator's are not counted.
MOST_OF_A_PROJECT = 50


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
        self._reviewer = Reviewer(database, self._classifiers)
        self._vectors = Vectors()

    def add(
        self,
        definition: Definition,
        positive: Sequence[str] = (),
        negative: Sequence[str] = (),
        *,
        author: str = "",
        enable: bool = False,
        hold: bool = False,
        project: str = ALL,
    ) -> Answer:
        """Learn a new classifier and let it judge. ``positive``, ``negative``: span ids besides the
        definition's own examples. With too little evidence it is stored as a draft, which judges
        nothing; ``enable`` lets it judge all the same, ``hold`` never before it is asked to.
        ``project``: whose rows it judges and is learned from; ALL for all. Everywhere else it goes
        by its full name."""
        with self._lock, self._connect() as client, using(self._vectors):
            self._free(client, definition.name, project)
            self._reviewer.forget()
            definition = complete(client, self._database, definition, positive, negative, project)
            return self._learn(
                client, definition, author=author, project=project, enable=enable, hold=hold
            )

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
            definition = complete(
                client, self._database, record.definition, positive, negative, record.project,
                answered=True,
            )  # fmt: skip
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

    def rethreshold(self, name: str, threshold: float | None, reason: str) -> Record:
        """Let scores from ``threshold`` up fail, as reviews say; None for what it has learned.
        It goes over all rows again."""
        with self._lock, self._connect() as client:
            record = self._one(client, name)
            rest = {k: v for k, v in record.quality.items() if k != classifier_store.CALIBRATED}
            said = {} if threshold is None else {classifier_store.CALIBRATED: reason}
            return classifier_store.put(
                client,
                self._database,
                replace(
                    record,
                    definition=record.definition.model_copy(update={"threshold": threshold}),
                    version=record.version + 1,
                    quality={**rest, **said},
                ),
            )

    def examples_of(self, name: str, fails: Mapping[tuple[str, str], bool]) -> list[Example]:
        """(trace_id, span_id) to whether the row fails, as examples of a classifier; without those
        that are gone, have nothing to compare, or say what one of the other kind says."""
        with self._lock, self._connect() as client:
            record = self._one(client, name)
            definition = record.definition
            texts = traffic.texts_for(
                client, self._database, definition.on, list(fails), record.project
            )
        found = [
            Example(
                mark="positive" if failing else "negative",
                texts=texts[row],
                trace_id=row[0],
                span_id=row[1],
                answered=True,
            )
            for row, failing in fails.items()
            if row in texts and all(text.strip() for text in texts[row])
        ]
        return without_contradictions(definition.examples, found)

    def taught(self, name: str, more: Sequence[Example], told: Sequence[Example]) -> list[bool]:
        """Which of the rows ``told`` would fail, were it taught with ``more``."""
        with self._lock, self._connect() as client, using(self._vectors):
            record = self._one(client, name)
            definition = with_examples(record.definition, more)
            head = learned(definition, self._reviewer.sample(client, definition, record.project))
            return fails_by(head, told)

    def teach(self, name: str, more: Sequence[Example], reason: str) -> Record:
        """A new version with ``more`` examples, those of reviews."""
        with self._lock, self._connect() as client, using(self._vectors):
            record = self._one(client, name)
            definition = with_examples(record.definition, more)
            self._learn(client, definition, author="reviews", before=record, said=reason)
            return self._one(client, name)

    def restore(self, name: str, version: int) -> Record:
        """What a version had learned, as the newest. Raises DefinitionError where it is gone."""
        with self._lock, self._connect() as client:
            now = self._one(client, name)
            for each in classifier_store.history(client, self._database, name):
                if each.version == version:
                    again = replace(each, version=now.version + 1, state=now.state)
                    return classifier_store.put(client, self._database, again)
        raise DefinitionError(f"version {version} of '{name}' is gone; mark rows, and it is taught")

    def all(self, *, removed: bool = False, project: str = ALL) -> list[Listed]:
        """All by name; those of one project, unless it is ALL."""
        with self._connect() as client:
            readable, unreadable = classifier_store.everything(client, self._database)
        found = [*map(listed, readable), *map(listed_aside, unreadable)]
        return sorted(
            (
                each
                for each in found
                if (removed or each.state != "removed") and project in (ALL, each.project)
            ),
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
                self._not_built_in(record.definition.name)
            else:
                self._free(client, record.definition.name, record.project)
            definition = complete(client, self._database, record.definition)
            if record.head and record.model == model():
                check_readable(record)
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
                project=record.project,
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

    def back_fill(self, project: str = ALL) -> tuple[int, int]:
        """Judged rows, and those that custom classifiers have yet to go over."""
        with self._connect() as client:
            found = progress(client, self._database, None if project == ALL else project)
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
        own = name.rpartition("/")[0]
        names = [
            each.name
            for each in classifier_store.current(client, self._database)
            # Of another project's not even the names.
            if each.state != "removed" and each.name.rpartition("/")[0] == own
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

    def _free(self, client: Client, name: str, project: str) -> None:
        self._not_built_in(name)
        name = full_name(name, project)
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
        if project == ALL:
            return
        all_of_it = classifier_store.current(client, self._database)
        own = [each for each in all_of_it if each.project == project and each.state != "removed"]
        if len(own) >= MOST_OF_A_PROJECT:
            raise DefinitionError(
                f"the project has {len(own)} custom classifiers; {MOST_OF_A_PROJECT} are the most:"
                " each costs the time in which everybody's rows are judged; remove one first"
            )

    def _learn(
        self,
        client: Client,
        definition: Definition,
        *,
        author: str,
        before: Record | None = None,
        source: str = "",
        project: str = ALL,
        enable: bool = False,
        hold: bool = False,
        said: str = "",
    ) -> Answer:
        """Learn, store, and tell. ``project``: of one that was not there before. ``said``: why
        reviews teach it."""
        if before is not None:
            project = before.project
        if not definition.examples and not definition.fail_if:
            raise DefinitionError(
                f"'{definition.name}' has nothing to go by: name three or four spans with"
                " --positive, or write fail_if conditions into a rule file"
            )
        if before and classifier_store.CALIBRATED in before.quality:
            # What is learned anew scores anew.
            definition = definition.model_copy(update={"threshold": None})
        head, reason = b"", ""
        rule: PlainRule | None = None
        quality: dict[str, Any] = {}
        if definition.learns:
            check(definition.marked("positive"), definition.marked("negative"))
            sample = self._reviewer.sample(client, definition, project)
            found = learned(definition, sample)
            rule = plain_rule(definition, sample.texts)
            head, quality, reason = found.to_bytes(), found.quality, found.reason
            # Its answers stay examples when more are given.
            said = said or (before.quality.get(classifier_store.TAUGHT, "") if before else "")
            if said:
                quality = {**quality, classifier_store.TAUGHT: said}
        if hold and not reason:
            reason = HELD
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
                project=project,
            ),
        )
        return self._answer(client, stored, reason).model_copy(update={"rule": rule})

    def _answer(self, client: Client, record: Record, reason: str) -> Answer:
        found = self._reviewer.review(client, record)
        whose = None if record.project == ALL else record.project
        left = progress(client, self._database, whose).left if record.state == "live" else 0
        if not reason and record.state != "live":
            reason = str(record.quality.get("reason") or record.state)
        return Answer(
            name=record.name,
            version=record.version,
            state=record.state,
            reason=reason,
            threshold=record.member.threshold,
            quality=record.quality,
            nearest=found.nearest,
            borderline=found.borderline,
            expected_fail_rate=found.expected_fail_rate,
            sampled=found.sampled,
            near_duplicates=found.near_duplicates,
            to_go_over=left,
        )


def _me() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
