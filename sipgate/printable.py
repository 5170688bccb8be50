"""Text of strangers on a terminal: nothing that moves its cursor, changes its title or rings."""


def printable(text: str, keep: str = "") -> str:
    """The text with an escape for each character that isn't printable and not in `keep`."""
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or character in keep
        else character.encode("unicode_escape").decode()
        for character in text
    )
