"""data_leakage: secrets, card numbers, personal data or system instructions in what a step says."""

from classify.classifiers.data_leakage.leaks import classifier

__all__ = ["classifier"]
