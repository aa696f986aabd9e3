"""Has an SSD sanitize itself, which reaches everything in its NVM subsystem: nothing else may be in that."""

import json

from nova_accel.privsep import acting_pctxt, controller, pinned, tool
from nova_accel.privsep.errors import Failed, Refused

_COMMAND_TIMEOUT_S = 60.0
_SLACK_S = 30.0
# Of the field CMIC in what the controller says of itself: more than one controller, virtual functions.
_SHARED = 1 << 1 | 1 << 2

BLOCK = "sanitize-block"
CRYPTO = "sanitize-crypto"
OVERWRITE = "sanitize-overwrite"

# The numbers of the standard: some releases of nvme-cli know no words for them. One pass; 0 would be sixteen.
_ACTIONS = {BLOCK: ["--sanact=2"], OVERWRITE: ["--sanact=3", "--owpass=1"], CRYPTO: ["--sanact=4"]}


@acting_pctxt.entrypoint_with_timeout(2 * _COMMAND_TIMEOUT_S + _SLACK_S)
def sanitize(address: str, serial: str, method: str) -> None:
    """Begin to sanitize the SSD with ``serial`` at ``address``; how far it is says :func:`sanitize_log`.

    Unrestricted exit is not allowed: an SSD that fails at it stays unreadable until it succeeds.

    :param method: :data:`BLOCK`, :data:`CRYPTO` or :data:`OVERWRITE` (one pass of zeros)
    :raises Refused: when the host uses it, another SSD is there or its subsystem holds more than it; nothing was changed
    :raises Failed: when the tool says so
    """
    if method not in _ACTIONS:
        raise Refused(f"{str(method)[:40]!r} is not a way to sanitize an SSD")
    folder = controller.identified(address, serial)
    with pinned.unused(address, serial) as opened, pinned.character_device(address, serial) as name:
        controller.refuse_if_not_alone(folder, tuple(opened))
        _refuse_if_shared(name)
        tool.run(_command(name, method), _COMMAND_TIMEOUT_S)


@acting_pctxt.entrypoint_with_timeout(_COMMAND_TIMEOUT_S + _SLACK_S)
def sanitize_log(address: str, serial: str) -> str:
    """Standard output of ``nvme sanitize-log -o json`` for the SSD with ``serial`` at ``address``."""
    with pinned.character_device(address, serial) as name:
        return tool.run(["nvme", "sanitize-log", f"/dev/{name}", "-o", "json"], _COMMAND_TIMEOUT_S)


def _command(name: str, method: str) -> list[str]:
    return ["nvme", "sanitize", f"/dev/{name}", *_ACTIONS[method]]


def _refuse_if_shared(name: str) -> None:
    # A controller of the same subsystem that a guest has, or another host, is not to be seen in sysfs.
    printed = tool.run(["nvme", "id-ctrl", f"/dev/{name}", "-o", "json"], _COMMAND_TIMEOUT_S)
    try:
        cmic = json.loads(printed)["cmic"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Failed(f"nvme id-ctrl does not say whether {name} is alone: {printed.strip()[:80]!r}") from error
    if not isinstance(cmic, int) or cmic & _SHARED:
        raise Refused(f"{name} says that its NVM subsystem may have other controllers (CMIC {cmic!r})")
