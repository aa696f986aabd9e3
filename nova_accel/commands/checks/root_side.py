"""Whether nova-compute's user can have done what needs root, and nothing more."""

import configparser
import re
from collections.abc import Sequence
from pathlib import Path

from nova_accel.commands.checks.facts import Facts, Unknown
from nova_accel.commands.checks.result import Result, failure, ok, warning
from nova_accel.exception import PrivilegedCallError
from nova_accel.privsep import acting_pctxt, reading_pctxt
from nova_accel.privsep.errors import Failed, Refused

# A PCI address where nothing is, so that asking about it touches nothing.
_NOWHERE = "ffff:ff:1f.7"
SOCKET = "/tmp/nova_accel/privsep.sock"  # noqa: S108  one such as oslo.privsep makes; nothing is opened
_SUDO_VERSION = re.compile(r"(?<=version )\S+", re.ASCII)
_NOT_TRIED = "not tried: sudo would ask for a password"
_SUDOERS_ADVICE = (
    "Put the user and the path of privsep-helper into the file sudoers, copy it to /etc/sudoers.d/nova_accel with mode 0440; "
    "it needs sudo 1.9.10 or newer, and this is {version}."
)
_ROOTWRAP_ADVICE = (
    "Let this user run nova-rootwrap as root without a password, as Nova's own installation does in sudoers."
)
_CORRECT = "See what nova-accel -v status check logs, and correct helper_command in [{section}] or the sudoers or rootwrap file."


def reading(facts: Facts) -> Result:
    """Call a function of the context that only reads."""
    if _refusal(facts, str(reading_pctxt.pypath)):
        return ok(_NOT_TRIED)
    try:
        facts.host.lspci()
    except PrivilegedCallError as error:
        return _refused(error, "nova_accel_reading")
    return ok("the privsep daemon listed the PCI devices")


def acting(facts: Facts) -> Result:
    """Call a function of the context that has capabilities; both are asked."""
    if _refusal(facts, str(acting_pctxt.pypath)):
        return ok(_NOT_TRIED)
    try:
        facts.host.who_uses([_NOWHERE])
    except PrivilegedCallError as error:
        return _refused(error, "nova_accel_acting")
    return ok("the privsep daemon looked for users of a device")


def _refused(error: PrivilegedCallError, section: str) -> Result:
    if isinstance(error.__cause__, Refused | Failed):  # said by root's side, so it was reached
        return ok(f"the privsep daemon answers: {error.reason}")
    return failure(str(error), _CORRECT.format(section=section))


def user(facts: Facts) -> Result:
    """Whoever runs the checks should be the user that nova-compute runs as: root may do everything."""
    try:
        owner = Path(facts.configured.settings.ledger_path).stat().st_uid
    except OSError:
        return ok("not known while there is no ledger")
    if facts.user_id != owner:
        return warning(
            f"this was checked as user {facts.user_id}, but the ledger is of user {owner}",
            "Run it as nova-compute's user, as with sudo -u nova: else it does not show what nova-compute may do.",
        )
    return ok("this was checked as the ledger's owner")


def allowed(facts: Facts) -> Result:
    """Sudo or rootwrap lets exactly our two daemons be started."""
    results = [_allowed(facts, context) for context in facts.configured.helper_commands]
    return max(results, key=lambda result: result.level)


def _allowed(facts: Facts, context: str) -> Result:
    words = facts.configured.helper_commands[context]
    if not _by_sudo(words):
        return ok(f"{' '.join(words[:1])} starts the privsep daemons")
    by_rootwrap = len(words) > 2 and "rootwrap" in Path(words[1]).name
    refusal = _refusal(facts, context)
    if refusal:
        how = _ROOTWRAP_ADVICE if by_rootwrap else _SUDOERS_ADVICE.format(version=_sudo_version(facts))
        return failure(f"sudo does not let this user run {' '.join(words[1:])} for {context}: {refusal}", how)
    if by_rootwrap:
        return _by_rootwrap(facts, context, Path(words[2]))
    return ok("sudo lets this user start the privsep daemons")


def _by_sudo(words: Sequence[str]) -> bool:
    return bool(words) and Path(words[0]).name == "sudo"


def _refusal(facts: Facts, context: str) -> str:
    """Why sudo would not start a context's daemon, at least not without a question that nobody could answer; empty if it would."""
    words = facts.configured.helper_commands[context]
    if not _by_sudo(words):
        return ""
    try:
        facts.output(["sudo", "-n", "-l", *words[1:], "--privsep_context", context, "--privsep_sock_path", SOCKET])
    except Unknown as error:
        return str(error)
    return ""


def _sudo_version(facts: Facts) -> str:
    try:
        found = _SUDO_VERSION.search(facts.output(["sudo", "--version"]))
    except Unknown:
        found = None
    return found[0] if found else "of unknown version"


def _by_rootwrap(facts: Facts, context: str, config: Path) -> Result:
    parser = configparser.RawConfigParser(strict=False)
    text = facts.text(config)
    if text is None:
        return failure(f"{config} is not there", "Install nova-rootwrap's configuration, or set helper_command.")
    try:
        parser.read_string(text)
    except configparser.Error as error:
        return failure(f"{config} cannot be read: {error}", "Correct it.")
    folders = [
        Path(one.strip()) for one in parser.get("DEFAULT", "filters_path", fallback="").split(",") if one.strip()
    ]
    files = [file for folder in folders if folder.is_dir() for file in sorted(folder.iterdir()) if file.is_file()]
    if not any(context in (facts.text(file) or "") for file in files):
        # No failure: oslo.rootwrap has a filter of its own that lets every privsep-helper through.
        return warning(
            f"no filter of nova-rootwrap names {context}",
            "Copy rootwrap.filters to /etc/nova/rootwrap.d/nova_accel.filters.",
        )
    return ok("nova-rootwrap lets this user start the privsep daemons")
