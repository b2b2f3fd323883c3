"""What a tool does, by the words of its name: `get_order` reads, `cancelOrder` writes."""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_READS = frozenset(
    "get find list search lookup look fetch read check show describe retrieve query view count"
    " calculate compute validate verify compare estimate preview track status load browse scan"
    " explain summarize summarise analyze analyse ask think plan is has can download inspect grep"
    " ls cat open resolve detect extract parse convert translate watch monitor poll wait peek"
    " select explore head tail describe diff what which who where when how".split()
)
_MAKES = frozenset(
    "create new add generate register insert put save init start store upsert write log mock seed"
    " simulate make build draft compose set open".split()
)
_CHANGES = frozenset(
    "send issue refund cancel update modify change delete remove book reserve pay transfer charge"
    " close forward reply submit return exchange ship assign invite grant approve schedule"
    " reschedule order buy purchase post notify email mail edit replace patch apply deploy restart"
    " stop enable disable move rename merge commit push publish upload share subscribe unsubscribe"
    " block unblock lock unlock reset activate deactivate terminate end complete confirm execute"
    " install uninstall rollback escalate message sms call dispatch redeem credit debit"
    " record".split()
)


@lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """'execute_tool cancelOrder' as ('cancel', 'order')."""
    bare = name[:200].removeprefix("execute_tool ").removeprefix("functions.")
    return tuple(word.lower() for word in _WORD.findall(bare))


def reads(name: str) -> bool:
    """Whether it only looks something up, as far as its name says."""
    return _first(name) == "reads"


def makes(name: str) -> bool:
    """Whether it makes a new thing, which may get a new number."""
    return any(word in _MAKES for word in words(name)[:3])


def writes(name: str) -> bool:
    """Whether it changes something outside of the conversation, as far as its name says."""
    return _first(name) == "writes"


def _first(name: str) -> str:
    """The first word that says anything decides: 'get_order' reads, 'order_get' too where its verb
    comes last, as no verb of the other kind stands before it."""
    found = words(name)
    for word in found:
        if word in _READS:
            return "reads"
        if word in _MAKES or word in _CHANGES:
            rest = found[found.index(word) + 1 :]
            # 'order_status', 'message_search', 'order lookup': a thing, then what is done with it.
            return "reads" if word in _THINGS and any(w in _READS for w in rest) else "writes"
    return ""


_THINGS = frozenset(
    "order message email mail log record call book post credit issue return".split()
)
