"""A driver that dies at any step of a call leaves nothing half done: the call repeated has one effect and one answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "crash"))

from machinery.attached import be_detached

_WORKER = Path(__file__).with_name("killed_calls.py")
_CALLS = (
    "Create", "Restore", "Clone", "Snapshot", "DeleteSnapshot", "DeleteVolume", "Group", "DeleteGroup", "Publish", "Withdraw",
)  # fmt: skip
_CASES = [
    *((pool, call) for pool in ("btrfs", "image") for call in _CALLS),
    ("btrfs", "Expand"),
    *(("image", call) for call in ("PublishBlock", "WithdrawBlock", "ExpandBlock")),
]
pytestmark = [pytest.mark.root, pytest.mark.slow]


@pytest.mark.parametrize(("pool", "call"), _CASES)
def test_a_call_may_die_at_any_step(
    tmp_path: Path, record_property: Callable[[str, object], None], pool: str, call: str
) -> None:
    done = subprocess.run(
        [sys.executable, str(_WORKER), pool, call, str(tmp_path), "1"],
        capture_output=True,
        text=True,
        timeout=500,
        env={**os.environ, "PYTHONPATH": str(_WORKER.parents[2] / "src")},
    )
    be_detached(tmp_path)
    assert done.stdout, done.stderr[-3000:]
    counts = json.loads(done.stdout.splitlines()[-1])
    record_property("kills", counts["kills"])
    assert not counts["failure"], counts["failure"]
    assert counts["kills"] >= 4
