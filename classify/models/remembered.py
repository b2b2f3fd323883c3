"""What was found in a text is kept while the text may come again.

A prompt, a page of help and a turn of a conversation are in many rows, and rows are judged again:
what a text holds depends on it alone. What is kept is bound by the characters of the texts,
whatever their length, and goes to the oldest first. Answers are shared: whoever asks does not
change them.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

#: Of the texts of one function, a few times as much with what was found in them.
MOST_CHARACTERS = 2_000_000
_Found = TypeVar("_Found")
_Texts = ParamSpec("_Texts")


def remembered(find: Callable[_Texts, _Found]) -> Callable[_Texts, _Found]:
    """For a function of texts that says the same each time."""
    known: OrderedDict[tuple[object, ...], _Found] = OrderedDict()
    lock = threading.Lock()
    held = 0

    @wraps(find)
    def found(*texts: _Texts.args, **none: _Texts.kwargs) -> _Found:
        nonlocal held
        assert not none, "by place"
        with lock:
            if texts in known:
                known.move_to_end(texts)
                return known[texts]
        fresh = find(*texts, **none)
        size = _size(texts)
        if size > MOST_CHARACTERS // 8:
            return fresh
        with lock:
            if texts not in known:
                held += size
            known[texts] = fresh
            while held > MOST_CHARACTERS:
                gone, _ = known.popitem(last=False)
                held -= _size(gone)
        return fresh

    return found


def _size(texts: tuple[object, ...]) -> int:
    return sum(len(str(text)) for text in texts)
