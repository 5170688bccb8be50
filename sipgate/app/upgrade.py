"""SIGUSR2: the program as it is installed now takes over, and no call is lost.

The process stays the same; it executes the new program in place (decision 10). Before that the new
program has read configuration, policy and store (`sipgate check`), and refuses here what it would
refuse then. The sockets stay open all the time: what arrives in between waits in them.
"""

import asyncio
import os
import sys
from collections.abc import Sequence

import structlog

from sipgate.net import Network, bequeath

from .build import Parts

CHECK_SECONDS = 60.0
KILL_SECONDS = 5.0
SETTLE_SECONDS = 5.0  # the disk is slow; a gate that can't write is not upgraded
SOON = 0.001
MOST_PROBLEM_CHARACTERS = 500

log = structlog.get_logger()


class Upgrade:
    """Waits until it is asked for, and hands the sockets over at a moment when nothing is held."""

    def __init__(self, check: Sequence[str]) -> None:
        self.descriptors: list[int] = []  # of the sockets, once the successor's time has come
        self._check = check  # the command that tries the new program
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """SIGUSR2."""
        self._asked.set()

    async def run(self, parts: Parts, network: Network, stop: asyncio.Event) -> None:
        """Work until cancelled; sets `stop` when the sockets have been handed over."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            problem = await self._problem()
            if problem is None and not stop.is_set():
                problem = await self._hand_over(parts, network, stop)
            if problem is not None:
                log.error("upgrade_refused", problem=problem)

    async def _hand_over(self, parts: Parts, network: Network, stop: asyncio.Event) -> str | None:
        """None when it is done; else why not."""
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                # A parked call has its 100, so nobody would send it again.
                while len(parts.admission):  # noqa: ASYNC110
                    await asyncio.sleep(SOON)
        except TimeoutError:
            return "calls wait for the disk"
        if not stop.is_set():
            log.info("upgrade_started", transactions=parts.table.contexts, calls=len(parts.calls))
            self.descriptors = network.hand_over()
            await network.close()
            stop.set()
        return None

    async def _problem(self) -> str | None:
        """What the new program says of the files, in its own words; None: it would start."""
        if not self._check:
            return "this gate doesn't know its own command"
        try:
            process = await asyncio.create_subprocess_exec(
                *self._check,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            return f"{self._check[0]}: {error.strerror}"
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                _, told = await process.communicate()
        except TimeoutError:
            return "sipgate check doesn't end"
        finally:
            if process.returncode is None:
                process.kill()
                async with asyncio.timeout(KILL_SECONDS):
                    await process.communicate()
        if process.returncode == 0:
            return None
        text = told.decode("utf-8", "replace").strip()
        return text[-MOST_PROBLEM_CHARACTERS:] or f"sipgate check ended with {process.returncode}"


def become_successor(descriptors: Sequence[int]) -> None:
    """Execute the program anew, with the sockets. Returns only by raising OSError."""
    bequeath(descriptors, os.environ)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
