"""Chooses how an SSD is erased, from what its controller says it can do and what the operator prefers."""

import enum
from collections.abc import Sequence

from nova_accel.cleaning.namespaces import MAKE_ONE
from nova_accel.exception import CleaningFailed, ConfigurationError
from nova_accel.parsers.nvme import ControllerAbilities
from nova_accel.privsep import erasing, sanitizing

_OPTION = "clean_methods"


class Method(enum.Enum):
    """How an SSD is erased; the values are the option's words and what root's side understands."""

    SANITIZE_BLOCK = sanitizing.BLOCK
    SANITIZE_CRYPTO = sanitizing.CRYPTO
    SANITIZE_OVERWRITE = sanitizing.OVERWRITE
    FORMAT = erasing.FORMAT
    """NVMe format with user-data erase."""
    FORMAT_CRYPTO = erasing.FORMAT_CRYPTO
    WRITE_ZEROES = erasing.WRITE_ZEROES
    OVERWRITE = erasing.OVERWRITE
    NONE = "none"
    """Nothing is erased; whoever cleans asks for this before an eraser is asked."""


SANITIZE = (Method.SANITIZE_BLOCK, Method.SANITIZE_CRYPTO, Method.SANITIZE_OVERWRITE)
"""What reaches all of an SSD; the others are for the namespaces that this host sees, and only these can be read back."""


def read_methods(values: Sequence[str]) -> tuple[Method, ...]:
    """The methods of the option ``clean_methods``, the best first.

    :raises ConfigurationError: when one is unknown or comes twice, there is none, or ``none`` does not stand by itself
    """
    given = ",".join(values)
    words = [method.value for method in Method]
    if not values:
        raise ConfigurationError(_OPTION, given, f"it needs one of {', '.join(words)}")
    for value in values:
        if value not in words:
            raise ConfigurationError(_OPTION, given, f"{value!r} is none of {', '.join(words)}")
    if len(set(values)) != len(values):
        raise ConfigurationError(_OPTION, given, "each method can come once only")
    if Method.NONE.value in values and len(values) > 1:
        raise ConfigurationError(_OPTION, given, "none can only stand by itself")
    return tuple(Method(value) for value in values)


def choose(methods: Sequence[Method], abilities: ControllerAbilities, serial: str) -> Method:
    """The first of the operator's methods that the controller offers.

    :param methods: the best first
    :raises CleaningFailed: when none fits
    """
    possible = offered(abilities)
    for method in methods:
        if method in possible:
            return method
    asked = ",".join(method.value for method in methods)
    offer = ", ".join(method.value for method in possible)
    raise CleaningFailed(
        serial, f"nothing of [nova_accel] {_OPTION} = {asked} fits: it offers {offer}{_shared(abilities)}"
    )


def choose_for_all(methods: Sequence[Method], abilities: ControllerAbilities, outside: str, serial: str) -> Method:
    """Like :func:`choose`, but only what reaches all of the SSD where there is something that this host cannot read.

    :param outside: that something, in words; see :func:`nova_accel.cleaning.namespaces.outside`
    :raises CleaningFailed: when none fits
    """
    if not outside:
        return choose(methods, abilities, serial)
    possible = offered(abilities)
    method = next((method for method in methods if method in SANITIZE and method in possible), None)
    if method is None:
        raise CleaningFailed(
            serial,
            f"a guest may have left something in {outside}, which only sanitize reaches, and [nova_accel] {_OPTION} has no sanitize "
            f"that it offers{_shared(abilities)}; {MAKE_ONE}, then: nova-accel device clean {serial}",
        )
    return method


def _shared(abilities: ControllerAbilities) -> str:
    return "; its NVM subsystem may have other controllers, which sanitize would reach" if abilities.is_shared else ""


def offered(abilities: ControllerAbilities) -> tuple[Method, ...]:
    """What can be done to an SSD without reaching anything else; zeros the kernel writes itself where the controller cannot."""
    alone = not abilities.is_shared
    can_format = alone or not abilities.formats_all
    can = {
        Method.SANITIZE_BLOCK: alone and abilities.can_sanitize_block,
        Method.SANITIZE_CRYPTO: alone and abilities.can_sanitize_crypto,
        Method.SANITIZE_OVERWRITE: alone and abilities.can_sanitize_overwrite,
        Method.FORMAT: can_format and abilities.can_format,
        Method.FORMAT_CRYPTO: can_format and abilities.can_format_crypto,
        Method.WRITE_ZEROES: True,
        Method.OVERWRITE: True,
    }
    return tuple(method for method, possible in can.items() if possible)
