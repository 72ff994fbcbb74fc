"""What is joined in a loop is stored joined, and multiplied joined after it.

A cell's δ_f, δ_i, … are put next to each other for the product with the joined matrices. So the loop
keeps the joined array alone, each δ is a part of it, and the sums over all steps that they are in
(δ_fᵀ X, δ_iᵀ X, …) are parts of one product. Values are changed in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from backprove.compute.emit.loops import Loop, Member
from backprove.compute.emit.reach import origin, reach
from backprove.compute.emit.values import Graph, Label, Value, below


def store_joined(graph: Graph, loop: Loop, values: Sequence[Value]) -> None:
    """Keep the arrays that a loop joins in the place of the members that it joins."""
    found = reach(values)
    keys = found.members.get(loop, {})
    members = {origin(v): loop.members[k] for k in keys if (v := loop.members[k].value) is not None}
    for value in dict.fromkeys(map(origin, below(*members, inside=loop))):
        if value.op != "concat" or value.info[0] != len(value.labels) - 1:
            continue
        parts = [members.get(origin(arg)) for arg in value.args]
        if len(set(map(id, parts))) < len(parts):
            continue
        stored = [
            part.stored
            for part in parts
            if part is not None and _is_plain(part) and part.key not in loop.history
        ]
        if len(stored) == len(parts) and all(found.uses.get(v, 0) for v in stored if v):
            _keep(graph, loop, value, [v for v in stored if v is not None])


def _is_plain(member: Member) -> bool:
    """Whether a member is stored as it is computed, and without earlier ones."""
    value, stored = member.value, member.stored
    if value is None or stored is None or value.op == "permute":
        return False
    return not member.before and member.given is None


def _keep(graph: Graph, loop: Loop, joined: Value, stored: Sequence[Value]) -> None:
    first = stored[0]
    lengths = (*first.lengths[:-1], joined.lengths[-1])
    kept = graph.make("kept", [], first.labels, lengths, loop, joined)
    loop.kept[joined] = kept
    names = [str(value.info[1][0]) for value in stored]
    joined.wish = _common(names)
    sizes = tuple(value.lengths[-1] for value in stored)
    for k, value in enumerate(stored):
        value.op, value.args = "part", (kept,)
        value.info = (k, sizes, len(lengths) - 1)


def _common(names: Sequence[str]) -> str:
    """The letter that adjoints of one kind share: δ for δ_f and δ_i."""
    heads = {name.split("_")[0] for name in names}
    return "delta" if heads == {"δ"} else "joined"


# --- after the loops ------------------------------------------------------------------------------


def multiply_joined(graph: Graph, values: Iterable[Value]) -> None:
    """Products of each part of an array with the same other one become parts of one product."""
    groups: dict[object, list[tuple[Value, Value]]] = {}
    for value in list(dict.fromkeys(map(origin, below(*values)))):
        if value.loop is not None:
            continue
        for arg, other in _pairs(value):
            part = origin(arg)
            if part.op != "part" or part.loop is not None or part.args[0].loop is not None:
                continue
            label = arg.labels[part.info[2]]
            if label not in value.labels or (other is not None and label in other.labels):
                continue
            own = tuple(x for x in arg.labels if x != label)
            key = (value.op, part.args[0], part.info[1], value.labels, arg.labels, own, other)
            groups.setdefault(key, []).append((value, arg))
    for group in groups.values():
        if len(group) > 1:
            _together(graph, group)


def _pairs(value: Value) -> list[tuple[Value, Value | None]]:
    if value.op == "reduce":
        return [(value.args[0], None)]
    if value.op == "dot":
        left, right = value.args
        return [(left, right), (right, left)]
    return []


def _together(graph: Graph, group: Sequence[tuple[Value, Value]]) -> None:
    value, arg = group[0]
    part = origin(arg)
    (whole,) = part.args
    sizes = part.info[1]
    label = arg.labels[part.info[2]]
    axis = value.labels.index(label)
    length = whole.lengths[part.info[2]]
    joined = graph.relabel(whole, dict(zip(whole.labels, arg.labels, strict=True)))
    lengths = [length if x == label else value.length(x) for x in value.labels]
    args = [joined if a is arg else a for a in value.args]
    labels: list[Label] = list(value.labels)
    product = graph.make(value.op, args, labels, lengths, *value.info)
    for value, arg in group:
        number = origin(arg).info[0]
        value.op, value.args, value.info = "part", (product,), (number, sizes, axis)
