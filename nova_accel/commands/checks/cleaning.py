"""Whether devices are cleaned as they should be, and whether that can be written down."""

from pathlib import Path

from nova_accel.commands.checks import places
from nova_accel.commands.checks.facts import Facts
from nova_accel.commands.checks.result import Result, failure, ok, warning
from nova_accel.commands.existing import is_mounted_read_only

_NONE = ("none",)


def methods(facts: Facts) -> Result:
    """What a server leaves is erased by nova-compute itself; what is written there at all, the check of options knows."""
    settings = facts.configured.settings
    if settings.one_time_use:
        return warning(
            "one_time_use is set, so what was in a guest stays reserved until somebody else has cleaned it",
            "Have your cleaner say nova-accel device clean IDENTITY --done-by NAME, or take one_time_use out.",
        )
    if settings.clean_methods == _NONE:
        return warning(
            "clean_methods is none, so a server reads what the one before it has written",
            "Take clean_methods out, unless everybody may read what is on these devices.",
        )
    return ok(f"by the first that a device offers: {', '.join(settings.clean_methods)}")


def record(facts: Facts) -> Result:
    """Each attempt can be written down, and that lasts."""
    if not facts.configured.settings.cleaning_record:
        return ok("none is kept")
    path = Path(facts.configured.settings.cleaning_record)
    if is_mounted_read_only(places.existing(path)):
        return failure(
            f"the file system of {path} is mounted read-only; see the kernel's log",
            "Mount it read-write, or set cleaning_record: what cannot be written down is not offered again.",
        )
    if not places.is_writable(path):
        return failure(
            f"{path} cannot be written by this user",
            "Let nova-compute's user write there, or set cleaning_record: what cannot be written down is not offered again.",
        )
    bad = places.doubt(facts, path) or places.lack_of_room(facts, path)
    if bad:
        return warning(bad, "Set cleaning_record to a file on a local disk with room: cleaning waits for it.")
    passing = places.in_virtualenv(facts, path)
    if passing:
        return warning(passing, "Move it, and set [DEFAULT] state_path = /var/lib/nova, or cleaning_record.")
    return ok(f"{path} can be written")
