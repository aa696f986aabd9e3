"""Persistent memory: one region is one device and one deployable, each configured devdax namespace is an attach handle."""

from collections.abc import Sequence

from nova_accel.conf import Settings
from nova_accel.drivers import labels
from nova_accel.drivers.base import SeenNamespace, SeenRegion
from nova_accel.exception import ConfigurationError
from nova_accel.model import AttachHandle, Deployable, Device, HandleId, HandleKind


class IntelPmemDriver:
    """Takes the namespaces that ``pmem_namespaces`` names, on NVDIMMs of any vendor; the name is that of Cyborg's specification."""

    name = "intel_pmem_driver"
    specific = True

    def __init__(self, settings: Settings) -> None:
        self._labels = labels.parse(settings.pmem_namespaces)
        if not self._labels:
            raise ConfigurationError(
                "pmem_namespaces", "", f"{self.name} needs at least one namespace, such as 6GB:ns0|ns1"
            )

    @property
    def names(self) -> frozenset[str]:
        """The names in ``pmem_namespaces``."""
        return frozenset(self._labels)

    def label(self, name: str | None) -> str | None:
        """The label under which a namespace of that name is offered; None when it is not."""
        return None if name is None else self._labels.get(name)

    def device(self, region: SeenRegion, namespaces: Sequence[SeenNamespace]) -> Device:
        """Describe a region with those of its namespaces that the driver takes."""
        handles = tuple(_handle(one, region.numa_node) for one in namespaces)
        deployable = Deployable(
            kind="pmem",
            identity=region.identity,
            traits=frozenset(handle.id.resource_class for handle in handles) | _node_trait(region.numa_node),
            handles=handles,
        )
        return Device(driver=self.name, deployables=(deployable,))


def _handle(namespace: SeenNamespace, region_node: int | None) -> AttachHandle:
    record = namespace.record
    node = record.numa_node if record.numa_node is not None else region_node
    return AttachHandle(
        id=HandleId(labels.resource_class(namespace.label), namespace.identity),
        kind=HandleKind.NVDIMM,
        address=record.dev,
        incarnation=namespace.incarnation,
        size_bytes=record.size_bytes,
        align_bytes=record.align_bytes,
        numa_node=node,
        label=namespace.label,
    )


def _node_trait(numa_node: int | None) -> frozenset[str]:
    return frozenset() if numa_node is None else frozenset({f"CUSTOM_NUMA_NODE_{numa_node}"})
