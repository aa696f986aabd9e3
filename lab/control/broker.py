"""RabbitMQ, from the distribution's packages, unpacked: own node, own ports, own port mapper."""

from __future__ import annotations

import pathlib
import socket

from lab import folders, packages
from lab.control.ports import HOST, Ports
from lab.processes import Process, environment
from lab.steps import wait_for

PACKAGES = ("rabbitmq-server",)

CONFIGURATION = """\
listeners.tcp.default = 127.0.0.1:{broker}
log.file.level = warning
heartbeat = 0
vm_memory_high_watermark.relative = 0.8
disk_free_limit.absolute = 50MB
"""

# Debian's `erl` has its installed folder written into it; this one knows the unpacked one.
ERL = """\
#!/bin/sh
export ROOTDIR={root}/usr/lib/erlang BINDIR={bin} EMU=beam PROGNAME=erl
exec {bin}/erlexec "$@"
"""


class Broker:
    """The message bus of one run."""

    def __init__(self, cache: pathlib.Path, run: folders.RunFolder, ports: Ports) -> None:
        unpacked = packages.unpacked(PACKAGES, cache)
        self._root = unpacked if (unpacked / "usr/lib/erlang").exists() else pathlib.Path("/")
        self._bin = next((self._root / "usr/lib/erlang").glob("erts-*/bin"))
        self._run = run
        self._ports = ports
        self._base = run.databases / "rabbitmq"
        self._processes: list[Process] = []

    def start(self) -> None:
        """Write the configuration; start the port mapper and the broker."""
        (self._base / "bin").mkdir(parents=True)
        (self._base / "rabbitmq.conf").write_text(CONFIGURATION.format(broker=self._ports.broker))
        (self._base / "enabled_plugins").write_text("[].\n")
        erl = self._base / "bin/erl"
        erl.write_text(ERL.format(root=self._root if self._root != pathlib.Path("/") else "", bin=self._bin))
        erl.chmod(0o755)
        self._spawn("rabbitmq-epmd", [str(self._bin / "epmd"), "-port", str(self._ports.port_mapper)])
        wait_for(lambda: listens(self._ports.port_mapper), 0.1)
        server = self._root / "usr/lib/rabbitmq/bin/rabbitmq-server"
        self._spawn("rabbitmq", [str(server)])

    def wait_until_up(self) -> None:
        """Wait until it takes connections."""
        wait_for(lambda: listens(self._ports.broker), 0.2, self._check)

    def stop(self) -> None:
        """Stop the broker, then the port mapper."""
        while self._processes:
            self._processes.pop().stop()

    def _check(self) -> None:
        for process in self._processes:
            process.check()

    def _spawn(self, name: str, argv: list[str]) -> None:
        log = self._run.logs / f"{name}.log"
        self._processes.append(Process(name, argv, log, self._environ()))

    def _environ(self) -> dict[str, str]:
        base = environment(self._run)
        return base | {
            "PATH": f"{self._base / 'bin'}:{base['PATH']}",
            "HOME": str(self._base),
            "detached": "1",  # run the Erlang machine in place of the start script
            "ERL_EPMD_PORT": str(self._ports.port_mapper),
            "ERL_EPMD_ADDRESS": HOST,
            "ERL_CRASH_DUMP": str(self._run.logs / "rabbitmq-crash.dump"),
            "RABBITMQ_NODENAME": f"lab-{self._run.name}@localhost",
            "RABBITMQ_CONFIG_FILE": str(self._base / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._base / "enabled_plugins"),
            "RABBITMQ_DIST_PORT": str(self._ports.broker_distribution),
            "RABBITMQ_MNESIA_BASE": str(self._base / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self._run.logs),
            "RABBITMQ_PID_FILE": str(self._base / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }


def listens(port: int) -> bool:
    """Whether somebody takes connections on a port of the loopback."""
    with socket.socket() as caller:
        caller.settimeout(2)
        return caller.connect_ex((HOST, port)) == 0
