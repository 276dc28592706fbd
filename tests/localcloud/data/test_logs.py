"""How the logs are shown to people.

Does not prove what a function writes into them.
"""

from __future__ import annotations

from localcloud.data.invocation import Invoked, show
from localcloud.data.logs import lines
from localcloud.store import Store

RECORD = "[ERROR] ValueError: no\rTraceback (most recent call last):\r  File"


def test_the_lines_of_one_record_do_not_overwrite_each_other_on_a_terminal(tmp_path, capsys):
    store = Store(tmp_path)
    store.append_log("group", "stream", RECORD)
    (logged,) = lines(store, ["group"], follow=False)
    store.close()
    assert logged.split("Z ", 1)[1] == RECORD.replace("\r", "\n")

    show(Invoked(result="{}", failed=True, log=RECORD, duration_ms="1", used_mb="2", limit_mb="3"))
    printed = capsys.readouterr().out
    assert "Traceback (most recent call last):\n  File" in printed
    assert "\r" not in printed
