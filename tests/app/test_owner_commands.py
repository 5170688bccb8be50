"""What a real gate answers on its store's socket."""

import asyncio
from pathlib import Path
from typing import Any

from sipgate.app.owner_commands import NETWORK_COUNTS
from sipgate.app.process import serve
from sipgate.config import load_config
from sipgate.store import NoOwner, OwnerClient, RequestError

CONFIG = """\
[gate]
policy = "policy.yaml"
[[listen]]
address = "127.0.0.1:0"
[[source]]
name = "hq"
match = ["10.1.0.0/16"]
[[upstream]]
name = "carrier"
targets = ["callee"]
"""


async def ask(folder: Path, op: str) -> dict[str, Any]:
    """The answer of a gate that runs for just this question."""
    config = load_config(folder / "sipgate.toml", {})
    client = OwnerClient(config.gate.store_path)
    gate = asyncio.create_task(serve(config))
    try:
        async with asyncio.timeout(30):
            while True:
                try:
                    answer = await asyncio.to_thread(client.request, op)
                except (NoOwner, RequestError):
                    await asyncio.sleep(0.02)  # still starting
                else:
                    return answer
    finally:
        gate.cancel()
        await asyncio.wait([gate])


def test_status_has_the_networks_counters_too(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("policy: test\nrevision: 1\nrules: []\n")
    (tmp_path / "sipgate.toml").write_text(CONFIG)

    answer = asyncio.run(ask(tmp_path, "status"))

    assert answer["network"] == dict.fromkeys(NETWORK_COUNTS, 0)
    assert answer.keys() == {
        "counts",
        "network",
        "calls",
        "phones",
        "transactions",
        "durable_seq",
        "ready",
        "draining",
        "overloaded",
        "targets",
    }
    [target] = answer["targets"]
    assert (target["upstream"], target["alive"]) == ("carrier", True)
