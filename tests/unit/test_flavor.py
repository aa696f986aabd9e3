"""What a flavor asks for."""

import pytest

from nova_accel.request import flavor


@pytest.mark.parametrize(
    ("extra_specs", "asked"),
    [
        ({}, {}),
        ({"resources1:CUSTOM_SSD": "1", "trait1:CUSTOM_SSD_INSPUR": "required"}, {"CUSTOM_SSD": 1}),
        ({"resources1:CUSTOM_SSD": "1", "resources2:CUSTOM_SSD": "1", "group_policy": "none"}, {"CUSTOM_SSD": 2}),
        ({"resources:CUSTOM_SSD": "1", "resources_FAST:CUSTOM_SSD": "1"}, {"CUSTOM_SSD": 2}),
        ({"resources:VCPU": "2", "resources1:CUSTOM_SSD": "0", "hw:mem_page_size": "large"}, {}),
    ],
)
def test_the_amounts_of_all_groups_are_added(extra_specs, asked):
    assert flavor.asked(extra_specs) == asked
