"""Nova's and Placement's APIs, as a user of the cloud sees them."""

from __future__ import annotations

import dataclasses
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from lab.control.identity import TOKEN
from lab.control.ports import HOST, Ports

TIMEOUT_S = 300.0  # Nova's API waits for nova-compute in some calls


class Refused(Exception):
    """An API answered with an error."""

    def __init__(self, method: str, url: str, status: int, said: str) -> None:
        super().__init__(f"{method} {url}: {status}: {said[:1000]}")
        self.status = status


@dataclasses.dataclass(frozen=True)
class Service:
    """One HTTP API that speaks JSON."""

    base: str
    version: str

    def get(self, path: str) -> Any:
        """The answer to GET."""
        return self.ask("GET", path)

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """The answer to a request, None when it has no body. Raises Refused."""
        request = urllib.request.Request(
            self.base + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Content-Type": "application/json",
                "Accept": "application/json",
                "X-Auth-Token": TOKEN,
                "OpenStack-API-Version": self.version,
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise Refused(method, request.full_url, error.code, error.read().decode(errors="replace")) from error
        return json.loads(text) if text else None


@dataclasses.dataclass(frozen=True)
class Provider:
    """A resource provider with what Placement knows about it."""

    uuid: str
    name: str
    parent: str | None
    generation: int
    inventories: Mapping[str, Mapping[str, Any]]
    usages: Mapping[str, int]
    traits: frozenset[str]
    allocations: Mapping[str, Mapping[str, Any]]


class Cloud:
    """What tests ask of Nova and Placement."""

    def __init__(self, ports: Ports) -> None:
        self.nova = Service(f"http://{HOST}:{ports.compute}/v2.1", "compute latest")
        self.placement = Service(f"http://{HOST}:{ports.placement}", "placement latest")

    def last_report(self) -> str | None:
        """When nova-compute has last reported that it runs; None before it ever did."""
        found = self.nova.get("/os-services?binary=nova-compute")["services"]
        return next((str(one["updated_at"]) for one in found if one["state"] == "up" and one["updated_at"]), None)

    def hypervisor(self) -> str | None:
        """Name of the compute node, once it is there and mapped to its cell."""
        try:
            found = self.nova.get("/os-hypervisors")["hypervisors"]
        except Refused:
            return None
        return found[0]["hypervisor_hostname"] if found else None

    def flavor(self, name: str, extra_specs: Mapping[str, str], memory_mib: int = 256) -> str:
        """Make a flavor; return its id."""
        body = {"flavor": {"name": name, "ram": memory_mib, "vcpus": 1, "disk": 0}}
        flavor_id: str = self.nova.ask("POST", "/flavors", body)["flavor"]["id"]
        if extra_specs:
            self.nova.ask("POST", f"/flavors/{flavor_id}/os-extra_specs", {"extra_specs": dict(extra_specs)})
        return flavor_id

    def boot(self, name: str, flavor: str, image: str) -> str:
        """Ask for a server; return its uuid."""
        body = {"server": {"name": name, "flavorRef": flavor, "imageRef": image, "networks": "none"}}
        uuid: str = self.nova.ask("POST", "/servers", body)["server"]["id"]
        return uuid

    def server(self, uuid: str) -> dict[str, Any] | None:
        """A server, or None when there is none any more."""
        try:
            found: dict[str, Any] = self.nova.get(f"/servers/{uuid}")["server"]
        except Refused as refusal:
            if refusal.status == 404:
                return None
            raise
        return found

    def status(self, uuid: str) -> str:
        """A server's status, ``GONE`` when there is none."""
        found = self.server(uuid)
        return str(found["status"]) if found else "GONE"

    def is_busy(self, uuid: str) -> bool:
        """Whether Nova is doing something with a server."""
        return bool((self.server(uuid) or {}).get("OS-EXT-STS:task_state"))

    def fault(self, uuid: str) -> str:
        """What Nova says went wrong with a server."""
        fault = (self.server(uuid) or {}).get("fault", {})
        return f"{fault.get('message', '')} {fault.get('details', '')}".strip()

    def delete(self, uuid: str) -> None:
        """Ask for a server's end."""
        self.nova.ask("DELETE", f"/servers/{uuid}")

    def act(self, uuid: str, action: str, arguments: object = None) -> Any:
        """One of the servers' actions: ``os-stop``, ``reboot`` …"""
        return self.nova.ask("POST", f"/servers/{uuid}/action", {action: arguments})

    def failures(self, uuid: str) -> list[str]:
        """What went wrong in the last action on a server, as its owner may read it."""
        last = self.nova.get(f"/servers/{uuid}/os-instance-actions")["instanceActions"][0]
        shown = self.nova.get(f"/servers/{uuid}/os-instance-actions/{last['request_id']}")["instanceAction"]
        return [str(one.get("details") or one["traceback"]) for one in shown["events"] if one["result"] == "Error"]

    def snapshot(self, uuid: str, name: str) -> str:
        """Ask for an image of a server; its id."""
        return str(self.act(uuid, "createImage", {"name": name})["image_id"])

    def providers(self) -> list[Provider]:
        """All resource providers."""
        listed = self.placement.get("/resource_providers")["resource_providers"]
        return [found for found in map(self._provider_if_there, listed) if found is not None]

    def _provider_if_there(self, listed: Mapping[str, Any]) -> Provider | None:
        try:
            return self._provider(listed)
        except Refused as refusal:
            if refusal.status == 404:  # nova-compute took it away meanwhile
                return None
            raise

    def _provider(self, listed: Mapping[str, Any]) -> Provider:
        at = f"/resource_providers/{listed['uuid']}"
        return Provider(
            uuid=listed["uuid"],
            name=listed["name"],
            parent=listed["parent_provider_uuid"],
            generation=listed["generation"],
            inventories=self.placement.get(f"{at}/inventories")["inventories"],
            usages=self.placement.get(f"{at}/usages")["usages"],
            traits=frozenset(self.placement.get(f"{at}/traits")["traits"]),
            allocations=self.placement.get(f"{at}/allocations")["allocations"],
        )

    def allocations(self, consumer: str) -> Mapping[str, Any]:
        """What a server has allocated: provider uuid -> resources."""
        found: Mapping[str, Any] = self.placement.get(f"/allocations/{consumer}")["allocations"]
        return found
