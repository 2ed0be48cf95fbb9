"""Which class a snapshot is made by; what is not clear is never guessed."""

from __future__ import annotations

import pytest
from claim_values import OURS, snapshot_class

from volrewind.errors import NotFound, Refused, UsageError
from volrewind.plan.snapshot_class import choose_class

DELETED, RETAINED = snapshot_class("deleted", default=True), snapshot_class("retained", keeps=True)
THEIRS = snapshot_class("theirs", driver="ebs.csi.aws.com", default=True)


def test_the_drivers_default_wins_over_other_drivers() -> None:
    assert choose_class(OURS, (THEIRS, RETAINED, DELETED)).name == "deleted"


def test_the_only_class_does_without_being_the_default() -> None:
    choice = choose_class(OURS, (THEIRS, RETAINED))
    assert (choice.name, choice.reason) == ("retained", f"the only one for driver {OURS!r}")


def test_the_one_asked_for_wins() -> None:
    assert choose_class(OURS, (DELETED, RETAINED), "retained").name == "retained"


def test_none_for_the_driver_is_said() -> None:
    with pytest.raises(NotFound, match=r"no VolumeSnapshotClass for driver 'csi\.volrewind\.io'") as refused:
        choose_class(OURS, (THEIRS,))
    assert "volrewind class create --driver csi.volrewind.io" in refused.value.hint


def test_two_defaults_are_refused_by_name_and_one_of_them_may_be_asked_for() -> None:
    two = (DELETED, snapshot_class("also", default=True))
    with pytest.raises(Refused, match="has 2 default VolumeSnapshotClasses: deleted, also"):
        choose_class(OURS, two)
    assert choose_class(OURS, two, "also").name == "also"


def test_several_without_a_default_are_not_guessed_among() -> None:
    with pytest.raises(UsageError, match="several VolumeSnapshotClasses and no default: retained, other"):
        choose_class(OURS, (RETAINED, snapshot_class("other")))


def test_another_drivers_class_is_a_mistake() -> None:
    with pytest.raises(UsageError, match=r"'theirs' is for driver 'ebs\.csi\.aws\.com'"):
        choose_class(OURS, (DELETED, THEIRS), "theirs")


def test_one_that_does_not_exist_is_not_found() -> None:
    with pytest.raises(NotFound, match="'nowhere' does not exist") as refused:
        choose_class(OURS, (DELETED, RETAINED), "nowhere")
    assert "deleted, retained" in refused.value.hint


@pytest.mark.parametrize("wanted", ["", "mine"])
def test_what_may_not_be_read_is_left_to_the_cluster(wanted: str) -> None:
    assert choose_class(OURS, None, wanted).name == wanted
