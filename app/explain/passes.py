"""Errors of a call that stops on its way: something saved was changed, or is gone. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.explain import fixes
from app.explain.finding import find
from app.explain.index import Index, label
from app.explain.source import Source
from app.run import Finding, Graph, Line, Node, SavedTensor, SnippetError, Tensor

CHANGED = re.compile(
    r"\[(?P<type>[\w.]+) (?P<shape>\[[\d, ]*\])\], which is output \d+ of (?P<operation>[\w:]+), "
    r"is at version (?P<version>\d+); expected version (?P<expected>\d+)"
)


@dataclass(frozen=True)
class Victim:
    node: Node
    saved: SavedTensor
    tensor: Tensor
    changed: Line


def inplace_modified(index: Index, source: Source, error: SnippetError) -> Iterator[Finding]:
    """Who saved the tensor, and who changed it afterwards."""
    said = CHANGED.search(error.message)
    victims = _victims(index, int(said["expected"]) if said else 0)
    shape = _shape(said["shape"]) if said else None
    fitting = [victim for victim in victims if shape is None or victim.saved.shape == shape] or victims
    if not fitting:
        params = {"shape": str(shape), "operation": said["operation"]} if said else {"shape": "?", "operation": "?"}
        yield find("inplace_modified_plain", "error", line=error.line, lines={"called": error.line}, params=params)
        return
    victim = fitting[0]
    name = label(victim.tensor)
    params = {"name": name, "changed": victim.changed, "node": victim.node.name, "saved_line": victim.node.line}
    params |= {"shape": str(victim.saved.shape), "operation": said["operation"] if said else "?"}
    yield find(
        "inplace_modified",
        "error",
        line=victim.changed,
        lines={"called": error.line, "changed": victim.changed, "saved": victim.node.line},
        nodes=index.ref(victim.node),
        tensors=(victim.tensor.id,),
        certainty="certain" if len(fitting) == 1 else "likely",
        params=params,
        fix=None if victim.tensor.is_leaf else fixes.out_of_place(source, victim.changed),
    )


def _victims(index: Index, expected: int) -> list[Victim]:
    """Saved tensors of nodes that the failed call had not finished, which something changed in place."""
    call = index.failed_call()
    if call is None:
        return []
    done = set(call.order[:-1])
    found = []
    for node in call.nodes:
        for saved in node.saved:
            tensor = index.tensors.get(saved.tensor) if saved.tensor is not None else None
            changes = [e.line for e in tensor.history if e.what == "modified_in_place"] if tensor is not None else []
            if tensor is not None and changes and node.id not in done:
                found.append(Victim(node, saved, tensor, changes[min(expected, len(changes) - 1)]))
    return found


def _shape(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d{1,18}", text))


def backward_twice(index: Index, source: Source, error: SnippetError) -> Iterator[Finding]:
    """Which earlier call used the graph up, and the first node that both share."""
    call = index.failed_call()
    shared = _shared(index, call) if call is not None else None
    if call is None or shared is None:
        yield find("backward_twice_plain", "error", line=error.line, lines={"called": error.line})
        return
    earlier, node = shared
    in_loop = earlier.line == call.line
    params = {"first": earlier.line, "node": node.name, "node_line": node.line}
    known = node.line is not None and earlier.line is not None
    yield find(
        "backward_twice_plain" if not known else "backward_twice_loop" if in_loop else "backward_twice",
        "error",
        line=error.line,
        lines={"called": error.line, "first": earlier.line, "made": node.line},
        nodes=index.ref(node),
        tensors=node.tensors[:1],
        params=params,
    )


def _shared(index: Index, call: Graph) -> tuple[Graph, Node] | None:
    """The last earlier call that freed nodes of this one, and the node nearest to the loss that kept something."""
    for earlier in reversed(index.calls):
        if earlier.id == call.id or earlier.retained or earlier.error is not None:
            continue
        ran = set(earlier.order) or {node.id for node in earlier.nodes if node.executed}
        both = [node for node in call.nodes if node.id in ran and node.kind in ("op", "custom")]
        if both:
            return earlier, next((node for node in both if node.saved), both[0])
    return None


def gradient_shape(index: Index, source: Source, error: SnippetError) -> Iterator[Finding]:
    shapes = re.findall(r"torch\.Size\((\[[\d, ]*\])\)", error.message)
    if len(shapes) < 2:
        return
    params = {"gradient": str(_shape(shapes[0])), "output": str(_shape(shapes[1]))}
    yield find("gradient_shape", "error", line=error.line, params=params)


def unused_input(index: Index, source: Source, error: SnippetError) -> Iterator[Finding]:
    position = re.search(r"at index (\d{1,9})", error.message)
    number = int(position[1]) if position else 0
    name = fixes.differentiated_name(source, error.line, number) or f"inputs[{number}]"
    fix = fixes.allow_unused(source, error.line)
    yield find("unused_input", "error", line=error.line, params={"name": name}, fix=fix)


def custom_gradient_shape(index: Index, source: Source, error: SnippetError) -> Iterator[Finding]:
    said = re.search(r"unction (\w+) returned an invalid gradient at index (\d+) - (.*)", error.message)
    if said is None:
        return
    shapes = re.search(r"got (.+?) but expected (?:shape compatible with )?(.+)", said[3])
    if shapes is None:
        return
    params = {"function": said[1], "position": int(said[2][:9]), "got": shapes[1], "expected": shapes[2]}
    yield find("custom_gradient_shape", "error", line=_node_line(index, said[1]) or error.line, params=params)


def custom_gradient_count(index: Index, source: Source, error: SnippetError) -> Iterator[Finding]:
    said = re.search(
        r"unction (\w+) returned an incorrect number of gradients \(expected (\d+), got (\d+)", error.message
    )
    if said is None:
        return
    params = {"function": said[1], "expected": int(said[2][:9]), "got": int(said[3][:9])}
    yield find("custom_gradient_count", "error", line=_node_line(index, said[1]) or error.line, params=params)


def _node_line(index: Index, name: str) -> Line | None:
    call = index.failed_call()
    return next((node.line for node in call.nodes if node.name == name), None) if call is not None else None
