"""Root's part, kept small: two contexts, each a daemon of its own with the least capabilities.

``reading`` keeps no capability at all: being uid 0 is enough to open a block device for reading. ``acting`` keeps CAP_SYS_ADMIN,
which the kernel asks for when an NVMe command is passed through and to tell what a mapping is of, CAP_SYS_PTRACE, to see which files
other processes have open, and CAP_DAC_READ_SEARCH, because the folder that lists them belongs to the process' user, as that of a guest.
Neither takes a path or a command from outside.
"""

from oslo_privsep import capabilities, priv_context

reading_pctxt = priv_context.PrivContext(
    "nova_accel",
    cfg_section="nova_accel_reading",
    pypath=__name__ + ".reading_pctxt",
    capabilities=[],
)

acting_pctxt = priv_context.PrivContext(
    "nova_accel",
    cfg_section="nova_accel_acting",
    pypath=__name__ + ".acting_pctxt",
    capabilities=[capabilities.CAP_SYS_ADMIN, capabilities.CAP_SYS_PTRACE, capabilities.CAP_DAC_READ_SEARCH],
)
