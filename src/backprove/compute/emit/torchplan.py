"""Where PyTorch's loops put what they compute: rows of arrays made once, written over in place.

A call of PyTorch takes about as long as making a small tensor, so a step that makes none is quicker.
Every member of a loop has a row in an array for all steps. The operations that lead to it are done
in that row where nothing else needs what was there, and an array from outside that is read row by
row and not needed again lends its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from backprove.compute.emit.loops import Loop
from backprove.compute.emit.reach import origin
from backprove.compute.emit.values import Label, Value
from backprove.tensor.whole import Whole

#: functions of one argument that PyTorch can write into a given tensor, as `torch.f(x, out=…)` …
WRITTEN = frozenset({"exp", "log", "tanh", "sigmoid", "erf", "sin", "cos", "sinh", "cosh", "abs", "sign"})  # fmt: skip
#: … and in place, as `x.f_()`
IN_PLACE = WRITTEN | {"relu"}
#: operations whose result is a new array, which may be written over
FRESH = frozenset({"dot", "sum", "apply", "along", "power", "concat", "rows", "pad", "gather", "where"})  # fmt: skip


@dataclass(eq=False, slots=True)
class Buffer:
    """Rows, one for each step: those of `home`, or of `donors` if it is for passing use only.

    `first` is the index of row 0. With `whole` it is the part `part` of each of that one's rows.
    """

    home: Value | None
    first: Whole
    before: bool = False
    donors: list[Value] = field(default_factory=list["Value"])
    whole: Buffer | None = None
    part: int = 0
    sizes: tuple[Whole, ...] = ()
    parts: list[Buffer] = field(default_factory=list["Buffer"])


class Plan:
    """`slot` is the buffer that a value is written to, `over` the argument that it overwrites."""

    def __init__(
        self,
        loop: Loop,
        roots: Mapping[Value, Buffer],
        inside: Sequence[Value],
        uses: Mapping[Value, int],
        fresh: Callable[[Value], bool],
    ) -> None:
        self.loop, self.inside, self.uses, self.fresh = loop, inside, uses, fresh
        self.slot: dict[Value, Buffer] = dict(roots)
        self.over: dict[Value, Value] = {}
        self.users: dict[Value, list[Value]] = {}
        for value in inside:
            for arg in value.args:
                self.users.setdefault(origin(arg), []).append(value)
        self._gates()
        self._joints()
        self._down()
        self._up()

    # --- what may be overwritten ----------------------------------------------------------------

    def donated(self, value: Value) -> bool:
        """Whether this is a row of an array that nothing else needs."""
        if value.op != "pick" or self.uses.get(value, 0) != 1 or value.info[2]:
            return False
        (arg,) = value.args
        label, place, _ = value.info
        return (
            arg.loop is None
            and place == Whole.of(self.loop.letter) - self.loop.low
            and arg.labels[0] == label
            and arg.lengths[0] == self.loop.axis.length
            and self.uses.get(origin(arg), 0) == 1
            and self.fresh(origin(arg))
        )

    def _rewritable(self, value: Value) -> list[Value]:
        """The arguments in whose place a value can be computed, the best first."""
        if lerp(value) is not None:
            return []
        args = value.args
        match value.op:
            case "apply" if value.info[0] in IN_PLACE and len(args) == 1:
                found = list(args)
            case "power" if len(args) == 1:
                found = list(args)
            case "dot" if is_elementwise(value):
                found = [args[0]] if is_inverse(args[1]) else list(args)
                found = [args[1]] if is_inverse(args[0]) else found
            case "sum":
                found = [a for a, c in zip(args, value.info[0], strict=True) if c == 1]
                if any(a.labels == value.labels and origin(a).op != "dot" for a in found):
                    # a product of entries is added in one call
                    found = [a for a in found if not is_elementwise(origin(a))]
                found.sort(key=lambda a: origin(a).op == "dot" and not is_elementwise(origin(a)))
            case _:
                found = []
        return [
            origin(a)
            for a in found
            if a.labels == value.labels
            and a.lengths == value.lengths
            and self.uses.get(origin(a), 0) == 1
            and (origin(a).loop is self.loop)
        ]

    def _writable(self, value: Value) -> bool:
        """Whether there is a way to compute a value into a given row."""
        match value.op:
            case "apply":
                return value.info[0] in WRITTEN
            case "dot" | "power":
                return len(value.labels) > 0 and not value.number
            case "sum":
                return len(value.args) > 1
            case _:
                return False

    # --- the rows -------------------------------------------------------------------------------

    def _gates(self) -> None:
        """Parts of one sum are worked on where they are."""
        for value in self.inside:
            users = self.users.get(value, [])
            if not users or value in self.slot or any(u.op != "part" for u in users):
                continue
            lent = next((a for a in self._rewritable(value) if self.donated(a)), None)
            if lent is None:
                continue
            buffer = self._scratch(lent)
            self.slot[value], self.over[value] = buffer, lent
            for part in users:
                piece = Buffer(None, self.loop.low, whole=buffer, part=part.info[0])
                piece.sizes = part.info[1]
                after = self.users.get(part, [])
                if len(after) == 1 and part in self._rewritable(after[0]):
                    root = self.slot.get(after[0])
                    if root is not None and not root.before and root.whole is None:
                        root.whole, root.part, root.sizes = buffer, piece.part, piece.sizes
                        piece = root
                    if root is None or root is piece:
                        self.slot[after[0]], self.over[after[0]] = piece, part
                self.slot[part] = piece
                buffer.parts.append(piece)

    def _joints(self) -> None:
        """What is joined to one array is written to its part of it."""
        for value in self.inside:
            buffer = self.slot.get(value)
            parts = [origin(a) for a in value.args]
            if value.op != "concat" or buffer is None or value.info[0] != len(value.labels) - 1:
                continue
            if any(p.loop is not self.loop or p in self.slot for p in parts):
                continue
            if len(set(parts)) < len(parts) or not all(map(self._writable, parts)):
                continue
            lent = [next(filter(self.donated, self._rewritable(p)), None) for p in parts]
            sizes = tuple(a.lengths[-1] for a in value.args)
            for k, part in enumerate(parts):
                piece = Buffer(None, buffer.first, whole=buffer, part=k, sizes=sizes)
                self.slot[part] = piece
                buffer.parts.append(piece)
            if all(v is not None for v in lent):
                given = [v for v in lent if v is not None]
                self.over.update(zip(parts, given, strict=True))
                buffer.donors = [origin(v.args[0]) for v in given]

    def _down(self) -> None:
        """From members to what they are made of."""
        for value in reversed(self.inside):
            buffer = self.slot.get(value)
            if buffer is None or value in self.over:
                continue
            choices = [a for a in self._rewritable(value) if a not in self.slot]
            lent = next(filter(self.donated, choices), None)
            if lent is not None and buffer.whole is None and not buffer.donors:
                self.over[value] = lent
                buffer.donors = [origin(lent.args[0])]
                continue
            found = next(filter(self._writable, choices), None)
            if found is not None:
                self.slot[found], self.over[value] = buffer, found

    def _up(self) -> None:
        """From rows that are lent to what is made of them."""
        taken = set(self.over.values())
        for lent in self.inside:
            if not self.donated(lent) or lent in taken:
                continue
            value, buffer = lent, self._scratch(lent)
            while self.uses.get(value, 0) == 1 and (users := self.users.get(value)):
                (user,) = users[:1]
                if user in self.slot or value not in self._rewritable(user) or self._added(user):
                    break
                self.slot[user], self.over[user] = buffer, value
                value = user

    def _added(self, value: Value) -> bool:
        """Whether a product of entries is better left to the sum that it is a term of."""
        users = self.users.get(value, [])
        return (
            is_elementwise(value)
            and len(users) == 1
            and users[0].op == "sum"
            and value not in self._rewritable(users[0])
        )

    def _scratch(self, lent: Value) -> Buffer:
        return Buffer(None, self.loop.low, donors=[origin(lent.args[0])])


def is_elementwise(value: Value) -> bool:
    """Whether a product sums over nothing."""
    if value.op != "dot":
        return False
    left, right = value.args
    return not (set(left.labels) & set(right.labels)) - set(value.labels)


def is_inverse(value: Value) -> bool:
    return value.op == "power" and bool(value.info) and value.info[0] == -1


def lerp(value: Value) -> tuple[Value, Value, Value] | None:
    """(a, b, w) where a value is a (1 − w) + b w, the arguments of `torch.lerp`."""
    if value.op != "sum" or len(value.args) != 2 or value.info[0] != (1, 1):
        return None
    both = [origin(a) for a in value.args]
    if not all(
        p.op == "dot" and is_elementwise(p) and p.labels == a.labels == value.labels
        for p, a in zip(both, value.args, strict=True)
    ):
        return None
    for one, other in (both, both[::-1]):
        for k in (0, 1):
            rest, a = one.args[k], one.args[1 - k]
            weight = _complement(rest)
            if weight is not None and weight in other.args:
                b = other.args[1 - other.args.index(weight)]
                if all(_is_plain(v, value.labels) for v in (a, b, weight)):
                    return a, b, weight
    return None


def _complement(value: Value) -> Value | None:
    """w where a value is 1 − w."""
    if value.op != "sum" or len(value.args) != 2:
        return None
    for k, arg in enumerate(value.args):
        if arg.op == "number" and arg.info[0] == 1 and value.info[0][k] == 1:
            return value.args[1 - k] if value.info[0][1 - k] == -1 else None
    return None


def _is_plain(value: Value, labels: tuple[Label, ...]) -> bool:
    return value.labels == labels and origin(value).op in FRESH | {"pick", "state", "part"}


def is_solid(value: Value) -> bool:
    """Whether an array surely has the kind of numbers of the arguments: some argument is in it."""
    seen: set[Value] = set()
    pending = [value]
    while pending:
        here = pending.pop()
        if here in seen:
            continue
        seen.add(here)
        if here.op in ("input", "stored", "kept") and here.labels:
            return True
        pending += here.args
    return False
