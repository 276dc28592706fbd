"""`python -m bench.site_publish`: publishing a site of 1,000 files to a store that is 20 ms away.

Ours against one put after the other, against the official client's uploader, and against the official client in as
many threads as we have; then what a publish without changes sends. The store is a process of its own on this machine
which waits 20 ms before each answer. Rounds are interleaved; figures are medians, ratios the medians of the rounds'.
"""

from __future__ import annotations

import hashlib
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from pathlib import Path

import alibabacloud_oss_v2 as oss

from bench import _machine
from handlers.site_build import publish
from handlers.site_build.client import Client
from handlers.site_build.files import SHORT, SiteFile, content_type
from handlers.site_build.lease import Lease
from handlers.site_build.log import Log
from handlers.site_build.signers import Keys
from handlers.site_build.store import Store, oss_service

FILES, LATENCY_S, ROUNDS = 1000, 0.02, 5
GOALS = {"one by one": 5.0, "client's uploader": 2.0}
_SIZES = ((0.70, 1_000, 20_000), (0.25, 20_000, 200_000), (0.04, 200_000, 1_000_000), (0.01, 1_000_000, 4_000_000))


def main() -> None:
    rounds = int(os.environ.get("ROUNDS", ROUNDS))
    with tempfile.TemporaryDirectory() as name:
        files = _site(Path(name))
        command = [sys.executable, "-m", "tests.support.object_store", str(LATENCY_S)]
        with subprocess.Popen(
            command, cwd=_machine.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            _compare(files, port, rounds)
            server.kill()


def _site(folder: Path) -> list[SiteFile]:
    chance = random.Random(1)
    made: list[SiteFile] = []
    for number in range(FILES):
        _, low, high = next(size for size in _SIZES if number < FILES * _up_to(size))
        path = folder / f"asset-{number:04d}.{chance.choice(['js', 'css', 'png', 'html'])}"
        data = chance.randbytes(chance.randint(low, high))
        path.write_bytes(data)
        headers = {"Content-Type": content_type(path.name), "Cache-Control": SHORT}
        made.append(SiteFile(path.name, path, len(data), hashlib.sha256(data).hexdigest(), headers))
    chance.shuffle(made)
    return made


def _up_to(size: tuple[float, int, int]) -> float:
    return sum(share for share, *_ in _SIZES[: _SIZES.index(size) + 1])


def _compare(files: list[SiteFile], port: int, rounds: int) -> None:
    contenders = _contenders(files, port)
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name, send in contenders.items():
            start = time.perf_counter()
            send(f"{number}-{len(name)}/")
            taken[name].append(time.perf_counter() - start)
    ours = taken["ours"]
    size = sum(file.size for file in files)
    print(f"{FILES} files, {size / 1e6:.1f} MB, {LATENCY_S * 1000:.0f} ms away, {rounds} rounds")
    rows = [
        [name, f"{statistics.median(some):.2f}", f"{FILES / statistics.median(some):.0f}", _told(name, some, ours)]
        for name, some in taken.items()
    ]
    _machine.table("publish", ["", "seconds", "files/s", "ours is faster by"], rows)
    _unchanged(files, port)


def _told(name: str, some: Sequence[float], ours: Sequence[float]) -> str:
    ratio = _machine.median_ratio(some, ours)
    return _machine.verdict(ratio, GOALS[name], at_least=True) if name in GOALS else f"{ratio:.2f}"


def _contenders(files: list[SiteFile], port: int) -> dict[str, Callable[[str], object]]:
    def one_by_one(prefix: str) -> None:
        store, client = _store(port)
        for file in files:
            store.put_file(prefix + file.name, file.path, file.headers)
        client.close()

    config = oss.config.load_default()
    config.credentials_provider = oss.credentials.StaticCredentialsProvider("AK", "SK", "token")
    config.region, config.endpoint = "cn-hongkong", f"http://127.0.0.1:{port}"
    config.use_path_style = True
    theirs = oss.Client(config)

    def request(prefix: str, file: SiteFile) -> oss.PutObjectRequest:
        headers = file.headers
        return oss.PutObjectRequest(
            bucket="site",
            key=prefix + file.name,
            content_type=headers["Content-Type"],
            cache_control=headers["Cache-Control"],
        )

    def uploader(prefix: str) -> None:
        loader = theirs.uploader()
        for file in files:
            loader.upload_file(request(prefix, file), str(file.path))

    def threads(prefix: str) -> None:
        def put(file: SiteFile) -> None:
            theirs.put_object_from_file(request(prefix, file), str(file.path))

        with ThreadPoolExecutor(publish.AT_ONCE) as pool:
            list(pool.map(put, files))

    return {
        "ours": lambda prefix: _publish(files, port, prefix),
        "one by one": one_by_one,
        "client's uploader": uploader,
        f"client in {publish.AT_ONCE} threads": threads,
    }


def _store(port: int) -> tuple[Store, Client]:
    client = Client(lambda: Keys("AK", "SK", "token"), time.monotonic() + 600)
    service = oss_service("cn-hongkong", f"http://oss-cn-hongkong-internal.aliyuncs.com.localhost:{port}")
    return Store(service, client, "site"), client


def _publish(files: list[SiteFile], port: int, prefix: str) -> publish.Result:
    """All that a publish does: lease, listing, comparison, waves, note."""
    store, client = _store(port)
    lease = Lease(store, f"{prefix}.isthmus/", time.monotonic() + 600)
    with redirect_stdout(None):
        lease.acquire()
        result = publish.Publisher(store, prefix, "", None, Log()).publish(files, "bench", lease, prune=False)
        lease.release()
    client.close()
    return result


def _unchanged(files: list[SiteFile], port: int) -> None:
    _publish(files, port, "again/")
    start = time.perf_counter()
    result = _publish(files, port, "again/")
    seconds = time.perf_counter() - start
    print(f"\npublish again without changes: {len(result.uploaded)} objects sent (goal 0), {seconds:.2f} s")


if __name__ == "__main__":
    main()
