"""What a replay can't do, as sentences for a person."""

from __future__ import annotations

from collections.abc import Sequence


class ReplayError(Exception):
    """The command can't go on; the text names the reason and the remedy. `below`: more lines."""

    def __init__(self, text: str, below: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.below = below


class ReplayStopped(BaseException):
    """Ends a run at a call that the record does not answer.

    A BaseException, so that an agent that catches the errors of its tools does not go on.
    """


class ReplayedError(Exception):
    """A recorded exception whose class is not loaded here, or takes other arguments.

    Where the class is loaded, what is raised is of a subclass of both.
    """

    recorded_type: str = ""
