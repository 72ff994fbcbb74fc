"""What is computed at all: every value below some roots, also inside of loops."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from backprove.compute.emit.loops import Key, Loop
from backprove.compute.emit.values import Value


@dataclass(slots=True)
class Reach:
    """What is computed at all: every value with the number of its uses, and every loop's parts."""

    uses: dict[Value, int] = field(default_factory=dict[Value, int])
    outer: set[Value] = field(default_factory=set[Value])
    members: dict[Loop, dict[Key, None]] = field(default_factory=dict[Loop, dict[Key, None]])
    stored: dict[Loop, set[Key]] = field(default_factory=dict[Loop, set[Key]])
    kept: dict[Loop, list[Value]] = field(default_factory=dict[Loop, list[Value]])


def origin(value: Value) -> Value:
    """The value without changes of labels."""
    return value.args[0] if value.op == "relabel" else value


def reach(roots: Iterable[Value]) -> Reach:
    """Everything below the roots, through loops."""
    found = Reach()
    pending: list[tuple[Value, Loop | None]] = [(origin(root), None) for root in roots]
    seen: set[Value] = set()
    for root, _ in pending:
        found.uses[root] = found.uses.get(root, 0) + 1
    while pending:
        value, inside = pending.pop()
        if inside is not None and value.loop is None:
            found.outer.add(value)
        if value in seen:
            continue
        seen.add(value)
        below = [origin(arg) for arg in value.args]
        for arg in below:
            found.uses[arg] = found.uses.get(arg, 0) + 1
            pending.append((arg, value.loop))
        if value.op in ("stored", "state", "history", "kept"):
            loop: Loop = value.info[0]
            members = found.members.setdefault(loop, {})
            if value.op == "kept":
                inner = origin(value.info[1])
                found.kept.setdefault(loop, []).append(value)
                found.uses[inner] = found.uses.get(inner, 0) + 1
                pending.append((inner, loop))
                continue
            key: Key = value.info[1]
            if value.op == "stored":
                found.stored.setdefault(loop, set()).add(key)
            if key not in members:
                members[key] = None
                member = loop.members[key]
                assert member.value is not None
                for part in (member.value, *(v for v in (*member.before, member.given) if v)):
                    found.uses[origin(part)] = found.uses.get(origin(part), 0) + 1
                    pending.append((origin(part), loop))
    return found
