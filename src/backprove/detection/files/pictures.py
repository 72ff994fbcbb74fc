"""The width and height of pictures, from the first bytes of PNG, JPEG, GIF and BMP files."""

from __future__ import annotations

import struct
from pathlib import Path

from backprove.detection.files.notes import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp")
#: JPEG markers of a frame, which has the size: all SOFn but DHT, JPG and DAC
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def pictures(folder: Path) -> list[Path]:
    """The picture files of a folder, sorted; raises `DataError` where there is none."""
    found = sorted(f for f in folder.iterdir() if f.suffix.lower() in SUFFIXES)
    if not found:
        raise DataError(f"{folder} has no pictures ({', '.join(SUFFIXES)})")
    return found


def image_size(file: Path) -> tuple[int, int]:
    """Width and height in pixels; raises `DataError` for what is no picture."""
    data = file.read_bytes()
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return struct.unpack(">II", data[16:24])
        if data.startswith((b"GIF87a", b"GIF89a")):
            return struct.unpack("<HH", data[6:10])
        if data.startswith(b"BM"):
            width, height = struct.unpack("<ii", data[18:26])
            return width, abs(height)
        if data.startswith(b"\xff\xd8"):
            return _jpeg(data)
    except (struct.error, IndexError):
        pass
    raise DataError(f"{file} is no picture whose size can be read (PNG, JPEG, GIF, BMP)")


def _jpeg(data: bytes) -> tuple[int, int]:
    at = 2
    while True:
        while data[at] == 0xFF:
            at += 1
        marker = data[at]
        (length,) = struct.unpack(">H", data[at + 1 : at + 3])
        if marker in _FRAMES:
            height, width = struct.unpack(">HH", data[at + 4 : at + 8])
            return width, height
        at += 1 + length
