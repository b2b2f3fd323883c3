"""The plainest things that could do a classifier's job. Each gives a number for every record of one
source, higher is worse; those that learn do so on the other sources alone."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from classify.models.encoder import encoder
from training.record import Record, content

Floats = NDArray[np.float64]
#: (records of the source that is left out, records of the others) to scores.
Baseline = Callable[[Sequence[Record], Sequence[Record]], Floats]

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_EMPTY = frozenset(
    "a an the of to in on at for and or is are was were be been it its this that these those with"
    " by as from has have had do does did but if then than so he she they we you i his her their"
    " our your my me him them us will would can could should there here what which who when where"
    " how why also about into not no yes".split()
)
#: What a person would write down in five minutes.
LISTS = {
    "jailbreak": r"jailbreak|\bdan\b|unfiltered|uncensored|no restrictions|ignore all"
    "|developer mode|do anything now|without any restrictions|pretend you are|no rules|bypass",
    "prompt_injection": "ignore previous|ignore all|ignore the above|disregard|forget everything"
    "|system prompt|new instructions|instead of|override|reveal|do not tell the user",
    "toxicity": "fuck|shit|bitch|idiot|stupid|moron|retard|kill yourself|hate you|die|whore|cunt"
    "|scum|disgusting|trash|loser|dumb",
    "user_frustration": "frustrat|annoy|useless|ridiculous|terrible|worst|fed up|waste of|again!"
    "|human|manager|complain|unacceptable|angry|not what i",
    "tool_call_error": "error|fail|exception|traceback|not found|denied|invalid|timeout|refused",
    "goal_completion": "sorry|unable|cannot|can't|unfortunately|error|fail|not able",
    "forgetfulness": "could you|please provide|what is your|remind me|what was",
    "instruction_following": "sorry|cannot|unable",
}
#: Whose failing records are told by how the two texts differ.
PAIRS = frozenset(("hallucination", "retrieval_relevance", "forgetfulness"))


def baselines(name: str) -> dict[str, Baseline]:
    """By what the table calls them."""
    found: dict[str, Baseline] = {
        "length": lambda left, _: np.array([math.log1p(len(judged_text(name, r))) for r in left]),
        "characters": lambda left, others: _learned(name, left, others, "char_wb", (2, 4)),
        "words": lambda left, others: _learned(name, left, others, "word", (1, 2)),
    }
    if name in PAIRS:
        found |= {
            "unseen words": lambda left, _: np.array([unseen(*pair_of(name, r), 1) for r in left]),
            "unseen pairs": lambda left, _: np.array([unseen(*pair_of(name, r), 2) for r in left]),
            "cosine": lambda left, _: _far(name, left),
            "BM25": lambda left, _: _bm25(name, left),
        }
    if name in LISTS:
        words = re.compile(LISTS[name], re.I)
        found["word list"] = lambda left, _: np.array(
            [float(len(words.findall(judged_text(name, r)))) for r in left]
        )
    return found


def judged_text(name: str, one: Record) -> str:
    """The text that is judged."""
    results = [str(step.get("output", "")) for step in one.steps]
    if name in ("jailbreak", "user_frustration"):
        return asked(one)
    if name == "prompt_injection":
        return "\n".join([*one.context, *results]) or asked(one)
    if name == "toxicity":
        return one.output or asked(one)
    if name == "tool_call_error":
        return "\n".join(results)
    if name == "retrieval_relevance":
        return "\n".join(one.context)
    return one.output


def pair_of(name: str, one: Record) -> tuple[str, str]:
    """(what it should stand on, what is judged)."""
    if name == "retrieval_relevance":
        return "\n".join(one.context), asked(one)
    if name == "forgetfulness":
        said = one.input if isinstance(one.input, str) else "\n".join(map(content, one.input))
        return "\n".join([said, *one.context]), one.output
    return "\n".join(one.context) or judged_text("tool_call_error", one), one.output


def asked(one: Record) -> str:
    """The last user turn."""
    if isinstance(one.input, str):
        return one.input
    said = [content(message) for message in one.input if message.get("role") == "user"]
    return said[-1] if said else ""


def unseen(known: str, told: str, size: int) -> float:
    """Share of the runs of ``size`` content words of ``told`` that ``known`` has not."""
    there, here = _words(known), _words(told)
    seen = set(zip(*(there[i:] for i in range(size)), strict=False))
    runs = list(zip(*(here[i:] for i in range(size)), strict=False))
    return sum(run not in seen for run in runs) / max(1, len(runs))


def _words(text: str) -> list[str]:
    return [w for w in _WORD.findall(text.lower()) if len(w) > 1 and w not in _EMPTY]


def _far(name: str, left: Sequence[Record]) -> Floats:
    pairs = [tuple(part[:2000] for part in pair_of(name, one)) for one in left]
    return -encoder().cosines(pairs)  # type: ignore[arg-type]


def _bm25(name: str, left: Sequence[Record]) -> Floats:
    """Robertson and Zaragoza 2009, k1 1.2, b 0.75; the source's own texts are the collection."""
    documents = [_words(pair_of(name, one)[0]) for one in left]
    holds = Counter(word for words in documents for word in set(words))
    mean = sum(map(len, documents)) / max(1, len(documents))
    found = []
    for one, words in zip(left, documents, strict=True):
        count, total = Counter(words), 0.0
        for word in set(_words(pair_of(name, one)[1])):
            rare = math.log(1 + (len(left) - holds[word] + 0.5) / (holds[word] + 0.5))
            often = count[word]
            total += rare * often * 2.2 / (often + 1.2 * (0.25 + 0.75 * len(words) / max(1, mean)))
        found.append(-total)
    return np.array(found)


def _learned(
    name: str,
    left: Sequence[Record],
    others: Sequence[Record],
    analyzer: str,
    sizes: tuple[int, int],
) -> Floats:
    labels = [int(one.label) for one in others]
    if len(set(labels)) < 2:
        return np.zeros(len(left))
    model = make_pipeline(
        TfidfVectorizer(
            analyzer=analyzer, ngram_range=sizes, min_df=3, max_features=200_000, sublinear_tf=True
        ),
        LogisticRegression(C=4.0, max_iter=300, class_weight="balanced"),
    )
    model.fit([judged_text(name, one)[:4000] for one in others], labels)
    found: Floats = model.decision_function([judged_text(name, one)[:4000] for one in left])
    return found
