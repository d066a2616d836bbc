"""nginx with the sample of deploy/, before an aggregator."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.certificates import Certificate

NGINX: Final = shutil.which("nginx")
SAMPLE: Final = Path(__file__).parents[2] / "deploy" / "nginx.conf"


@contextlib.contextmanager
def nginx(directory: Path, port: int, backend: str, certificate: Certificate) -> Iterator[None]:
    """Run nginx with the sample, but for addresses and files, while the body does."""
    site = SAMPLE.read_text()
    for before, after in (
        (r"listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        (r" *listen \[::\]:443 ssl;\n", ""),
        (r"/etc/ssl/fog/fullchain.pem", certificate.cert),
        (r"/etc/ssl/fog/privkey.pem", certificate.key),
        (r"127\.0\.0\.1:10364", backend),
    ):
        site, count = re.subn(before, after, site)
        assert count, f"the sample has no {before}"
    main = f"daemon off; pid {directory}/pid; error_log {directory}/error.log; events {{}}\n"
    paths = "".join(
        f"{kind}_temp_path {directory}/{kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = directory / "nginx.conf"
    config.write_text(f"{main}http {{ access_log off; {paths}\n{site}}}\n")
    with subprocess.Popen([str(NGINX), "-c", str(config), "-p", str(directory)], stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def accepts(port: int) -> bool:
    """Tell whether something listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
