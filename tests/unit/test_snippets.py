"""What root puts in place lets nova-compute start our two daemons, and nothing else."""

import re
from pathlib import Path

import pytest
from oslo_rootwrap import filters, wrapper
from oslo_rootwrap.wrapper import NoFilterMatched

from nova_accel.privsep import acting_pctxt, reading_pctxt

SNIPPETS = Path(__file__).parents[2] / "etc/nova_accel"
CONTEXTS = [reading_pctxt.pypath, acting_pctxt.pypath]


def command(context, config="/etc/nova/nova.conf", sock="/tmp/tmpx1y2z3/privsep.sock"):
    arguments = ["--config-file", config, "--privsep_context", context, "--privsep_sock_path", sock]
    return ["privsep-helper", *arguments]


ALLOWED = [command(context) for context in CONTEXTS]
REFUSED = [
    command("nova.privsep.sys_admin_pctxt"),
    command("os.system"),
    command(CONTEXTS[0], config="/tmp/evil.conf"),
    [*command(CONTEXTS[0]), "--config-file", "/tmp/evil.conf"],
    ["bash", "-c", "id"],
]


@pytest.fixture
def rootwrap(tmp_path, monkeypatch):
    filter_folder = tmp_path / "rootwrap.d"
    filter_folder.mkdir()
    (filter_folder / "nova_accel.filters").write_text((SNIPPETS / "rootwrap.filters").read_text())
    (tmp_path / "privsep-helper").touch(mode=0o755)
    # oslo.rootwrap adds a filter of its own that lets every privsep-helper through; ours are to be enough without it.
    loaded = [one for one in wrapper.load_filters([str(filter_folder)]) if one.name != "privsep-helper"]
    return lambda words: wrapper.match_filter(loaded, words, exec_dirs=[str(tmp_path)])


@pytest.mark.parametrize("words", ALLOWED, ids=" ".join)
def test_rootwrap_starts_our_daemons(rootwrap, words):
    assert isinstance(rootwrap(words), filters.RegExpFilter)


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_rootwrap_starts_nothing_else(rootwrap, words):
    with pytest.raises(NoFilterMatched):
        rootwrap(words)


def sudo_arguments():
    (line,) = [line for line in (SNIPPETS / "sudoers").read_text().splitlines() if line.startswith("nova ")]
    # sudo takes arguments that begin with ^ and end with $ as one regular expression over all of them.
    return re.compile(re.search(r"privsep-helper (\^.*\$)$", line)[1])


@pytest.mark.parametrize("words", ALLOWED, ids=" ".join)
def test_sudo_starts_our_daemons(words):
    assert sudo_arguments().search(" ".join(words[1:]))


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_sudo_starts_nothing_else(words):
    assert not sudo_arguments().search(" ".join(words[1:]))
