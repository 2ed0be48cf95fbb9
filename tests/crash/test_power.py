"""The power is cut while writers write and snapshots come and go: what was acknowledged is there, and nothing half done.

25 cuts per kind of pool in `make test`, 100 in the proof.
"""

from __future__ import annotations

import os

import pytest

pytestmark = [pytest.mark.root, pytest.mark.slow]

kinds = pytest.mark.parametrize("kind", ["btrfs", "image"])
_CUTS_OF_PROOF = os.environ.get("VOLREWIND_PROOF_CUTS", "100")


@kinds
def test_what_was_acknowledged_survives_a_power_cut(worker, kind: str) -> None:
    result = worker("power_worker.py", kind, "--cuts", "25")
    assert result["cuts"] == 25
    assert result["compared"] > 25
    assert result["records"] > 25


@pytest.mark.proof
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", ["1", "2"])
@kinds
def test_what_was_acknowledged_survives_many_power_cuts(worker, kind: str, seed: str) -> None:
    cuts = str(int(_CUTS_OF_PROOF) // 2)
    result = worker("power_worker.py", kind, "--cuts", cuts, "--seed", seed, timeout_seconds=3500)
    assert result["compared"] > int(cuts)
