"""Finds the records in ndctl's JSON: alone, in an array, or nested under regions and buses."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nova_accel.parsers.tolerant_json import JsonObject

REGION = re.compile(r"region[0-9]{1,9}", re.ASCII)
_BUS = re.compile(r"ndbus[0-9]{1,9}", re.ASCII)
_TOP = ""
_PLACES = ("buses", "dimms", "regions", "namespaces")


@dataclass(frozen=True)
class Item:
    """What should be a record, and where it stands."""

    value: object
    place: str
    """The key of the array it stands in."""
    region: str | None
    """The region around it."""


def items(document: object) -> Iterator[Item]:
    """Everything that should be a record, in the order of the text. Not recursive: a tool decides how deep it nests."""
    waiting = [Item(document, _TOP, None)]
    while waiting:
        item = waiting.pop()
        if isinstance(item.value, list):
            waiting.extend(Item(value, item.place, item.region) for value in reversed(item.value))
        elif isinstance(item.value, JsonObject):
            waiting.extend(reversed(_held(item.value, item)))
            if item.value.pairs and not _only_holds(item.value, item.place):
                yield item
        else:
            yield item


def _held(holder: JsonObject, item: Item) -> list[Item]:
    dev = _single_dev(holder)
    region = dev if REGION.fullmatch(dev) else item.region
    # An object without a name is nothing but what it holds, so there keys that we do not know are looked into as well.
    anything = _only_holds(holder, item.place) and not dev
    return [Item(value, key, region) for key, value in holder.pairs if anything or key in _PLACES]


def _only_holds(one: JsonObject, place: str) -> bool:
    if _BUS.fullmatch(_single_dev(one)):
        return True
    return place in (_TOP, "buses") and not one.values("dev") and any(key in _PLACES for key, _ in one.pairs)


def _single_dev(one: JsonObject) -> str:
    match one.values("dev"):
        case (str(dev),):
            return dev
    return ""
