"""The files of deploy/, parsed."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from tests.deployments.shipped import DEPLOY

DOCKER: Final = DEPLOY / "docker"
KUBERNETES: Final = DEPLOY / "kubernetes"
KUSTOMIZATION: Final = "Kustomization"
Document = dict[str, Any]


def judge(name: str) -> str | None:
    """Find a program of `make judges`, beside the Python that runs or on the path."""
    return shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)


@cache
def compose() -> Document:
    """Return the compose file, with what its parts share filled in."""
    parsed: Document = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    return parsed


def services() -> dict[str, Document]:
    """Return the services of the compose file, by name."""
    found: dict[str, Document] = compose()["services"]
    return found


@cache
def instructions() -> tuple[tuple[str, str], ...]:
    """Return the instructions of the Dockerfile with their arguments, continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", (DOCKER / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    pairs = [line.strip().partition(" ") for line in lines if line.strip()]
    return tuple((word.upper(), " ".join(rest.split())) for word, _, rest in pairs)


@cache
def manifests() -> tuple[Document, ...]:
    """Return the objects for Kubernetes as the files have them, kustomizations and patches left out."""
    found: list[Document] = []
    for file in sorted(KUBERNETES.rglob("*.yaml")):
        if "overlays" not in file.parts:
            found += yaml.safe_load_all(file.read_text())
    return tuple(one for one in found if one["kind"] != KUSTOMIZATION)


def kustomizations() -> dict[Path, Document]:
    """Return the kustomizations by their folders."""
    return {file.parent: yaml.safe_load(file.read_text()) for file in sorted(KUBERNETES.rglob("kustomization.yaml"))}


def of_kind(*kinds: str) -> Iterator[Document]:
    """List the objects of some kinds."""
    return (one for one in manifests() if one["kind"] in kinds)


def workloads() -> tuple[Document, ...]:
    """List what makes pods."""
    return tuple(of_kind("DaemonSet", "StatefulSet", "Job"))


def pod(workload: Document) -> Document:
    """Return the pod of a workload."""
    found: Document = workload["spec"]["template"]
    return found


def containers() -> Iterator[tuple[Document, Document]]:
    """List each container with its workload."""
    for workload in workloads():
        for one in pod(workload)["spec"]["containers"]:
            yield workload, one
