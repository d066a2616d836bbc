"""Certificates for tests, as openssl makes them."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Certificate:
    """A server's certificate for 127.0.0.1, signed by itself, and its key."""

    cert: str
    key: str


def self_signed(directory: Path, name: str = "server") -> Certificate:
    """Make a new one."""
    cert, key = str(directory / f"{name}.pem"), str(directory / f"{name}-key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)
    return Certificate(cert, key)
