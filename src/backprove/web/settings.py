"""How a server is run, and the limits that it keeps."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the server listens, and what a request may cost.

    `token` is asked for where it is not empty. `hosts` are the names under which the server may be
    called; any where it is empty. `rate` and `burst` are requests of one client, a second and at
    once; a rate of 0 sets no limit.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str = ""
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "::1")
    workers: int = max(1, min(8, os.cpu_count() or 1))
    rate: float = 20.0
    burst: int = 60
    #: bytes of a request, and of one that brings a whole document
    body: int = 300_000
    document: int = 6_000_000
    #: bytes that a worker may take beyond what it starts with
    memory: int = 1 << 30
    #: bytes of answers that are kept, to be given again
    kept: int = 32 << 20
    #: requests that wait for a worker; more are sent away
    queue: int = 200


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
