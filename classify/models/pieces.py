"""One call of the encoder for all the pieces of many rows, and their verdicts out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

from classify.classifier import NOT_APPLICABLE
from classify.models.encoder import Input, encoder
from classify.models.files import heads
from classify.models.windows import sentences
from clickhouse.span import Verdict

MAX_EVIDENCE = 300
#: Of what a rule says: it is plain, though the words may have been meant loosely.
BY_RULE = 0.999999
_T = TypeVar("_T")
_guesses: ContextVar[bool] = ContextVar("guesses", default=False)


@dataclass(slots=True, frozen=True)
class Piece:
    """Something to ask the encoder. ``where`` and ``text`` are quoted when it fails. Pieces of one
    ``choice`` are alternatives: the best of them counts."""

    input: Input
    where: str
    text: str
    choice: int = -1


@contextmanager
def guessing() -> Iterator[None]:
    """Within it, heads that abstain give their scores all the same: for measuring them."""
    token = _guesses.set(True)
    try:
        yield
    finally:
        _guesses.reset(token)


def abstains(head: str) -> bool:
    """Whether the head is no use on texts of sources that training has not seen."""
    return heads().head(head).abstains and not _guesses.get()


def verdicts(
    head: str,
    threshold: float,
    subjects: Sequence[_T],
    pieces: Callable[[_T], Sequence[Piece]],
    rule: Callable[[_T], Verdict] | None = None,
) -> list[Verdict]:
    """One verdict a subject: the worst of its pieces, after the best of each choice.

    One without pieces is not applicable. Nor is any where the model's head does not tell failing
    from healthy texts of sources that it has not seen: it abstains, at no cost. Where ``rule`` says
    fail it overrules the head; where it says pass it counts while the head abstains.
    """
    silent = abstains(head)
    if silent:
        found = [NOT_APPLICABLE] * len(subjects)
    else:
        found = _by_head(head, threshold, [pieces(subject) for subject in subjects])
    if rule is None:
        return found
    said = map(rule, subjects)
    return [
        plain if plain.label == "fail" or (silent and plain.label == "pass") else guess
        for plain, guess in zip(said, found, strict=True)
    ]


def _by_head(head: str, threshold: float, rows: Sequence[Sequence[Piece]]) -> list[Verdict]:
    flat = [piece for row in rows for piece in row]
    if not flat:
        return [NOT_APPLICABLE] * len(rows)
    scores = encoder().scores(head, [piece.input for piece in flat])
    found, at = [], 0
    for row in rows:
        mine = [(float(scores[at + i]), piece) for i, piece in enumerate(row)]
        at += len(row)
        found.append(_verdict(mine, threshold) if mine else NOT_APPLICABLE)
    return found


def narrowed(head: str, text: str, form: object) -> str:
    """The sentence of ``text`` that looks worst, for evidence; the whole where it is one."""
    parts = [part.text for part in sentences(text) if len(part.text) > 3][:24]
    if len(parts) < 2:
        return text
    assert callable(form)
    scores = encoder().scores(head, [form(part) for part in parts])
    return parts[int(scores.argmax())]


def quoted(where: str, text: str) -> str:
    """'where: text', cut to MAX_EVIDENCE characters."""
    told = f"{where}: {' '.join(text.split())}" if where else " ".join(text.split())
    return told if len(told) <= MAX_EVIDENCE else told[: MAX_EVIDENCE - 1] + "…"


def _verdict(pieces: Sequence[tuple[float, Piece]], threshold: float) -> Verdict:
    choices: dict[int, tuple[float, Piece]] = {}
    for number, (score, piece) in enumerate(pieces):
        key = piece.choice if piece.choice >= 0 else -1 - number
        if key not in choices or score < choices[key][0]:
            choices[key] = (score, piece)
    score, piece = max(choices.values(), key=lambda each: each[0])
    if score < threshold:
        return Verdict("pass", score)
    return Verdict("fail", score, quoted(piece.where, piece.text))
