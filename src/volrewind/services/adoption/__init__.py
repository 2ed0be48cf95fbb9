"""Move a directory into a pool's volume, mounted at the same place, and back.

Safe by its order: the content is copied and compared while the directory stays as it is; then the original
and an empty mount point change places in one step; what was written until then is copied too, cut, and
mounted. The original is only renamed. Until the volume is mounted the original is the truth, from then on
the volume is, and the journal says which. Killed anywhere, the same command finishes it, and `give_back`
undoes it.
"""
