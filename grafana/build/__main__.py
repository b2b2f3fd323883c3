"""``python -m grafana.build``: write the dashboards and rules; ``--check``: say what differs."""

from __future__ import annotations

import argparse
import sys

from grafana.build.files import files


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m grafana.build", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if a file differs")
    check = parser.parse_args().check
    differing = [
        path
        for path, text in files().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in differing:
        print(f"{'differs' if check else 'wrote'} {path.name}")
        if not check:
            path.write_text(files()[path], encoding="utf-8")
    return 1 if check and differing else 0


if __name__ == "__main__":
    sys.exit(main())
