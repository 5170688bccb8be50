"""`sipgate callee`."""

import asyncio
import socket

import pytest

from sipgate.simulate import Address, run_callee

from .conftest import RunCommand


@pytest.mark.parametrize("listen", ["BAD", "127.0.0.1", "127.0.0.1:99999"])
def test_a_bad_address_is_told_and_nothing_else(sipgate: RunCommand, listen: str) -> None:
    ran = sipgate("callee", "--listen", listen)

    assert ran.exit_code == 2
    assert ran.err.startswith("--listen: ")
    assert "answering" not in ran.err


def test_a_port_in_use_is_not_answered_at(sipgate: RunCommand) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))

        ran = sipgate("callee", "--listen", f"127.0.0.1:{taken.getsockname()[1]}")

    assert ran.exit_code == 3
    assert "answering" not in ran.err


def test_the_address_is_told_once_it_is_open() -> None:
    async def listen_and_end() -> Address:
        async with asyncio.timeout(5):
            told: asyncio.Future[Address] = asyncio.get_running_loop().create_future()
            running = asyncio.create_task(run_callee("127.0.0.1:0", on_listening=told.set_result))
            try:
                return await told
            finally:
                running.cancel()
                await asyncio.wait([running])

    address = asyncio.run(listen_and_end())

    assert address.host == "127.0.0.1"
    assert address.port > 0
