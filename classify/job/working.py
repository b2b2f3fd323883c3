"""Does a classifier work at all? Tells one that is broken from a row that it can't take.

What it can't take is the row's fault: its verdict is 'abstained', with the error as evidence. What
it can't do for any row, or what the machine or the model's files deny it, is nobody's verdict: it
is broken, and its rows wait.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence

from classify.classifier import Classifier, Subject, Trace, applies
from classify.models.checksums import ModelError
from classify.signals.weighed import Weighed
from clickhouse.span import Span, Verdict

#: So many distinct rows that fail alike, before one has ever succeeded, are no matter of rows.
MANY = 8
_MEMORY_WORDS = ("failed to allocate", "bad allocation", "bad_alloc", "out of memory")


class BrokenError(Exception):
    """The classifier can't work now. The text says why, for people."""


def told(error: BaseException) -> str:
    """What went wrong, at most 500 characters that can be stored."""
    text = str(error) if isinstance(error, ModelError) else f"{type(error).__name__}: {error}"
    return text[:500].encode(errors="replace").decode()


def is_installation(error: BaseException) -> bool:
    """Whether the installation is at fault: no row could be judged."""
    return isinstance(error, (ModelError, ImportError))


def is_machine(error: BaseException) -> bool:
    """Whether the machine denies what it takes, such as memory: the row may be judged later."""
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno in (errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EIO)
    text = str(error).lower()
    return any(words in text for words in _MEMORY_WORDS)


def trouble(classifier: Classifier) -> str:
    """Why it can't judge an everyday trace, '' where it can."""
    subjects = [s for s in _everyday(classifier) if applies(classifier, s.span)]
    try:
        judged: list[Verdict] = classifier.judge(subjects) if subjects else []
        if isinstance(classifier, Weighed):
            classifier.ask_all(subjects)
        if len(judged) != len(subjects):
            raise ValueError(f"{len(judged)} verdicts for {len(subjects)} subjects")
    except Exception as error:
        return told(error)
    return ""


def _everyday(classifier: Classifier) -> Sequence[Subject]:
    spans = (_TRACE.root,) if classifier.unit != "span" else _TRACE.spans
    return [Subject(span, _TRACE) for span in spans]


def _trace(number: int, asked: str, found: str, answered: str) -> tuple[Span, ...]:
    trace_id, root = f"{number:032x}", f"{1:016x}"
    start = number * 10**12
    return (
        Span(
            trace_id, root, name="support", step_kind="agent", start_time=start, duration_ms=40.0,
            input=asked, output=answered,
        ),
        Span(
            trace_id, f"{2:016x}", root, name="search", step_kind="retrieval",
            start_time=start + 10**6, duration_ms=5.0, input=asked, documents=[found],
        ),
        Span(
            trace_id, f"{3:016x}", root, name="lookup", step_kind="tool", tool_name="lookup",
            start_time=start + 10**7, duration_ms=5.0, input='{"parcel": "A1"}', output=found,
        ),
        Span(
            trace_id, f"{4:016x}", root, name="chat", step_kind="llm", model="model",
            start_time=start + 2 * 10**7, duration_ms=9.0, input=asked, output=answered,
            system_instructions="Answer in at most 40 words.",
        ),
    )  # fmt: skip


_TRACE = Trace(
    _trace(2, "And when on Friday?", "Parcel A1 comes at noon.", "It comes on Friday at noon."),
    (Trace(_trace(1, "Where is my parcel?", "Parcel A1: Friday.", "It comes on Friday.")),),
)
