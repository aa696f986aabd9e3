"""The real libvirt and QEMU, in the tests' own process."""
