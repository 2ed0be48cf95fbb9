from __future__ import annotations

import os
import struct
import sys
from pathlib import Path

from volrewind.system import ioctl

_FIGETBSZ = 2  # linux/fs.h


def test_a_buffer_is_not_held_after_its_call(tmp_path: Path) -> None:
    answer = ioctl.buffer(bytes(4))
    before = sys.getrefcount(answer)
    fd = os.open(tmp_path, os.O_RDONLY)
    ioctl.call(fd, _FIGETBSZ, answer)
    os.close(fd)
    assert struct.unpack("=I", answer.raw[:4])[0] == os.statvfs(tmp_path).f_bsize
    assert sys.getrefcount(answer) == before
