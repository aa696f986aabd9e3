"""nova.conf and placement.conf of one run."""

from __future__ import annotations

import dataclasses
import io
import pathlib
import sys
from collections.abc import Iterable, Mapping

from lab import folders
from lab.control.identity import TOKEN
from lab.control.ports import HOST, HOST_SEEN_FROM_L1, Ports

Section = Mapping[str, "str | Iterable[str]"]

KEYSTONE_FILTER = "keystonemiddleware.auth_token:filter_factory"
OUR_FILTER = "lab.control.identity:filter_factory"


def text(sections: Mapping[str, Section]) -> str:
    """An oslo.config file; an option given several values is written several times."""
    out = io.StringIO()
    for name, options in sections.items():
        out.write(f"[{name}]\n")
        for key, value in options.items():
            for one in (value,) if isinstance(value, str) else value:
                out.write(f"{key} = {one}\n")
        out.write("\n")
    return out.getvalue()


def merged(base: Mapping[str, Section], more: Mapping[str, Section]) -> dict[str, dict[str, str | Iterable[str]]]:
    """``base`` with the options of ``more`` added or replaced."""
    return {name: {**base.get(name, {}), **more.get(name, {})} for name in [*base, *(set(more) - set(base))]}


@dataclasses.dataclass(frozen=True)
class Settings:
    """Configuration of all services of one run."""

    run: folders.RunFolder
    ports: Ports

    def database(self, name: str) -> str:
        """URL of an SQLite file; a writer waits for the other services' locks."""
        return f"sqlite:///{self.run.databases / name}.sqlite?timeout=120"

    def transport(self, host: str) -> str:
        """URL of the message bus as seen from ``host``."""
        return f"rabbit://guest:guest@{host}:{self.ports.broker}/"

    def placement(self) -> dict[str, Section]:
        """Placement's configuration."""
        return {
            "DEFAULT": {"debug": "False"},
            "api": {"auth_strategy": "noauth2"},
            "placement_database": {"connection": self.database("placement"), "sync_on_startup": "True"},
        }

    def control(self) -> Mapping[str, Section]:
        """nova.conf of API, scheduler and conductor, on the host."""
        return merged(
            self._nova(HOST),
            {
                "DEFAULT": {
                    "host": "controller",
                    "my_ip": HOST,
                    "state_path": str(self.run.path / "nova"),
                    "transport_url": self.transport(HOST),
                },
                "wsgi": {"api_paste_config": str(self.run.etc / "api-paste.ini")},
                "api_database": {"connection": self.database("nova_api"), "sqlite_synchronous": "False"},
                "database": {"connection": self.database("nova"), "sqlite_synchronous": "False"},
                "conductor": {"workers": "1"},
                "scheduler": {"workers": "1", "max_attempts": "3", "discover_hosts_in_cells_interval": "5"},
                "quota": {"driver": "nova.quota.NoopQuotaDriver"},
            },
        )

    def compute(self, driver: str, more: Mapping[str, Section]) -> dict[str, dict[str, str | Iterable[str]]]:
        """nova.conf of nova-compute in L1."""
        base = merged(
            self._nova(HOST_SEEN_FROM_L1),
            {
                "DEFAULT": {
                    "host": "l1",
                    "my_ip": "10.0.2.15",
                    "state_path": "/var/lib/nova",
                    "compute_driver": driver,
                    "transport_url": self.transport(HOST_SEEN_FROM_L1),
                    "vif_plugging_is_fatal": "False",
                    "vif_plugging_timeout": "0",
                    "reserved_host_memory_mb": "512",
                    "force_raw_images": "True",
                    "sync_power_state_interval": "120",
                    "update_resources_interval": "60",
                    "running_deleted_instance_poll_interval": "0",
                    "resume_guests_state_on_host_boot": "False",
                    "shutdown_timeout": "3",  # the guests do not listen to the power button
                    "graceful_shutdown_timeout": "30",
                    "shelved_offload_time": "-1",  # a shelved server is offloaded when a test says so
                },
                "libvirt": {"virt_type": "kvm", "cpu_mode": "none", "images_type": "flat"},
                "workarounds": {"disable_rootwrap": "True"},  # the privsep helpers are started through sudo itself
                **{
                    f"nova_accel_{context}": {
                        "helper_command": f"sudo {sys.prefix}/bin/privsep-helper --config-file /etc/nova/nova.conf"
                    }
                    for context in ("reading", "acting")
                },
                "vnc": {"enabled": "False"},
                "spice": {"enabled": "False"},
            },
        )
        return merged(base, more)

    def _nova(self, host: str) -> dict[str, Section]:
        stand_ins = f"http://{host}:{self.ports.stand_ins}"
        none = {"auth_type": "none", "endpoint_override": stand_ins}
        return {
            "DEFAULT": {
                "debug": "True",
                "use_stderr": "True",
                "rpc_response_timeout": "240",
                "report_interval": "15",
                "service_down_time": "300",
                "log_options": "False",
                "default_log_levels": "amqp=WARN,oslo.messaging=INFO,oslo_messaging=INFO,sqlalchemy=WARN,urllib3=WARN,"
                "keystoneauth=INFO,stevedore=INFO,oslo_concurrency=INFO,oslo_policy=INFO,"
                "nova.policy=INFO,glanceclient=WARN,oslo_service=INFO",
            },
            "oslo_messaging_rabbit": {"heartbeat_timeout_threshold": "0"},
            "oslo_messaging_notifications": {"driver": "noop"},
            "oslo_concurrency": {"lock_path": "$state_path/locks"},
            "placement": {
                "auth_type": "admin_token",
                "token": TOKEN,
                "endpoint": f"http://{host}:{self.ports.placement}",
                "endpoint_override": f"http://{host}:{self.ports.placement}",
            },
            "glance": {"api_servers": stand_ins + "/image", "num_retries": "3"},
            "neutron": none | {"endpoint_override": stand_ins + "/network"},
            "cinder": none,
            "cache": {"enabled": "False"},
        }


def api_paste(shipped: str) -> str:
    """Nova's own api-paste.ini with our identity filter in place of Keystone's."""
    if KEYSTONE_FILTER not in shipped:
        raise ValueError(f"Nova's api-paste.ini has no filter {KEYSTONE_FILTER}: this Nova is not known to the lab")
    return shipped.replace(KEYSTONE_FILTER, OUR_FILTER)


def shipped_api_paste(prefix: pathlib.Path) -> str:
    """The api-paste.ini that came with Nova's wheel."""
    return (prefix / "etc/nova/api-paste.ini").read_text()
