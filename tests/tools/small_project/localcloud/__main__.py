"""Writes down how it was called; something runs between `start` and `stop`, as the data plane would."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

folder = Path(os.environ["ISTHMUS_LOCAL_DIR"])
with (folder / "calls.jsonl").open("a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\n")
running = folder / "data-plane.json"
if sys.argv[1] == "start":
    if sys.argv[3] == "81":
        sys.exit("Port 81 is taken: give another one with PORT=.")
    if not running.exists():
        output = subprocess.DEVNULL
        process = subprocess.Popen(["sleep", "120"], stdout=output, stderr=output, start_new_session=True)
        running.write_text(json.dumps({"pid": process.pid, "port": int(sys.argv[3])}))
if sys.argv[1] == "stop" and running.exists():
    os.kill(json.loads(running.read_text())["pid"], signal.SIGKILL)
    running.unlink()
    print("The local data plane has stopped.")
