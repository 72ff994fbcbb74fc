"""A model made ready for differentiation: inner derivatives worked out, component definitions as
arrays, functions recognised, and a name for every pre-activation.

Pre-activations (the argument of an outermost tanh, softmax, …) get names so that their adjoints,
the δ of the field, appear.
"""

from __future__ import annotations

from collections.abc import Callable

from backprove.calculus.adjoint import differentiate
from backprove.calculus.arrays import as_arrays
from backprove.calculus.canonical import Canon
from backprove.calculus.facts import Facts
from backprove.calculus.families import Families, Key
from backprove.calculus.gather import gathered
from backprove.calculus.settle import Settle
from backprove.model.entity import Entity, System, member, with_body
from backprove.tensor.build import rebuild, replace
from backprove.tensor.nodes import Along, Apply, Contract, Derivative, Node, Power, Symbol, walk

PRE = "pre·"
#: works out a derivative: the system that the result stands on, and the result
Worked = Callable[[System, Derivative], tuple[System, Node]]


def empty(system: System) -> System:
    """A system with the sizes of another one and nothing in it."""
    return System(sizes=dict(system.fixed()), size_names=system.all_size_names())


# --- derivatives inside definitions ---------------------------------------------------------------


def quickly(system: System, node: Derivative) -> tuple[System, Node]:
    """A derivative without tidying."""
    adjoints = differentiate(system, node.of, node.by, node.mode)
    return (adjoints.system if adjoints.system.entities else system), adjoints.result


def resolved(system: System, worked: Worked = quickly) -> System:
    """The system with every derivative in its definitions worked out."""
    if not any(e.body is not None and _has_derivative(e.body) for e in system.all()):
        return system
    result = empty(system)
    for entity in system.all():
        body = entity.body
        if body is not None and _has_derivative(body):
            # the definitions so far are all that this one can stand on
            extended, body = resolve(result, body, worked)
            before = result.names()
            for adjoint in extended.all():
                if adjoint.name not in before:
                    result.add(adjoint)
        result.add(with_body(entity, body))
    return result


def resolve(system: System, node: Node, worked: Worked = quickly) -> tuple[System, Node]:
    """The node with its derivatives worked out, and the system that has the adjoints it needs."""
    if not _has_derivative(node):
        return system, node
    table: dict[Node, Node] = {}
    for part in walk(node):
        if isinstance(part, Derivative):
            inner = Derivative.intern(
                part.shape, part.free, part.children, replace(part.of, table), part.by, part.mode
            )
            system, table[part] = worked(system, inner)
    return system, replace(node, table)


def _has_derivative(node: Node) -> bool:
    return any(isinstance(part, Derivative) for part in walk(node))


# --- arrays and functions -------------------------------------------------------------------------


def in_arrays(system: System) -> System:
    """The system with its component definitions as arrays, and functions by their names."""
    settle = Settle(Facts(None), Canon(), lambda node: node)
    result = empty(system)
    for entity in system.all():
        body = entity.body
        result.add(
            entity
            if body is None
            else with_body(entity, recognised(as_arrays(gathered(body)), settle))
        )
    return result


def recognised(node: Node, settle: Settle) -> Node:
    """1/(1 + exp(−z)) as σ(z), log Σ exp(s) as logsumexp(s), exp(s)/Σ exp(s) as softmax(s)."""
    if not any(isinstance(part, Apply) and part.function == "exp" for part in walk(node)):
        return node
    memo: dict[Node, Node] = {}
    for part in walk(node):
        fresh = rebuild(part, [memo[child] for child in part.children]) if part.children else part
        if isinstance(fresh, Contract | Power | Apply):
            fresh = settle.function(fresh)
        memo[part] = fresh
    return memo[node]


# --- pre-activations ------------------------------------------------------------------------------


def with_preactivations(system: System, by: Node) -> System:
    """The system with a name for the argument of each outermost elementwise function or softmax."""
    result = empty(system)
    known: dict[tuple[Node, object], Node] = {
        (e.body, (e.index, e.ranges)): member(e)
        for e in system.all()
        if e.body is not None and e.body.children and not e.zero_outside
    }
    for entity in system.all():
        body = entity.body
        if isinstance(body, Apply | Along) and len(body.children) == 1:
            inner = body.children[0]
            if _is_layer(inner) and inner is not by:
                place = (inner, (entity.index, entity.ranges))
                if place not in known:
                    hidden = Entity(
                        PRE + entity.name, entity.index, entity.ranges, inner.shape, body=inner
                    )
                    result.add(hidden)
                    known[place] = member(hidden)
                entity = with_body(entity, rebuild(body, [known[place]]))
        result.add(entity)
    return result


def _is_layer(node: Node) -> bool:
    return not isinstance(node, Symbol) and any(isinstance(n, Symbol) for n in walk(node))


def is_preactivation(key: Key, system: System, families: Families) -> bool:
    """Whether a name is the argument of a function that ends a layer."""
    if key[0].startswith(PRE):
        return True
    for entity in system.all():
        body = entity.body
        if isinstance(body, Apply | Along) and len(body.children) == 1:
            inner = body.children[0]
            if isinstance(inner, Symbol) and families.key(inner) == key:
                return True
    return False
