"""The manual's files work as they stand there."""

import re
from pathlib import Path

from sipgate.simulate import parse_plan, parse_scenario

PAGE = Path(__file__).parents[2] / "docs" / "simulate.md"


def test_the_manuals_plan_and_scenario_can_be_read() -> None:
    plan, scenario = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert parse_plan(plan).fate("+4930").code == 404
    assert parse_scenario(scenario).rooms[0].agents.extension_of(4) == "4804"
