"""``everyspan ingest`` with storage that takes SECONDS for an insert and forgets the rows: what
the process holds is then its own, and not ClickHouse's.

python -m tests.ingest.slow_ingest SECONDS [options of ``everyspan ingest``]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from cli.main import app
from ingest.storage import Storage


def _insert(self: Storage, table: str, blocks: Sequence[bytes]) -> None:
    time.sleep(float(sys.argv[1]))


if __name__ == "__main__":
    Storage.insert = _insert  # type: ignore[method-assign]
    app(["ingest", *sys.argv[2:]])
