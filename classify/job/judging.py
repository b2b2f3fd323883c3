"""From the stored spans of some traces to the rows that must be written. Runs in worker processes.

Pure: no clock, no network, no database. What goes in and comes out are Native blocks.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from struct import Struct
from typing import Any

from classify.classifier import NOT_APPLICABLE, Classifier, Subject, Trace, applies
from classify.custom.member import Members, unpickled
from classify.custom.vectors import Vectors, using
from classify.job.rows import Loaded, Schema
from classify.job.working import MANY, BrokenError, is_installation, is_machine, told, trouble
from classify.settle.inherit import INHERITED, participation
from classify.settle.late_content import merge
from classify.settle.runs import told_apart
from classify.settle.trace import settle_all
from classify.settle.twins import Twin, judged_there
from clickhouse.content import ContentRecord
from clickhouse.native import read_columns, write_columns
from clickhouse.span import LABELS, SPAN_COLUMNS, Span, Verdict

logger = logging.getLogger(__name__)

#: Stands for the verdict that a broken classifier owes.
_OWED = Verdict("")
#: What can break besides classifiers: making texts' vectors ahead.
VECTORS = "vectors"
_FLOAT32 = Struct("f")
_span_values = attrgetter(*SPAN_COLUMNS)
_CONTENT_FIELDS = tuple(f.name for f in fields(ContentRecord))
_HOUR_NS = 3600 * 10**9
#: Kinds of step whose texts custom classifiers are mostly about.
_EMBEDDED_KINDS = frozenset(("llm", "agent", "chain", "tool"))


@dataclass(slots=True)
class Task:
    """``version`` and ``now`` (ms since 1970) go into the rows. ``batch_rows``: rows of a block.

    ``failure``: judge nothing, and say this as evidence (the classifiers kill their process).
    ``before``: rows judged before that, ms since 1970, are written again in any case.
    ``custom``: the custom classifiers, pickled; with ``custom_only`` nothing else judges, and only
    rows that they have not judged are written. ``embed_share``: share of texts, 0 to 1, whose
    vectors are made ahead; ``vectors_expire``: until when vectors are kept, s since 1970, 0: not.
    ``twins``: trace_id to what was found out about it.
    """

    loaded: Loaded
    schema: Schema
    version: int
    now: int
    batch_rows: int
    root_id: str = ""
    failure: str = ""
    before: int = 0
    custom: bytes = b""
    custom_only: bool = False
    embed_share: float = 0.0
    vectors_expire: int = 0
    broken: frozenset[str] = frozenset()
    twins: dict[str, Twin] = field(default_factory=dict)


@dataclass(slots=True)
class Judged:
    """What to write, in this order: ``changed`` (rows judged before, that change), ``pending``,
    ``content``, ``vectors``. A stop in between leaves the trace pending, to be judged again.

    ``verdicts``: (classifier, label) to rows written. ``errors``: where it happened to number.
    ``reused``: trace_id to rows written of runs that used its ids again. ``broken``: classifiers
    that turned out not to work, and why; their rows are written as waiting for them. ``worked``:
    those that gave a verdict.
    """

    changed: list[bytes] = field(default_factory=list)
    pending: list[bytes] = field(default_factory=list)
    content: list[bytes] = field(default_factory=list)
    vectors: bytes = b""
    rows: int = 0
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    reused: Counter[str] = field(default_factory=Counter)
    broken: dict[str, str] = field(default_factory=dict)
    worked: set[str] = field(default_factory=set)


def judge(task: Task, classifiers: Sequence[Classifier]) -> Judged:
    """Never raises for what is in the rows: a classifier that does is counted, and its verdict is
    'not_applicable' with the error as evidence, so that every row ends up judged. One that works
    for no row is broken: it owes its rows their verdicts, which are named in ``unjudged``."""
    judged = Judged()
    built_in = {c.name for c in classifiers}
    columns = read_columns(task.loaded.rows)
    if not columns:
        return judged
    custom = unpickled(task.custom)
    if task.custom_only:
        classifiers, content = (), {}
    else:
        content = read_columns(task.loaded.content)
    columns, run_of = told_apart(columns, _waiting(columns, content, custom, task))
    spans = [Span(*values) for values in zip(*(columns[c] for c in SPAN_COLUMNS), strict=True)]
    for span, number in zip(spans, run_of, strict=False):
        span.id_reuse = number
    marked = _merge_content(spans, content, judged.errors)
    traces = _traces(spans)
    if not task.custom_only:
        settle_all(traces, spans, task.twins, judged.errors)
    with_context = _with_sessions(traces, spans, task.loaded)

    verdicts = {c.name: _verdicts(c, with_context, spans, task, judged) for c in classifiers}
    with using(Vectors(task.loaded.vectors)) as vectors:
        added = {c.name: _verdicts(c, with_context, spans, task, judged) for c in custom.members}
        due = [i for i, version in enumerate(columns["verdict_version"]) if not version]
        _embed_ahead(vectors, [spans[i] for i in due], task, judged)
    judged.vectors = _vectors_to_write(vectors, spans, task)
    owed = _owed(columns, verdicts, added, custom, built_in if task.custom_only else set())

    names = tuple(verdicts)
    old_versions, old_evidence = columns["verdict_version"], columns["evidence"]
    judged_at, old_custom = columns["verdict_at"], columns["custom"]
    custom_versions, old_owed = columns["custom_version"], columns["unjudged"]
    pending, changed = [], []
    evidence: dict[int, dict[str, str]] = {}
    labels: dict[int, dict[str, str]] = {}
    for i, version in enumerate(old_versions):
        if version > task.version or (task.custom_only and not version):
            continue
        labels[i] = {k: v for k, v in old_custom[i].items() if k in custom.kept} | {
            name: found[i].label for name, found in added.items() if found[i].label
        }
        gone = set(verdicts) | set(added) | (set(old_custom[i]) - custom.kept)
        evidence[i] = {k: v for k, v in old_evidence[i].items() if k not in gone} | {
            name: v.evidence
            for name, found in (verdicts | added).items()
            if (v := found[i]).evidence
        }
        if task.custom_only:
            if (
                custom_versions[i] < custom.revision
                or labels[i] != old_custom[i]
                or owed[i] != old_owed[i]
            ):
                pending.append(i)
        elif version < task.version or judged_at[i] < task.before:
            pending.append(i)
        elif (
            evidence[i] != old_evidence[i]
            or labels[i] != old_custom[i]
            or owed[i] != old_owed[i]
            or any(_differs(verdicts[n][i], columns[n][i], columns[f"{n}_score"][i]) for n in names)
            or _span_differs(spans[i], columns, i)
        ):
            changed.append(i)

    everything = verdicts | added
    for rows, blocks in ((changed, judged.changed), (pending, judged.pending)):
        for start in range(0, len(rows), task.batch_rows):
            chunk = rows[start : start + task.batch_rows]
            judged.reused += Counter(spans[i].trace_id for i in chunk if spans[i].id_reuse)
            new = _columns_to_write(columns, spans, verdicts, evidence, chunk, task)
            new |= _custom_columns(columns, labels, added, custom, chunk)
            new["unjudged"] = [owed[i] for i in chunk]
            new |= _experiment_columns(columns, traces, spans, chunk)
            blocks.append(write_columns(task.schema.spans, new))
            judged.rows += len(chunk)
            for name, found in everything.items():
                for label, count in Counter(found[i].label for i in chunk).items():
                    if label and name not in judged.broken and name not in task.broken:
                        judged.verdicts[name, label] += count
    for start in range(0, len(marked), task.batch_rows):
        chunk = marked[start : start + task.batch_rows]
        new = {c: [content[c][i] for i in chunk] for c in task.schema.content}
        new["merged"] = [1] * len(chunk)
        judged.content.append(write_columns(task.schema.content, new))
    return judged


def _waiting(
    columns: dict[str, Sequence[Any]],
    content: dict[str, Sequence[Any]],
    custom: Members,
    task: Task,
) -> Callable[[int], bool]:
    """Whether there is anything to do about a row, by its position."""
    named = set(zip(content["trace_id"], content["span_id"], strict=True)) if content else set()

    def waits(i: int) -> bool:
        return (
            columns["verdict_version"][i] < task.version
            or columns["verdict_at"][i] < task.before
            or columns["custom_version"][i] < custom.revision
            or bool(columns["unjudged"][i])
            or (columns["trace_id"][i], columns["span_id"][i]) in named
        )

    return waits


def _merge_content(
    spans: list[Span], content: dict[str, Sequence[Any]], errors: Counter[str]
) -> list[int]:
    """Puts content on its spans, in place. Returns the positions of the records that had one."""
    if not content:
        return []
    where: dict[tuple[str, str], list[int]] = {}
    for position, span in enumerate(spans):
        where.setdefault((span.trace_id, span.span_id), []).append(position)
    records: dict[int, list[int]] = {}
    for i, key in enumerate(zip(content["trace_id"], content["span_id"], strict=True)):
        if found := where.get(key):
            records.setdefault(_nearest(spans, found, content["time"][i]), []).append(i)
    done: list[int] = []
    for position, found in records.items():
        span = spans[position]
        done += found
        try:
            spans[position] = merge(
                span,
                [ContentRecord(**{c: content[c][i] for c in _CONTENT_FIELDS}) for i in found],
            )
        except Exception:
            logger.exception("content of span %s/%s", span.trace_id, span.span_id)
            errors["late_content"] += 1
    return sorted(set(done))


def _nearest(spans: Sequence[Span], positions: Sequence[int], time: int) -> int:
    """Of spans with the same ids the one during which a record was written."""
    if len(positions) == 1:
        return positions[0]
    return min(
        positions,
        key=lambda i: max(spans[i].start_time - time, time - spans[i].end_time, 0),
    )


def _traces(spans: Sequence[Span]) -> list[list[int]]:
    """Positions of the spans of each run of a trace, by start time."""
    found: dict[tuple[str, int], list[int]] = {}
    for i, span in enumerate(spans):
        found.setdefault((span.trace_id, span.id_reuse), []).append(i)
    for positions in found.values():
        positions.sort(key=lambda i: (spans[i].start_time, spans[i].span_id))
    return list(found.values())


def _with_sessions(
    traces: list[list[int]], spans: Sequence[Span], loaded: Loaded
) -> list[tuple[Trace, list[int]]]:
    """Each trace with the positions of its spans, and with its session's earlier traces."""
    earlier: dict[str, Trace] = {}
    columns = read_columns(loaded.session)
    if columns:
        others = [Span(*values) for values in zip(*(columns[c] for c in SPAN_COLUMNS), strict=True)]
        for positions in _traces(others):
            trace = Trace(tuple(others[i] for i in positions))
            earlier[trace.spans[0].trace_id] = trace
    found = []
    for positions in traces:
        ids = loaded.earlier.get(spans[positions[0]].trace_id, ())
        session = tuple(earlier[i] for i in ids if i in earlier)
        found.append((Trace(tuple(spans[i] for i in positions), session), positions))
    return found


def _verdicts(
    classifier: Classifier,
    traces: list[tuple[Trace, list[int]]],
    spans: Sequence[Span],
    task: Task,
    judged: Judged,
) -> list[Verdict]:
    """One verdict for each span; _OWED where the classifier is broken."""
    verdicts = [NOT_APPLICABLE] * len(spans)
    subjects: list[Subject] = []
    rows: list[int] = []
    for trace, positions in traces:
        candidates = list(zip(positions, trace.spans, strict=True))
        if classifier.unit != "span":
            root = trace.by_id.get(task.root_id) if task.root_id else trace.root
            candidates = [(i, s) for i, s in candidates if s is root]
        for i, span in candidates:
            if not applies(classifier, span):
                continue
            if where := judged_there(span):
                verdicts[i] = Verdict("not_applicable", evidence=f"the same call as {where}")
                continue
            rows.append(i)
            subjects.append(Subject(span, trace))
    if task.failure:
        found = [Verdict("not_applicable", evidence=task.failure)] * len(subjects)
        judged.errors[classifier.name] += len(subjects)
    elif classifier.name in task.broken:
        found = [_OWED] * len(subjects)
    else:
        try:
            found = _ask(classifier, subjects, judged)
        except BrokenError as error:
            found = [_OWED] * len(subjects)
            judged.broken[classifier.name] = str(error)
            judged.errors[classifier.name] += 1
    for i, verdict in zip(rows, found, strict=True):
        verdicts[i] = verdict
    return verdicts


#: Classifiers that have judged a real row in this process.
_worked: set[str] = set()


def _ask(classifier: Classifier, subjects: list[Subject], judged: Judged) -> list[Verdict]:
    """All at once, and one by one where that raises. Raises BrokenError."""
    if not subjects:
        return []
    name = classifier.name
    try:
        found = _checked(classifier.judge(subjects), len(subjects))
    except Exception as error:
        if is_installation(error):
            raise BrokenError(told(error)) from error
    else:
        _worked.add(name)
        judged.worked.add(name)
        return found
    found, failed = [], list[Exception]()
    for number, subject in enumerate(subjects, 1):
        try:
            found += _checked(classifier.judge([subject]), 1)
        except Exception as error:
            failed.append(error)
            if len(failed) == number and number in (MANY, len(subjects)):
                _check_works(classifier, failed)
            if is_machine(error):
                found.append(_OWED)
                continue
            found.append(Verdict("not_applicable", evidence=f"classifier error: {told(error)}"))
            # One stack trace of a kind tells it all.
            seen = any(type(each) is type(error) for each in failed[:-1])
            where = (name, subject.span.trace_id, subject.span.span_id, told(error))
            logger.error("%s on span %s/%s: %s", *where, exc_info=None if seen else error)
        else:
            _worked.add(name)
            judged.worked.add(name)
    judged.errors[name] += len(failed)
    return found


def _check_works(classifier: Classifier, failed: Sequence[Exception]) -> None:
    """None of these rows could be judged: is it they? Raises BrokenError where the classifier takes
    no everyday row either, where the machine denies it all, or where it has never judged a row
    and many fail alike."""
    last = failed[-1]
    if reason := trouble(classifier):
        raise BrokenError(reason) from last
    if all(map(is_machine, failed)):
        raise BrokenError(told(last)) from last
    alike = len({type(error) for error in failed}) == 1
    if alike and len(failed) >= MANY and classifier.name not in _worked:
        raise BrokenError(f"the first {len(failed)} rows all fail: {told(last)}") from last


def _owed(
    columns: dict[str, Sequence[Any]],
    verdicts: dict[str, list[Verdict]],
    added: dict[str, list[Verdict]],
    custom: Members,
    kept: set[str],
) -> list[list[str]]:
    """For each row the classifiers that owe it a verdict. Where they do, what it has of them stays,
    which is put in the place of _OWED. ``kept``: names of those that were not asked, whose debts
    stay."""
    owed = [set(custom.aside) | kept.intersection(old) for old in columns["unjudged"]]
    evidence, labels = columns["evidence"], columns["custom"]
    scores = columns["custom_scores"]
    for name, found in (verdicts | added).items():
        for i, verdict in enumerate(found):
            if verdict is not _OWED:
                continue
            owed[i].add(name)
            if name in added:
                label, score = labels[i].get(name, ""), scores[i].get(name, math.nan)
            else:
                label, score = columns[name][i], columns[f"{name}_score"][i]
            found[i] = Verdict(label, score, evidence[i].get(name, ""))
    return [sorted(names) for names in owed]


def _checked(verdicts: list[Verdict], expected: int) -> list[Verdict]:
    if len(verdicts) != expected:
        raise ValueError(f"{len(verdicts)} verdicts for {expected} subjects")
    for verdict in verdicts:
        if verdict.label not in LABELS:
            raise ValueError(f"'{verdict.label}' is no label; use one of {', '.join(LABELS)}")
        # What can't be stored is an error of the classifier too, not of its row.
        _FLOAT32.pack(verdict.score)
        verdict.evidence.encode()
    return verdicts


def _differs(verdict: Verdict, label: str, score: float) -> bool:
    if verdict.label != label:
        return True
    if math.isnan(verdict.score) or math.isnan(score):
        return math.isnan(verdict.score) != math.isnan(score)
    return bool(_FLOAT32.unpack(_FLOAT32.pack(verdict.score))[0] != score)


def _span_differs(span: Span, columns: dict[str, Sequence[Any]], row: int) -> bool:
    return any(
        new is not old and new != old
        for new, old in zip(
            _span_values(span), (columns[c][row] for c in SPAN_COLUMNS), strict=True
        )
    )


def _columns_to_write(
    columns: dict[str, Sequence[Any]],
    spans: Sequence[Span],
    verdicts: dict[str, list[Verdict]],
    evidence: dict[int, dict[str, str]],
    rows: list[int],
    task: Task,
) -> dict[str, Sequence[Any]]:
    """Every column of the table: columns that belong to nobody here are carried over."""
    new: dict[str, Sequence[Any]] = {c: [columns[c][i] for i in rows] for c in task.schema.spans}
    values = zip(*(_span_values(spans[i]) for i in rows), strict=True)
    new.update(zip(SPAN_COLUMNS, values, strict=True))
    for name, found in verdicts.items():
        new[name] = [found[i].label for i in rows]
        new[f"{name}_score"] = [found[i].score for i in rows]
    new["evidence"] = [evidence[i] for i in rows]
    if not task.custom_only:
        new["verdict_version"] = [task.version] * len(rows)
        new["verdict_at"] = [task.now] * len(rows)
    return new


def _custom_columns(
    columns: dict[str, Sequence[Any]],
    labels: dict[int, dict[str, str]],
    added: dict[str, list[Verdict]],
    custom: Members,
    rows: list[int],
) -> dict[str, Sequence[Any]]:
    old_scores, old_versions = columns["custom_scores"], columns["custom_version"]
    return {
        "custom": [labels[i] for i in rows],
        "custom_scores": [
            {k: v for k, v in old_scores[i].items() if k in custom.kept}
            | {
                name: found[i].score
                for name, found in added.items()
                if not math.isnan(found[i].score)
            }
            for i in rows
        ],
        "custom_version": [max(custom.revision, old_versions[i]) for i in rows],
    }


def _experiment_columns(
    columns: dict[str, Sequence[Any]],
    traces: list[list[int]],
    spans: Sequence[Span],
    rows: list[int],
) -> dict[str, Sequence[Any]]:
    """Of rows whose experiment was handed down; others as they are."""
    names = ("experiments", "experiment_units")
    wanted = {i for i in rows if spans[i].experiment and INHERITED in spans[i].attributes}
    if not wanted:
        return {}
    found = {
        i: told
        for positions in traces
        if wanted.intersection(positions)
        for trace in ({spans[i].span_id: spans[i] for i in positions},)
        for i in positions
        if i in wanted and (told := participation(spans[i], trace))
    }
    return {
        name: [found[i][place] if i in found else columns[name][i] for i in rows]
        for place, name in enumerate(names)
    }


def _embed_ahead(vectors: Vectors, spans: Sequence[Span], task: Task, judged: Judged) -> None:
    """Have the vectors of a share of the texts made, chosen by their hash: what a new custom
    classifier is held against at once, without waiting for the encoder."""
    if not task.embed_share or VECTORS in task.broken:
        return
    texts = dict.fromkeys(
        text
        for span in spans
        if span.step_kind in _EMBEDDED_KINDS
        for text in (span.input, span.output)
        if text.strip()
    )
    limit = int(task.embed_share * 256)
    chosen = [text for text in texts if vectors.hash(text)[0] < limit]
    try:
        vectors.of(chosen)
    except Exception as error:
        judged.errors[VECTORS] += 1
        judged.broken[VECTORS] = told(error)


def _vectors_to_write(vectors: Vectors, spans: Sequence[Span], task: Task) -> bytes:
    if not vectors.fresh or not task.vectors_expire:
        return b""
    hours: dict[bytes, set[int]] = {}
    for span in spans:
        for text in (span.input, span.output):
            if text and (key := vectors.hash(text)) in vectors.fresh:
                hours.setdefault(key, set()).add(span.start_time // _HOUR_NS * 3600)
    return vectors.block(hours, task.vectors_expire)
