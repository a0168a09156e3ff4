"""Warm, confined, single-use children, and the zygotes they come from. Runs in the supervisor.

Two tasks keep it: one sees to it that a tested zygote serves (and a fresh one takes over in time), the other that
spare children wait. Handing one out waits for neither unless there is none.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Coroutine
from typing import Any

from app.errors import SandboxUnavailable
from app.protocol import Layer
from app.run import Versions
from app.sandbox.child import Child, ChildFault
from app.sandbox.options import SupervisorOptions
from app.sandbox.selftest import SelfTest, self_test
from app.sandbox.zygote_link import ZygoteLink

_LONGEST_RETRY_SECONDS = 30.0
_REFILL_PAUSE_SECONDS = 0.05
_SHORT_LIFE_SECONDS = 10.0
_KEEPER = "keeper"


class Generation:
    """A zygote that passed its self-test, and its children."""

    def __init__(self, link: ZygoteLink, versions: Versions, tested: SelfTest) -> None:
        self.link = link
        self.versions = versions
        self.tested = tested
        self.stands = frozenset(layer.name for layer in tested.layers if layer.stands)
        self.spares: deque[Child] = deque()
        self.born = time.monotonic()
        self.runs = 0
        self.in_use = 0
        self.retired = False
        self.worn = asyncio.Event()


class Pool:
    """`take` a child, use it once, `give_back` what is left of it."""

    def __init__(self, options: SupervisorOptions) -> None:
        self._options = options
        self._current: Generation | None = None
        self._failure: str | None = None
        self._news = "starting"
        self._layers: tuple[Layer, ...] = ()
        self._changed = asyncio.Event()
        self._wanted = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to boot a zygote; returns at once."""
        self._spawn(self._keep_a_zygote(), _KEEPER)
        self._spawn(self._keep_spares(), _KEEPER)

    async def close(self) -> None:
        """Kill every child and zygote, and wait until they are gone."""
        keepers = [task for task in self._tasks if task.get_name() == _KEEPER]
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        if self._current is not None:
            self._replace(self._current, "closed")
        self._failure = "closed"
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- what it is like ---

    @property
    def ready(self) -> bool:
        return self._current is not None

    @property
    def detail(self) -> str:
        return self._failure or self._news

    @property
    def layers(self) -> tuple[Layer, ...]:
        return self._layers

    @property
    def versions(self) -> Versions:
        return self._current.versions if self._current else Versions()

    @property
    def spares(self) -> int:
        return len(self._current.spares) if self._current else 0

    # --- children out and in ---

    async def take(self) -> tuple[Generation, Child]:
        """A confined child that nobody had before. Raises SandboxUnavailable when there is none to be had."""
        try:
            async with asyncio.timeout(self._options.boot_seconds):
                while True:
                    if taken := self._next_spare():
                        return taken
                    if self._current is None and self._failure is not None:
                        raise SandboxUnavailable(self._failure)
                    self._wanted.set()
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise SandboxUnavailable(f"no child in {self._options.boot_seconds:g} s: {self.detail}") from None

    def _next_spare(self) -> tuple[Generation, Child] | None:
        generation = self._current
        while generation is not None and generation.spares:
            child = generation.spares.popleft()
            if child.is_dead():
                self._discard(child)
                continue
            generation.in_use += 1
            generation.runs += 1
            if generation.runs >= self._options.zygote_runs:
                generation.worn.set()
            asyncio.get_running_loop().call_later(_REFILL_PAUSE_SECONDS, self._wanted.set)
            return generation, child
        return None

    async def give_back(self, generation: Generation, child: Child) -> None:
        """Returns when the child is dead and nothing of it is left."""
        died = await child.bury()
        generation.in_use -= 1
        if not died:
            self._replace(generation, "a child would not die")
        if generation.retired and not generation.in_use:
            await generation.link.close()
        self._wanted.set()

    # --- zygotes ---

    async def _keep_a_zygote(self) -> None:
        retry_seconds = self._options.retry_seconds
        while True:
            try:
                generation = await self._boot()
            except SandboxUnavailable as exc:
                self._failure = exc.detail[:250]
                self._changed.set()
                await asyncio.sleep(retry_seconds)
                retry_seconds = min(2 * retry_seconds, _LONGEST_RETRY_SECONDS)
                continue
            self._take_over(generation)
            await self._until_due(generation)
            if generation.link.broken.done():
                self._replace(generation, generation.link.broken.result())
            if generation.retired and time.monotonic() - generation.born < _SHORT_LIFE_SECONDS:
                await asyncio.sleep(retry_seconds)
                retry_seconds = min(2 * retry_seconds, _LONGEST_RETRY_SECONDS)
            else:
                retry_seconds = self._options.retry_seconds

    async def _boot(self) -> Generation:
        """A zygote whose child was seen to hold. Raises SandboxUnavailable."""
        options = self._options
        link = ZygoteLink.start(options.jail(), options.jail_command, options.control_seconds)
        try:
            ready = await link.booted(options.boot_seconds)
            tested = await self._test(link)
        except BaseException:
            await link.close()
            raise
        return Generation(link, ready.versions, tested)

    async def _test(self, link: ZygoteLink) -> SelfTest:
        options = self._options
        child = await link.fork()
        try:
            confined = await child.confine(options.control_seconds)
            tested = await self_test(child, confined, options.limits, options.canary_seconds)
        except ChildFault as exc:
            raise SandboxUnavailable(str(exc)) from exc
        finally:
            await child.bury()
        self._layers = tested.layers
        if tested.missing and not options.trusted_local:
            if self._current is not None:
                self._replace(self._current, "a layer no longer stands")
            raise SandboxUnavailable("required layers are missing: " + "; ".join(tested.missing))
        return tested

    def _take_over(self, generation: Generation) -> None:
        old, self._current = self._current, generation
        self._failure = None
        self._news = "ready"
        if generation.tested.missing:
            self._news = "DANGER, trusted_local: snippets run without " + "; ".join(generation.tested.missing)
        if old is not None:
            self._retire(old)
        self._wanted.set()

    async def _until_due(self, generation: Generation) -> None:
        """Until the zygote is worn, old or broken."""
        worn = asyncio.ensure_future(generation.worn.wait())
        try:
            await asyncio.wait(
                (worn, generation.link.broken),
                timeout=self._options.zygote_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            worn.cancel()

    def _replace(self, generation: Generation, why: str) -> None:
        """Use it no more; another one is on its way."""
        generation.worn.set()
        if self._current is generation:
            self._current = None
            self._news = f"starting again: {why}"[:250]
            self._changed.set()
            self._retire(generation)

    def _retire(self, generation: Generation) -> None:
        """Kill its spares at once, and itself as soon as none of its children runs a snippet."""
        generation.retired = True
        while generation.spares:
            self._discard(generation.spares.popleft())
        if not generation.in_use:
            self._spawn(generation.link.close())

    # --- spares ---

    async def _keep_spares(self) -> None:
        while True:
            self._wanted.clear()
            self._drop_old_spares()
            generation = self._current
            if generation is None or len(generation.spares) >= self._options.spare_children:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._options.spare_seconds / 4):
                        await self._wanted.wait()
                continue
            await self._add_spare(generation)

    async def _add_spare(self, generation: Generation) -> None:
        child: Child | None = None
        try:
            child = await generation.link.fork()
            confined = await child.confine(self._options.control_seconds)
            if not generation.stands <= frozenset(confined.layers):
                raise ChildFault("a child has fewer layers than the one that was tested")
        except (SandboxUnavailable, ChildFault) as exc:
            if child:
                self._discard(child)
            self._replace(generation, str(exc))
            return
        except asyncio.CancelledError:
            if child:
                self._discard(child)
            raise
        if generation.retired:
            self._discard(child)
            return
        generation.spares.append(child)
        self._changed.set()

    def _drop_old_spares(self) -> None:
        oldest = time.monotonic() - self._options.spare_seconds
        generation = self._current
        while generation is not None and generation.spares and generation.spares[0].born < oldest:
            self._discard(generation.spares.popleft())

    def _discard(self, child: Child) -> None:
        self._spawn(_buried(child))

    def _spawn(self, work: Coroutine[Any, Any, None], name: str = "closing") -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _buried(child: Child) -> None:
    await child.bury()
