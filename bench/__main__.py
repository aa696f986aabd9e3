"""``python -m bench``: measure everything, print a table, write JSON."""

import argparse
import json
import logging
import os
import platform
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

# First, because its import is what patches.
from bench.stage import Size

# isort: split
from bench import audit, guest_config, parsing, report, rounds
from bench.watching import Watch

FULL = Size(64, 64)
SMALL = Size(4, 4)
GUESTS = (Size(8, 0), Size(4, 4))


def main() -> None:
    """Measure, in the order of the table."""
    arguments = _arguments()
    repeated, size = (2, SMALL) if arguments.quick else (100, FULL)
    # Between two hosts Nova's log would go to the terminal.
    logging.getLogger("nova").setLevel(logging.WARNING)
    watch = Watch()
    audits = [audit.measure(size, repeated, watch)]
    parsings, cyborg = parsing.measure(repeated, arguments.cyborg)
    configs = [guest_config.measure(guest, repeated, watch) for guest in GUESTS]
    started = rounds.measure(size.ssds, repeated, watch)
    print(report.table(audits, parsings, cyborg, configs, started))
    if arguments.json:
        figures = {
            "nova": metadata.version("nova"),
            "python": platform.python_version(),
            "processors": os.cpu_count(),
            "rounds": repeated,
            "audit": [asdict(one) for one in audits],
            "beside": cyborg,
            "parsing": [asdict(one) for one in parsings],
            "guest_config": [asdict(one) for one in configs],
            "start": asdict(started),
        }
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")
        print(f"\nas JSON: {arguments.json}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.split(": ", 1)[1])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--cyborg", type=Path, metavar="PYTHON", help="an interpreter that has openstack-cyborg")
    parser.add_argument("--quick", action="store_true", help="a small host, two rounds: does it run at all?")
    return parser.parse_args()


if __name__ == "__main__":
    main()
