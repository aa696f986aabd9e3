"""What the pages list is what there is."""

import configparser
import contextlib
import dataclasses
import itertools
import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from oslo_config import cfg

from nova_accel import conf as ours
from nova_accel.cleaning.choice import Method, read_methods
from nova_accel.cleaning.record import RecordFile
from nova_accel.drivers import loading
from nova_accel.eligibility.evidence import Evidence, SsdEvidence
from nova_accel.eligibility.judge import judge
from nova_accel.eligibility.verdict import Reason
from nova_accel.exception import PrivilegedCallError
from nova_accel.facts.usage import UseKind
from nova_accel.ledger.cleanings import CleaningRecord
from nova_accel.ledger.standing import Standing
from nova_accel.ledger.states import Event, IllegalTransition, State, after
from nova_accel.model import AttachHandle, HandleId, HandleKind
from nova_accel.privsep import openers, processes
from nova_accel.xml.memory import NvdimmMemory
from tests.functional.operations import documented
from tests.unit.test_judge import CASES, GOOD, PMEM

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
MIB = 1024**2


def page(name: str) -> str:
    return (DOCS / name).read_text()


def tox_environments() -> list[str]:
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    return re.findall(r"[\w-]+", tox["tox"]["env_list"])


def test_run_runs_the_environments_of_tox() -> None:
    [listed] = re.findall(r"^ENVIRONMENTS=\(([^)]*)\)$", (ROOT / "run").read_text(), re.MULTILINE)
    assert listed.split() == tox_environments()


@pytest.mark.parametrize("environment", [*tox_environments(), "lab"])
def test_the_readme_says_what_each_environment_runs(environment: str) -> None:
    assert re.search(rf"^\| .*`{environment}`.* \|$", (ROOT / "README.md").read_text(), re.MULTILINE)


def listed_verdicts() -> list[str]:
    rows = re.findall(r"^   \* - (.+)$", page("reference/verdicts.rst"), re.MULTILINE)
    return [row for row in rows if row != "verdict"]


def test_each_verdict_has_one_row_and_there_are_no_others() -> None:
    assert sorted(listed_verdicts()) == sorted(reason.value for reason in Reason)


def both(base: object, one: object, other: object) -> object | None:
    """What differs from ``base`` in either; None where the two differ from it in the same thing."""
    if one == base:
        return other
    if other == base:
        return one
    if not dataclasses.is_dataclass(base) or isinstance(base, type):
        return None
    names = [field.name for field in dataclasses.fields(base)]
    merged = {name: both(*(getattr(value, name) for value in (base, one, other))) for name in names}
    if any(merged[name] is None and getattr(base, name) is not None for name in names):
        return None
    return dataclasses.replace(base, **merged)


def only_written(reason: Reason) -> bool:
    """Whether the case is one of what is only written on the disk, of a reason that has its place by what runs."""
    return bool(CASES[reason][0].signatures) and reason.value in {kind.value for kind in UseKind}


def pairs() -> Iterator[tuple[Reason, Reason, Evidence]]:
    reasons = [reason for reason in map(Reason, listed_verdicts()) if not only_written(reason)]
    for first, second in itertools.combinations(reasons, 2):
        cases = CASES[first][0], CASES[second][0]
        base = GOOD if isinstance(cases[0], SsdEvidence) else PMEM
        if all(isinstance(case, type(base)) for case in cases):
            merged = both(base, *cases)
            if isinstance(merged, Evidence) and judge(merged).reason in (first, second):
                yield first, second, merged


def test_of_two_verdicts_that_fit_the_one_listed_first_is_given() -> None:
    found = [(first, second, judge(evidence).reason) for first, second, evidence in pairs()]
    assert len(found) > 100
    assert [one for one in found if one[0] is not one[2]] == []


@pytest.mark.parametrize("state", State)
def test_each_state_is_explained(state: State) -> None:
    assert f"\n{state.value}\n    " in page("reference/states.rst")


def possible(state: State, event: Event) -> Iterator[tuple[str, str, str]]:
    with contextlib.suppress(IllegalTransition):
        yield state.value, event.value, after("a handle", state, event).value


def test_the_page_lists_what_can_happen_to_a_handle_and_nothing_else() -> None:
    listed = re.findall(r"^   \* - (.+)\n     - (.+)\n     - (.+)\n     - ", page("reference/states.rst"), re.MULTILINE)
    there = {one for state, event in itertools.product(State, Event) for one in possible(state, event)}
    assert sorted(listed) == sorted({("from", "event", "to"), *there})


def test_the_page_lists_where_a_handle_can_stand() -> None:
    section = page("reference/states.rst").partition("Where it stands\n")[2].partition("\nBeside the state\n")[0]
    words = re.findall(r"^   \* - (.+)$", section, re.MULTILINE)
    assert words == ["word", *(standing.value for standing in Standing)]


def cells(name: str, heading: str) -> list[str]:
    """The first cells of the first table below a heading."""
    rest = page(name).partition(f"\n{heading}\n")[2].partition("list-table::")[2]
    table = re.split(r"\n(?=\S)", rest)[0]
    return re.findall(r"^   \* - (.+)$", table, re.MULTILINE)[1:]


def test_the_commands_that_remove_providers_remove_those_of_one_host_only(tmp_path: Path) -> None:
    node = "compute1.example.org"
    commands = documented.block(documented.RETIRE, "for uuid in", node)
    names = [
        node,
        f"{node}_accel_ssd_SN1",
        f"{node}_0000:01:00.0",
        f"{node}.uk_accel_ssd_SN2",
        "compute1_accel_ssd_SN3",
    ]
    providers = {f"0000000{number}-aaaa": name for number, name in enumerate(names)}
    left, deleted = documented.run(commands, providers, tmp_path)
    assert [providers[uuid] for uuid in deleted] == [f"{node}_accel_ssd_SN1"]
    # The stand-in lists what it was told at first, also what is gone.
    assert [line.split()[1] for line in left.splitlines()] == names[:3]


def test_each_method_has_its_row() -> None:
    assert cells("reference/cleaning.rst", "How an SSD is erased") == [method.value for method in Method]


def test_the_record_that_is_shown_is_one_that_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = [json.loads(line) for line in page("reference/cleaning_record.jsonl").splitlines()]
    for words in shown:
        handle = AttachHandle(
            HandleId(words["resource_class"], words["identity"]), HandleKind(words["kind"]), words["address"], "boot"
        )
        fields = {field.name: words[field.name] for field in dataclasses.fields(CleaningRecord)}
        RecordFile(str(tmp_path / "record")).add(handle, CleaningRecord(**fields), words["size_bytes"])
    assert (tmp_path / "record").read_text() == page("reference/cleaning_record.jsonl")
    (tmp_path / "proc/4711").mkdir(parents=True)
    (tmp_path / "proc/4711/comm").write_text("qemu-system-x86\n")
    (tmp_path / "proc/4711/maps").write_text("7f00000000-7f00200000 rw-s 00000000 00:06 512 /dev/dax0.1\n")
    monkeypatch.setattr(processes, "_PROC", tmp_path / "proc")
    [user] = openers.find_dax_users({"dax0.1": None}).values()
    assert shown[1]["result"] == str(PrivilegedCallError("zero_namespace", user))
    assert cells("reference/cleaning.rst", "The record") == list(shown[0])


def test_each_command_in_the_pages_is_there() -> None:
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg")
    there = set(re.findall(r"^(\w+) =", setup["options.entry_points"]["nova_accel.commands"], re.MULTILINE))
    texts = [path.read_text() for path in (*sorted(DOCS.rglob("*.rst")), ROOT / "README.md")]
    named = {"_".join(words) for text in texts for words in re.findall(r"nova-accel (device|status)\s+(\w+)", text)}
    assert named == there


QUOTING = ("drain_and_clean", "not_offered", "broken_ledger")


@pytest.mark.parametrize("name", [*(f"how-to/{page}.rst" for page in QUOTING), "reference/operations.rst"])
def test_the_sentences_that_a_page_quotes_are_said_somewhere(name: str) -> None:
    code = "".join(path.read_text() for path in sorted((ROOT / "nova_accel").rglob("*.py")))
    said = re.sub(r'"\s*f?"', "", code)
    quoted = [one for one in re.findall(r"``([^`]+)``", page(name).replace("\n", " ")) if "…" in one]
    # What begins a row of a table, whether or not something in it changes.
    quoted += re.findall(r"^   \* - ``([^`\n]+)``", page(name), re.MULTILINE)
    parts = [part for one in quoted if " " in one for part in map(str.strip, one.split("…")) if " " in part]
    assert len(parts) >= 2
    assert [part for part in parts if part.strip(" :;,") not in said] == []


@pytest.mark.parametrize("snippet", sorted(path.name for path in (ROOT / "etc/nova_accel").iterdir()))
def test_each_file_for_root_is_explained(snippet: str) -> None:
    assert f"``{snippet}``" in page("how-to/install.rst")


def test_a_guest_sees_the_sizes_that_are_promised() -> None:
    cells = re.findall(
        r"(\d+) MiB\n     - (\d+) MiB\n     - (\d+) MiB\n     - (\d+) MiB\n", page("how-to/namespaces.rst")
    )
    assert len(cells) == 6
    for asked, align, size, seen in (map(int, row) for row in cells):
        # Linux, drivers/nvdimm/pfn_devs.c: a note of 64 bytes for every page, behind 8 KiB; what follows is aligned.
        notes = 8192 + 64 * ((asked * MIB - 8192) // 4096)
        assert size * MIB == asked * MIB - -(-notes // (align * MIB)) * align * MIB
        assert NvdimmMemory.for_dax("/dev/dax0.0", size * MIB, align * MIB, "any").guest_bytes == seen * MIB


def samples() -> list[tuple[str, str]]:
    """Every piece of a nova.conf in the pages that enables a driver."""
    found = []
    for path in sorted(DOCS.rglob("how-to/*.rst")):
        blocks = re.findall(r"^\.\. code-block:: ini\n\n((?:   .*\n|\n)+)", path.read_text(), re.MULTILINE)
        found += [(path.name, textwrap.dedent(block)) for block in blocks if "enabled_drivers" in block]
    readme = re.findall(r"(?:^    .*\n|^\n)+", (ROOT / "README.md").read_text(), re.MULTILINE)
    return found + [("README.md", textwrap.dedent(block)) for block in readme if "enabled_drivers" in block]


def test_each_sample_of_nova_conf_would_let_nova_compute_start(tmp_path: Path) -> None:
    assert {name for name, _ in samples()} >= {"install.rst", "nova_conf.rst", "namespaces.rst", "README.md"}
    for name, text in samples():
        (tmp_path / name).write_text(text)
        conf = cfg.ConfigOpts()
        ours.register(conf)
        conf.register_opt(cfg.StrOpt("state_path", default="/var/lib/nova"))
        conf(["--config-file", str(tmp_path / name)])
        settings = ours.read(conf)
        assert [driver.name for driver in loading.load(settings)]
        assert read_methods(settings.clean_methods)
        written = re.search(r"^\[nova_accel\]\n((?:(?!\[).*\n)*)", text, re.MULTILINE)
        assert written is not None
        options = {option.name for option in ours.OPTIONS}
        assert set(re.findall(r"^(\w+) =", written[1], re.MULTILINE)) <= options


@pytest.mark.parametrize("option", ours.OPTIONS, ids=lambda option: option.name)
def test_the_help_of_each_option_gives_the_reason_of_its_default_and_an_example(option: cfg.Opt) -> None:
    assert f"\nExample: ``{option.name} = " in option.help
    assert re.search(r"\bdefault\b", option.help, re.IGNORECASE)


def test_the_settings_have_the_defaults_of_the_options() -> None:
    conf = cfg.ConfigOpts()
    ours.register(conf)
    conf.register_opt(cfg.StrOpt("state_path", default="/var/lib/nova"))
    conf([], default_config_files=[])
    read = ours.read(conf)
    given = [field.name for field in dataclasses.fields(read) if field.default is dataclasses.MISSING]
    assert type(read)(**{name: getattr(read, name) for name in given}) == read
