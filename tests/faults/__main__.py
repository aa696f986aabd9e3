"""``python -m tests.faults``: kills and faults, counted. Status 1 if any handle leaked, was given away twice or got lost."""

import os

# Before anything of Nova's is imported: with green threads its databases would be in memory.
os.environ["OS_NOVA_DISABLE_EVENTLET_PATCHING"] = "1"

if __name__ == "__main__":
    import sys

    from tests.faults.counting import main

    sys.exit(main(sys.argv[1:]))
