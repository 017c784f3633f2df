"""The page about previews shows what the command prints today."""

from __future__ import annotations

from scheduler.domain.presets import PRESETS
from tests.preview.documents import PAGE, commands_on, renewed


def test_every_output_on_the_page_is_what_the_command_prints() -> None:
    """After a change that is meant: python -m tests.preview.documents"""
    page = PAGE.read_text()

    assert renewed(page) == page


def test_the_page_shows_the_five_step_example_and_every_preset() -> None:
    shown = "\n".join(commands_on(PAGE.read_text()))

    assert all(f"/{preset}.json" in shown for preset in PRESETS)
