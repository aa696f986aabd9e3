"""A value that oslo.config refuses ends in our sentence, which names the option, the value and what would be right."""

from pathlib import Path

import pytest
from oslo_config import cfg

from nova_accel import conf as ours
from nova_accel.exception import ConfigurationError


def parsed(*files: Path, folder: Path | None = None) -> cfg.ConfigOpts:
    conf = cfg.ConfigOpts()
    ours.register(conf)
    conf.register_opt(cfg.StrOpt("state_path", default="/var/lib/nova"))
    args = [word for file in files for word in ("--config-file", str(file))]
    conf([*args, *(("--config-dir", str(folder)) if folder else ())], default_config_files=[])
    return conf


def nova_conf(folder: Path, *lines: str, name: str = "nova.conf", section: str = "nova_accel") -> Path:
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in (f"[{section}]", *lines)))
    return path


REFUSED = [
    ("cleaning_workers", "0", "it needs a whole number of 1 or more"),
    ("cleaning_workers", "four", "it needs a whole number of 1 or more"),
    ("discovery_interval", "1.5", "it needs a whole number of 0 or more"),
    ("ssd_wear_limit", "255", "it needs a whole number from 1 to 254"),
    ("one_time_use", "maybe", "it needs true or false"),
    ("clean_verify", "half", "it needs one of whole, sample"),
    ("on_rebuild", "wipe", "it needs one of clean, keep"),
    ("enabled_drivers", "a,$nowhere", "no such option nowhere in group [DEFAULT]"),
    ("nvme_ssd_filter", "serial:$nowhere", "no such option nowhere in group [DEFAULT]"),
    ("ledger_path", "$nowhere/ledger", "no such option nowhere in group [DEFAULT]"),
]


@pytest.mark.parametrize(("option", "value", "expected"), REFUSED, ids=lambda words: str(words)[:20])
def test_the_sentence_names_option_value_and_what_would_be_right(tmp_path, option, value, expected):
    conf = parsed(nova_conf(tmp_path, f"{option} = {value}"))
    with pytest.raises(ConfigurationError) as refused:
        ours.read(conf)
    assert (refused.value.option, refused.value.value, refused.value.expected) == (option, value, expected)
    assert str(refused.value) == f"[nova_accel] {option} = {value!r} is not valid: {expected}."


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({}, "it needs a number"),
        ({"max": 0.5}, "it needs a number of 0.5 or less"),
        ({"min": 0.1, "max": 0.5}, "it needs a number from 0.1 to 0.5"),
    ],
)
def test_a_number_with_a_fraction_is_called_a_number(tmp_path, monkeypatch, bounds, expected):
    monkeypatch.setattr(ours, "GROUP", cfg.OptGroup("nova_accel"))  # the other one would keep the option
    monkeypatch.setattr(ours, "OPTIONS", [*ours.OPTIONS, cfg.FloatOpt("share", **bounds)])
    with pytest.raises(ConfigurationError, match=rf"share = 'much' is not valid: {expected}\.$"):
        ours.read(parsed(nova_conf(tmp_path, "share = much")))


def test_each_option_with_limits_has_a_case():
    limited = {one.dest for one in ours.OPTIONS if isinstance(one, cfg.BoolOpt) or getattr(one.type, "choices", None)}
    tried = {option for option, _, _ in REFUSED}
    assert {type(one) for one in ours.OPTIONS if one.dest in tried} == {type(one) for one in ours.OPTIONS}
    assert limited - tried <= {"suspend_with_pmem"}  # another one of the same sort is tried


def test_of_several_files_the_value_is_that_of_the_last(tmp_path):
    folder = tmp_path / "nova.conf.d"
    folder.mkdir()
    nova_conf(folder, "cleaning_workers = -2", name="accel.conf", section="NOVA_ACCEL")
    first = nova_conf(tmp_path, "cleaning_workers = 2", "cleaning_workers = -1")
    with pytest.raises(ConfigurationError, match="'-1'"):
        ours.read(parsed(first))
    with pytest.raises(ConfigurationError, match="'-2'"):
        ours.read(parsed(first, folder=folder))


def test_a_value_of_the_environment_goes_before_the_files(tmp_path, monkeypatch):
    monkeypatch.setenv("OS_NOVA_ACCEL__CLEANING_WORKERS", "none")
    with pytest.raises(ConfigurationError, match="cleaning_workers = 'none'"):
        ours.read(parsed(nova_conf(tmp_path, "cleaning_workers = 2")))


def test_a_default_that_leads_nowhere_is_named_too(tmp_path):
    conf = parsed(nova_conf(tmp_path, "state_path = $nowhere", section="DEFAULT"))
    with pytest.raises(ConfigurationError, match=r"cleaning_record = '\$state_path/nova_accel/cleaning.jsonl' is not"):
        ours.read(conf)


def test_what_is_right_is_read(tmp_path):
    settings = ours.read(parsed(nova_conf(tmp_path, "cleaning_workers = 8", "nvme_ssd_filter = vendor_id:1b36")))
    assert (settings.cleaning_workers, settings.nvme_ssd_filters) == (8, ("vendor_id:1b36",))
    assert settings.ledger_path == "/var/lib/nova/nova_accel/ledger.sqlite"
