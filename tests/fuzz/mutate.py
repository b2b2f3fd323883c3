"""Changes bytes at random, from a seed: what there is without coverage to follow."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

_LONGEST = 16_384
_ODD = (b"\x00", b"\xff", b"\x7f", b"\x80", b"\xff\xff\xff\xff", b"\xed\xa0\x80", b"9" * 40)


def mutated(corpus: Sequence[bytes], words: Sequence[bytes], random: Random) -> bytes:
    """One of the corpus after a few changes, or a mixture of two."""
    data = bytearray(random.choice(corpus))
    if random.random() < 0.15:
        other = random.choice(corpus)
        data[random.randint(0, len(data)) :] = other[random.randint(0, len(other)) :]
    for _ in range(1 << random.randrange(5)):
        _change(data, words, random)
    return bytes(data[:_LONGEST])


def _change(data: bytearray, words: Sequence[bytes], random: Random) -> None:
    start = random.randint(0, len(data))
    stop = min(len(data), start + 1 + int(random.expovariate(0.1)))
    what = random.randrange(8)
    if what == 0 and data:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    elif what == 1 and data:
        data[random.randrange(len(data))] = random.randrange(256)
    elif what == 2:
        del data[start:stop]
    elif what == 3:
        data[start:start] = data[start:stop] * random.randint(1, 1 << random.randrange(8))
    elif what in (4, 5):
        data[start : stop if what == 4 else start] = random.choice(words)
    elif what == 6:
        data[start:start] = random.choice(_ODD)
    else:
        data[start:start] = random.randbytes(random.randint(1, 8))
