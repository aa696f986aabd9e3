"""nova-compute as its console script runs it, able to show its stacks.

SIGUSR1 writes every thread's stack to standard error, also when the interpreter is stuck; SIGUSR2 is
Nova's own Guru Meditation report.
"""

from __future__ import annotations

import faulthandler
import signal
import sys

faulthandler.enable()
faulthandler.register(signal.SIGUSR1, all_threads=True, chain=False)

if __name__ == "__main__":
    from nova.cmd.compute import main

    sys.argv[0] = "nova-compute"
    sys.exit(main())
