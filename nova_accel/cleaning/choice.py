"""Chooses how an SSD is erased, from what its controller says it can do."""

import enum

from nova_accel.parsers.nvme import ControllerAbilities
from nova_accel.privsep import erasing


class Method(enum.Enum):
    """How an SSD is erased; the values are what root's side understands."""

    FORMAT = erasing.FORMAT
    """NVMe format with user-data erase."""
    WRITE_ZEROES = erasing.WRITE_ZEROES


def choose(abilities: ControllerAbilities) -> Method:
    """Format where the controller offers it; otherwise zeroes, which the kernel writes itself if the controller cannot."""
    return Method.FORMAT if abilities.can_format else Method.WRITE_ZEROES
