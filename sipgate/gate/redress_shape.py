"""`redress` in a policy file: whom a refused caller may turn to."""

import re
from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from .redress import Redress
from .shape import Shape, choice, reads, wrong
from .yaml_document import Scalar

# Each goes between quotes and semicolons, into a header of a refusal.
URL = (
    r"https://[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(:[0-9]{1,5})?(/[A-Za-z0-9._~:/?#\[\]@!$&'()*+,=%-]*)?"
)
TEL = r"\+[1-9][0-9]{6,14}"  # E.164
EMAIL = r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"
MAX_CHARACTERS = 200
LOCATIONS = ("U", "LPN", "LN", "TN", "RLN", "RPN", "INTL", "BI")  # RFC 8606


def _pattern(pattern: str, expected: str) -> BeforeValidator:
    def check(value: object) -> object:
        text = value.text if isinstance(value, Scalar) else ""
        if len(text) <= MAX_CHARACTERS and re.fullmatch(pattern, text):
            return text
        raise wrong(f"found {value}", expected)

    return reads(check, type="string", pattern=f"^(?:{pattern})$", maxLength=MAX_CHARACTERS)


class RedressShape(Shape):
    """What stands under `redress`."""

    url: (
        Annotated[str, _pattern(URL, "an https URL without user, password and semicolons")] | None
    ) = Field(None, description="A page for them; an https URL.")
    tel: Annotated[str, _pattern(TEL, 'a number such as "+18005550100"')] | None = Field(
        None, description="A number for them, with its plus and country code."
    )
    email: Annotated[str, _pattern(EMAIL, "an address such as redress@example.com")] | None = Field(
        None, description="An address for them."
    )
    name: Annotated[str, _pattern(r"[^\x00-\x1f\x7f-\x9f]{1,200}", "a name")] | None = Field(
        None, description="Who answers there."
    )
    location: Annotated[
        Literal["U", "LPN", "LN", "TN", "RLN", "RPN", "INTL", "BI"], choice(*LOCATIONS)
    ] = Field("LPN", description="Where in the network the gate stands (RFC 8606).")

    @classmethod
    def wrong_together(cls, present: Collection[str]) -> tuple[str, str] | None:
        if not {"url", "tel", "email"} & set(present):
            return "no contact", "at least one of url, tel and email"
        return None

    def redress(self) -> Redress:
        return Redress(
            url=self.url, tel=self.tel, email=self.email, name=self.name, location=self.location
        )
