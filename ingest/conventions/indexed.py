"""Lists that were flattened into attribute names: ``llm.input_messages.0.message.role``."""

from __future__ import annotations

from typing import Any


def unflatten(attributes: dict[str, Any], prefix: str) -> tuple[Any, list[str]]:
    """The nested value under ``prefix`` (which ends in a dot), and the attributes it came from.

    A dict whose keys are all numbers becomes a list in their order; gaps close. None for nothing.
    """
    if not attributes:
        return None, []
    root: dict[str, Any] = {}
    names = []
    length = len(prefix)
    for name, value in attributes.items():
        if not name.startswith(prefix):
            continue
        names.append(name)
        node = root
        *path, last = name[length:].split(".")
        for step in path:
            inner = node.get(step)
            if not isinstance(inner, dict):
                inner = node[step] = {}
            node = inner
        if not isinstance(node.get(last), dict):
            node[last] = value
    return (_listed(root), names) if names else (None, names)


def _listed(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    # isdecimal would also take digits of other scripts that int() reads; ASCII is what is written.
    if (
        node
        and next(iter(node)).isdigit()  # most are none
        and all(key.isascii() and key.isdigit() and len(key) < 10 for key in node)
    ):
        return [_listed(node[key]) for key in sorted(node, key=int)]
    return {key: _listed(value) for key, value in node.items()}
