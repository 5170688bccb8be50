"""Whom to turn to for whoever thinks that a call was blocked by mistake."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Redress:
    """A policy's contact, of which at least one of `url`, `tel`, `email` is there.

    `tel` is E.164 with its plus, `location` where the gate stands, as RFC 8606 says it: `LPN` is
    the caller's own private network. `name` is for people.
    """

    url: str | None = None
    tel: str | None = None
    email: str | None = None
    name: str | None = None
    location: str = "LPN"

    @property
    def told(self) -> str:
        """As 603+ (ATIS-1000099) tells it, without the call's id: `v=analytics1;…;location=LPN`."""
        pairs = (("url", self.url), ("tel", self.tel), ("email", self.email))
        contact = ";".join(f"{name}={value}" for name, value in pairs if value is not None)
        return f"v=analytics1;{contact};location={self.location}"
