"""Finds system instructions repeated in an answer.

Instructions also hold what an answer may well repeat: facts about the company, quoted replies,
pasted documents. So a run of 12 words counts where it speaks to the model ("you are", "never",
"do not reveal") or where the instructions call themselves confidential; any other run must be long.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

#: Each CJK character is a token of its own, those scripts having no spaces between words.
_WORD = re.compile(r"[぀-ヿ㐀-鿿가-힯]|[^\W_぀-ヿ㐀-鿿가-힯]+")
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s|\n+")
_TO_THE_MODEL = re.compile(
    r"\b(?:you (?:are|re|must|should|will|can not|cannot|have to|may only)|your (?:task|role|job"
    r"|goal|instructions?|purpose|persona)|never|always|do not|don t|must not|respond|reply|answer"
    r"|assistant|chatbot|the user|users?|system prompt|instructions?|refuse|decline|reveal"
    r"|disclose|pretend|du bist|antworte|niemals|vous êtes|réponds"
    r"|ne jamais|eres|responde|nunca|você é)\b"
)
_CONFIDENTIAL = re.compile(
    r"\b(?:confidential|internal (?:only|use)|(?:never|not|don t) (?:ever )?(?:reveal|share"
    r"|disclose|repeat|show|discuss|output|print) (?:it|this|these|your|system|(?:any of )?the"
    r" (?:above|prompt|instructions?|system))|vertraulich|geheim|confidentiel\w*"
    r"|confidencial\w*)\b"
)
_QUOTED = re.compile(r"\"[^\"\n]{20,600}\"|“[^”\n]{20,600}”|«[^»\n]{20,600}»|```[^`]{0,4000}```")

SEED_WORDS = 6
RUN_WORDS = 12
LONG_RUN_WORDS = 40
SENTENCE_SHARE = 0.6
#: Instructions and answers are compared up to here, in words.
_MAX_WORDS = 20_000
_MAX_PLACES = 8


@dataclass(slots=True, frozen=True)
class Echo:
    """``quote``: the repeated words, at most the first 16. ``words``: how many there are."""

    score: float
    words: int
    quote: str


class Instructions:
    """Instructions, prepared once for many answers."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.words = words_of(text)
        self._joined = " ".join(self.words)
        self.confidential = _CONFIDENTIAL.search(self._joined) is not None

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        places: dict[str, list[int]] = {}
        for at in range(len(self.words) - SEED_WORDS + 1):
            found = places.setdefault(" ".join(self.words[at : at + SEED_WORDS]), [])
            if len(found) < _MAX_PLACES:
                found.append(at)
        return places

    @cached_property
    def _sentences(self) -> tuple[str, ...]:
        """Sentences of 4 words and more, normalised."""
        found = (words_of(sentence) for sentence in _SENTENCE_END.split(self._text))
        return tuple(" ".join(words) for words in found if len(words) >= 4)

    @cached_property
    def _scripted(self) -> str:
        """What the instructions quote: replies that the model is told to give."""
        return " ".join(word for quote in _QUOTED.findall(self._text) for word in words_of(quote))

    def echo_in(self, answer: list[str]) -> Echo | None:
        """The longest run of the instructions in ``answer`` (words), if it gives them away."""
        best: tuple[int, int] = (0, 0)
        at = 0
        # A run of 12 words holds a seed of 6 at a multiple of 7, wherever it starts.
        step = RUN_WORDS - SEED_WORDS + 1
        covered = 0
        for at in range(0, len(answer) - SEED_WORDS + 1, step):
            if at + SEED_WORDS <= covered:
                continue
            for place in self._places.get(" ".join(answer[at : at + SEED_WORDS]), ()):
                start, end = self._extend(answer, at, place)
                covered = max(covered, end)
                if end - start > best[1] - best[0] and self._gives_away(answer[start:end]):
                    best = (start, end)
        start, end = best
        if end > start:
            length = end - start
            score = min(0.98, 0.6 + 0.35 * (length - RUN_WORDS) / (LONG_RUN_WORDS - RUN_WORDS))
            return Echo(score, length, " ".join(answer[start : min(end, start + 16)]))
        return self._by_sentences(answer)

    def _extend(self, answer: list[str], at: int, place: int) -> tuple[int, int]:
        start, end = at, at + SEED_WORDS
        words = self.words
        offset = place - at
        while start > 0 and start + offset > 0 and answer[start - 1] == words[start - 1 + offset]:
            start -= 1
        while (
            end < len(answer) and end + offset < len(words) and answer[end] == words[end + offset]
        ):
            end += 1
        return start, end

    def _gives_away(self, run: list[str]) -> bool:
        needed = RUN_WORDS + sum(not word.isascii() and len(word) == 1 for word in run) // 2
        if len(run) < needed:
            return False
        joined = " ".join(run)
        if joined in self._scripted:
            return False
        if self.confidential or len(run) >= LONG_RUN_WORDS:
            return True
        return _TO_THE_MODEL.search(joined) is not None

    def _by_sentences(self, answer: list[str]) -> Echo | None:
        """Sentences repeated in another order or with words put between them."""
        sentences = self._sentences
        allowed_misses = int(len(sentences) * (1 - SENTENCE_SHARE))
        if len(sentences) < 2:
            return None
        text = f" {' '.join(answer)} "
        misses = 0
        hits: list[str] = []
        for sentence in sentences:
            if f" {sentence} " in text:
                hits.append(sentence)
            else:
                misses += 1
                if misses > allowed_misses:
                    return None
        joined = " . ".join(hits)
        count = sum(sentence.count(" ") + 1 for sentence in hits)
        if count < RUN_WORDS or not (self.confidential or _TO_THE_MODEL.search(joined)):
            return None
        return Echo(0.85, count, " ".join(hits[0].split(" ")[:16]))


def words_of(text: str) -> list[str]:
    """Lower-case words without punctuation, at most 20,000."""
    return _WORD.findall(text.lower())[:_MAX_WORDS]


@lru_cache(maxsize=256)
def prepared(text: str) -> Instructions:
    """Instructions repeat from span to span, so they are prepared once in a process."""
    return Instructions(text)
