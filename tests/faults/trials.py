"""Every fault that is no kill, and when it is tried."""

from tests.faults import acts, faulty, files, hardware, moments
from tests.faults.moments import Trial, during, from_the_start
from tests.faults.survival import survive_and_fill

_MADE, _DELETED, _QUIET, _REBOOTED = moments.MOMENTS
_WRITING = (_MADE, _DELETED)
"""When Placement is written to."""


def all_trials() -> list[Trial]:
    """In the order of the table."""
    return [
        *during("Placement answers errors", faulty.placement_answers_errors, (_MADE, _DELETED, _QUIET)),
        *during("Placement finds conflicts", faulty.placement_finds_conflicts, _WRITING),
        *during("Placement's answers get lost", faulty.placement_answers_get_lost, _WRITING),
        *during("libvirt is gone", faulty.libvirt_is_gone),
        *during("Nova's database refuses writes", faulty.novas_database_refuses_writes),
        *_ledger(),
        *_tools(),
        *during("the clock is set back", faulty.clock_is_set_back, (_MADE, _DELETED, _QUIET)),
        *_hardware(),
        *_twice(),
        *_files(),
    ]


def _ledger() -> list[Trial]:
    read_only, full = "the ledger can only be read", "the disk under the ledger is full"
    return [
        *during(read_only, faulty.ledger_is_read_only),
        from_the_start(read_only, faulty.ledger_is_read_only),
        *during(full, faulty.disk_under_the_ledger_is_full),
        from_the_start(full, faulty.disk_under_the_ledger_is_full),
    ]


def _tools() -> list[Trial]:
    erasing = ("erase", "zero", "zero_namespace", "sanitize")
    binding = ("hand_over", "bring_back", "check_namespace", "link_namespace")
    looking = ("lspci", "ndctl", "who_uses", "signatures", "namespace_users", "id_ctrl", "sizes", "smart_logs")
    name = "a tool hangs and is killed"
    return [
        *during(name, faulty.hangs(*erasing), (_DELETED,)),
        *during(name, faulty.hangs(*binding), (_MADE, _DELETED)),
        *during(name, faulty.hangs(*looking), (_MADE, _DELETED, _QUIET)),
        *during("a device hangs", faulty.lost(*erasing), (_DELETED,)),
        *during("a device hangs", faulty.lost("hand_over", "bring_back"), (_MADE, _DELETED)),
    ]


def _hardware() -> list[Trial]:
    swapped, namespace = "two SSDs swap addresses", "a namespace is changed under its server"
    return [
        Trial(swapped, "while both are free", (hardware.swapped_while_free,)),
        Trial(swapped, "before a look sees it", (hardware.swapped_before_a_new_server,)),
        Trial(swapped, "while a server is stopped", (hardware.swapped_while_stopped,)),
        Trial(swapped, "before one is cleaned", (hardware.swapped_between_delete_and_cleaning,)),
        Trial(namespace, "renamed", (hardware.renamed,)),
        Trial(namespace, "destroyed and made anew", (hardware.destroyed,)),
        Trial(namespace, "disabled", (hardware.disabled_under_its_guest,)),
        Trial(namespace, "disabled and enabled", (hardware.disabled_and_enabled_under_its_guest,)),
    ]


def _twice() -> list[Trial]:
    fault = "the same twice at once"
    return [
        Trial(fault, "two deletes", (moments.two_deletes,)),
        Trial(fault, "two new servers", (moments.two_servers,)),
        Trial(fault, "a hard reboot and a delete", (moments.a_reboot_and_a_delete,)),
        Trial(fault, "two rounds and a delete", (moments.two_rounds_and_a_delete,)),
        Trial(fault, "a delete and a new server", (moments.a_delete_and_a_new_server,)),
    ]


def _files() -> list[Trial]:
    one, deleted = acts.started_with_a_server, acts.cannot_be_erased_from_the_start
    found = []
    for fault, change in (
        ("the ledger is lost", files.ledger_lost),
        ("the ledger has garbage in it", files.scribbled_over),
        ("the ledger is cut short", files.cut_short),
        ("the ledger is no database", files.no_database),
        ("the ledger's -wal file is deleted", files.deleted_wal),
    ):
        found.append(Trial(fault, "while a server runs", (one, survive_and_fill), change))
        found.append(Trial(fault, "while one is dirty", (deleted, survive_and_fill), change))
    copied = "the ledger is older"
    found.append(
        Trial(copied, "than a server", (acts.started_and_ledger_copied, survive_and_fill), files.ledger_from_before)
    )
    found.append(
        Trial(
            copied, "than a server that is gone", (acts.copied_then_dirty, survive_and_fill), files.ledger_from_before
        )
    )
    return found
