"""The classifiers that come with Everyspan. A new one is a module of classifiers/ and a line here.

The place in the tuple is not stored; the name is: it is the verdict column.
"""

from __future__ import annotations

from classify.classifier import Classifier
from classify.classifiers import data_leakage, tool_call_error

BUILT_IN: tuple[Classifier, ...] = (
    tool_call_error.classifier,
    data_leakage.classifier,
)
