"""retrieval_relevance: nothing that came back helps to answer the query."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from classify.classifier import NOT_APPLICABLE, Classifier, Layer, Subject, Unit, abstained
from classify.detectors.reading import Reading, Reads
from classify.models.evidence import BY_RULE
from classify.models.form import Pair, cleaned, excerpt
from classify.models.windows import is_prose, sentences
from classify.signals import query
from classify.signals.language import in_two_languages, reads
from classify.signals.query import Retrieved
from classify.signals.signal import Item, Likeness
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


#: In another language than English, from which share of missing words on nothing can be told: the
#: encoder finds all of its texts alike (of xquad's paragraphs that are off topic, hardly any lies
#: under a cosine of 0.15; their words are missing as in English).
_UNREAD = 0.75
#: Words that a query has to have so that a low cosine says something: how many, how rare together
#: ("Summary" and "Notes" are headings of every document), and which share of them, rare ones
#: counting more, no document has.
_LEAST_WORDS, _LEAST_RARITY, _MISSING = 3, 0.65, 0.9


class RetrievalRelevance(Weighed):
    """The query against the windows of each document; the best of all counts. Plain cosine ranks as
    well as anything that was learned beside it. That something is off topic takes more than a low
    one: a query that says what it is about, in words that hardly any document has."""

    name = "retrieval_relevance"
    description = "No document that the retrieval found helps to answer the query."
    code_version = 6
    reads: ClassVar[Reads | None] = "question, document"
    unit: Unit = "span"
    layer: Layer = "quality"
    step_kinds = frozenset(("retrieval", "reranker"))
    needs: tuple[str, ...] = ("documents",)
    signals: ClassVar = (
        Likeness("likeness", "no document is about the query", lambda item: _pairs(item)),
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
        if not (reads(asked) and reads(told)) and not self._shares_words(subject):
            return abstained("not all in English, where words alone are compared: few are shared")
        return None

    def unsure(self, item: Item) -> str:
        """See Weighed."""
        assert isinstance(item, Retrieved)
        named = query.named(item)
        if len(named) < _LEAST_WORDS or sum(named.values()) < _LEAST_RARITY:
            return "the query hardly says what it is about"
        if query.is_title(item.query):
            return "the query is a title, which its section need not repeat"
        if query.missing_words(item) < _MISSING:
            return "the documents have words of the query, and are not near it"
        if not any(is_prose(window.text) for window in item.nearest):
            return "the documents are code or markup"
        return ""

    def _shares_words(self, subject: Subject) -> bool:
        (item,) = self.items(subject)
        assert isinstance(item, Retrieved)
        return query.missing_words(item) <= _UNREAD

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
