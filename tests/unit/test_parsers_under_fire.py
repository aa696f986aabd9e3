"""Whatever a tool prints, each parser gives records and warnings or its one documented error, and loses nothing silently."""

import contextlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nova_accel.exception import ParseError
from nova_accel.parsers import lspci, mountinfo, ndctl, nvme, nvme_health, swaps
from nova_accel.privsep import signatures
from nova_accel.privsep.errors import Failed
from tests.unit.recordings import DATA

MEGABYTE = 2**20
# No deadline: the machine that runs this may be busy, and nothing here is about time.
hard = settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
few = settings(hard, max_examples=12)


def is_record(line: str) -> bool:
    return bool(line.strip())


def is_swap(line: str) -> bool:
    return is_record(line) and not re.fullmatch(r"Filename\s+Type\s+Size\s+Used\s+Priority\s*", line, re.ASCII)


@dataclass(frozen=True)
class OfLines:
    """A parser of lines, what counts as one, and a real output of its tool."""

    parse: Callable[[str], Any]
    counts: Callable[[str], bool]
    real: bytes

    def check(self, text: str) -> None:
        parsed = self.parse(text)
        assert len(parsed.records) + len(parsed.warnings) == sum(map(self.counts, text.split("\n")))
        assert all(is_harmless(warning) for warning in parsed.warnings)


@dataclass(frozen=True)
class OfJson:
    """A parser of JSON, a real output of its tool, and its one documented error."""

    parse: Callable[[str], Any]
    real: bytes
    refusal: type[Exception] = ParseError

    def check(self, text: str) -> None:
        assert all(is_harmless(sentence) for sentence in self.sentences(text))

    def sentences(self, text: str) -> tuple[str, ...]:
        try:
            parsed = self.parse(text)
        except self.refusal as error:
            return (str(error),)
        return getattr(parsed, "warnings", ())


def is_harmless(sentence: str) -> bool:
    """A sentence for the log is short, and nothing in it moves a terminal or fails to be encoded."""
    return len(sentence) < 2000 and sentence.isprintable() and bool(sentence.encode())


def real(name: str) -> bytes:
    return (DATA / name).read_bytes()


PARSERS = {
    "lspci": OfLines(lspci.parse, is_record, real("recorded/lspci-Dnmm.txt")),
    "lspci with names": OfLines(lspci.parse, is_record, real("recorded/lspci-Dnnmm.txt")),
    "mountinfo": OfLines(mountinfo.parse, is_record, real("recorded/proc-self-mountinfo.txt")),
    "swaps": OfLines(swaps.parse, is_swap, real("recorded/proc-swaps.txt")),
    "ndctl list": OfJson(ndctl.parse, real("captures/nd-09-all-list-NRDvi.json")),
    "nvme id-ctrl": OfJson(nvme.parse_id_ctrl, real("captures/nvme0-id-ctrl.json")),
    "nvme sanitize-log": OfJson(nvme.parse_sanitize_log, real("composed/sanitize-log-1.16-under-way.json")),
    "nvme smart-log": OfJson(nvme_health.parse, real("captures/nvme2-smart.json")),
    # Root's side has this one to itself.
    "wipefs": OfJson(partial(signatures.parse, names=("nvme3n1",)), real("recorded/wipefs-lvm.json"), Failed),
}
every_parser = pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)

# As our side may be given bytes that are no UTF-8: either way is one that Python programs use for a tool's output.
decoded = st.sampled_from(["replace", "surrogateescape"]).map(lambda errors: lambda raw: raw.decode(errors=errors))
CONTROL = st.text(st.characters(categories=["Cc", "Cf", "Zl", "Zp"]), max_size=8)
WORDS = r""" " \ \040 \777 - 0000:01:00.0 "0108" -p02 259:3 /dev/nvme0n1 partition file -1 Filename [ ] { } , : null NaN
    Infinity -0 1e999 "dev" "size" "namespaces" "regions" "\ud800" """.split()  # noqa: SIM905 - as a list these would be thirty lines
PIECES = st.sampled_from(
    [*WORDS, " ", "\n", "\t", "\r", "\x00", "\x1b[2J", "\x85", "\u2028", "\ud800", "\u0660", "9" * 40]
)
NOISE = st.lists(PIECES | CONTROL | st.text(max_size=5), max_size=60).map("".join)


@st.composite
def mutated(draw: st.DrawFn, original: bytes) -> bytes:
    """Cut, double, overwrite and insert at a few places of a real output."""
    raw = original
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.sampled_from([0, 1, 2, 8, 200, 10_000])))
        cut = raw[start:end]
        put = draw(
            st.binary(max_size=12) | NOISE.map(lambda text: text.encode(errors="surrogatepass")) | st.just(cut * 2)
        )
        raw = raw[:start] + put + raw[end:]
    return raw


@every_parser
@given(raw=st.binary(max_size=1500), decode=decoded)
@hard
def test_random_bytes(parser, raw, decode):
    parser.check(decode(raw))


@every_parser
@given(text=NOISE)
@hard
def test_pieces_of_what_it_knows_in_any_order(parser, text):
    parser.check(text)


@every_parser
@given(data=st.data(), decode=decoded)
@hard
def test_a_real_output_with_damage(parser, data, decode):
    parser.check(decode(data.draw(mutated(parser.real))))


@every_parser
@given(data=st.data(), piece=st.text(min_size=1, max_size=4) | PIECES)
@few
def test_lines_of_a_megabyte(parser, data, piece):
    original = parser.real.decode()
    position = data.draw(st.integers(0, len(original)))
    parser.check(piece * (MEGABYTE // len(piece)))
    parser.check(original[:position] + piece * (MEGABYTE // len(piece)) + original[position:])


@every_parser
@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"namespaces":', '{"oacs":[', '{"dev":"namespace0.0","size":['])
def test_depth(parser, opening):
    closing = "".join({"[": "]", "{": "}"}[one] for one in reversed(opening) if one in "[{")
    for depth in (*range(100, 1100, 50), 100_000):
        parser.check(opening * depth)
        parser.check(opening * depth + "1" + closing * depth)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.sampled_from(
                [
                    "dev",
                    "size",
                    "uuid",
                    "mode",
                    "namespaces",
                    "regions",
                    "dimms",
                    "buses",
                    "oacs",
                    "oncs",
                    "critical_warning",
                    "percent_used",
                    "nvme0",
                    "sprog",
                    "sstat",
                    "status",
                    "cdw10_info",
                    "tnvmcap",
                    "unvmcap",
                    "signatures",
                    "type",
                ]
            )
            | st.text(max_size=3),
            inner,
            max_size=5,
        )
    ),
    max_leaves=30,
)


@pytest.mark.parametrize("tool", ["ndctl list", "nvme id-ctrl", "nvme sanitize-log", "nvme smart-log", "wipefs"])
@given(document=JSON)
@hard
def test_json_of_another_sort(tool, document):
    PARSERS[tool].check(json.dumps(document))


@given(st.dictionaries(st.sampled_from(["oacs", "oncs", "sn"]), JSON))
@hard
def test_abilities_are_read_from_numbers_only(answer):
    with contextlib.suppress(ParseError):
        nvme.parse_id_ctrl(json.dumps(answer))
        assert all(type(answer[field]) is int for field in ("oacs", "oncs"))


# What ndctl may list: documents of which we know how many records they hold, however these are nested.
NUMBERS = st.integers(0, 99)
SIZES = st.integers(0, 2**63)
GOOD = st.one_of(
    st.fixed_dictionaries({"dev": st.builds("namespace{}.{}".format, NUMBERS, NUMBERS), "size": SIZES}),
    st.fixed_dictionaries({"dev": NUMBERS.map("nmem{}".format)}, optional={"id": st.text(max_size=5)}),
)
REGIONS = st.fixed_dictionaries({"dev": NUMBERS.map("region{}".format), "size": SIZES, "available_size": SIZES})
BAD = st.one_of(
    st.sampled_from([None, True, 5, "text", {"dev": "namespace0.0"}, {"dev": "nmem0", "handle": "0x1"}, {"size": 5}]),
    st.fixed_dictionaries({"dev": JSON.filter(lambda dev: dev != "" and not isinstance(dev, dict | list))}),
)


@dataclass(frozen=True)
class Document:
    """A document, and how many records of it can and cannot be read."""

    value: object
    good: int
    bad: int


def holding(key: str, values: list[Document], owner: dict[str, object] | None = None) -> Document:
    """Put documents under a key of an object; with an owner, that object is a record itself."""
    held = {**(owner or {}), key: [one.value for one in values]}
    return Document(held, sum(one.good for one in values) + bool(owner), sum(one.bad for one in values))


LEAVES = GOOD.map(lambda value: Document(value, 1, 0)) | BAD.map(lambda value: Document(value, 0, 1))
IN_REGIONS = st.builds(holding, st.just("namespaces"), st.lists(LEAVES, max_size=4), REGIONS)
PARTS = LEAVES | IN_REGIONS
BUSES = st.builds(holding, st.just("regions"), st.lists(PARTS, max_size=3)).map(
    lambda one: Document({"provider": "ACPI.NFIT", "dev": "ndbus0", **one.value}, one.good, one.bad)
)
TOPS = st.lists(PARTS | BUSES, max_size=5)
DOCUMENTS = st.one_of(
    TOPS.map(lambda ones: Document([one.value for one in ones], sum(o.good for o in ones), sum(o.bad for o in ones))),
    st.builds(holding, st.sampled_from(["namespaces", "dimms", "regions"]), st.lists(PARTS, max_size=5)),
    st.builds(holding, st.just("buses"), st.lists(BUSES, max_size=3)),
    IN_REGIONS,
    BUSES,
)


def read(listing: ndctl.Listing) -> int:
    return len(listing.namespaces) + len(listing.regions) + len(listing.dimms)


@given(DOCUMENTS)
@settings(hard, max_examples=250)
def test_each_record_in_ndctls_listing_is_read_or_warned_about(document):
    listing = ndctl.parse(json.dumps(document.value))
    assert (read(listing), len(listing.warnings)) == (document.good, document.bad)
    assert all(is_harmless(warning) for warning in listing.warnings)


ALL = json.loads(real("captures/nd-09-all-list-NRDvi.json"))


@given(st.data())
@hard
def test_damage_to_one_record_of_a_recorded_listing_costs_that_one_at_most(data):
    document = json.loads(json.dumps(ALL))
    region = data.draw(st.sampled_from(document["regions"]))
    record = data.draw(st.sampled_from([*document["dimms"], *region["namespaces"], region]))
    key = data.draw(st.sampled_from([key for key in record if key != "namespaces"]))
    record[key] = data.draw(JSON)
    before, after = ndctl.parse(json.dumps(ALL)), ndctl.parse(json.dumps(document))
    assert read(after) + len(after.warnings) == read(before)
    assert len(after.warnings) <= 1
    for kept, whole in ((after.namespaces, before.namespaces), (after.dimms, before.dimms)):
        assert len(set(kept) & set(whole)) >= len(whole) - 1 or record is region
