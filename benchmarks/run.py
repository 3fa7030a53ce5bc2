"""Measure bucketwheel beside its peers, and say whether the goals are met.

    python3 benchmarks/run.py                     all cases, in about an hour
    python3 benchmarks/run.py publish fetch       these
    python3 benchmarks/run.py --list              their names
    python3 benchmarks/run.py --quick publish     small sizes, one run: does it work at all?

Needs Python 3.11 or newer and a package index. What it measures replaces the tables of these cases in
docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.cases import costs, growing, lists, publishing, reading
from benchmarks.lab import Lab, Row, open_lab
from benchmarks.results import keep, render, show
from benchmarks.tools import aria2, here, install, peers

CASES: dict[str, Callable[[Lab], list[Row]]] = {
    "publish": publishing.publish,
    "into-much": publishing.into_much,
    "views": publishing.views,
    "contention": publishing.contention,
    "reindex": reading.reindex,
    "listing": reading.listing,
    "adopt": reading.adopt,
    "fetch": reading.fetch,
    "from-list": lists.from_list,
    "start": costs.start,
    "memory": costs.memory,
    "large": costs.large,
    "scale": growing.scale,
    "growth": growing.growth,
    "compression": growing.compression,
    "ceiling": costs.ceiling,
}


def main(arguments: list[str]) -> None:
    """Measure the cases that are named, or all."""
    options = _read_options(arguments)
    if options.list:
        for name in CASES:
            print(f"{name:12} {_title(name)}")
        return
    tool = here() if options.here else install()
    others = {} if options.here else peers()
    if not options.here and (found := aria2()):
        others["aria2"] = found
    for name in options.cases or CASES:
        with (
            tempfile.TemporaryDirectory(prefix="bench-") as scratch,
            open_lab(Path(scratch), tool, others, quick=options.quick, plain=options.plain) as lab,
        ):
            rows = CASES[name](lab)
        show(rows)
        if not (options.quick or options.plain or options.here):
            keep(name, _title(name), rows, [tool, *others.values()])
            render(CASES)


def _title(name: str) -> str:
    return (CASES[name].__doc__ or "").splitlines()[0]


def _read_options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="NAME", help="cases; all without any")
    parser.add_argument("--list", action="store_true", help="show the names of the cases")
    parser.add_argument("--quick", action="store_true", help="small sizes, one run each; nothing is written")
    parser.add_argument("--plain", action="store_true", help="without TLS")
    parser.add_argument("--here", action="store_true", help="the bucketwheel of this environment, and no peers")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
