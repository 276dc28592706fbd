"""What every instance of a function, on Lambda or on Function Compute, needs from the data plane."""

from __future__ import annotations

from dataclasses import dataclass

from localcloud.store import Store

from .keyring import Keyring
from .packages import Packages
from .sandbox import MemoryWatch


@dataclass(frozen=True)
class Services:
    store: Store
    packages: Packages
    keyring: Keyring
    watch: MemoryWatch
    port: int = 0
    """The data plane's own, for the addresses that functions call."""
