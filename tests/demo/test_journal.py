"""When a step has passed, and what the report says of one that has not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from demo.journal import Entry, Journal, StepFailed


@pytest.fixture
def journal() -> Journal:
    """One whose first step runs."""
    journal = Journal()
    journal.entries.append(Entry("A step", "It shows something."))
    return journal


def test_a_step_whose_checks_are_all_so_has_passed(journal: Journal) -> None:
    journal.check("it is so", ["something"])
    journal.end_step()
    assert journal.passed
    assert journal.report()["outcome"] == "passed"


def test_a_step_that_checks_nothing_has_not_passed(journal: Journal) -> None:
    with pytest.raises(StepFailed, match="nothing was checked"):
        journal.end_step()
    assert not journal.passed


def test_one_check_that_is_not_so_fails_the_step_and_says_what_was_seen(journal: Journal) -> None:
    journal.check("it is so", True)
    journal.check("there is one", False, [1, 2])
    with pytest.raises(StepFailed, match=r"not so: there is one \(seen: \[1, 2\]\)"):
        journal.end_step()
    assert journal.report()["failed_step"] == "A step"


def test_an_error_outside_of_the_steps_is_a_failure_too(journal: Journal) -> None:
    journal.check("it is so", True)
    journal.end_step()
    journal.error = "something was left behind"
    assert not journal.passed
    assert (journal.report()["outcome"], journal.report()["error"]) == ("failed", "something was left behind")


def test_without_any_step_nothing_has_passed() -> None:
    assert not Journal().passed


def test_answers_are_kept_as_they_came(journal: Journal, tmp_path: Path) -> None:
    journal.hear("placement", "GET /resource_providers", {"resource_providers": []})
    journal.write(tmp_path / "report.json")
    (step,) = json.loads((tmp_path / "report.json").read_text())["steps"]
    assert step["answers"] == [
        {"of": "placement", "asked": "GET /resource_providers", "answer": {"resource_providers": []}}
    ]
