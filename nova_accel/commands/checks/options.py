"""Whether nova.conf says what was meant."""

from nova_accel.cleaning import choice
from nova_accel.commands.checks.facts import Facts
from nova_accel.commands.checks.result import Result, failure, ok, warning
from nova_accel.conf import OPTIONS
from nova_accel.drivers import loading
from nova_accel.exception import AccelError, ConfigurationError

COMPUTE_DRIVER = "accel.AccelLibvirtDriver"

_CORRECT = "Correct it: nova-compute does not start with it."

# The driver that reads an option, by the option.
_READ_BY = {"pmem_namespaces": "intel_pmem_driver", "nvme_ssd_filter": "nvme_ssd_driver"}


def compute_driver(facts: Facts) -> Result:
    """nova-compute loads our driver."""
    found = facts.configured.compute_driver
    if found != COMPUTE_DRIVER:
        files = ", ".join(facts.configured.files) or "no configuration file was found"
        return failure(
            f"compute_driver is {found or 'not set'} ({files})",
            f"Set compute_driver = {COMPUTE_DRIVER} in [DEFAULT] and restart nova-compute, or name its files with --config-file.",
        )
    return ok(f"compute_driver is {found}")


def refused(error: AccelError) -> Result:
    """nova.conf, or one of our options, cannot be read at all."""
    if isinstance(error, ConfigurationError):
        return failure(str(error), _CORRECT)
    return failure(
        str(error),
        "Correct it: nova-compute does not start with it. If it does, run this as its user, or name its files with --config-file.",
    )


def valid(facts: Facts) -> Result:
    """nova-compute would start with our options, and offer something."""
    settings = facts.configured.settings
    try:
        loading.load(settings)
        choice.read_methods(settings.clean_methods)
    except ConfigurationError as error:
        return refused(error)
    if not settings.enabled_drivers:
        return warning("no driver is enabled, so nothing is offered", "Set enabled_drivers in [nova_accel].")
    return ok(f"enabled: {', '.join(settings.enabled_drivers)}")


def without_effect(facts: Facts) -> Result:
    """No option stands there in vain. What a driver lacks is an error, which the check before this one finds."""
    enabled = facts.configured.settings.enabled_drivers
    written = facts.configured.written
    unknown = sorted(written - {name for option in OPTIONS for name in (option.name, option.dest)})
    found = [f"[nova_accel] has no option {name}" for name in unknown]
    for option, driver in _READ_BY.items():
        if option in written and driver not in enabled:
            found.append(f"{option} has no effect without {driver} in enabled_drivers")
    if found:
        return warning(
            "; ".join(found), "Enable the driver, correct the name or take the option out, and restart nova-compute."
        )
    return ok("each option that is set has an effect")
