"""Regular expressions that people write, with a limit on time.

Python's own ``re`` may take longer than the universe for '(a+)+$' on thirty letters, and can't be
stopped. ``regex`` reads the same syntax and can.
See: https://github.com/mrabarnett/mrab-regex#timeout
"""

from __future__ import annotations

import logging
import time
from functools import lru_cache
from typing import Any

import regex

logger = logging.getLogger(__name__)

#: Wall clock for one text. A pattern without repeats within repeats takes milliseconds.
SECONDS = 1.0
#: After a text on which it did not come to an end.
_REST_SECONDS = 30.0
#: Texts that show what a pattern makes of a long run that does not match.
_TRIALS = tuple(
    text * (2000 // len(text)) + "\0" for text in ("a", " ", "0", "-", ".", "a ", "a1 ", "aB", "x@")
)
_TRIAL_SECONDS = 0.25


class PatternError(ValueError):
    """The text is no regular expression, or none that can be used; says why."""


class PatternTimeoutError(Exception):
    """The pattern did not come to an end on a text. The text of the error says what to change."""


class Pattern:
    """``text``: as for Python's ``re``. Raises PatternError for what is none, and for one that
    takes too long on plain texts."""

    def __init__(self, text: str, *, ignore_case: bool = False) -> None:
        self.text = text
        try:
            self._compiled: Any = regex.compile(text, regex.IGNORECASE if ignore_case else 0)
        except (regex.error, OverflowError, RecursionError) as error:
            raise PatternError(f"'{text}' is no regular expression: {error}") from error
        for trial in _TRIALS:
            try:
                self._compiled.search(trial, timeout=_TRIAL_SECONDS)
            except TimeoutError as error:
                raise PatternError(
                    f"'{text}' takes too long on a text such as '{trial[:8]}…': leave out repeats"
                    " within repeats, such as (a+)+"
                ) from error
        self._rests_until = 0.0

    def search(self, text: str) -> bool:
        """Whether it matches anywhere. Raises PatternTimeoutError, for a while without trying: one
        that took too long would else take so long on each of many rows."""
        try:
            if time.monotonic() < self._rests_until:
                raise TimeoutError
            return self._compiled.search(text, timeout=SECONDS) is not None
        except TimeoutError as error:
            if time.monotonic() >= self._rests_until:
                self._rests_until = time.monotonic() + _REST_SECONDS
            raise PatternTimeoutError(
                f"the regular expression '{self.text}' took over {SECONDS:g} s on a text of"
                f" {len(text)} characters; leave out repeats within repeats"
            ) from error

    def values(self, text: str) -> list[str]:
        """All that match, in their order. Raises PatternTimeoutError."""
        try:
            return [found.group() for found in self._compiled.finditer(text, timeout=SECONDS)]
        except TimeoutError as error:
            raise PatternTimeoutError(
                f"the regular expression '{self.text}' took over {SECONDS:g} s on a text of"
                f" {len(text)} characters; leave out repeats within repeats"
            ) from error

    def fullmatch(self, text: str) -> bool:
        """Whether it matches the whole text; False, with a warning, where it takes too long."""
        try:
            return self._compiled.fullmatch(text, timeout=SECONDS) is not None
        except TimeoutError:
            logger.warning(
                "the regular expression '%s' took over %g s and is taken for no match",
                self.text,
                SECONDS,
            )
            return False


@lru_cache(maxsize=1024)
def pattern(text: str, *, ignore_case: bool = False) -> Pattern:
    """The compiled pattern, made once. Raises PatternError."""
    return Pattern(text, ignore_case=ignore_case)
