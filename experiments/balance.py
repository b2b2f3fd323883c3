"""Sample ratio mismatch: are units split as the weights say? Valid however often one looks.

The sequential multinomial test of Lindon and Malek, Anytime-valid inference for multinomial count
data, NeurIPS 2022, arXiv:2011.03567: the Bayes factor of a Dirichlet prior around the intended
split against the split itself is a nonnegative martingale that starts at 1 while the split is
right, so it ever reaches 1/alpha with probability alpha at most. Their prior has one concentration;
ours is the mean over several, which is a martingale too, and finds gross mismatches early and small
ones late.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

#: A split that is right is called wrong with this probability at most, ever.
ALPHA = 0.001
CONCENTRATIONS: Sequence[float] = (10.0, 100.0, 1000.0, 10000.0)
#: exp() beyond is no number.
_LARGEST_LOG = 700.0


def evidence(counts: Mapping[str, int], weights: Mapping[str, float]) -> float:
    """The e-value against the intended split: over 1 / ALPHA, it is broken; 1 says nothing.

    ``counts``: units by variant; those without a weight are not looked at.
    """
    total = sum(weights.values())
    units = sum(counts.get(variant, 0) for variant in weights)
    found = 0.0
    for concentration in CONCENTRATIONS:
        log = math.lgamma(concentration) - math.lgamma(units + concentration)
        for variant, weight in weights.items():
            share, count = weight / total, counts.get(variant, 0)
            prior = concentration * share
            log += math.lgamma(count + prior) - math.lgamma(prior) - count * math.log(share)
        found += math.exp(min(log, _LARGEST_LOG))
    return found / len(CONCENTRATIONS)
