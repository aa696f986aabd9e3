"""Reads what wipefs prints."""

import json
from collections.abc import Collection

from nova_accel.privsep.errors import Failed


def parse(text: str, names: Collection[str]) -> list[str]:
    """The types of the signatures in the output of ``wipefs --no-act --json``, each once.

    :param names: the block devices that wipefs was asked about
    :raises Failed: when this is not what wipefs prints about them
    """
    if not text.strip():  # older releases print nothing where there is nothing
        return []
    try:
        found = {_type(one, names) for one in json.loads(text)["signatures"]}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Failed(f"wipefs printed something else than signatures: {text.strip()[:80]!r}") from error
    return sorted(found)


def _type(signature: dict[str, object], names: Collection[str]) -> str:
    kind = signature["type"]
    if signature["device"] not in names or not isinstance(kind, str) or not kind:
        raise ValueError("not a signature on one of these devices")
    return kind
