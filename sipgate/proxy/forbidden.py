"""What a source's own settings forbid, whatever the policy says (design §6 Route, §7, §18)."""

from sipgate.sip import Request

from .source import Source

LISTS_OF_CALLEES = (
    b"recipient-list-invite",  # RFC 5366
    b"recipient-list-message",
    b"recipient-list-subscribe",
)
LIST_BODY = b"resource-lists+xml"  # RFC 4826


def forbidden_reason(
    request: Request, source: Source, *, allows_routes: bool, names_another: bool
) -> str | None:
    """Why an INVITE is refused with 403 before any rule is asked; None: it isn't.

    `names_another`: To has another number than the Request-URI.
    """
    if not allows_routes:
        return "Route set not allowed"
    if names_another and source.rejects_to_mismatch:
        return "To names another number"
    if not source.uri_lists and names_several(request):
        return "several callees in one request"
    return None


def names_several(request: Request) -> bool:
    """Whether a list of callees comes with the request, of which only one would be decided."""
    if any(option.lower() in LISTS_OF_CALLEES for option in request.values(b"require")):
        return True
    content = request.first(b"content-type")
    if content is None:
        return False
    content = content.lower()
    return LIST_BODY in content or (
        content.lstrip().startswith(b"multipart/") and LIST_BODY in request.body.lower()
    )
