"""Times Cyborg's own discovery of SSDs, for Cyborg's Python: ``python -m bench.cyborg ROUNDS COUNT...``; prints JSON."""

import json
import sys
from collections.abc import Callable
from importlib import metadata
from unittest import mock

from bench import listing
from bench.timing import medians_ms


def discovery(count: int) -> Callable[[], object]:
    """Give a call that discovers that many SSDs; lspci's output comes from memory, as it does for nova_accel."""
    from cyborg.accelerator.drivers.ssd import utils

    def discover() -> object:
        with mock.patch("cyborg.accelerator.common.utils.lspci_privileged", return_value=text):
            found = utils.discover_ssds()
        assert len(found) == count
        return found

    text = listing.named(count)
    return discover


def main(rounds: int, counts: list[int]) -> None:
    """Print the version and the median times by number of records."""
    calls = {str(count): discovery(count) for count in counts}
    version = metadata.version("openstack-cyborg")
    print(json.dumps({"version": version, "discover_ssds_ms": medians_ms(calls, rounds)}))


if __name__ == "__main__":
    main(int(sys.argv[1]), [int(count) for count in sys.argv[2:]])
