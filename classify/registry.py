"""The classifiers that come with Everyspan. A new one is a module of classifiers/ and a line here.

The place in the tuple is not stored; the name is: it is the verdict column.
"""

from __future__ import annotations

from classify.classifier import Classifier
from classify.classifiers import (
    data_leakage,
    forgetfulness,
    goal_completion,
    hallucination,
    instruction_following,
    jailbreak,
    prompt_injection,
    retrieval_relevance,
    tool_call_error,
    toxicity,
    user_frustration,
)

BUILT_IN: tuple[Classifier, ...] = (
    hallucination.classifier,
    retrieval_relevance.classifier,
    goal_completion.classifier,
    tool_call_error.classifier,
    user_frustration.classifier,
    forgetfulness.classifier,
    instruction_following.classifier,
    jailbreak.classifier,
    prompt_injection.classifier,
    toxicity.classifier,
    data_leakage.classifier,
)
