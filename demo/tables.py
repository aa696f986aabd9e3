"""Tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

from demo.domain import Element
from demo.stage import Device, Seen
from demo.tree import Provider


def devices(found: Iterable[Device]) -> Table:
    """What is in the host, with the verdicts; what is offered comes first."""
    rows = sorted(found, key=lambda one: (not one.offered, one.kind != "SSD", one.address))
    table = _table("", "what", "address", "serial or uuid", "verdict")
    for one in rows:
        sign = "[green]✓[/]" if one.offered else "[red]✗[/]"
        verdict = one.reason if one.offered else f"[yellow]{escape(one.reason)}[/]: {escape(one.why_not)}"
        table.add_row(sign, one.kind, one.address, escape(one.identity or ""), verdict)
    return table


def providers(found: Iterable[Provider]) -> Table:
    """Resource providers as a tree."""
    table = _table("resource provider", "class", "total", "reserved", "used", "traits")
    for one in found:
        first = True
        for name, inventory in one.inventories.items() or {"": {}}.items():
            cells = (name, str(inventory.get("total", "")), str(inventory.get("reserved", "")), _used(one, name))
            traits = " ".join(sorted(one.traits)) if first and one.is_ours else ""
            table.add_row(f"{'  └ ' if one.parent else ''}{escape(one.name)}" if first else "", *cells, traits)
            first = False
    return table


def _used(provider: Provider, name: str) -> str:
    return str(provider.usages.get(name, ""))


def pairs(found: Mapping[str, Any], *heads: str) -> Table:
    """Two columns."""
    table = _table(*heads)
    for key, value in found.items():
        table.add_row(escape(key), escape(str(value)))
    return table


def elements(found: Iterable[Element]) -> Table:
    """The devices in a domain's XML."""
    table = _table("element", "on the host", "alias names", "managed", "guest sees")
    for one in found:
        size = "" if one.guest_bytes is None else f"{one.guest_bytes} bytes"
        element = "<hostdev>" if one.kind == "SSD" else "<memory model='nvdimm'>"
        table.add_row(element, one.place, escape(one.alias), one.managed or "", size)
    return table


def seen(found: Iterable[Seen]) -> Table:
    """Devices from inside."""
    table = _table("what", "serial or order", "bytes", "before", "found there", "written")
    for one in found:
        content = "all zero" if one.zero else "data"
        row = (str(one.size_bytes), content, escape(one.found) or "nothing", "yes" if one.wrote else "no")
        table.add_row(one.kind, escape(one.identity), *row)
    return table


def _table(*heads: str) -> Table:
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    for head in heads:
        table.add_column(head, overflow="fold")
    return table
