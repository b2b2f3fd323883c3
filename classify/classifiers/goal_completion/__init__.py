"""goal_completion: the trace did not do what its user asked for."""

from classify.classifiers.goal_completion.goal import classifier

__all__ = ["classifier"]
