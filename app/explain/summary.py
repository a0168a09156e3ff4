"""A run as plain text for a terminal. Pure; the sentences are handed in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from app.explain.index import Index, index, label, shape_text
from app.run import Edge, Finding, Graph, Id, Node, Number, Param, Run, Tensor, TensorSummary

MOST_NODES = 60
MOST_TENSORS = 60
MOST_OUTPUT = 4000
DEEPEST = 24
UNPRINTABLE = re.compile(
    r"[^\n\t\x20-\x7e\u00a0-\u200d\u2010-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\ufffd]"  # nor what turns the text
)


def summary_text(run: Run, sentences: Mapping[str, str]) -> str:
    """Status, error, graphs as an indented outline, gradients, findings, output. `sentences` maps catalogue keys.

    Contains no control characters: what a snippet prints cannot command the terminal that shows this.
    """
    seen = index(run)
    sections = [
        _lines(_head(run)),
        *(_lines(_graph(seen, graph)) for graph in run.graphs[:10]),
        _lines(_gradients(run, sentences)),
        _lines(_findings(run, sentences)),
        "\n".join(_output(run)),
    ]
    return UNPRINTABLE.sub("?", "\n\n".join(section for section in sections if section)) + "\n"


def _lines(lines: Iterator[str]) -> str:
    """One line each, whatever a snippet put into its names."""
    return "\n".join(line.replace("\n", "?") for line in lines)


def sentence(sentences: Mapping[str, str], key: str, params: Mapping[str, Param]) -> str:
    """The sentence of `key` with its `{placeholders}` filled; the key itself where there is none."""
    return re.sub(r"\{(\w+)\}", lambda m: str(params.get(m[1], m[0])), sentences.get(key, key))


def _head(run: Run) -> Iterator[str]:
    nodes = len({node.id for graph in run.graphs for node in graph.nodes})
    gradients = sum(tensor.grad is not None for tensor in run.tensors)
    yield (
        f"{run.status} in {run.timings.run_ms / 1000:.3g} s: {nodes} nodes, "
        f"{gradients} gradients, {len(run.findings)} findings"
    )
    if run.limit is not None:
        yield f"limit {run.limit.name} = {run.limit.value:g}" + (f", line {run.last_line}" if run.last_line else "")
    if run.error is not None:
        where = f" (line {run.error.line})" if run.error.line else ""
        yield f"{run.error.type}{where}: {run.error.message.splitlines()[0] if run.error.message else ''}"


def _graph(seen: Index, graph: Graph) -> Iterator[str]:
    where = f", line {graph.line}" if graph.line else ""
    failed = f", stopped by {graph.error}" if graph.error else ""
    yield f"graph {graph.id}: {graph.kind}{where}, {len(graph.nodes)} nodes, {len(graph.edges)} edges{failed}"
    nodes = {node.id: node for node in graph.nodes}
    below: dict[Id, list[Edge]] = {}
    for edge in graph.edges:
        below.setdefault(edge.source, []).append(edge)
    targets = {edge.target for edge in graph.edges}
    tops = [id_ for id_ in nodes if id_ not in targets] or [id_ for id_ in graph.roots if id_ in nodes]
    waiting = [(id_, 1, "") for id_ in reversed(tops)]
    told: set[Id] = set()
    lines = 0
    while waiting and lines < MOST_NODES:
        id_, depth, edge_text = waiting.pop()
        indent = "  " * min(depth, DEEPEST)
        again = " (above)" if id_ in told and below.get(id_) else ""
        yield f"{indent}{edge_text}{_node(seen, nodes[id_])}{again}"
        lines += 1
        if id_ not in told:
            told.add(id_)
            for edge in reversed(below.get(id_, [])):
                if edge.target in nodes:
                    waiting.append((edge.target, depth + 1, _edge(edge)))
    if waiting:
        yield f"  … {len(nodes.keys() - told)} more nodes"


def _node(seen: Index, node: Node) -> str:
    names = [label(t) for id_ in node.tensors if (t := seen.tensors.get(id_)) is not None and t.names]
    shape = f" {shape_text(node.outputs[0].shape)}" if node.outputs else ""
    named = f" → {', '.join(names[:3])}" if names else ""
    return f"{node.name}{named}{shape}" + (f"  line {node.line}" if node.line else "")


def _edge(edge: Edge) -> str:
    if edge.kind == "cut":
        return f"✂ {edge.reason}" + (f" line {edge.line}: " if edge.line else ": ")
    return f"[{_number(edge.gradient.norm)}] " if edge.gradient is not None else ""


def _gradients(run: Run, sentences: Mapping[str, str]) -> Iterator[str]:
    shown = [tensor for tensor in run.tensors if tensor.names][:MOST_TENSORS]
    if shown:
        yield "gradients"
    for tensor in shown:
        name, shape = label(tensor), shape_text(tensor.shape)
        yield f"  {name:20} {shape:14} {_gradient(tensor, sentences)}"


def _gradient(tensor: Tensor, sentences: Mapping[str, str]) -> str:
    if tensor.grad is not None:
        return f"norm {_number(tensor.grad.norm)}  {_preview(tensor.grad)}"
    if tensor.grad_reason is None:
        return "None"
    why = sentence(sentences, f"reason.{tensor.grad_reason.code}", tensor.grad_reason.params)
    return "None: " + why.partition(". ")[0].removesuffix(".")


def _preview(summary: TensorSummary) -> str:
    shown = ", ".join(_number(value) if isinstance(value, float) else str(value) for value in summary.preview[:6])
    return f"[{shown}{', …' if summary.numel > 6 else ''}]"


def _findings(run: Run, sentences: Mapping[str, str]) -> Iterator[str]:
    if run.findings:
        yield "findings"
    for finding in run.findings:
        yield from _finding(finding, sentences)


def _finding(finding: Finding, sentences: Mapping[str, str]) -> Iterator[str]:
    where = f" line {finding.line}" if finding.line else ""
    yield f"  {finding.severity}{where}: " + sentence(sentences, f"finding.{finding.code}", finding.params)
    if finding.fix is not None:
        verb = "insert before" if finding.fix.kind == "insert" else "replace"
        first, *more = finding.fix.text.strip().split("\n")
        yield f"    fix, {verb} line {finding.fix.line}: {first}"
        yield from more


def _output(run: Run) -> Iterator[str]:
    if run.output.text:
        yield "output"
        yield run.output.text[:MOST_OUTPUT].rstrip("\n")
        if run.output.truncated or len(run.output.text) > MOST_OUTPUT:
            yield "…"


def _number(value: Number | None) -> str:
    return "?" if value is None else value if isinstance(value, str) else f"{value:.4g}"
