"""The same SSDs as two calls of lspci print them. Imports nothing, because Cyborg's Python reads it too."""


def addresses(count: int) -> list[str]:
    """That many PCI addresses, 32 on a bus."""
    return [f"{number >> 13:04x}:{number >> 5 & 0xFF:02x}:{number & 0x1F:02x}.0" for number in range(count)]


def numeric(count: int) -> str:
    """As ``lspci -Dnmm`` prints them, which nova_accel reads."""
    return "".join(f'{address} "0108" "1bd4" "1003" -r02 -p02 "1bd4" "1003"\n' for address in addresses(count))


def named(count: int) -> str:
    """As ``lspci -nn -D`` prints them, which Cyborg reads."""
    kind = "Non-Volatile memory controller [0108]: Inspur Electronic Information Industry Co., Ltd."
    return "".join(f"{address} {kind} NVMe SSD [1bd4:1003] (rev 02)\n" for address in addresses(count))
