"""Root's part, kept small: two contexts, each a daemon of its own with the least capabilities.

``reading`` keeps no capability at all: being uid 0 is enough to open a block device for reading. ``acting`` keeps CAP_SYS_ADMIN,
which the kernel asks for when an NVMe command is passed through and to tell what a mapping is of, CAP_SYS_PTRACE, to see which files
other processes have open, and CAP_DAC_READ_SEARCH, because the folder that lists them belongs to the process' user, as that of a guest.
Neither takes a path or a command from outside.
"""

from collections.abc import Sequence

from oslo_config import cfg
from oslo_privsep import capabilities, priv_context

# Cleaning an SSD keeps one for hours. oslo.privsep would take as many as there are processors, and counts the time of a call from when
# it is made: with all of them at work, a healthy SSD would seem to hang. A thread that nobody needs is not started.
_THREADS = 64


def _context(name: str, kept: Sequence[int]) -> priv_context.PrivContext:
    section = f"nova_accel_{name}"
    context = priv_context.PrivContext(
        "nova_accel", cfg_section=section, pypath=f"{__name__}.{name}_pctxt", capabilities=list(kept)
    )
    cfg.CONF.set_default("thread_pool_size", _THREADS, group=section)
    return context


reading_pctxt = _context("reading", ())
acting_pctxt = _context(
    "acting", (capabilities.CAP_SYS_ADMIN, capabilities.CAP_SYS_PTRACE, capabilities.CAP_DAC_READ_SEARCH)
)
