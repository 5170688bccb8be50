"""The gates that the dialers of these tests are up against."""

import pytest

from tests.proxy.house import House

TWO_A_DAY = "[{id: cap, rate: {per: caller, limit: 2, window: day}, then: {reject: 403}}]"
REFUSALS = "[{id: refused, list: {name: refusals, of: callee}, then: {reject: 603}}]"


@pytest.fixture
def capped() -> House:
    """A gate that lets each caller through twice a day."""
    return House(TWO_A_DAY)


@pytest.fixture
def listing() -> House:
    """A gate with one number that wants no calls."""
    house = House(REFUSALS)
    house.lists.replace("refusals", {"+13055550001"}, as_of=0.0)
    return house
