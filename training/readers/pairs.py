"""Pair-level records and the small text steps that several readers share.

A pair's kind ends in `/pair`: `context` is one evidence window and `output` the judged sentence
(for retrieval_relevance: `input` the query, `context` the one document).
"""

from __future__ import annotations

import re

from training.record import Record

SENTENCE = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9])")
SUBJECT_QUESTION = re.compile(
    r"^(?:who|what|which [a-z]+)\s+(?!is\b|are\b|was\b|were\b|do\b|does\b|did\b|has\b|have\b|had\b"
    r"|can\b|could\b|will\b|would\b|should\b|may\b|might\b|if\b|kind\b|type\b|year\b|[A-Z])"
    r"([a-z]+(?:ed|s|t|e|d|n|k|g|w)\b.*?)[?\s]*$",
    re.IGNORECASE,
)
BE_QUESTION = re.compile(r"^(?:who|what)\s+(is|are|was|were)\s+((?:the|a|an)\s.+?)[?\s]*$", re.I)
EDGES = " \n\t.?\"'"


def claim(
    task: str, evidence: str, said: str, label: float, kind: str, licence: str = ""
) -> Record:
    """One (evidence, sentence) pair; whitespace is folded."""
    return Record(
        task,
        label,
        f"{kind}/pair",
        context=[folded(evidence)],
        output=folded(said),
        licence=licence,
    )


def evidence(document: str, said: str, size: int = 780) -> str:
    """The sentences of a document that share most words with what is said, in their order, about
    ``size`` characters: what the service looks at of a long text."""
    told = set(re.findall(r"\w{3,}", said.lower()))
    each = [s for line in document.split("\n") for s in sentences(line)]
    best = sorted(
        range(len(each)),
        key=lambda i: (-len(told & set(re.findall(r"\w{3,}", each[i].lower()))), i),
    )
    chosen: list[int] = []
    for at in best:
        if size <= 0:
            break
        chosen.append(at)
        size -= len(each[at])
    return " ".join(each[i] for i in sorted(chosen))


def changed_sentence(said: str, before: str) -> str:
    """The first sentence that is not in the text before its change; the first for none."""
    known = set(sentences(before))
    each = sentences(said)
    return next((one for one in each if one not in known), each[0])


def retrieved(query: str, document: str, label: float, kind: str, licence: str = "") -> Record:
    """One (query, document) pair of retrieval_relevance."""
    return Record(
        "retrieval_relevance",
        label,
        f"{kind}/pair",
        input=folded(query),
        context=[document.strip()],
        licence=licence,
    )


def folded(text: str) -> str:
    """The text on one line with single spaces."""
    return " ".join(text.split())


def detokenised(text: str) -> str:
    """Undo the spaces and brackets of tokenised corpora ("it 's", "-LRB-")."""
    for token, plain in (("-LRB-", "("), ("-RRB-", ")"), ("-LSB-", "["), ("-RSB-", "]")):
        text = text.replace(token, plain)
    text = re.sub(r"\s+([.,;:!?%)\]])", r"\1", text.replace("``", '"').replace(" ''", '"'))
    text = re.sub(r"\s+('(?:s|re|ve|ll|d|m)\b|n't\b)", r"\1", text)
    return folded(re.sub(r"([(\[])\s+", r"\1", text).replace(" -- ", "–"))


def sentences(text: str) -> list[str]:
    """The text's sentences, by punctuation and capitals."""
    return [s.strip() for s in SENTENCE.split(folded(text)) if s.strip()]


def statement(question: str, answer: str, form: int) -> str:
    """The question and its answer as one statement; `form` varies the wording where it can."""
    question, answer = folded(question).rstrip(" ?"), folded(answer).strip(EDGES)
    if found := SUBJECT_QUESTION.match(question):
        return f"{answer[:1].upper()}{answer[1:]} {found[1].strip()}."
    if found := BE_QUESTION.match(question):
        verb, subject = found[1].lower(), found[2].strip()
        if re.search(r" (?:is|are|was|were|that|who|which|to)$", subject) is None:
            return f"{subject[:1].upper()}{subject[1:]} {verb} {answer}."
    asked = question[:1].upper() + question[1:]
    return (
        f"{asked}? {answer[:1].upper()}{answer[1:]}.",
        f"The answer to the question “{asked}?” is {answer}.",
        f"Asked “{asked}?”, the documents say: {answer}.",
    )[form % 3]
