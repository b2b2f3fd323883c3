"""python -m tests.fuzz.corpus_check TARGET SECONDS: the kept corpus, then some changes of it.

Says ``well: N inputs``, or what broke. Without atheris, and ends without waiting for the engine.
"""

from __future__ import annotations

import os
import sys
import time
from random import Random

from tests.fuzz.mutate import mutated
from tests.fuzz.run import corpus_of
from tests.fuzz.targets import target


def main() -> None:
    name, seconds = sys.argv[1], float(sys.argv[2])
    found = target(name)
    corpus = corpus_of(name)
    random = Random(1)
    number = 0
    data = b""
    try:
        for data in corpus:
            found.check(data)
            number += 1
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            data = mutated(corpus, found.WORDS, random)
            found.check(data)
            number += 1
        print(f"well: {number} inputs")
    except Exception as error:
        print(f"input: {data!r}"[:2000])
        print(f"broken: {type(error).__name__}: {error}".replace("\n", " ")[:2000])
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
