"""The channel into L1: OpenSSH over QEMU's user network, with keys made for one run."""

from __future__ import annotations

import dataclasses
import pathlib
import shlex
import subprocess
from collections.abc import Mapping, Sequence

SERVER = """\
Port 22
HostKey {etc}/host_key
AuthorizedKeysFile {etc}/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
StrictModes no
PrintMotd no
AcceptEnv LANG
PidFile /run/sshd.pid
MaxSessions 100
MaxStartups 100
"""


@dataclasses.dataclass(frozen=True)
class Result:
    """How a command in L1 ended."""

    command: str
    status: int
    out: str
    err: str


class CommandFailed(Exception):
    """A command in L1 ended with another status than 0."""

    def __init__(self, result: Result) -> None:
        super().__init__(
            f"in L1, `{result.command}` ended with {result.status}: {(result.err or result.out).strip()[-2000:]}"
        )
        self.result = result


@dataclasses.dataclass(frozen=True)
class Channel:
    """Runs commands in L1 as root. One connection is kept and shared by all commands."""

    etc: pathlib.Path
    port: int
    environ: Mapping[str, str]

    def make_keys(self) -> None:
        """Write the run's keys and sshd's configuration."""
        for name in ("host_key", "key"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(self.etc / name)], check=True
            )
        (self.etc / "authorized_keys").write_text((self.etc / "key.pub").read_text())
        (self.etc / "sshd_config").write_text(SERVER.format(etc=self.etc))

    def try_run(self, command: str | Sequence[str], limit_s: float = 120, given: str = "") -> Result:
        """Run a command (a shell's, or words) with ``given`` on its standard input."""
        text = command if isinstance(command, str) else shlex.join(command)
        run = subprocess.run(
            [*self._ssh(), "root@127.0.0.1", text],
            input=given,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit_s,
            env=dict(self.environ),
        )
        return Result(text, run.returncode, run.stdout, run.stderr)

    def run(self, command: str | Sequence[str], limit_s: float = 120, given: str = "") -> str:
        """Run a command that must succeed, and return its output."""
        result = self.try_run(command, limit_s, given)
        if result.status:
            raise CommandFailed(result)
        return result.out

    def answers(self) -> bool:
        """Whether L1 takes commands."""
        try:
            return self.try_run("true", limit_s=20).status == 0
        except subprocess.TimeoutExpired:
            return False

    def terminal(self) -> int:
        """A shell in L1 on this terminal; its exit status."""
        argv = [*self._ssh(master=False), "-t", "root@127.0.0.1", "cd /; exec bash --norc"]
        return subprocess.run(argv, env={**self.environ, "TERM": "xterm"}).returncode

    def close(self) -> None:
        """End the shared connection."""
        subprocess.run([*self._ssh(), "-O", "exit", "root@127.0.0.1"], capture_output=True, env=dict(self.environ))

    def _ssh(self, master: bool = True) -> list[str]:
        options = {
            "Port": str(self.port),
            "IdentityFile": str(self.etc / "key"),
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "no",
            "LogLevel": "ERROR",
            "ConnectTimeout": "15",
            "BatchMode": "yes",
            "ServerAliveInterval": "30",
        }
        if master:
            options |= {"ControlMaster": "auto", "ControlPath": str(self.etc / "ssh"), "ControlPersist": "600"}
        return ["ssh", "-F", "none", *(word for key, value in options.items() for word in ("-o", f"{key}={value}"))]
