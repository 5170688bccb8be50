"""Where the callee of an attempt is."""

from sipgate.numbers import Place, country_place, lead_place, place_of

from .attempt import Attempt


def callee_place(attempt: Attempt) -> Place:
    """The callee's place; a lead's own region and zone say more than its number.

    What can't be read is somewhere in the country that it was dialled in.
    """
    place = (
        place_of(attempt.callee, attempt.callee_country)
        if attempt.callee_kind == "number"
        else country_place(attempt.callee_country)
    )
    if attempt.lead_region is None and attempt.lead_zone is None:
        return place
    return lead_place(place, attempt.lead_region, attempt.lead_zone)
