"""SIPp processes that play one side of a conversation and say whether it went as written."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.endpoints import HOST, free_port

from .conversation import Conversation, write

SECONDS = 20  # a conversation that takes longer has gone wrong
_MODE = {"udp": "u1", "tcp": "t1"}


class WentOtherwise(AssertionError):
    """SIPp saw something else than the conversation says."""


class SippCallee:
    """A callee that is waiting for calls; its log tells what it received."""

    def __init__(self, process: subprocess.Popen[bytes], messages: Path) -> None:
        self.process = process
        self._messages = messages

    def received(self, method: str) -> list[str]:
        """The requests of a method, repeats included, whole."""
        return _received(self._messages, f"{method} ")


def call(
    folder: Path,
    conversation: Conversation,
    *,
    port: int,
    transport: str = "udp",
    caller: str = "4711",
    callee: str = "+493020000001",
    calls: int = 1,
    name: str = "caller",
    options: Sequence[str] = (),
    seconds: int = SECONDS,
) -> str:
    """Play the caller towards the gate at `port` until the calls are over; the messages it saw.

    `options` are more words for SIPp's command line; `seconds` is how long all may take.
    """
    scenario = write(folder / f"{name}.xml", name, conversation)
    command = _command(folder, scenario, name, transport, free_port())
    command += ["-key", "caller", caller, "-key", "callee", callee, "-m", str(calls)]
    command += [*options, "-timeout", str(seconds), "-timeout_error", f"{HOST}:{port}"]
    finished = subprocess.run(command, cwd=folder, capture_output=True, timeout=seconds + 10)
    if finished.returncode != 0:
        raise WentOtherwise(_story(folder, name, finished.returncode))
    return (folder / f"{name}-messages.log").read_text(errors="replace")


@contextmanager
def answering(
    folder: Path,
    conversation: Conversation,
    *,
    port: int,
    transport: str = "udp",
    calls: int | None = 1,
    name: str = "callee",
    pings: bool = False,
) -> Iterator[SippCallee]:
    """A callee at `port`; at the end of the context its calls must have gone as written.

    `calls`: how many it must have had by then; None: it is ended, whatever it had. With `pings` it
    answers OPTIONS, each of which it takes for a call, too.
    """
    scenario = write(folder / f"{name}.xml", name, conversation)
    command = _command(folder, scenario, name, transport, port)
    command += ["-key", "callee", "carrier", "-key", "caller", "caller"]
    if pings:
        command.append("-aa")
    if calls is not None:
        command += ["-m", str(calls), "-timeout", str(2 * SECONDS), "-timeout_error"]
    with (folder / f"{name}.out").open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out)
    try:
        _wait_until_bound(process, port, transport)
        yield SippCallee(process, folder / f"{name}-messages.log")
        if calls is not None:
            try:
                status = process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                raise WentOtherwise(_story(folder, name, None)) from None
            if status != 0:
                raise WentOtherwise(_story(folder, name, status))
    finally:
        process.kill()
        process.wait()


def _command(folder: Path, scenario: Path, name: str, transport: str, port: int) -> list[str]:
    return [
        "sipp", "-sf", str(scenario), "-i", HOST, "-p", str(port), "-t", _MODE[transport],
        "-nostdin", "-trace_err", "-error_file", str(folder / f"{name}-errors.log"),
        "-trace_msg", "-message_file", str(folder / f"{name}-messages.log"),
    ]  # fmt: skip


def _wait_until_bound(process: subprocess.Popen[bytes], port: int, transport: str) -> None:
    """The kernel's own table says when SIPp listens; a probe would count as a call."""
    table = Path(f"/proc/{process.pid}/net/{transport}")
    for _ in range(200):
        if f":{port:04X} " in table.read_text():
            return
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
        raise WentOtherwise(f"SIPp ended at once with {process.returncode}")
    raise WentOtherwise(f"SIPp does not listen on {transport} port {port}")


def _received(messages: Path, beginning: str) -> list[str]:
    if not messages.exists():
        return []
    found = []
    for part in messages.read_text(errors="replace").split("\n-----")[0:]:
        _, received, text = part.partition("message received")
        body = text.partition("\n\n")[2]
        if received and body.startswith(beginning):
            found.append(body)
    return found


def _story(folder: Path, name: str, status: int | None) -> str:
    lines = [f"{name} ended with {status}" if status is not None else f"{name} waits in vain"]
    for kind in ("errors", "messages"):
        path = folder / f"{name}-{kind}.log"
        if path.exists():
            lines += [f"--- {path.name}", path.read_text(errors="replace")[-6000:]]
    return "\n".join(lines)
