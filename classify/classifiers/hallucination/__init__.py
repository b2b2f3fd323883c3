"""hallucination: the answer states what its documents and tool results do not say."""

from classify.classifiers.hallucination.unsupported import classifier

__all__ = ["classifier"]
