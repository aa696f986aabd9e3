"""Reads ``pmem_namespaces``: which namespace is offered under which label."""

import re
from collections.abc import Iterable

import os_resource_classes

from nova_accel.exception import ConfigurationError

CLASS_PREFIX = "CUSTOM_PMEM_NAMESPACE_"

_OPTION = "pmem_namespaces"
_LABEL = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
_LONGEST_NAME = 255  # Placement's limit for resource classes and traits
_EXPECTED = "it looks like 6GB:ns0|ns1|ns2,LARGE:ns3"


def parse(items: Iterable[str]) -> dict[str, str]:
    """Read the option's items, ``6GB:ns0|ns1`` each.

    :returns: the label of each namespace name
    :raises ConfigurationError: for a missing colon, an empty label or name, a label that makes no resource class, or a namespace
        that is listed twice
    """
    items = list(items)
    shown = ",".join(items)
    labels: dict[str, str] = {}
    for item in items:
        label, colon, names = (part.strip() for part in item.partition(":"))
        if not colon:
            raise ConfigurationError(_OPTION, shown, f"{item!r} has no colon between label and namespaces; {_EXPECTED}")
        _check_label(label, shown)
        for name in (part.strip() for part in names.split("|")):
            if not name:
                raise ConfigurationError(_OPTION, shown, f"{item!r} names an empty namespace; {_EXPECTED}")
            if name in labels:
                raise ConfigurationError(_OPTION, shown, f"namespace {name!r} is listed twice")
            labels[name] = label
    return labels


def resource_class(label: str) -> str:
    """The resource class, and the trait, of a label: ``CUSTOM_PMEM_NAMESPACE_6GB``."""
    name: str = os_resource_classes.normalize_name(f"PMEM_NAMESPACE_{label}")
    return name


def _check_label(label: str, shown: str) -> None:
    if not label:
        raise ConfigurationError(_OPTION, shown, f"a label is empty; {_EXPECTED}")
    if not _LABEL.fullmatch(label):
        raise ConfigurationError(
            _OPTION, shown, f"label {label!r} makes no resource class, which has letters, digits and _ only"
        )
    if len(resource_class(label)) > _LONGEST_NAME:
        longest = _LONGEST_NAME - len(CLASS_PREFIX)
        raise ConfigurationError(_OPTION, shown, f"label {label[:40]!r}… is longer than {longest} characters")
