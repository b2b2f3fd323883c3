"""From the stored spans of some traces to the rows that must be written. Runs in worker processes.

Pure: no clock, no network, no database. What goes in and comes out are Native blocks.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from struct import Struct
from typing import Any

from classify.classifier import NOT_APPLICABLE, Classifier, Subject, Trace, applies
from classify.custom.member import Members, unpickled
from classify.custom.vectors import Vectors, using
from classify.rows import Loaded, Schema
from classify.settle.inherit import INHERITED, participation
from classify.settle.trace import settle_all
from classify.settle.twins import Twin, judged_there
from clickhouse.content import ContentRecord
from clickhouse.native import read_columns, write_columns
from clickhouse.span import LABELS, SPAN_COLUMNS, Span, Verdict
from ingest.late_content import merge

logger = logging.getLogger(__name__)

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
    twins: dict[str, Twin] = field(default_factory=dict)


@dataclass(slots=True)
class Judged:
    """What to write, in this order: ``changed`` (rows judged before, that change), ``pending``,
    ``content``, ``vectors``. A stop in between leaves the trace pending, to be judged again.

    ``verdicts``: (classifier, label) to rows written. ``errors``: where it happened to number.
    """

    changed: list[bytes] = field(default_factory=list)
    pending: list[bytes] = field(default_factory=list)
    content: list[bytes] = field(default_factory=list)
    vectors: bytes = b""
    rows: int = 0
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)


def judge(task: Task, classifiers: Sequence[Classifier]) -> Judged:
    """Never raises for what is in the rows: a classifier that does is counted, and its verdict is
    'not_applicable' with the error as evidence, so that every row ends up judged."""
    judged = Judged()
    columns = read_columns(task.loaded.rows)
    if not columns:
        return judged
    spans = [Span(*values) for values in zip(*(columns[c] for c in SPAN_COLUMNS), strict=True)]
    custom = unpickled(task.custom)
    if task.custom_only:
        classifiers, content = (), {}
    else:
        content = read_columns(task.loaded.content)
    marked = _merge_content(spans, content, judged.errors)
    traces = _traces(spans)
    if not task.custom_only:
        settle_all(traces, spans, task.twins, judged.errors)
    with_context = _with_sessions(traces, spans, task.loaded)

    verdicts = {c.name: _verdicts(c, with_context, spans, task, judged.errors) for c in classifiers}
    with using(Vectors(task.loaded.vectors)) as vectors:
        added = {
            c.name: _verdicts(c, with_context, spans, task, judged.errors) for c in custom.members
        }
        due = [i for i, version in enumerate(columns["verdict_version"]) if not version]
        _embed_ahead(vectors, [spans[i] for i in due], task.embed_share, judged.errors)
    judged.vectors = _vectors_to_write(vectors, spans, task)

    names = tuple(verdicts)
    old_versions, old_evidence = columns["verdict_version"], columns["evidence"]
    judged_at, old_custom = columns["verdict_at"], columns["custom"]
    custom_versions = columns["custom_version"]
    pending, changed = [], []
    evidence: dict[int, dict[str, str]] = {}
    labels: dict[int, dict[str, str]] = {}
    for i, version in enumerate(old_versions):
        if version > task.version or (task.custom_only and not version):
            continue
        labels[i] = {k: v for k, v in old_custom[i].items() if k in custom.kept} | {
            name: found[i].label for name, found in added.items()
        }
        gone = set(verdicts) | set(added) | (set(old_custom[i]) - custom.kept)
        evidence[i] = {k: v for k, v in old_evidence[i].items() if k not in gone} | {
            name: v.evidence
            for name, found in (verdicts | added).items()
            if (v := found[i]).evidence
        }
        if task.custom_only:
            if custom_versions[i] < custom.revision or labels[i] != old_custom[i]:
                pending.append(i)
        elif version < task.version or judged_at[i] < task.before:
            pending.append(i)
        elif (
            evidence[i] != old_evidence[i]
            or labels[i] != old_custom[i]
            or any(_differs(verdicts[n][i], columns[n][i], columns[f"{n}_score"][i]) for n in names)
            or _span_differs(spans[i], columns, i)
        ):
            changed.append(i)

    everything = verdicts | added
    for rows, blocks in ((changed, judged.changed), (pending, judged.pending)):
        for start in range(0, len(rows), task.batch_rows):
            chunk = rows[start : start + task.batch_rows]
            new = _columns_to_write(columns, spans, verdicts, evidence, chunk, task)
            new |= _custom_columns(columns, labels, added, custom, chunk)
            new |= _experiment_columns(columns, traces, spans, chunk)
            blocks.append(write_columns(task.schema.spans, new))
            judged.rows += len(chunk)
            for name, found in everything.items():
                for label, count in Counter(found[i].label for i in chunk).items():
                    judged.verdicts[name, label] += count
    for start in range(0, len(marked), task.batch_rows):
        chunk = marked[start : start + task.batch_rows]
        new = {c: [content[c][i] for i in chunk] for c in task.schema.content}
        new["merged"] = [1] * len(chunk)
        judged.content.append(write_columns(task.schema.content, new))
    return judged


def _merge_content(
    spans: list[Span], content: dict[str, Sequence[Any]], errors: Counter[str]
) -> list[int]:
    """Puts content on its spans, in place. Returns the positions of the records that had one."""
    if not content:
        return []
    records: dict[tuple[str, str], list[int]] = {}
    for i, key in enumerate(zip(content["trace_id"], content["span_id"], strict=True)):
        records.setdefault(key, []).append(i)
    done: list[int] = []
    for position, span in enumerate(spans):
        found = records.get((span.trace_id, span.span_id))
        if not found:
            continue
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


def _traces(spans: Sequence[Span]) -> list[list[int]]:
    """Positions of the spans of each trace, by start time."""
    found: dict[str, list[int]] = {}
    for i, span in enumerate(spans):
        found.setdefault(span.trace_id, []).append(i)
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
    errors: Counter[str],
) -> list[Verdict]:
    """One verdict for each span."""
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
        errors[classifier.name] += len(subjects)
    else:
        found = _ask(classifier, subjects, errors)
    for i, verdict in zip(rows, found, strict=True):
        verdicts[i] = verdict
    return verdicts


def _ask(classifier: Classifier, subjects: list[Subject], errors: Counter[str]) -> list[Verdict]:
    """All at once, and one by one where that raises."""
    if not subjects:
        return []
    try:
        return _checked(classifier.judge(subjects), len(subjects))
    except Exception as error:
        if len(subjects) > 1:
            return [v for subject in subjects for v in _ask(classifier, [subject], errors)]
        span = subjects[0].span
        logger.exception("%s on span %s/%s", classifier.name, span.trace_id, span.span_id)
        errors[classifier.name] += 1
        reason = f"classifier error: {type(error).__name__}: {error}"
        reason = reason[:500].encode(errors="replace").decode()
        return [Verdict("not_applicable", evidence=reason)]


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


def _embed_ahead(
    vectors: Vectors, spans: Sequence[Span], share: float, errors: Counter[str]
) -> None:
    """Have the vectors of a share of the texts made, chosen by their hash: what a new custom
    classifier is held against at once, without waiting for the encoder."""
    if not share:
        return
    texts = dict.fromkeys(
        text
        for span in spans
        if span.step_kind in _EMBEDDED_KINDS
        for text in (span.input, span.output)
        if text.strip()
    )
    limit = int(share * 256)
    chosen = [text for text in texts if vectors.hash(text)[0] < limit]
    try:
        vectors.of(chosen)
    except Exception:
        logger.exception("vectors of %d texts", len(chosen))
        errors["vectors"] += 1


def _vectors_to_write(vectors: Vectors, spans: Sequence[Span], task: Task) -> bytes:
    if not vectors.fresh or not task.vectors_expire:
        return b""
    hours: dict[bytes, set[int]] = {}
    for span in spans:
        for text in (span.input, span.output):
            if text and (key := vectors.hash(text)) in vectors.fresh:
                hours.setdefault(key, set()).add(span.start_time // _HOUR_NS * 3600)
    return vectors.block(hours, task.vectors_expire)
