"""What a rollback would do, in words, in the order in which it does it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from volrewind.model.claim import StoredClaim
from volrewind.model.claim_snapshot import ClaimSnapshot
from volrewind.plan.claim_rollback import RETAIN
from volrewind.plan.new_claim import NewClaim


def steps_of(
    snapshot: ClaimSnapshot, claim: StoredClaim, restored: NewClaim, workloads: Sequence[str]
) -> Iterator[str]:
    """Yield the steps for one claim, each with its reason."""
    name, storage = claim.claim.name, claim.storage
    assert storage is not None, "a claim without a volume is refused"
    cut = f", cut at {snapshot.cut:%Y-%m-%d %H:%M:%S} UTC" if snapshot.cut else ""
    yield f"{name} would go back to {snapshot.name}{cut}"
    yield "  take a safety snapshot, and go no further unless it becomes ready"
    was = "" if storage.reclaim_policy == RETAIN else f" (it is {storage.reclaim_policy})"
    yield f"  set volume {storage.name} to Retain{was}, so that it outlives the claim"
    yield f"  restore the snapshot to claim {restored.name} while all still runs"
    yield from (f"    {reason}" for reason in restored.reasons)
    yield f"  stop {', '.join(workloads)}" if workloads else "  stop nobody: nothing uses the claim"
    yield f"  delete claim {name}, and make it again on the restored volume"
    if workloads:
        yield f"  start {', '.join(workloads)} as before, and wait until all is ready"
    yield f"  keep volume {storage.name} until `volrewind undo {name}` or `volrewind undo {name} --forget`"
