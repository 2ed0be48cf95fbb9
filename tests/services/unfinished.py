"""A rollback that died just after its safety snapshot was taken, as its journal tells."""

from __future__ import annotations

from msgspec.structs import replace

from volrewind.model.operation import Step
from volrewind.pools.inventory import Source
from volrewind.pools.journal import Journal


def be_unfinished(source: Source) -> None:
    """Make the volume's last rollback, which ended, one that did not."""
    journal = Journal(source.pool.backend.root)
    done = journal.read(source.volume.id)
    assert done is not None
    journal.write(replace(done, step=Step.SAVED))
