"""What nova_accel has to say about each SSD and namespace of the scenario ``verdicts``, in L1 and from its recordings."""

from __future__ import annotations

from nova_accel.eligibility.verdict import Reason

SSDS = {
    "nothing": Reason.ELIGIBLE,
    "node-1": Reason.ELIGIBLE,
    "file-system": Reason.ELIGIBLE,
    "partitioned": Reason.ELIGIBLE,
    "open": Reason.ELIGIBLE,  # for reading only: that hinders nobody, and nothing of the host's is lost
    "mounted": Reason.PARTITION_IN_USE,
    "mounted-elsewhere": Reason.MOUNTED_ELSEWHERE,
    "host-root": Reason.MOUNTED_ELSEWHERE,  # seen from outside the mount namespace whose / it is
    "partition-held": Reason.PARTITION_IN_USE,
    "partition-open": Reason.IN_USE,
    "swap": Reason.SWAP,
    "lvm": Reason.LVM,
    "lvm-idle": Reason.LVM,
    "md": Reason.MD,
    "md-idle": Reason.MD,
    "crypt": Reason.DM_CRYPT,
    "crypt-idle": Reason.DM_CRYPT,
    "bcache": Reason.BCACHE,
    "bcache-cache": Reason.BCACHE,
    "bcache-idle": Reason.BCACHE,
    "zfs": Reason.ZFS,
    "ceph": Reason.CEPH,
    "open-for-writing": Reason.IN_USE,
    "loop": Reason.IN_USE,
    "nvme-target": Reason.IN_USE,
    "lio-file": Reason.IN_USE,
    "domain": Reason.OTHER_DOMAIN,
    "domain-disk": Reason.IN_USE,
    "domain-idle": Reason.OTHER_DOMAIN,
    "no-reset": Reason.NO_RESET,
    "virtual-functions": Reason.HAS_VFS,
    "shared-bridge": Reason.SHARED_IOMMU_GROUP,
}
BY_NAME = {"no-serial": Reason.NO_SERIAL, "twin-a": Reason.DUPLICATE_SERIAL, "twin-b": Reason.DUPLICATE_SERIAL}
NAMESPACES = {
    "devdax": Reason.ELIGIBLE,
    "devdax-map-mem": Reason.ELIGIBLE,
    "devdax-4k": Reason.ELIGIBLE,
    "disabled": Reason.DISABLED,
    "system-ram": Reason.SYSTEM_RAM,
    "open": Reason.IN_USE,
    "mapped": Reason.IN_USE,
    "mapped-disabled": Reason.DISABLED,
    "fsdax": Reason.FSDAX,
    "fsdax-mounted": Reason.MOUNTED,
    "sector": Reason.SECTOR,
    "raw": Reason.RAW,
    "empty": Reason.EMPTY,
}
NAMESPACES_BY_NAME = {
    "twin-a": Reason.AMBIGUOUS_NAME,
    "twin-b": Reason.AMBIGUOUS_NAME,
    "not-configured": Reason.NOT_CONFIGURED,
}


def expected(kind: str, name: str, shape: str) -> Reason:
    """The verdict on a line of shapes.tsv."""
    if kind == "ssd":
        return BY_NAME.get(name) or SSDS[shape]
    return NAMESPACES_BY_NAME.get(name) or NAMESPACES[shape]
