"""instruction_following: the output breaks an explicit, checkable instruction."""

from classify.classifiers.instruction_following.instructions import classifier

__all__ = ["classifier"]
