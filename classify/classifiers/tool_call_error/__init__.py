"""tool_call_error: a tool call failed, or could not work as the model made it."""

from classify.classifiers.tool_call_error.failed_calls import classifier

__all__ = ["classifier"]
