"""A certificate, and the arguments with which a store speaks TLS."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from support.machine import require

if TYPE_CHECKING:
    from pathlib import Path


def certify(directory: Path) -> Path:
    """Make `directory` with a key and a self-signed certificate for localhost and 127.0.0.1, and return it."""
    require("openssl")
    directory.mkdir()
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run([*made, *names], cwd=directory, check=True, capture_output=True)
    return directory


def tls_only(certificate: Path, port: int) -> tuple[str, ...]:
    """Return the arguments of a store that speaks TLS at `port`; give it the port 0 for the rest."""
    files = {"tls-cert-file": "cert.pem", "tls-key-file": "key.pem", "tls-ca-cert-file": "cert.pem"}
    settings = {name: str(certificate / file) for name, file in files.items()}
    settings |= {"tls-port": str(port), "tls-auth-clients": "no"}
    return tuple(argument for name, value in settings.items() for argument in (f"--{name}", value))
