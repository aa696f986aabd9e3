"""How an SSD is erased."""

import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_accel.cleaning.choice import SANITIZE, Method, choose, choose_for_all, offered, read_methods
from nova_accel.conf import OPTIONS
from nova_accel.exception import CleaningFailed, ConfigurationError
from nova_accel.parsers.nvme import ControllerAbilities

ERASING = tuple(method for method in Method if method is not Method.NONE)
NOTHING = ControllerAbilities(can_format=False, can_write_zeroes=False)
EVERYTHING = ControllerAbilities(*[True] * 6)
ORDERS = st.permutations(ERASING).flatmap(lambda order: st.integers(1, len(order)).map(lambda count: order[:count]))
ABILITIES = st.builds(ControllerAbilities, *[st.booleans()] * 8)


def test_the_default_of_the_option_is_valid_and_asks_for_no_overwriting_sanitize_and_not_for_none():
    (option,) = (one for one in OPTIONS if one.name == "clean_methods")
    assert set(read_methods(option.default)) == set(Method) - {Method.SANITIZE_OVERWRITE, Method.NONE}


@pytest.mark.parametrize("method", list(Method))
def test_every_method_can_be_asked_for_by_itself_and_is_told_in_the_option_s_help(method):
    assert read_methods([method.value]) == (method,)
    (option,) = (one for one in OPTIONS if one.name == "clean_methods")
    assert f"``{method.value}``" in option.help


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([], "clean_methods = '' is not valid: it needs one of sanitize-block, .*none"),
        (["format", "wipe"], "clean_methods = 'format,wipe' is not valid: 'wipe' is none of sanitize-block, .*none"),
        (["Format"], "'Format' is none of"),
        (["format", "overwrite", "format"], "each method can come once only"),
        (["none", "format"], "none can only stand by itself"),
        (["format", "none"], "none can only stand by itself"),
    ],
)
def test_what_cannot_be_right_is_refused_with_a_sentence(values, sentence):
    with pytest.raises(ConfigurationError, match=sentence) as refusal:
        read_methods(values)
    assert refusal.value.option == "clean_methods"


@pytest.mark.parametrize("first", ERASING)
def test_a_controller_that_can_everything_does_what_the_operator_likes_best(first):
    for second in ERASING:
        assert choose([first, second], EVERYTHING, "S1") is first


@pytest.mark.parametrize("method", [Method.WRITE_ZEROES, Method.OVERWRITE])
@pytest.mark.parametrize("shared", [False, True])
def test_zeros_can_always_be_written(method, shared):
    nothing = ControllerAbilities(can_format=False, can_write_zeroes=False, is_shared=shared)
    assert choose([*(one for one in ERASING if one is not method), method], nothing, "S1") in (
        Method.WRITE_ZEROES,
        Method.OVERWRITE,
    )
    assert choose([method], nothing, "S1") is method


def test_where_nothing_fits_the_sentence_names_the_option_and_what_could_be_done():
    with pytest.raises(CleaningFailed) as failure:
        choose([Method.FORMAT_CRYPTO, Method.SANITIZE_BLOCK], ControllerAbilities(True, True), "S1")
    assert str(failure.value) == (
        "S1 could not be cleaned: nothing of [nova_accel] clean_methods = format-crypto,sanitize-block fits: "
        "it offers format, write-zeroes, overwrite"
    )


def test_what_is_not_ours_alone_is_never_sanitized_and_the_sentence_says_why():
    shared = ControllerAbilities(*[True] * 7)
    assert [method.value for method in offered(shared)] == ["format", "format-crypto", "write-zeroes", "overwrite"]
    with pytest.raises(CleaningFailed, match="may have other controllers, which sanitize would reach"):
        choose([Method.SANITIZE_CRYPTO], shared, "S1")


def test_a_format_that_would_reach_other_controllers_namespaces_is_not_chosen():
    assert offered(ControllerAbilities(*[True] * 8)) == (Method.WRITE_ZEROES, Method.OVERWRITE)
    alone = ControllerAbilities(can_format=True, can_write_zeroes=True, formats_all=True)
    assert choose([Method.FORMAT], alone, "S1") is Method.FORMAT


@given(ORDERS, ABILITIES)
def test_the_choice_is_the_first_that_is_offered_whatever_the_order(order, abilities):
    possible = offered(abilities)
    try:
        chosen = choose(order, abilities, "S1")
    except CleaningFailed:
        assert not set(order) & set(possible)
        return
    assert chosen in possible
    assert not set(itertools.takewhile(lambda method: method is not chosen, order)) & set(possible)


OUTSIDE = st.sampled_from(["", "namespace 2, which this host does not see"])


@given(ORDERS, ABILITIES, OUTSIDE)
def test_what_this_host_cannot_read_is_left_to_what_reaches_it(methods, abilities, outside):
    try:
        method = choose_for_all(methods, abilities, outside, "S1")
    except CleaningFailed:
        assert not set(methods) & set(offered(abilities)) & (set(SANITIZE) if outside else set(Method))
        return
    assert method in methods
    assert method in offered(abilities)
    if outside:
        assert method in SANITIZE
    else:
        assert method is choose(methods, abilities, "S1")


@pytest.mark.parametrize(("shared", "why"), [(False, ""), (True, "; its NVM subsystem may have other controllers, .*")])
def test_without_a_sanitize_the_sentence_says_where_something_may_be_and_what_to_do(shared, why):
    can = dataclasses.replace(NOTHING if not shared else EVERYTHING, is_shared=shared)
    with pytest.raises(
        CleaningFailed,
        match="a guest may have left something in namespace 2, which this host does not see, which only sanitize reaches, and "
        rf".nova_accel. clean_methods has no sanitize that it offers{why}; make one namespace of all of it .nvme delete-ns",
    ):
        choose_for_all([*ERASING], can, "namespace 2, which this host does not see", "S1")
