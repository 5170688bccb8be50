"""`sipgate status`: how the running gate is."""

from typing import Any

from .failure import BadInput, CannotDo
from .output import print_json, print_line, print_table
from .ownership import ask_running_gate
from .settings import DEFAULT_CONFIG, AsJson, ConfigFile, read_config

EXAMPLE = "Example: sipgate status --json"


def status(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Say how the running gate is: ready or not, what is open, what it has counted.

    Counters begin at 0 with each start; the table leaves out those that never
    moved. docs/operation.md says what each one counts. Exits with 3 when no
    gate runs.
    """
    settings = read_config(config)
    try:
        answer = ask_running_gate(settings, "status")
    except BadInput as error:  # it is still starting
        raise CannotDo(*error.lines) from error
    if as_json:
        print_json(answer)
        return
    state = "draining" if answer["draining"] else "ready" if answer["ready"] else "not ready"
    if answer["overloaded"]:
        state += ", overloaded"
    print_line(f"{settings.gate.name}: {state}")
    print_table(("", ""), _rows(answer))
    print_table(("upstream", "target", ""), _targets(answer))


def _rows(answer: dict[str, Any]) -> list[tuple[str, int]]:
    open_now = [(name, answer[name]) for name in ("calls", "phones", "transactions", "durable_seq")]
    counted = [*sorted(answer["counts"].items()), *answer["network"].items()]
    return open_now + [(name, number) for name, number in counted if number]


def _targets(answer: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (one["upstream"], one["target"], "alive" if one["alive"] else "dead")
        for one in answer["targets"]
    ]
