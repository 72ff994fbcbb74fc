"""Faces: what was found, shown in a terminal, on a page, or as data. They compute nothing."""
