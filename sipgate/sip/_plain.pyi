from .plain import PlainReader

def build_reader(
    request_class: type,
    response_class: type,
    via_class: type,
    keys: dict[bytes, bytes],
    sets: tuple[bytes, ...],
) -> PlainReader: ...
