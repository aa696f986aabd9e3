"""nova-compute as its console script runs it, able to show its stacks.

SIGUSR1 writes every thread's stack to standard error, also when the interpreter is stuck; SIGUSR2 is
Nova's own Guru Meditation report. Where L1 has a folder for it, it also has the traps of lab/trap.py.
"""

from __future__ import annotations

import faulthandler
import pathlib
import signal
import sys

faulthandler.enable()
faulthandler.register(signal.SIGUSR1, all_threads=True, chain=False)

if __name__ == "__main__":
    from nova.cmd.compute import main

    if pathlib.Path("/run/nova_accel_lab").is_dir():
        sys.path.append(str(pathlib.Path(__file__).parents[2]))  # last: nova_accel is the one that is installed
        from lab import trap

        trap.set_up()
    sys.argv[0] = "nova-compute"
    sys.exit(main())
