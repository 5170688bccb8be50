"""Numbers: E.164, dial plans, emergency numbers, number lists, places.

Turns what people and machines dial into one key per telephone: `DialPlan.read` for whom a call
would ring, `DialPlan.identity` for who says to be calling, `place_of` for where that is. Facts of
the numbering plans are those of the `phonenumbers` package, of places those of `data/`, of holidays
those of the `holidays` package. Works on text; must not know of SIP messages, policies or stores.
Follows ITU-T E.164, RFC 3966 (tel URIs: separators, parameters, phone-context) and
RFC 5031 §4.2 (emergency URNs).
"""

from .callee import Callee, Kind
from .dial_plan import DialPlan
from .emergency import EmergencyNumbers, is_sos_urn
from .list_file import (
    ColumnError,
    ListImport,
    parse_list_file,
    read_listed_number,
)
from .number_list import LIST_NAME, NumberList
from .numbering import is_possible_number
from .place import (
    Place,
    country_place,
    known_region,
    known_zone,
    lead_place,
    place_of,
)
from .place_tables import time_zone
from .public_holidays import holiday
from .rejects import FileImport, Reject
from .tables import load_tables, table_versions

__all__ = [
    "LIST_NAME",
    "Callee",
    "ColumnError",
    "DialPlan",
    "EmergencyNumbers",
    "FileImport",
    "Kind",
    "ListImport",
    "NumberList",
    "Place",
    "Reject",
    "country_place",
    "holiday",
    "is_possible_number",
    "is_sos_urn",
    "known_region",
    "known_zone",
    "lead_place",
    "load_tables",
    "parse_list_file",
    "place_of",
    "read_listed_number",
    "table_versions",
    "time_zone",
]
