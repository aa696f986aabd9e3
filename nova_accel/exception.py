"""What can go wrong, each as a sentence that an operator can act on."""


class AccelError(Exception):
    """Base of every error that nova_accel raises itself."""


class ConfigurationError(AccelError):
    """An option of ours says something that cannot be right on any hardware."""

    def __init__(self, option: str, value: str, expected: str) -> None:
        super().__init__(f"[nova_accel] {option} = {value!r} is not valid: {expected}.")
        self.option = option
        self.value = value
        self.expected = expected


class PrivilegedCallError(AccelError):
    """A call on root's side was refused, failed or did not come back in time."""

    def __init__(self, call: str, reason: str) -> None:
        super().__init__(f"{call}: {reason}")
        self.call = call
        self.reason = reason


class DeviceLost(PrivilegedCallError):
    """A device hangs, or did not come back: to try again by itself would hang again, so somebody has to look at it."""


class ParseError(AccelError):
    """A tool's output as a whole is not what the tool documents."""

    def __init__(self, tool: str, reason: str, excerpt: str) -> None:
        super().__init__(f"cannot read the output of {tool}: {reason}, near {excerpt!r}")
        self.tool = tool
        self.reason = reason
        self.excerpt = excerpt


class LedgerError(AccelError):
    """The ledger cannot be read or written; nothing may be given away."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"the ledger {path} cannot be used: {reason}")
        self.path = path
        self.reason = reason


class LedgerDamaged(LedgerError):
    """What is in the file is not what was written to it, and waiting does not mend it."""


class NotALedger(LedgerError):
    """The file belongs to another program: the option names the wrong one."""


class HandleRefused(AccelError):
    """What is wanted of a handle does not go together with what is known of it."""

    def __init__(self, identity: str, reason: str) -> None:
        super().__init__(f"{identity}: {reason}")
        self.identity = identity
        self.reason = reason


class HandleUnavailable(AccelError):
    """A server asked for a handle that it must not get."""

    def __init__(self, identity: str, server: str, reason: str) -> None:
        super().__init__(f"{identity} cannot be given to server {server}: {reason}")
        self.identity = identity
        self.server = server
        self.reason = reason


class CleaningFailed(AccelError):
    """A handle could not be proven clean; it stays reserved."""

    def __init__(self, identity: str, reason: str) -> None:
        super().__init__(f"{identity} could not be cleaned: {reason}")
        self.identity = identity
        self.reason = reason
