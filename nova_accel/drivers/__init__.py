"""Drivers find devices of one sort on one host. They are found by name through the entry point group ``nova_accel.drivers``."""
