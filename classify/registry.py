"""The classifiers that come with Everyspan: a new one is a module of classifiers/, which ends in
``classifier``. What else it needs, tests/contract/ names.

The place in the tuple is not stored; the name is: it is the verdict column.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from classify import classifiers
from classify.classifier import Classifier


def _all() -> tuple[Classifier, ...]:
    found: list[Classifier] = [
        import_module(f"{classifiers.__name__}.{module.name}").classifier
        for module in iter_modules(classifiers.__path__)
    ]
    return tuple(sorted(found, key=lambda each: (each.layer, each.name)))


#: By layer and name.
BUILT_IN: tuple[Classifier, ...] = _all()
