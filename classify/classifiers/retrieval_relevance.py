"""retrieval_relevance: nothing that came back helps to answer the query."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from classify.classifier import NOT_APPLICABLE, Classifier, Layer, Subject, Unit, abstained
from classify.detectors.reading import Reading, Reads
from classify.models.evidence import BY_RULE
from classify.models.form import Pair, cleaned, excerpt
from classify.models.windows import sentences
from classify.signals import query
from classify.signals.language import in_two_languages
from classify.signals.query import Retrieved
from classify.signals.signal import Item, Likeness, Signal
from classify.signals.weighed import Weighed
from clickhouse.span import Verdict

#: A result that says that there is none.
_NOTHING = re.compile(
    r"\W{0,5}(?:no|0|zero|keine|aucun|sin) (?:relevant |matching |search )?(?:results?|documents?"
    r"|matches|hits|passages|entries|records|ergebnisse|treffer|résultats?|resultados)\b[^\n]{0,80}|"
    r"\W{0,5}(?:nothing|none) (?:was )?found\W{0,5}|\W{0,5}(?:null|none|\[\]|\{\})\W{0,5}",
    re.I,
)
_QUERY = 400
#: What asks for something that a document could say, anywhere in a message …
_ASKS = re.compile(
    r"\?[\s\"')]*$|[？؟]|\b(?:what|which|who|whom|whose|when|where|why|how)\b|\b(?:tell|explain|list|describe"
    r"|show|find|search|look up|summari[sz]e|compare|define|give me|information|details|steps|guide"
    r"|policy|looking for|need to know|want to know|wonder)\b",
    re.I,
)
#: … and what is said to somebody: search words are not, nor is a fault that is told.
_MESSAGE = re.compile(
    r"\b(?:please|you|your|thanks|thank|i want|i would like|i.d like|let.s)\b|[!.]\s*$", re.I
)
_WORDS = 5


class RetrievalRelevance(Weighed):
    """The query against the windows of each document; the best of all counts."""

    name = "retrieval_relevance"
    description = "No document that the retrieval found helps to answer the query."
    code_version = 4
    reads: ClassVar[Reads | None] = "question, document"
    unit: Unit = "span"
    layer: Layer = "quality"
    step_kinds = frozenset(("retrieval", "reranker"))
    needs: tuple[str, ...] = ("documents",)
    signals: ClassVar = (
        Signal("missing_words", "no document has the words of the query", query.missing_words),
        Signal(
            "missing_in_best", "the nearest document lacks what is asked", query.missing_in_best
        ),
        Signal("many_missing", "many words of the query are in no document", query.many_missing),
        Likeness("likeness", "no document is about the query", lambda item: _pairs(item)),
        Likeness(
            "standing",
            "no document is nearer to the query than any text is",
            lambda item: _pairs(item),
            beside="background",
        ),
    )

    def decided(self, subject: Subject) -> Verdict | None:
        span = subject.span
        documents = [text for text in span.documents if text.strip()]
        asked = span.input.strip()
        if not asked or not span.documents:
            return NOT_APPLICABLE
        if not any(map(str.isalpha, asked)):
            return abstained("the query has no words")
        if _asks_nothing(asked):
            return NOT_APPLICABLE
        if all(_NOTHING.fullmatch(text.strip()) for text in documents):
            return Verdict("fail", BY_RULE, f"the retrieval found nothing: {asked[:200]}")
        told = "\n".join(documents)
        if in_two_languages(asked, told):
            return abstained("the query is in another language than the documents")
        return None

    def items(self, subject: Subject) -> Sequence[Item]:
        documents = dict.fromkeys(text for text in subject.span.documents if text.strip())
        return [Retrieved(subject.span.input.strip(), tuple(documents))]

    def readings(self, subject: Subject) -> Sequence[Reading]:
        documents = tuple(text for text in subject.span.documents if text.strip())
        return [Reading("", subject.span.input.strip(), documents)] if documents else []


def _asks_nothing(message: str) -> bool:
    """Whether it is a message that wants something done, or nothing: whatever a search with it
    returns, no document could help."""
    if len(message.split()) <= _WORDS or not _MESSAGE.search(message):
        return False
    return not _ASKS.search(sentences(message)[-1].text)


def _pairs(item: Retrieved) -> list[Pair]:
    asked = excerpt(cleaned(item.query), _QUERY)
    return [(asked, cleaned(window.text)) for window in item.nearest]


classifier: Classifier = RetrievalRelevance()
