"""Finds the enabled drivers among those installed."""

from stevedore import ExtensionManager

from nova_accel.conf import Settings
from nova_accel.drivers.base import Driver
from nova_accel.exception import ConfigurationError

NAMESPACE = "nova_accel.drivers"


def load(settings: Settings, installed: ExtensionManager | None = None) -> tuple[Driver, ...]:
    """Make the enabled drivers, the specific ones first.

    :param installed: for tests; by default what the entry point group :data:`NAMESPACE` holds
    :raises ConfigurationError: when a name is unknown or given twice, or a driver's own options are wrong
    """
    manager = ExtensionManager(NAMESPACE) if installed is None else installed
    known = {extension.name: extension.plugin for extension in manager}
    shown = ",".join(settings.enabled_drivers)
    for name in settings.enabled_drivers:
        if name not in known:
            raise ConfigurationError("enabled_drivers", shown, f"{name!r} is not among {', '.join(sorted(known))}")
    if len(set(settings.enabled_drivers)) != len(settings.enabled_drivers):
        raise ConfigurationError("enabled_drivers", shown, "a driver is named twice")
    drivers: list[Driver] = [known[name](settings) for name in settings.enabled_drivers]
    return tuple(sorted(drivers, key=lambda driver: not driver.specific))
