"""What images and classes are called, and who is meant by a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from functools import cached_property
from pathlib import PurePath

import numpy as np

from backprove.detection.boxes import Ints

#: ids up to so many, and so many more for each that there is, are looked up in a table
TABLE, SPARSE = 1 << 20, 16


class Names:
    """Names of images or classes: what each is called, and what else it answers to."""

    def __init__(
        self, names: Sequence[str], ids: Sequence[Hashable] = (), files: bool = False
    ) -> None:
        self.names = tuple(names)
        self.ids = {key: i for i, key in enumerate(ids)}
        self.files = files
        # an id as the file writes it comes first; text may be a name as well
        self._known = {key: i for key, i in self.ids.items() if not isinstance(key, str)}

    def __len__(self) -> int:
        return len(self.names)

    def find(self, keys: Sequence[Hashable] | Ints) -> Ints:
        """The numbers of what is meant; −1 where nothing is."""
        if isinstance(keys, np.ndarray):
            return self._find_numbers(keys)
        found = list(map(self._known.get, keys))
        if None in found:
            for key in set(keys) - self._known.keys():
                self._known[key] = self._find(str(key))
            found = list(map(self._known.get, keys))
        return np.array(found, dtype=np.int64)

    def _find_numbers(self, keys: Ints) -> Ints:
        """The same of numbers, which almost always are ids: in a table, where ids are not large."""
        table = self._table
        inside = (keys >= 0) & (keys < len(table))
        found = np.where(inside, table[np.where(inside, keys, -1)], -1)
        other = np.flatnonzero(found < 0)
        if len(other):
            found[other] = self.find(keys[other].tolist())
        return found

    @cached_property
    def _table(self) -> Ints:
        """The number of each id from 0 that is whole; the last entry is of no id."""
        most = SPARSE * len(self.ids) + TABLE
        small = [key for key in self.ids if type(key) is int and 0 <= key < most]
        table = np.full(max(small, default=-1) + 2, -1)
        table[small] = [self.ids[key] for key in small]
        return table

    def _find(self, name: str) -> int:
        # a name first, then whatever else is not ambiguous
        found = self._by_name.get(name, self._aliases.get(name, -1))
        if found < 0 and self.files:
            path = PurePath(name)
            found = self._aliases.get(path.name, self._aliases.get(path.stem, -1))
        return found

    @cached_property
    def _by_name(self) -> dict[str, int]:
        """The first of each name."""
        return {name: i for i, name in reversed([*enumerate(self.names)])}

    @cached_property
    def _aliases(self) -> dict[str, int]:
        """What means one alone: ids as text; of files the name without folders, or its ending."""
        aliases: list[tuple[str, int]] = [(str(key), i) for key, i in self.ids.items()]
        if self.files:
            for i, name in enumerate(self.names):
                path = PurePath(name)
                bare = name.removesuffix(path.suffix) if path.suffix else name
                aliases += [(alias, i) for alias in {path.name, path.stem, bare}]
        meant = Counter(alias for alias, _ in set(aliases))
        return {alias: i for alias, i in aliases if meant[alias] == 1}
