"""The order of a server's handles: as its flavor asks, the same at every start."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from nova_accel.model import HandleId
from nova_accel.request.flavor import pmem_class

_RESOURCES = re.compile(r"resources([a-zA-Z0-9_-]{1,64})?:(CUSTOM_[A-Z0-9_]+)")


def ordered(handles: Iterable[HandleId], extra_specs: Mapping[str, str]) -> list[HandleId]:
    """Put handles in the order in which a flavor asks for their classes; those of one class in that of their identities.

    First ``hw:pmem`` in the order of its labels, then the unnumbered group, then the numbered ones by number: extra specs have no
    order of their own. Nova does not keep which handle answers which group, so handles of one class are alike.
    """
    left: dict[str, list[HandleId]] = defaultdict(list)
    for handle in sorted(handles):
        left[handle.resource_class].append(handle)
    found = [left[name].pop(0) for name in _asked_in_order(extra_specs) if left[name]]
    return found + [handle for name in sorted(left) for handle in left[name]]


def _asked_in_order(extra_specs: Mapping[str, str]) -> list[str]:
    labels = [label.strip() for label in extra_specs.get("hw:pmem", "").split(",")]
    classes = [pmem_class(label) for label in labels if label]
    groups = [(match, amount) for key, amount in extra_specs.items() if (match := _RESOURCES.fullmatch(key))]
    for match, amount in sorted(groups, key=lambda group: (_natural(group[0][1] or ""), group[0][2])):
        classes += [match[2]] * (int(amount) if amount.strip().isdecimal() else 0)
    return classes


def _natural(suffix: str) -> tuple[int, int, str]:
    """Sort 2 before 10, and numbers before words."""
    return (0, int(suffix), "") if suffix.isdecimal() and suffix.isascii() else (int(bool(suffix)), 0, suffix)
