"""Vendors of NVMe SSDs by PCI vendor id, as trait words.

A table of our own, because pci.ids renames vendors (1bd4 was Inspur and is IEIT SYSTEMS there now), and flavors must not break then.
"""

VENDOR_WORDS = {
    0x1022: "AMD",
    0x1028: "DELL",
    0x1179: "TOSHIBA",
    0x126F: "SILICON_MOTION",
    0x1344: "MICRON",
    0x144D: "SAMSUNG",
    0x15B7: "SANDISK",
    0x1987: "PHISON",
    0x19E5: "HUAWEI",
    0x1B36: "REDHAT",
    0x1B4B: "MARVELL",
    0x1B96: "WESTERN_DIGITAL",
    0x1BB1: "SEAGATE",
    0x1BD4: "INSPUR",
    0x1C58: "HGST",
    0x1C5C: "SKHYNIX",
    0x1C5F: "MEMBLAZE",
    0x1CC1: "ADATA",
    0x1D78: "DERA",
    0x1D97: "SHENZHEN_LONGSYS",
    0x1DBE: "INNOGRIT",
    0x1E0F: "KIOXIA",
    0x1E3B: "DAPUSTOR",
    0x1E4B: "MAXIO",
    0x1E95: "SOLID_STATE_STORAGE",
    0x025E: "SOLIDIGM",
    0x8086: "INTEL",
}
