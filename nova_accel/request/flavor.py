"""Reads what a flavor asks for, as Placement's granular request groups spell it: ``resources1:CUSTOM_SSD=1``, or ``hw:pmem=6GB``."""

import re
from collections import Counter
from collections.abc import Mapping

import os_resource_classes

# Nova: nova.scheduler.utils.ResourceRequest; a group's suffix is empty, a number or a short word.
_RESOURCES = re.compile(r"resources([a-zA-Z0-9_-]{1,64})?:(CUSTOM_[A-Z0-9_]+)")


def asked(extra_specs: Mapping[str, str]) -> Counter[str]:
    """How many of each custom resource class a flavor asks for, all groups and ``hw:pmem`` together.

    :param extra_specs: of the flavor; Nova has checked them when the flavor was made, so an amount that is no number counts as 0
    """
    amounts: Counter[str] = Counter()
    for key, amount in extra_specs.items():
        match = _RESOURCES.fullmatch(key)
        if match and amount.strip().isdecimal():
            amounts[match[2]] += int(amount)
    for label in extra_specs.get("hw:pmem", "").split(","):
        if label.strip():
            amounts[pmem_class(label.strip())] += 1
    return +amounts


def pmem_class(label: str) -> str:
    """The resource class that Nova makes of a label in ``hw:pmem``."""
    name: str = os_resource_classes.normalize_name(f"PMEM_NAMESPACE_{label}")
    return name
