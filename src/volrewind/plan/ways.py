"""The ways to have snapshots, the contexts they suit, and the thresholds, as data.

The contexts, the thresholds and the judgement of complexity and resources are those of the guide that docs/guide.md
answers, with our own ways beside its own; where it is wrong for MicroK8s (Velero on hostPath) the rows here are not.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from volrewind.model.labels import DRIVER
from volrewind.plan import figures
from volrewind.plan.figures import Figure


class Context(Enum):
    """What it is for."""

    LAB = "lab"
    PRODUCTION = "production"
    MULTINODE = "multinode"
    LEARNING = "learning"
    CLOUD = "cloud"


class Need(Enum):
    """What somebody may insist on."""

    ENCRYPTION = "encryption"
    DEDUP = "dedup"
    SIMPLICITY = "simplicity"
    HA = "ha"
    OFFSITE = "offsite"


# "Moins de 8 Go de RAM". A machine sold with 8 GB shows a little less than 8 GiB, which is more than this.
FEW_MEMORY_BYTES = 8 * 10**9
LARGE_VOLUME_BYTES = 100 * 10**9  # "gros volumes (> 100 GB)"
SMALLEST_POOL_BYTES = 2**30  # what `pool create` makes at least

# CSI drivers by which a way is seen to be there. Those of OpenEBS that can take snapshots; its plain directories cannot.
OPENEBS = ("io.openebs.csi-mayastor", "local.csi.openebs.io", "zfs.csi.openebs.io")
LONGHORN = ("driver.longhorn.io",)
# Disks of clouds that can be snapshot (kubernetes-csi.github.io/docs/drivers.html; Azure's from its own documentation).
CLOUD = (
    "blockvolume.csi.oraclecloud.com",
    "cinder.csi.openstack.org",
    "csi.cloudscale.ch",
    "disk.csi.azure.com",
    "diskplugin.csi.alibabacloud.com",
    "dobs.csi.digitalocean.com",
    "ebs.csi.aws.com",
    "pd.csi.storage.gke.io",
)
CLOUDS = (
    "aws",
    "azure",
    "digitalocean",
    "gce",
    "openstack",
)  # what nodes there say of their provider (spec.providerID)


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """A way to have snapshots.

    `trait` is what matters most of it. `suits` gives points for each context, in the order of `Context`; `gives` says
    which needs it serves, and how. `complexity` is 1 to 4. What `runs_heavily` takes memory all the time; what `copies`
    reads a volume whole at least once, as does what `mirrors` a directory that it cannot cut where it lies. `is_native`
    ways serve claims by a CSI driver, one of `drivers`; those `of_one_host` take directories of the host they run on,
    and some need root there (`needs_root`), or a ZFS pool; `pool_kinds` are what their pools may be. `on_host_disks`
    tells whether the data lies on the disks of the host; a way that `replicates` keeps it on several nodes, where there
    are several.
    """

    name: str
    title: str
    trait: str
    suits: tuple[int, int, int, int, int]
    gives: dict[Need, str] = {}
    complexity: int
    runs_heavily: bool = False
    copies: bool = False
    mirrors: bool = False
    is_native: bool = False
    of_one_host: bool = False
    needs_root: bool = False
    needs_zpool: bool = False
    pool_kinds: tuple[str, ...] = ()
    on_host_disks: bool = False
    replicates: bool = False
    drivers: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()

    def points_for(self, context: Context) -> int:
        """Return how well it suits a context."""
        return self.suits[tuple(Context).index(context)]


WAYS = (
    Way(
        name="driver",
        title="our CSI driver: native snapshots of claims, from a pool on each node",
        trait="any Linux node will do, and a snapshot takes as long whatever the size",
        suits=(5, 6, 3, 5, 3),
        complexity=2,
        is_native=True,
        on_host_disks=True,
        drivers=(DRIVER,),
        figures=figures.DRIVER,
    ),
    Way(
        name="pool",
        title="a pool on the host: directories as they are, hostPath volumes among them, or moved into it",
        trait="a file on any file system is enough, and nothing runs in the background",
        suits=(5, 4, 1, 2, 1),
        gives={Need.SIMPLICITY: "one command makes the pool, one takes a snapshot"},
        complexity=1,
        mirrors=True,
        of_one_host=True,
        on_host_disks=True,
        needs_root=True,
        pool_kinds=("btrfs", "image"),
        figures=figures.POOL,
    ),
    Way(
        name="zfs",
        title="a pool in ZFS: a volume is a dataset",
        trait="dependable and fast, for who knows ZFS",
        suits=(3, 4, 1, 5, 1),
        gives={Need.ENCRYPTION: "a dataset can be encrypted (OpenZFS; not run here)"},
        complexity=3,
        mirrors=True,
        of_one_host=True,
        on_host_disks=True,
        needs_root=True,
        needs_zpool=True,
        pool_kinds=("zfs",),
    ),
    Way(
        name="copies",
        title="file copies in a restic repository, of directories as they are",
        trait="it works everywhere, and looks at every file each time",
        suits=(4, 2, 1, 1, 1),
        gives={
            Need.ENCRYPTION: "a restic repository is encrypted",
            Need.DEDUP: "what is alike is kept once",
            Need.SIMPLICITY: "it needs no special storage, and no root",
        },
        complexity=1,
        copies=True,
        of_one_host=True,
        on_host_disks=True,
        pool_kinds=("restic",),
        figures=figures.RESTIC,
    ),
    Way(
        name="reflink",
        title="copies that share blocks with the directory (reflink), without root",
        trait="there is nothing to install, but a snapshot is not of one moment",
        suits=(3, 1, 0, 1, 0),
        gives={Need.SIMPLICITY: "it needs nothing but the file system, and no root"},
        complexity=1,
        of_one_host=True,
        on_host_disks=True,
        pool_kinds=("reflink",),
        figures=figures.REFLINK,
    ),
    Way(
        name="csi",
        title="the CSI driver that the cluster has",
        trait="there is nothing to install",
        suits=(4, 5, 5, 2, 3),
        gives={Need.SIMPLICITY: "it is there, and has a class for snapshots"},
        complexity=1,
        is_native=True,
    ),
    Way(
        name="openebs",
        title="OpenEBS, and its native snapshots",
        trait="a storage system of several engines, to install and to understand",
        suits=(1, 4, 3, 6, 1),
        gives={Need.HA: "its replicated engine (Mayastor) keeps copies on several nodes"},
        complexity=3,
        runs_heavily=True,
        replicates=True,
        is_native=True,
        drivers=OPENEBS,
    ),
    Way(
        name="longhorn",
        title="Longhorn, and its native snapshots",
        trait="a storage system that copies volumes between nodes",
        suits=(0, 2, 6, 3, 2),
        gives={
            Need.HA: "it keeps copies of each volume on several nodes",
            Need.ENCRYPTION: "its volumes can be encrypted, and their backups then are",
            Need.OFFSITE: "it backs up to an object store or NFS",
        },
        complexity=3,
        runs_heavily=True,
        replicates=True,
        is_native=True,
        drivers=LONGHORN,
    ),
    Way(
        name="cloud",
        title="the cloud's own disks, and their snapshots",
        trait="there is nothing to run, and what it costs is the provider's to say",
        suits=(2, 5, 5, 1, 7),
        gives={
            Need.SIMPLICITY: "the provider runs it",
            Need.HA: "a disk outlives the node that has it",
            Need.ENCRYPTION: "the provider can encrypt disks, and their snapshots with them",
            Need.OFFSITE: "snapshots lie apart from the disk, with the provider",
        },
        complexity=2,
        is_native=True,
        drivers=CLOUD,
    ),
    Way(
        name="velero",
        title="Velero's file-system backup",
        trait="it keeps objects and files together, elsewhere",
        suits=(2, 2, 2, 1, 3),
        gives={
            Need.DEDUP: "what is alike is kept once",
            Need.OFFSITE: "it writes to an object store",
        },
        complexity=2,
        copies=True,
    ),
)
