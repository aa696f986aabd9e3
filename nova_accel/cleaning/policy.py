"""What the operator wants of cleaning."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Policy:
    """See the options of the same names."""

    attempts: int = 4
    timeout_s: float = 6 * 3600.0
    one_time_use: bool = False
    erase: bool = True
    """False: what was released is offered again as it is; ``clean_methods = none``."""
    version: str = "unknown"
    """Of nova_accel, for the record."""
