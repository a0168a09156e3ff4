"""Settings: frozen, read once from the environment. Every field is a row of docs/configuration.md."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.protocol import Limits


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Settings(BaseSettings):
    """All that an operator can choose. Units are in the names."""

    model_config = SettingsConfigDict(
        env_prefix="AUTOGRAD_EXPLORER_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    # Where runs happen
    sandbox_socket: Path | None = Field(
        None, description="Unix socket of a sandbox service; unset: this server starts its own as a child process"
    )
    trusted_local: bool = Field(
        False,
        description="DANGER: run your own code on a Linux without a required layer; loopback only",
    )
    namespaces: bool = Field(True, description="Use Linux namespaces around the worker where the kernel allows them")

    # Limits of one run
    wall_seconds: float = Field(10.0, gt=0, le=600, description="Real time")
    cpu_seconds: float = Field(10.0, gt=0, le=600, description="Processor time")
    memory_bytes: int = Field(2 * 2**30, ge=64 * 2**20, description="Address space beyond the worker's own")
    output_bytes: int = Field(
        256 * 2**10, ge=1024, description="stdout and stderr that are kept; four times this kills"
    )
    result_bytes: int = Field(64 * 2**20, ge=2**20, description="All that a run may report")
    scratch_bytes: int = Field(16 * 2**20, ge=0, description="Private scratch folder of a run, where one can be had")
    graphs: int = Field(50, ge=1, le=1000, description="Backward and grad calls that are captured whole")
    nodes: int = Field(100_000, ge=10, le=2_000_000, description="Graph nodes that are reported")
    tensors: int = Field(2_000, ge=10, le=100_000, description="Tensors that are reported")
    events: int = Field(200_000, ge=100, description="Forward operations that are traced to their line")
    preview_elements: int = Field(100, ge=1, le=4096, description="Elements of a tensor that are shown")

    # The service
    code_bytes: int = Field(64 * 2**10, ge=100, description="Size of a snippet, in bytes of UTF-8")
    concurrency: int = Field(default_factory=_usable_cores, ge=1, description="Runs at the same time")
    queue: int = Field(32, ge=0, description="Runs that may wait for a place; one more is refused with 503")
    spare_children: int = Field(
        default_factory=lambda: min(4, _usable_cores() + 1), ge=1, le=64, description="Confined children kept waiting"
    )
    zygote_runs: int = Field(1000, ge=1, description="Runs after which the zygote is replaced by a fresh one")

    # Pictures
    layout_seconds: float = Field(5.0, gt=0, description="Time that Graphviz gets for one picture")
    layout_memory_bytes: int = Field(1 * 2**30, ge=64 * 2**20, description="Memory that Graphviz gets")
    drawn_nodes: int = Field(1500, ge=10, description="Nodes that a picture may have; larger graphs are cut and say so")

    # What is kept
    data_dir: Path | None = Field(None, description="Folder of the database of finished runs; unset: kept in memory")
    keep_runs: int = Field(500, ge=0, description="Finished runs that can be asked for again")
    keep_bytes: int = Field(256 * 2**20, ge=2**20, description="Size of all kept runs together")

    def limits(self) -> Limits:
        """The limits of one run, as the sandbox wants them."""
        return Limits(
            wall_seconds=self.wall_seconds,
            cpu_seconds=self.cpu_seconds,
            memory_bytes=self.memory_bytes,
            output_bytes=self.output_bytes,
            result_bytes=self.result_bytes,
            scratch_bytes=self.scratch_bytes,
            graphs=self.graphs,
            nodes=self.nodes,
            tensors=self.tensors,
            events=self.events,
            preview_elements=self.preview_elements,
        )
