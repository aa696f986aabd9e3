"""ndctl's listings become records, in whatever shape they come; what cannot be read costs that record only."""

import json
from typing import Any

import pytest

from nova_accel.exception import ParseError
from nova_accel.parsers import ndctl
from nova_accel.parsers.ndctl import DimmRecord, Listing, NamespaceRecord, RegionRecord
from tests.unit.recordings import DATA

ZERO = "00000000-0000-0000-0000-000000000000"
LABEL = "f1a9c87f-75c0-43eb-83af-719970c099a6"
LAYOUT = "f2c639c4-452d-42da-ba2e-d66324dc8b4f"
NAMESPACE = {"dev": "namespace0.1", "mode": "devdax", "size": 526385152, "uuid": LAYOUT, "raw_uuid": LABEL}
REGION = {"dev": "region0", "size": 2**31, "available_size": 0, "type": "pmem"}
DIMM = {"dev": "nmem1", "id": "8680-57341200", "handle": 2}


def parse(document: Any) -> Listing:
    return ndctl.parse(json.dumps(document))


def the_namespace(**changes: Any) -> NamespaceRecord:
    (record,) = parse({**NAMESPACE, **changes}).namespaces
    return record


def the_warning(document: Any) -> str:
    listing = parse(document)
    (warning,) = listing.warnings
    return warning


def the_capture(name: str) -> Listing:
    return ndctl.parse((DATA / "captures" / name).read_text())


def test_a_recorded_devdax_namespace_is_read_with_all_that_ndctl_says_of_it():
    listing = the_capture("nd-09-all-list-NRDvi.json")
    assert next(one for one in listing.namespaces if one.name) == NamespaceRecord(
        dev="namespace0.1",
        region="region0",
        mode="devdax",
        size_bytes=526385152,
        uuid=LAYOUT,
        raw_uuid=LABEL,
        name="inst-0001-pmem",
        chardev="dax0.1",
        blockdev=None,
        align_bytes=2097152,
        map="dev",
        numa_node=1,
        enabled=True,
        dax_mode="devdax",
    )
    assert listing.regions == (
        RegionRecord("region1", 2147483648, 536870912, "pmem", 0, 10248187106440278, ("nmem0",)),
        RegionRecord("region0", 2147483648, 603979776, "pmem", 1, 10248195696374871, ("nmem1",)),
    )
    assert listing.dimms == (DimmRecord("nmem1", "8680-57341200", 2), DimmRecord("nmem0", "8680-56341200", 1))


def test_the_recorded_modes_are_told_apart():
    listing = the_capture("nd-09-all-list-NRDvi.json")
    assert {one.dev: (one.mode, one.blockdev) for one in listing.namespaces if one.region == "region0"} == {
        "namespace0.0": ("devdax", None),
        "namespace0.1": ("devdax", None),
        "namespace0.2": ("fsdax", "pmem0.2"),
        "namespace0.3": ("sector", "pmem0.3s"),
        "namespace0.4": ("raw", "pmem0.4"),
        "namespace0.5": ("raw", None),
    }


def test_disabling_a_namespace_changes_what_ndctl_calls_its_uuid_but_not_the_labels():
    def zero(name):
        return next(one for one in the_capture(name).namespaces if one.dev == "namespace0.0")

    before, disabled = zero("nd-09-all-list-NRDvi.json"), zero("nd-10-disabled-list-NRDvi.json")
    assert (before.enabled, disabled.enabled) == (True, False)
    assert before.uuid != disabled.uuid
    assert before.label_uuid == disabled.label_uuid
    assert disabled.chardev is None
    assert not disabled.is_seed


def test_a_namespace_made_again_has_another_uuid():
    destroyed, again = (
        the_capture(f"{step}-list-NRDvi.json").namespaces for step in ("nd-11-reenabled", "nd-14-recreate-after")
    )
    assert {one.label_uuid for one in again} - {one.label_uuid for one in destroyed} != set()
    assert next(one for one in again if one.dev == "namespace0.1").is_seed


def test_a_region_without_labels_has_no_interleave_set_and_its_namespace_no_uuid():
    listing = the_capture("nd-00-fresh-list-NRDvi.json")
    assert [one.iset_id for one in listing.regions] == [None, None]
    assert [(one.label_uuid, one.is_seed) for one in listing.namespaces] == [(None, False), (None, False)]


@pytest.mark.parametrize("text", ["", "\n", "[]", "{}", "[\n]\n", '{"regions": [], "dimms": []}', '{"dev": "ndbus0"}'])
def test_nothing_is_an_answer(text):
    assert ndctl.parse(text) == Listing()


@pytest.mark.parametrize(
    "document",
    [
        NAMESPACE,
        [NAMESPACE],
        [[NAMESPACE]],
        {"namespaces": [NAMESPACE]},
        {"namespaces": NAMESPACE},
        {"regions": [{**REGION, "namespaces": [NAMESPACE]}]},
        [{**REGION, "namespaces": [NAMESPACE]}],
        {**REGION, "namespaces": [NAMESPACE]},
        {"provider": "ACPI.NFIT", "dev": "ndbus0", "regions": [{**REGION, "namespaces": [NAMESPACE]}]},
        [{"provider": "ACPI.NFIT", "dev": "ndbus0", "namespaces": [NAMESPACE]}, {"provider": "e820", "dev": "ndbus1"}],
        {"buses": [{"dev": "ndbus0", "dimms": [DIMM], "regions": [{**REGION, "namespaces": [NAMESPACE]}]}]},
        {"a kind of group that is not there yet": [NAMESPACE], "regions": []},
    ],
)
def test_a_namespace_counts_wherever_it_stands(document):
    listing = parse(document)
    assert [(one.dev, one.region) for one in listing.namespaces] == [("namespace0.1", "region0")]
    assert listing.warnings == ()


def test_the_region_around_a_namespace_goes_before_the_number_in_its_name():
    document = {**REGION, "dev": "region7", "namespaces": [NAMESPACE]}
    assert parse(document).namespaces[0].region == "region7"


@pytest.mark.parametrize(
    ("changes", "label_uuid"),
    [
        ({}, LABEL),
        ({"raw_uuid": None}, LAYOUT),
        ({"raw_uuid": LABEL.upper()}, LABEL),
        ({"uuid": None, "raw_uuid": None}, None),
        ({"uuid": ZERO, "raw_uuid": None}, None),
    ],
)
def test_the_labels_uuid_goes_before_the_layouts(changes, label_uuid):
    assert the_namespace(**changes).label_uuid == label_uuid


@pytest.mark.parametrize(
    ("changes", "is_seed"),
    [
        ({}, True),
        ({"size": 4096}, False),
        ({"state": "enabled"}, False),
        ({"uuid": LAYOUT}, False),
    ],
)
def test_only_an_empty_disabled_slot_without_uuid_is_a_seed(changes, is_seed):
    slot = {"mode": "raw", "size": 0, "uuid": ZERO, "raw_uuid": None, "state": "disabled"}
    assert the_namespace(**{**slot, **changes}).is_seed is is_seed


@pytest.mark.parametrize(
    ("devices", "chardev", "dax_mode"),
    [
        ([{"chardev": "dax0.1", "mode": "devdax"}], "dax0.1", "devdax"),
        ([{"chardev": "dax0.1", "mode": "system-ram", "online_memblocks": 3}], "dax0.1", "system-ram"),
        ([{"chardev": "dax0.1", "mode": "devdax"}, {"chardev": "dax0.2", "mode": "system-ram"}], None, None),
        ([], None, None),
        (None, None, None),
    ],
)
def test_the_dax_device_is_the_only_one_of_its_region(devices, chardev, dax_mode):
    record = the_namespace(daxregion={"id": 0, "devices": devices})
    assert (record.chardev, record.dax_mode) == (chardev, dax_mode)


def test_without_details_the_character_device_stands_in_the_namespace():
    record = the_namespace(chardev="dax0.1")
    assert (record.chardev, record.dax_mode) == ("dax0.1", None)


def test_a_node_that_is_not_known_is_none():
    assert [the_namespace(numa_node=node).numa_node for node in (-1, None, 0, 1)] == [None, None, 0, 1]


def test_a_mode_that_ndctl_does_not_say_is_unknown():
    assert the_namespace(mode=None).mode == "unknown"


def test_half_of_the_interleave_sets_are_printed_as_negative_numbers():
    assert parse({**REGION, "iset_id": -2}).regions[0].iset_id == 2**64 - 2


def test_a_name_may_be_any_text():
    name = 'ns0"\n\x1b[2J\ud800é'
    assert the_namespace(name=name).name == name
    assert ndctl.parse(json.dumps(NAMESPACE)[:-1] + ', "name": "a\tb"}').namespaces[0].name == "a\tb"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"size": None}, "no size"),
        ({"size": "502.00 MiB (526.39 MB)"}, "size is no whole number"),
        ({"size": -1}, "size is no whole number"),
        ({"size": 2**64}, "size is no whole number"),
        ({"size": 10**30}, "size is no whole number"),
        ({"size": True}, "size is no whole number"),
        ({"size": 1.0}, "size is no whole number"),
        ({"size": float("nan")}, "size is no whole number"),
        ({"size": [1]}, "size is no whole number"),
        ({"uuid": "f2c639c4"}, "uuid is 'f2c639c4'"),
        ({"raw_uuid": 5}, "raw_uuid is no text"),
        ({"mode": {}}, "mode is no text"),
        ({"mode": "dev\ndax"}, r"mode is 'dev\ndax'"),
        ({"chardev": "../sda"}, "chardev is '../sda'"),
        ({"blockdev": "../sda"}, "blockdev is '../sda'"),
        ({"daxregion": [1]}, "daxregion is no object"),
        ({"daxregion": {"devices": {}}}, "devices is no array"),
        ({"daxregion": {"devices": [1]}}, "devices holds something that is no object"),
        ({"state": "asleep"}, "state is 'asleep'"),
        ({"numa_node": -2}, "numa_node is no whole number"),
        ({"name": "x" * 2**20}, "name is no text of a usual length"),
        ({"dev": "namespace0"}, "dev is 'namespace0'"),
        ({"dev": "namespace\u0660.1"}, "dev is "),
        ({"dev": 0}, "dev is no text"),
        ({"dev": None}, "no dev"),
    ],
)
def test_a_namespace_that_cannot_be_read_is_quoted_and_the_others_stay(changes, reason):
    listing = parse({"dimms": [DIMM], "regions": [{**REGION, "namespaces": [{**NAMESPACE, **changes}, NAMESPACE]}]})
    (warning,) = listing.warnings
    assert f"({reason}" in warning
    assert """'{"dev": """ in warning
    assert len(warning) < 500
    assert warning.isprintable()
    assert (len(listing.namespaces), len(listing.regions), len(listing.dimms)) == (1, 1, 1)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({**REGION, "size": None}, "no size"),
        ({**REGION, "available_size": None}, "no available_size"),
        ({**REGION, "iset_id": "0x2468ac00123456"}, "iset_id is no whole number"),
        ({**REGION, "mappings": [{"offset": 0}]}, "a mapping without dimm"),
        ({**REGION, "mappings": [{"dimm": "../0"}]}, "dimm is '../0'"),
        ({**DIMM, "handle": "0x1"}, "handle is no whole number"),
        ({"dev": "cxl0"}, "dev is 'cxl0'"),
        ({"provider": "ACPI.NFIT"}, "no dev"),
        ({"namespaces": 5}, "no object"),
        ({"namespaces": [NAMESPACE], "version": "77"}, "no object"),
        (["namespace0.1"], "no object"),
        ([None], "no object"),
        ({"regions": [{"namespaces": [NAMESPACE]}]}, "no dev"),
        ({"buses": [{"dev": "bus0", "namespaces": [NAMESPACE]}]}, "dev is 'bus0'"),
    ],
)
def test_anything_else_that_cannot_be_read_is_a_warning(document, reason):
    assert f"({reason}" in the_warning(document)


def test_a_region_that_cannot_be_read_does_not_take_its_namespaces_with_it():
    listing = parse([{**REGION, "size": "2 GiB", "namespaces": [NAMESPACE]}])
    assert (len(listing.namespaces), len(listing.regions), len(listing.warnings)) == (1, 0, 1)
    assert listing.namespaces[0].region == "region0"


def test_a_key_that_comes_twice_hides_nothing():
    one, other = json.dumps(NAMESPACE), json.dumps({**NAMESPACE, "dev": "namespace0.2"})
    assert len(ndctl.parse(f'{{"namespaces": [{one}], "namespaces": [{other}]}}').namespaces) == 2
    listing = ndctl.parse(f'[{one}, {other[:-1]}, "size": 1}}]')
    assert [one.dev for one in listing.namespaces] == ["namespace0.1"]
    assert "(size comes 2 times)" in listing.warnings[0]


def test_a_number_of_thousands_of_digits_costs_one_record():
    huge = json.dumps({**NAMESPACE, "size": 0}).replace('"size": 0', f'"size": {"9" * 10_000}')
    listing = ndctl.parse(f"[{huge}, {json.dumps(NAMESPACE)}]")
    assert (len(listing.namespaces), len(listing.warnings)) == (1, 1)


@pytest.mark.parametrize("nested", [{"a": 1}, [1]], ids=["object", "array"])
def test_depth_within_a_record_costs_that_record_at_most(nested):
    for _ in range(200):
        nested = {"a": nested} if isinstance(nested, dict) else [nested]
    listing = parse([{**NAMESPACE, "size": nested}, NAMESPACE])
    assert (len(listing.namespaces), len(listing.warnings)) == (1, 1)


@pytest.mark.parametrize(
    "text",
    ["ndctl: command not found", "null", "5", '"x"', "NaN", "[" * 100_000, '{"a":' * 100_000, "[{}", "[]\n[]", "\x00"],
    ids=lambda text: text[:20],
)
def test_what_is_no_listing_at_all_is_one_error_that_quotes_it(text):
    with pytest.raises(ParseError, match="cannot read the output of ndctl list") as caught:
        ndctl.parse(text)
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()


# No emulated host can be brought to have a bad block, so these are written by hand from ndctl-list(1).
@pytest.mark.parametrize(
    ("says", "bad_blocks"),
    [
        ({}, 0),
        ({"badblock_count": 0}, 0),
        ({"badblock_count": 9}, 9),
        ({"badblock_count": 9, "badblocks": [{"offset": 16, "length": 1, "dimms": ["nmem0"]}]}, 9),
        ({"badblock_count": -(2**31)}, 2**31),
    ],
    ids=["none", "0", "as without being asked", "with -M", "more than a signed number holds"],
)
def test_the_bad_blocks_of_a_namespace_are_counted(says, bad_blocks):
    assert the_namespace(**says).bad_blocks == bad_blocks


def test_the_bad_blocks_of_a_region_are_not_those_of_a_namespace_in_it():
    bad = {**REGION, "badblock_count": 9, "badblocks": [{"offset": 0, "length": 9}], "namespaces": [NAMESPACE]}
    listing = parse([bad])
    assert [one.bad_blocks for one in listing.namespaces] == [0]
    assert (len(listing.regions), listing.warnings) == (1, ())


def test_a_count_of_bad_blocks_that_is_none_costs_that_record_and_quotes_it():
    assert "(badblock_count is no whole number" in the_warning({**NAMESPACE, "badblock_count": "many"})


def test_no_recorded_listing_has_bad_blocks():
    listings = [ndctl.parse(path.read_text()) for path in DATA.rglob("*list-NRDvi*.json")]
    assert len(listings) > 20
    assert {one.bad_blocks for listing in listings for one in listing.namespaces} == {0}
