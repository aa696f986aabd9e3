"""The whole lab: control plane, L1 and its nova-compute, from start to end."""

from __future__ import annotations

import contextlib
import dataclasses
import types
from collections.abc import Callable, Iterable, Mapping

from lab import folders, hygiene, processes
from lab.cloud import Cloud
from lab.compute import STOCK_DRIVER, Compute
from lab.control import settings
from lab.control.plane import ControlPlane
from lab.guest import Images
from lab.machine import Machine, parts
from lab.scenario import Scenario, Ssd
from lab.steps import Steps, say, wait_for

LAST_LINES = 15


@dataclasses.dataclass(frozen=True)
class Wish:
    """What to start: the hardware, and how nova-compute is configured."""

    scenario: Scenario
    driver: str = STOCK_DRIVER
    options: Mapping[str, settings.Section] = dataclasses.field(default_factory=dict)
    before_nova: Callable[[Machine], None] | None = None


class Lab:
    """A running lab. Everything it started ends when the context does, whatever happens in it."""

    def __init__(self, wish: Wish, home: folders.Home, steps: Steps | None = None) -> None:
        self._before = hygiene.look()
        self.wish = wish
        self.run = home.new_run()
        self.steps = steps or Steps()
        self.steps.on_timeout = self._show_stacks
        self._cache = home.cache
        self._cache.mkdir(parents=True, exist_ok=True)
        self._ending = contextlib.ExitStack()
        self.left: list[str] = []

    def __enter__(self) -> Lab:
        say(f"lab: logs in {self.run.logs}")
        try:
            self._make()
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        if kind is not None:
            self.show_logs()
        with contextlib.ExitStack() as last:
            last.callback(self._check_what_is_left)
            self._ending.close()
        say(f"lab: logs in {self.run.logs}")

    def start_nova(self) -> None:
        """Start everything that a server needs."""
        with self.steps.step("databases and configuration of Nova and Placement", 180):
            self.plane.configure()
        with self.steps.step("control plane takes requests", 120):
            self.plane.start()
            self.images.make()
        self.wait_for_l1()
        with self.steps.step("nova-compute registers", 300):
            self.compute.configure(self.wish.driver, self.wish.options)
            self.start_compute()

    def wait_for_l1(self) -> None:
        """Wait for the boot, then make L1 a compute host."""
        with self.steps.step("L1 takes commands", 180):
            self.machine.wait_until_up()
        with self.steps.step("L1 is a compute host: modules, udev, libvirt, sudo", 600):
            self.compute.prepare_host()
            if self.wish.before_nova is not None:
                self.wish.before_nova(self.machine)

    def reboot_l1(self, more: Mapping[str, settings.Section] | None = None, moved: Iterable[Ssd] = ()) -> None:
        """Take L1's power, give it back, and make it a compute host again; nova-compute is not started.

        :param more: options for nova-compute beyond those wished for, until it is configured again
        :param moved: SSDs that were put to another place while it had no power
        """
        self.machine.reboot(*moved)
        self.machine.wait_until_up()
        self.compute.prepare_host(first_time=False)
        self._configure_compute(more)

    def restart_compute(self, more: Mapping[str, settings.Section] | None = None, driver: str | None = None) -> None:
        """Kill nova-compute and start it, with more options or another driver until the next time."""
        self.compute.kill()
        self._configure_compute(more, driver)
        self.start_compute()

    def start_doomed_compute(self, more: Mapping[str, settings.Section] | None = None) -> None:
        """Start nova-compute, which is to die by itself, perhaps before the scheduler could use it."""
        self._configure_compute(more)
        self.compute.start()

    def _configure_compute(self, more: Mapping[str, settings.Section] | None, driver: str | None = None) -> None:
        self.compute.configure(driver or self.wish.driver, settings.merged(self.wish.options, more or {}))

    def start_compute(self) -> None:
        """Start nova-compute and wait until the scheduler can use it."""
        before = self.cloud.last_report()
        self.compute.start()
        wait_for(lambda: self._compute_is_ready(before), 3, self._check_compute)

    def show_logs(self) -> None:
        """Print the last lines of every log."""
        for log in sorted(self.run.logs.rglob("*.log")):
            lines = log.read_text(errors="replace").splitlines()
            say(f"---- {log} ({len(lines)} lines)")
            say("\n".join(line[:300] for line in lines[-LAST_LINES:]))

    def _make(self) -> None:
        with self.steps.step("kernel and packages in the cache", 900):
            made_of = parts(self._cache)
            self.plane = ControlPlane(self._cache, self.run)
            self.images = Images(self.plane.images, self._cache)
            self.cloud = Cloud(self.plane.ports)
        with self.steps.step("L1 starts", 60):
            self.machine = Machine(self.wish.scenario, made_of, self.run)
            self.compute = Compute(self.machine, self.plane.settings)
            self.machine.channel.make_keys()
            self.machine.make_images()
            self._ending.callback(self.plane.stop)
            self._ending.callback(self._stop_machine)
            self.machine.start()

    def check(self) -> None:
        """Raise ProcessEnded when L1 or a service on the host is not there any more."""
        self.machine.check()
        self.plane.check()

    def _check_compute(self) -> None:
        self.check()
        if not self.compute.running():
            raise processes.ProcessEnded("nova-compute", -1, self.compute.log)

    def _compute_is_ready(self, before: str | None) -> bool:
        return self.cloud.last_report() not in (None, before) and self.cloud.hypervisor() is not None

    def _stop_machine(self) -> None:
        with contextlib.suppress(Exception):
            self.machine.channel.try_run(f"cp -r /var/log/libvirt {self.run.share}/", limit_s=20)
        self.machine.stop()

    def _show_stacks(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            self.machine.show_processors()
        if "compute" in vars(self) and self.compute.pid:
            self.compute.show_stacks()

    def _check_what_is_left(self) -> None:
        stubborn = processes.marked(self.run.name)
        self.left = [f"process {pid}: {line}" for pid, line in stubborn.items()]
        processes.end_marked(self.run.name)
        self.left += hygiene.left_since(self._before, self.run)
        say(hygiene.report(self.left))
