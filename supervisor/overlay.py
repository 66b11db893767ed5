"""An overlay's plan.json: the numbers that its manifests take, so that they are in one place and can be checked."""

from pathlib import Path
from typing import Final

import msgspec

from workers.errors import PoolError

_FILE: Final = "plan.json"
_CREATE: Final = "copy deploy/k8s/overlays/production, and name the copy"


class OverlayUnusable(PoolError):
    """The folder is no overlay, or its plan cannot be read or written."""


class Numbers(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What kustomize's replacements take from the plan; texts where the manifests have texts."""

    topic: str
    output: str
    dead_letters: str
    group: str
    partitions: int
    replicas: int
    min_replicas: int
    max_workers: str
    lag_threshold: str
    cpu: str
    memory: str
    max_memory: str
    memory_budget: str
    planned_for: dict[str, float] = {}
    """The demand that it was made for; for readers alone."""


class _Metadata(msgspec.Struct, frozen=True):
    name: str
    annotations: dict[str, str]


_LOCAL: Final = _Metadata("pool", {"config.kubernetes.io/local-config": "true"})
"""Kustomize reads it, and does not hand it to the cluster."""


class _Plan(msgspec.Struct, frozen=True, rename={"api_version": "apiVersion"}):
    api_version: str
    kind: str
    metadata: _Metadata
    spec: Numbers


def read(folder: Path) -> Numbers:
    """The numbers of an overlay.

    Raises:
        OverlayUnusable: with what to do.
    """
    file = folder / _FILE
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Plan).spec
    except OSError as error:
        raise OverlayUnusable(f"{file}: {error.strerror}; {_CREATE}") from error
    except msgspec.DecodeError as error:
        raise OverlayUnusable(f"{file}: {error}; write it anew with: plan --kustomize {folder}") from error


def write(folder: Path, numbers: Numbers) -> Path:
    """Write the numbers of an overlay; the file.

    Raises:
        OverlayUnusable: with what to do.
    """
    if not (folder / "kustomization.yaml").exists():
        raise OverlayUnusable(f"{folder} is no overlay: it has no kustomization.yaml; {_CREATE}")
    file = folder / _FILE
    plan = _Plan("partition-pool/v1", "Plan", _LOCAL, numbers)
    try:
        file.write_bytes(msgspec.json.format(msgspec.json.encode(plan), indent=2) + b"\n")
    except OSError as error:
        raise OverlayUnusable(f"{file}: {error.strerror}; it must be writable") from error
    return file
