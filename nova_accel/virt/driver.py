"""LibvirtDriver with local devices: ``compute_driver = accel.AccelLibvirtDriver``."""

import threading
from collections.abc import Callable
from typing import Any

import nova.conf
from nova import exception as nova_exception
from nova.compute import power_state, task_states, vm_states
from nova.virt.libvirt import driver as libvirt_driver
from oslo_log import log as logging

from nova_accel import conf
from nova_accel.drivers import loading
from nova_accel.exception import AccelError, ConfigurationError, NotALedger
from nova_accel.host import Host, LocalHost
from nova_accel.provider_tree import apply
from nova_accel.virt import nova_database, nova_private, other_owners, refusals, suspend, switched_off
from nova_accel.virt.applier import Applier
from nova_accel.virt.nova_side import NovaSide
from nova_accel.virt.service import AccelService
from nova_accel.virt.starts import Starts
from nova_accel.xml import domain

CONF = nova.conf.CONF
LOG = logging.getLogger(__name__)

_LEAVES = (task_states.SHELVING, task_states.SHELVING_OFFLOADING)
_RUNNING = (power_state.RUNNING, power_state.PAUSED)


def local_host(hostname: str) -> Host:
    """The machine's border; the one place that tests put something else."""
    return LocalHost()


def in_background(work: Callable[[], None]) -> None:
    """Run long work in a thread of our own: Nova's pools are for short work."""
    threading.Thread(target=work, name="nova_accel", daemon=True).start()


def for_as_long_as_it_runs(keep_working: Callable[[], None]) -> None:
    """Run what goes on until nova-compute ends in a thread of its own; another seam for tests, which have no end."""
    threading.Thread(target=keep_working, name="nova_accel_rounds", daemon=True).start()


class AccelLibvirtDriver(libvirt_driver.LibvirtDriver):
    """Nova's libvirt driver, which also offers this host's SSDs and persistent memory. Without ``enabled_drivers`` it is LibvirtDriver."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._accel: AccelService | None = None
        self._starts: Starts | None = None
        self._not_offered = ""
        """What was said last of why nothing is offered; this is called too often to say it each time."""
        self._applier = Applier(nova_private.children)

    def init_host(self, host: str) -> None:
        """Start as LibvirtDriver does, then look at the devices.

        :raises nova.exception.InvalidConfiguration: when an option of ours cannot be right: nova-compute does not start
        """
        super().init_host(host)
        conf.register(CONF)
        try:
            settings = conf.read(CONF)
            if not settings.enabled_drivers:
                switched_off.note(local_host(host), settings.ledger_path)
                return
            drivers = loading.load(settings)
            self._accel = AccelService(settings, drivers, local_host(host), self._nova_side(host))
            self._starts = Starts(self, self._accel)
            self._accel.start(in_background)
        except ConfigurationError as error:
            raise nova_exception.InvalidConfiguration(str(error)) from error
        except NotALedger as error:
            raise nova_exception.InvalidConfiguration(f"[nova_accel] ledger_path: {error}") from error
        for_as_long_as_it_runs(self._accel.keep_working)

    def cleanup_host(self, host: str) -> None:
        """Stop looking at the devices; guests keep theirs."""
        if self._accel:
            self._accel.stop()
        super().cleanup_host(host)

    def update_provider_tree(self, provider_tree: Any, nodename: str, allocations: Any = None) -> None:
        """Add our providers to those of LibvirtDriver, from what is known: nothing is run or read from hardware here."""
        super().update_provider_tree(provider_tree, nodename, allocations)
        if not self._accel:
            return
        resources = nova_private.claimed_resources(self.virtapi)
        try:
            known = None if resources is None else apply.claimed_handles(resources)
            plans = self._accel.providers(nodename, known)
            unused = self._accel.leftovers.unused
            leftovers = self._applier.apply(provider_tree, nodename, plans, resources or (), unused)
            self._accel.leftovers.note(nodename, leftovers)
            self._not_offered = ""
        except AccelError as error:  # whatever it is, it must not fail every claim and release on the host
            if str(error) != self._not_offered:
                LOG.error("No device of this host is offered for now: %s", error)
            self._not_offered = str(error)
            apply.hold(provider_tree, nodename, resources or ())
        except Exception:
            LOG.exception("No device of this host is offered for now")
            apply.hold(provider_tree, nodename, resources or ())

    def spawn(self, context: Any, instance: Any, *args: Any, **kwargs: Any) -> None:
        """Start a guest; where a server is rebuilt, its devices are erased before, unless ``on_rebuild`` says otherwise.

        :raises nova.exception.InternalError: when they could not be proven clean
        """
        if self._starts and instance.task_state == task_states.REBUILD_SPAWNING:
            with refusals.of_a_start(instance):
                self._starts.prepare_rebuild(instance)
        super().spawn(context, instance, *args, **kwargs)

    def rebuild(self, context: Any, instance: Any, *args: Any, evacuate: bool = False, **kwargs: Any) -> None:
        """Refuse what could not be started again, while the server still has its guest and its disk; then leave it to Nova.

        :raises nova.exception.InstanceFaultRollback: when it would end without its devices; the server goes on as before
        :raises NotImplementedError: else, which has Nova destroy and spawn it
        """
        if self._starts and not evacuate:
            with refusals.of_a_rebuild(instance):
                self._starts.foresee_rebuild(instance)
        super().rebuild(context, instance, *args, evacuate=evacuate, **kwargs)

    def reboot(self, context: Any, instance: Any, *args: Any, **kwargs: Any) -> Any:
        """Refuse what could not be started again, while the guest still runs.

        :raises nova.exception.InternalError: with the reason
        """
        self._foresee(instance)
        return super().reboot(context, instance, *args, **kwargs)

    def unrescue(self, context: Any, instance: Any, *args: Any, **kwargs: Any) -> Any:
        """Refuse what could not be started again, while the rescued guest still runs.

        :raises nova.exception.InternalError: with the reason
        """
        self._foresee(instance)
        return super().unrescue(context, instance, *args, **kwargs)

    def destroy(self, context: Any, instance: Any, *args: Any, **kwargs: Any) -> None:
        """Destroy the guest; if Nova is deleting the server, or could not build it, release and clean its devices."""
        super().destroy(context, instance, *args, **kwargs)
        if not self._accel:
            return
        if instance.task_state == task_states.DELETING or instance.deleted:
            self._accel.release(instance.uuid, "Nova deleted it")
        elif instance.vm_state == vm_states.BUILDING:
            self._accel.release(instance.uuid, "Nova could not build it here, and its guest is gone")
        elif instance.task_state in _LEAVES:
            # Not released yet: if Nova fails in what follows, the server is still here.
            self._accel.leaving.note(instance.uuid)

    def suspend(self, context: Any, instance: Any) -> None:
        """Suspend a server; its PCI devices leave the guest before, and stay the server's with their data.

        :raises nova.exception.InstanceFaultRollback: when it has persistent memory that is not to be saved or has no room, or its
            guest does not let go of a device; the server goes on as before
        :raises nova.exception.InternalError: when it goes on without a device that it had
        """
        if not self._accel or not nova_database.has_devices_of_ours(instance):
            super().suspend(context, instance)
            return
        try:
            guest, server = self._host.get_guest(instance), instance.uuid
            if self._starts and instance.task_state != task_states.SUSPENDING:
                # A cold snapshot, after which Nova takes it for running whether or not it could be started again.
                self._starts.foresee(instance)
            with (
                suspend.nothing_lost(guest, server),
                suspend.memory_saved(guest, server, self._accel.save_room),
                suspend.taken_out(self, guest, server),
            ):
                super().suspend(context, instance)
        except suspend.RunsWithout as error:
            LOG.error("%s", error)
            raise nova_exception.InternalError(str(error)) from error
        except Exception as error:  # whatever it is, the server has not changed
            # Nova does not say anywhere why a cold snapshot was refused.
            LOG.warning("Server %s goes on as before: %s", instance.uuid, error)
            failure = nova_exception.InstanceSuspendFailure(reason=str(error))
            raise nova_exception.InstanceFaultRollback(failure) from error

    def resume(self, context: Any, instance: Any, *args: Any, **kwargs: Any) -> None:
        """Resume a server and give it back its PCI devices.

        :raises nova.exception.InstanceFaultRollback: when it cannot have them; it stays suspended, with all that was saved of it
        :raises nova.exception.InternalError: when it runs without them and could not be saved again
        """
        if not self._starts or not nova_database.has_devices_of_ours(instance):
            super().resume(context, instance, *args, **kwargs)
            return
        try:
            guest = self._host.get_guest(instance)
        except (
            nova_exception.InstanceNotFound
        ):  # nothing was saved of it, so it begins anew, with its devices in its XML
            super().resume(context, instance, *args, **kwargs)
            return
        with self._starts.without_devices(instance):
            with refusals.of_a_resume():
                # Before Nova begins: where a guest cannot be started, it takes the domain away with all that was saved of it.
                self._starts.prepare(instance, guest.get_xml_desc())
            super().resume(context, instance, *args, **kwargs)
            with refusals.of_a_resume():
                self._starts.give_back(instance, self._host.get_guest(instance))

    def check_can_live_migrate_destination(self, context: Any, instance: Any, *args: Any, **kwargs: Any) -> Any:
        """Refuse a server that has a device, before anything happened.

        :raises nova.exception.MigrationPreCheckError: with the reason
        """
        refusals.refuse_live_migration(instance)
        return super().check_can_live_migrate_destination(context, instance, *args, **kwargs)

    def check_can_live_migrate_source(self, context: Any, instance: Any, *args: Any, **kwargs: Any) -> Any:
        """Refuse likewise where the destination runs another driver.

        :raises nova.exception.MigrationPreCheckError: with the reason
        """
        refusals.refuse_live_migration(instance)
        return super().check_can_live_migrate_source(context, instance, *args, **kwargs)

    def _get_guest_config(self, instance: Any, *args: Any, **kwargs: Any) -> Any:
        guest = super()._get_guest_config(instance, *args, **kwargs)
        if self._starts:
            with refusals.of_a_start(instance):
                self._starts.add_devices(instance, guest)
        return guest

    def _create_guest(self, context: Any, xml: str, instance: Any, *args: Any, **kwargs: Any) -> Any:
        if self._starts:
            with refusals.of_a_start(instance):
                xml = self._starts.renewed(instance, xml)
                self._starts.prepare(instance, xml)
        return super()._create_guest(context, xml, instance, *args, **kwargs)

    def _soft_reboot(self, instance: Any) -> Any:
        if self._starts:
            # It starts the domain that libvirt has stored, past _create_guest; what the guest has now may be something else.
            stored = self._host.get_guest(instance).get_xml_desc(dump_inactive=True)
            with refusals.of_a_start(instance):
                self._starts.prepare(instance, stored, running=True)
        return super()._soft_reboot(instance)

    def _resume_guest_after_snapshot(
        self, context: Any, live_snapshot: Any, original_power_state: Any, instance: Any, guest: Any
    ) -> Any:
        arguments = (context, live_snapshot, original_power_state, instance, guest)
        ours = self._starts and nova_database.has_devices_of_ours(instance)
        # Not asked for others: Nova comes here also when the guest has disappeared meanwhile.
        saved = ours and not live_snapshot and original_power_state in _RUNNING
        xml = guest.get_xml_desc() if saved else ""
        if not self._starts or not saved or domain.is_running(xml):
            return super()._resume_guest_after_snapshot(*arguments)
        with self._starts.without_devices(instance), refusals.of_a_start(instance):
            self._starts.prepare(instance, xml)
            super()._resume_guest_after_snapshot(*arguments)
            try:
                self._starts.give_back(instance, guest)
            except suspend.NotAttached as error:
                raise suspend.StoppedByASnapshot(instance.uuid, error.reason) from error
        return None

    def _foresee(self, instance: Any) -> None:
        if self._starts:
            with refusals.of_a_start(instance):
                self._starts.foresee(instance)

    def _nova_side(self, host: str) -> NovaSide:
        return NovaSide(
            host=host,
            domains=lambda: other_owners.domains(self),
            facts=nova_database.server_facts,
            changed=lambda: nova_private.update_placement(self.virtapi, self.get_available_nodes()),
            consumers=lambda leftover: nova_private.consumers(self.virtapi, leftover),
            others=lambda: other_owners.others(self),
            forgotten=nova_database.forgotten,
            claims=lambda: nova_database.claims(host),
            claimants=lambda: nova_database.claimants(host),
            stopped=lambda: other_owners.stopped(self),
            undefine=lambda server: nova_private.undefine(self, server),
            placed=lambda: other_owners.placed(self),
        )
