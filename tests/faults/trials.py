"""Every fault that is no kill, and when it is tried."""

from tests.faults import acts, faulty, files, hardware, moments
from tests.faults.cloud import Cloud
from tests.faults.moments import Trial, during, from_the_start
from tests.faults.outcome import Word
from tests.faults.survival import have_it_go_on, reverted_and_used, survive, survive_and_fill

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
        *_domains(),
    ]


def _ledger() -> list[Trial]:
    read_only, full = "the ledger can only be read", "the disk under the ledger is full"
    return [
        *during(read_only, faulty.ledger_is_read_only),
        from_the_start(read_only, faulty.ledger_is_read_only),
        *during(full, faulty.disk_under_the_ledger_is_full),
        from_the_start(full, faulty.disk_under_the_ledger_is_full),
    ]


TOOLS = {
    "lspci": (_DELETED, _QUIET),
    "ndctl": (_DELETED, _QUIET),
    "who_uses": (_QUIET,),
    "signatures": (_MADE, _QUIET),
    "mounted_elsewhere": (_QUIET,),
    "namespace_users": (_QUIET,),
    "smart_logs": (_QUIET,),
    "hand_over": (_MADE,),
    "check_namespace": (_MADE,),
    "link_namespace": (_MADE,),
    "bring_back": (_DELETED,),
    "settle": (_DELETED,),
    "id_ctrl": (_DELETED,),
    "list_ns": (_DELETED,),
    "sizes": (_DELETED,),
    "erase": (_DELETED,),
    "first_nonzero": (_DELETED,),
    "namespace_size": (_DELETED,),
    "zero_namespace": (_DELETED,),
    "namespace_first_nonzero": (_DELETED,),
}
"""When each call is not done: alone, because of several the first would keep the others from being reached."""
TOOLS_OF_OTHERS = {
    "zero": acts.NO_FORMAT,
    "sanitize": acts.SANITIZES,
    "sanitize_log": acts.SANITIZES,
    "first_unlike": acts.READS_AS_A_PATTERN,
}
"""Calls that are made only where the SSDs' controllers can do other things, and which."""
_ONLY_AN_OPERATOR = frozenset({Word.CLEANING})
"""What hangs is quarantined: nobody else may have it touched again."""
_NOBODY_KNOWS = frozenset({Word.CLEANING, Word.FOREIGN})
"""The ledger alone knew that the last server has released what it wrote: only an operator may say so now."""
HANG_WITH_THE_DEVICE = {"hand_over": _MADE, "bring_back": _DELETED, "erase": _DELETED}


def _tools() -> list[Trial]:
    tool, device = "a tool hangs and is killed", "a device hangs"
    found: list[Trial] = []
    for call, when in TOOLS.items():
        found += during(tool, faulty.hangs(call), when, of=f"{call},")
    found += [_on_others(tool, call, faulty.hangs(call)) for call in TOOLS_OF_OTHERS]
    for call, moment in HANG_WITH_THE_DEVICE.items():
        found += during(device, faulty.lost(call), (moment,), of=f"{call},", operator=_ONLY_AN_OPERATOR)
    return [*found, *(_on_others(device, call, faulty.lost(call), _ONLY_AN_OPERATOR) for call in ("zero", "sanitize"))]


def _on_others(name: str, call: str, fault: faulty.Fault, operator: frozenset[Word] = frozenset()) -> Trial:
    def deleted(cloud: Cloud) -> None:
        moments.deleted_on(cloud, faulty.biting(fault), **TOOLS_OF_OTHERS[call])

    return Trial(name, f"{call}, {_DELETED}", (deleted,), operator=operator)


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
        # What was committed is not only in the -wal file once nova-compute has ended.
        operator = frozenset() if change is files.deleted_wal else _NOBODY_KNOWS
        found.append(Trial(fault, "while one is dirty", (deleted, survive_and_fill), change, operator))
    before, older = files.ledger_from_before, "the ledger is older"
    running, gone = acts.started_and_ledger_copied, acts.copied_then_dirty
    found.append(Trial(older, "than a server", (running, survive_and_fill), before))
    found.append(Trial(older, "than a server that is gone", (gone, survive_and_fill), before, _NOBODY_KNOWS))
    return found


def _domains() -> list[Trial]:
    """Whose the devices are is left to Nova's database."""
    fault = "libvirt has forgotten its domains"
    return [
        Trial(
            fault,
            "while a server is stopped",
            (acts.started_and_stopped, lambda cloud: survive(cloud, have_it_go_on)),
            files.domains_forgotten,
        ),
        Trial(
            fault,
            "while a move waits for its end",
            (acts.migrated, lambda cloud: survive(cloud, reverted_and_used)),
            files.domains_forgotten,
        ),
    ]
