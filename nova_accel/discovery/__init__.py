"""Looks at the host once: tools and sysfs, then drivers, then verdicts. Nothing is changed."""
