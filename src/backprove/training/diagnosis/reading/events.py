"""TensorBoard event files: scalars of TFRecords of `Event` messages.

The format: each record is a length (8 bytes, little-endian), its masked CRC-32C, the data and the
data's CRC. The data is a protocol buffer (tensorflow/core/util/event.proto, .../summary.proto):
Event {double wall_time = 1; int64 step = 2; Summary summary = 5}, Summary {repeated Value value = 1},
Value {string tag = 1; float simple_value = 2; TensorProto tensor = 8}. The lengths' checksums are
checked; a record that is cut off ends the file, as it does for a run that is still going.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backprove.training.diagnosis.errors import LogError
from backprove.training.diagnosis.reading.blocks import Block, blocks

#: no scalar's record is longer; longer ones hold pictures or graphs and are skipped
_LONG = 1 << 16
_DOUBLE, _FLOAT = 2, 1


def read_events(path: Path, notes: list[str], prefix: str = "") -> Iterator[Block]:
    """Blocks of an event file; `prefix` is put before its tags.

    Raises:
        LogError: if the first record is no event.
    """
    yield from blocks(_rows(path, notes, prefix))


def _rows(path: Path, notes: list[str], prefix: str) -> Iterator[dict[str, Any]]:
    """A row for each step: scalars that follow each other with the same step stand together."""
    row: dict[str, Any] = {}
    for step, tag, value in _scalars(path, notes):
        if row and (row["step"] != step or prefix + tag in row):
            yield row
            row = {}
        row["step"] = step
        row[prefix + tag] = value
    if row:
        yield row


def _scalars(path: Path, notes: list[str]) -> Iterator[tuple[int, str, float]]:
    with path.open("rb") as file:
        place, known = 0, False
        while head := file.read(12):
            if len(head) < 12:
                notes.append(f"{path.name} is cut off at byte {place}; all before it counts")
                return
            (length,) = struct.unpack("<Q", head[:8])
            if _masked(head[:8]) != struct.unpack("<I", head[8:])[0]:
                if not known:
                    raise LogError(f"{path}: not a TensorBoard event file: the first record's length "
                                   "and its checksum do not agree")  # fmt: skip
                notes.append(f"{path.name} is damaged at byte {place}; all before it counts")
                return
            known = True
            if length > _LONG:
                file.seek(length + 4, 1)
                place += 16 + length
                continue
            data = file.read(length + 4)
            if len(data) < length + 4:
                notes.append(f"{path.name} is cut off at byte {place}; all before it counts")
                return
            try:
                yield from _event(data[:length])
            except (IndexError, struct.error, UnicodeDecodeError, ValueError):
                notes.append(f"{path.name}: the record at byte {place} is no event; left out")
            place += 16 + length


def _event(data: bytes) -> Iterator[tuple[int, str, float]]:
    step, summaries = 0, list[bytes]()
    for field, value in _fields(data):
        if field == 2 and isinstance(value, int):
            step = value - (1 << 64) if value >> 63 else value
        elif field == 5 and isinstance(value, bytes):
            summaries.append(value)
    for summary in summaries:
        for field, value in _fields(summary):
            if field == 1 and isinstance(value, bytes):
                found = _value(value)
                if found is not None:
                    yield step, *found


def _value(data: bytes) -> tuple[str, float] | None:
    tag, number = "", None
    for field, value in _fields(data):
        if field == 1 and isinstance(value, bytes):
            tag = value.decode()
        elif field == 2 and isinstance(value, bytes) and len(value) == 4:
            number = struct.unpack("<f", value)[0]
        elif field == 8 and isinstance(value, bytes):
            number = _tensor(value)
    return None if number is None else (tag, float(number))


def _tensor(data: bytes) -> float | None:
    """The number of a TensorProto that holds one: its content, or its float or double value."""
    kind, size = 0, 1
    content = b""
    for field, value in _fields(data):
        if field == 1 and isinstance(value, int):
            kind = value
        elif field == 2 and isinstance(value, bytes):
            size = len(value)
        elif field in (4, 5, 6) and isinstance(value, bytes):
            content = value
    form = {_FLOAT: "<f", _DOUBLE: "<d"}.get(kind)
    if form is None or (size > 1 and len(content) != struct.calcsize(form)):
        return None
    return struct.unpack(form, content)[0] if len(content) == struct.calcsize(form) else None


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message: numbers for varints, bytes for all else."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        kind = key & 7
        if kind == 0:
            value, place = _varint(data, place)
            yield key >> 3, value
            continue
        if kind == 2:
            size, place = _varint(data, place)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError("no wire type of protocol buffers")
        if place + size > len(data):
            raise IndexError("a field is longer than its message")
        yield key >> 3, data[place : place + size]
        place += size


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")


def _crc_table() -> list[int]:
    table: list[int] = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _crc_table()


def _masked(data: bytes) -> int:
    """The masked CRC-32C of some bytes, as TFRecords have it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 255] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
