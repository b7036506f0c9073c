"""The workspace in another place: backed up to a folder or a zip, brought back from there, moved to another disk.

Everything is copied in pieces (a data set, a run, a file), each of which stands at the new place whole or not at all.
"""

from fm_gui.moving.backup import Restored, back_up, restore
from fm_gui.moving.move import move, remove_old

__all__ = ["Restored", "back_up", "move", "remove_old", "restore"]
