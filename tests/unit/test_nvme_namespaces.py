"""nvme list-ns."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_accel.exception import ParseError
from nova_accel.parsers.nvme_namespaces import parse_list_ns

HEADING = "NVME Namespace List:\n"
NUMBERS = st.sets(st.integers(1, 0xFFFFFFFE), max_size=1023)


def printed(numbers):
    # As nvme-cli's list_ns has always done it: printf("[%4u]:%#x\n", i, nsid).
    return "".join(f"[{place:4}]:{number:#x}\n" for place, number in enumerate(numbers))


@pytest.mark.parametrize("heading", ["", HEADING])
def test_one_namespace_is_read_as_every_release_prints_it(heading):
    assert parse_list_ns(f"{heading}[   0]:0x1\n") == {1}


def test_nothing_printed_is_no_namespace():
    assert parse_list_ns("") == parse_list_ns("\n") == parse_list_ns(HEADING) == frozenset()


@given(NUMBERS)
def test_all_that_are_printed_are_read(numbers):
    assert parse_list_ns(printed(sorted(numbers))) == numbers


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("NVMe status: Invalid Field in Command", "without the number of a namespace"),
        ("[   0]:1\n", "without the number"),
        ("[   0]:0x0\n", "without the number"),
        ("[   0]:0xffffffff\n", "without the number"),
        ("[   0]:0x123456789\n", "without the number"),
        ("[   0]:0x1 [   1]:0x2\n", "without the number"),
        ("[   0]:0x\u0661\n", "without the number"),
        (f"[   0]:0x1\n{HEADING}", "without the number"),
        (HEADING * 2, "without the number"),
        ("[   0]:0x1\n[   1]:0x1\n", "comes twice"),
        (printed(range(1, 1025)), "there may be others"),
    ],
)
def test_anything_else_is_refused_with_a_sentence(text, sentence):
    with pytest.raises(ParseError, match=f"cannot read the output of nvme list-ns: .*{sentence}"):
        parse_list_ns(text)


@given(st.text(max_size=500))
def test_only_the_documented_error_comes_out(text):
    with contextlib.suppress(ParseError):
        parse_list_ns(text)
