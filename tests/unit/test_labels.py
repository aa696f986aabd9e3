"""``pmem_namespaces``: what is right is read as it was meant, and what is wrong is one sentence that says what would be right."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nova import objects
from nova.objects.flavor import Flavor
from nova.scheduler.utils import ResourceRequest

from nova_accel.conf import Settings
from nova_accel.drivers import labels
from nova_accel.drivers.pmem import IntelPmemDriver
from nova_accel.exception import ConfigurationError
from nova_accel.request.flavor import pmem_class

LONGEST = 255 - len("CUSTOM_PMEM_NAMESPACE_")
PLACEMENT = re.compile(r"CUSTOM_[A-Z0-9_]{1,248}", re.ASCII)

LABELS = st.from_regex(r"[A-Za-z0-9_]{1,20}", fullmatch=True) | st.just("L" * LONGEST)
# What ndctl takes as a name and the option's syntax leaves: no comma, no bar, nothing around it that is stripped.
NAMES = st.text(st.characters(exclude_characters=",|", exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda name: name == name.strip() != ""
)
OFFERED = st.dictionaries(NAMES, LABELS, min_size=1, max_size=8)


def written(offered):
    """The option's items that offer these namespaces under these labels."""
    return [f"{label}:{'|'.join(n for n, of in offered.items() if of == label)}" for label in set(offered.values())]


def test_the_specifications_example_is_read():
    assert labels.parse(["6GB:ns0|ns1|ns2", "LARGE:ns3"]) == {"ns0": "6GB", "ns1": "6GB", "ns2": "6GB", "ns3": "LARGE"}


def test_room_around_a_word_means_nothing():
    assert labels.parse([" 6GB : ns0 | ns1 "]) == {"ns0": "6GB", "ns1": "6GB"}


def test_a_label_may_come_twice_with_other_namespaces():
    assert labels.parse(["6GB:ns0", "6GB:ns1"]) == {"ns0": "6GB", "ns1": "6GB"}


@given(OFFERED)
def test_what_is_offered_comes_back_from_what_is_written(offered):
    assert labels.parse(written(offered)) == offered


@pytest.mark.parametrize(
    ("items", "says"),
    [
        (["ns0"], "'ns0' has no colon between label and namespaces; it looks like 6GB:ns0|ns1|ns2,LARGE:ns3"),
        (["6GB"], "'6GB' has no colon"),
        ([""], "'' has no colon"),
        ([":ns0"], "a label is empty"),
        ([" :ns0"], "a label is empty"),
        (["6GB:"], "'6GB:' names an empty namespace"),
        (["6GB:ns0||ns1"], "'6GB:ns0||ns1' names an empty namespace"),
        (["6GB:ns0|"], "names an empty namespace"),
        (["6GB:ns0|ns0"], "namespace 'ns0' is listed twice"),
        (["6GB:ns0", "LARGE:ns1|ns0"], "namespace 'ns0' is listed twice"),
        (["6 GB:ns0"], "label '6 GB' makes no resource class, which has letters, digits and _ only"),
        (["6-GB:ns0"], "label '6-GB' makes no resource class"),
        (["6.4:ns0"], "label '6.4' makes no resource class"),
        (["groß:ns0"], "label 'groß' makes no resource class"),
        (["\u0661:ns0"], "makes no resource class"),
        (["6GB\n:ns0\n"], None),
        (["L" * (LONGEST + 1) + ":ns0"], f"is longer than {LONGEST} characters"),
        (["6GB:ns0", "x"], "'x' has no colon"),
    ],
)
def test_each_mistake_is_refused_with_option_value_and_what_would_be_right(items, says):
    if says is None:
        assert labels.parse(items) == {"ns0": "6GB"}
        return
    with pytest.raises(ConfigurationError) as refused:
        labels.parse(items)
    sentence = str(refused.value)
    assert says in sentence
    assert sentence == f"[nova_accel] pmem_namespaces = {','.join(items)!r} is not valid: {refused.value.expected}."
    assert sentence.isprintable()


def test_the_longest_label_is_as_long_as_placement_takes():
    (label,) = labels.parse([f"{'L' * LONGEST}:ns0"]).values()
    assert len(labels.resource_class(label)) == 255


def test_the_driver_needs_at_least_one_namespace():
    nothing = Settings(("intel_pmem_driver",), (), 0, ledger_path="", cleaning_record="", pmem_namespaces=())
    with pytest.raises(ConfigurationError, match=r"^\[nova_accel\] pmem_namespaces = '' is not valid: .* 6GB:ns0"):
        IntelPmemDriver(nothing)


ANYTHING = st.lists(
    st.text(max_size=30) | st.text(":|, aL0_\n", max_size=12) | st.text("L:", min_size=230, max_size=240), max_size=5
)


@given(ANYTHING)
@example(["\ud800:ns0"])
@settings(max_examples=500)
def test_whatever_is_written_only_the_documented_error_comes_out(items):
    try:
        found = labels.parse(items)
    except ConfigurationError as error:
        assert error.option == "pmem_namespaces"  # noqa: PT017 - it is one of two good endings
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert all(PLACEMENT.fullmatch(labels.resource_class(label)) for label in found.values())
        assert labels.parse(written(found)) == found
        assert all(name in ",".join(items) for name in found)


def asked_of_placement(label):
    """The resource class that Nova's scheduler makes of a label in ``hw:pmem``."""
    objects.register_all()
    request = ResourceRequest()
    request._translate_vpmems_request(Flavor(extra_specs={"hw:pmem": label}))
    (resource_class,) = request.merged_resources()
    return resource_class


@given(LABELS)
def test_a_label_makes_the_class_that_nova_asks_for(label):
    assert labels.resource_class(label) == asked_of_placement(label) == pmem_class(label)
    assert PLACEMENT.fullmatch(labels.resource_class(label))
    assert labels.resource_class(label).startswith(labels.CLASS_PREFIX)
