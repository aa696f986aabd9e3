"""Addresses of one run: random ports on the loopback, and how L1 sees them."""

from __future__ import annotations

import dataclasses

from lab.machine import free_port

HOST = "127.0.0.1"
HOST_SEEN_FROM_L1 = "10.0.2.2"  # QEMU's user network shows the host's loopback there


@dataclasses.dataclass(frozen=True)
class Ports:
    """TCP ports of the control plane."""

    broker: int = dataclasses.field(default_factory=free_port)
    broker_distribution: int = dataclasses.field(default_factory=free_port)
    port_mapper: int = dataclasses.field(default_factory=free_port)
    compute: int = dataclasses.field(default_factory=free_port)
    placement: int = dataclasses.field(default_factory=free_port)
    stand_ins: int = dataclasses.field(default_factory=free_port)
