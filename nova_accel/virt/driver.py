"""Nova's libvirt driver, and what ours adds to it."""

from nova.virt.libvirt.driver import LibvirtDriver


class AccelLibvirtDriver(LibvirtDriver):
    """The compute driver: LibvirtDriver that also gives guests the host's devices."""
