"""Runs compose.yaml's own services with plain podman commands, so that what is tested is what is shipped.

Every key of compose.yaml has its translation here; an unknown one is an error, never left out. The machine's own ways
come from the environment: PODMAN (the command with its global options), PODMAN_RUN_ARGS (further arguments of `run`)
and CONTAINER_BUILD (called with DIR TAG and build arguments, in place of `podman build -t TAG ... DIR`).
"""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PODMAN = shlex.split(os.environ.get("PODMAN", "podman"))
RUN_ARGS = shlex.split(os.environ.get("PODMAN_RUN_ARGS", ""))
BUILD = shlex.split(os.environ.get("CONTAINER_BUILD", ""))
PREFIX = f"agx-check-{os.getpid()}"
KNOWN_WITHOUT_FLAG = {"build", "image", "restart", "depends_on"}


def services() -> dict[str, dict[str, Any]]:
    composed: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    return composed


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def flags(service: dict[str, Any], port: int) -> list[str]:
    """The arguments of `podman run` that mean the same as the keys of `service`, published on `port`."""
    found: list[str] = []
    for key, value in service.items():
        match key:
            case "ports":
                found += [f"--publish=127.0.0.1:{port}:{mapping.split(':')[-1]}" for mapping in value]
            case "volumes":
                found += [f"--volume={PREFIX}-{volume}" for volume in value]
            case "tmpfs":
                found += [f"--tmpfs={folder}" for folder in value]
            case "cap_drop":
                found += [f"--cap-drop={capability}" for capability in value]
            case "security_opt":
                found += [f"--security-opt={option.replace(':true', '')}" for option in value]
            case "read_only" | "init":
                found += [f"--{key.replace('_', '-')}={str(value).lower()}"]
            case "user" | "pids_limit":
                found += [f"--{key.replace('_', '-')}={value}"]
            case "mem_limit":
                found += [f"--memory={value}"]
            case "network_mode":
                found += [f"--network={value}"]
            case _ if key not in KNOWN_WITHOUT_FLAG:
                raise AssertionError(f"compose.yaml has {key!r}; say here what podman calls it")
    return found


def podman(*args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*PODMAN, *args], capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"podman {shlex.join(args)}: {done.stderr[-2000:]}")
    return done


def build(name: str) -> None:
    """Builds the image of one service; the health check needs Docker's image format."""
    service = services()[name]
    target = ["--target", service["build"]["target"], "--format", "docker"]
    if BUILD:
        command = [*BUILD, str(ROOT), service["image"], *target]
    else:
        command = [*PODMAN, "build", "-t", service["image"], *target, str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def start(name: str, port: int) -> None:
    service = services()[name]
    podman("run", "--detach", f"--name={PREFIX}-{name}", *RUN_ARGS, *flags(service, port), service["image"])


def inside(name: str, code: str) -> str:
    """What `code` prints, run by the container's own Python beside its service."""
    done = podman("exec", f"{PREFIX}-{name}", "python", "-c", code, check=False)
    return done.stdout.strip() if done.returncode == 0 else f"failed: {done.stderr.strip()[-500:]}"


def logs(name: str) -> str:
    done = podman("logs", f"{PREFIX}-{name}", check=False)
    return (done.stdout + done.stderr)[-3000:]


def remove(*names: str) -> None:
    for name in names:
        podman("rm", "--force", "--time=3", f"{PREFIX}-{name}", check=False)


def remove_volumes() -> None:
    podman("volume", "rm", "--force", f"{PREFIX}-socket", check=False)
