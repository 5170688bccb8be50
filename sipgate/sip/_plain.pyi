from .plain import PlainAnswerer, PlainReader

def build_reader(
    request_class: type,
    response_class: type,
    via_class: type,
    keys: dict[bytes, bytes],
    sets: tuple[bytes, ...],
) -> PlainReader: ...
def build_answerer(keys: dict[bytes, bytes], sets: tuple[bytes, ...]) -> PlainAnswerer: ...
