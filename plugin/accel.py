"""Where Nova looks for the driver: it imports ``nova.virt.<compute_driver>`` and nothing else."""

from nova_accel.virt.driver import AccelLibvirtDriver

__all__ = ["AccelLibvirtDriver"]
