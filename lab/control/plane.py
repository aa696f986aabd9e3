"""All services of the control plane, each a process of its own on the host."""

from __future__ import annotations

import functools
import pathlib
import sys
from collections.abc import Mapping, Sequence

from lab import folders
from lab.control import databases, settings
from lab.control.broker import Broker, listens
from lab.control.ports import Ports
from lab.processes import Process, environment
from lab.steps import wait_for


class ControlPlane:
    """Broker, Placement, Nova's API, conductor and scheduler, and the stand-ins."""

    def __init__(self, cache: pathlib.Path, run: folders.RunFolder) -> None:
        self.ports = Ports()
        self.settings = settings.Settings(run, self.ports)
        self._cache = cache
        self._run = run
        self._broker = Broker(cache, run, self.ports)
        self._services: list[Process] = []
        self.images = run.images / "glance"

    def configure(self) -> None:
        """Write configuration files and databases."""
        self.images.mkdir()
        etc = self._run.etc
        (etc / "nova.conf").write_text(settings.text(self.settings.control()))
        (etc / "placement.conf").write_text(settings.text(self.settings.placement()))
        shipped = settings.shipped_api_paste(pathlib.Path(sys.prefix))
        (etc / "api-paste.ini").write_text(settings.api_paste(shipped))
        databases.prepare(self._cache, self._run)
        databases.record_cells(self._run)

    def start(self) -> None:
        """Start everything and wait until it takes requests."""
        self._broker.start()
        self._python("stand-ins", ["-m", "lab.control.stand_ins", str(self.ports.stand_ins), str(self.images)])
        self._wsgi(
            "placement-api", "placement.wsgi.api", self.ports.placement, {"OS_PLACEMENT_CONFIG_DIR": str(self._run.etc)}
        )
        self._broker.wait_until_up()
        self._wsgi(
            "nova-api",
            "nova.wsgi.osapi_compute",
            self.ports.compute,
            {"OS_NOVA_CONFIG_DIR": str(self._run.etc), "OS_NOVA_CONFIG_FILES": "api-paste.ini;nova.conf"},
        )
        for name in ("conductor", "scheduler"):
            program = f"from nova.cmd.{name} import main; import lab.control.sqlite; import sys; sys.exit(main())"
            self._python(f"nova-{name}", ["-c", program, "--config-file", str(self._run.etc / "nova.conf")])
        for port in (self.ports.stand_ins, self.ports.placement, self.ports.compute):
            wait_for(functools.partial(listens, port), 0.2, self.check)

    def check(self) -> None:
        """Raise ProcessEnded when a service has ended."""
        for service in self._services:
            service.check()

    def stop(self) -> None:
        """Stop everything."""
        while self._services:
            self._services.pop().stop()
        self._broker.stop()

    def _wsgi(self, name: str, module: str, port: int, environ: Mapping[str, str]) -> None:
        self._python(name, ["-m", "lab.control.serve", module, str(port)], environ)

    def _python(self, name: str, words: Sequence[str], environ: Mapping[str, str] | None = None) -> None:
        env = environment(self._run, PYTHONPATH=str(folders.CHECKOUT), **(environ or {}))
        self._services.append(Process(name, [sys.executable, *words], self._run.logs / f"{name}.log", env))
