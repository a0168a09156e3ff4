"""From a captured graph to what is drawn of it: AccumulateGrad merged with its leaf, a shared leaf once for each use,
the nodes nearest the loss when there are too many, and a stub wherever the picture was cut. Pure, iterative."""

from __future__ import annotations

from dataclasses import replace

from app.errors import NoGraph
from app.picture import labels, measure
from app.picture.quoting import visible
from app.picture.reach import Kept, Web, keep_nearest, web_of
from app.picture.view import Drawing, DrawnEdge, DrawnNode, Span, View
from app.picture.words import say
from app.run import Edge, Graph, Node, Run, Shape, Tensor

_PARALLEL = 4


def chosen_graph(run: Run, graph: int | None) -> Graph:
    """The graph of that id; without one, the last call's, else the live one. Raises NoGraph."""
    drawable = [each for each in run.graphs if each.nodes]
    if graph is not None:
        drawable = [each for each in drawable if each.id == graph]
    calls = [each for each in drawable if each.kind != "live"]
    if not drawable:
        raise NoGraph("this run has no graph to draw" if graph is None else f"no graph {graph} in this run")
    return (calls or drawable)[-1]


def fold(run: Run, view: View, budget: int) -> Drawing:
    """What is drawn of one graph of `run`, with at most `budget` boxes besides the stubs. Raises NoGraph."""
    graph = chosen_graph(run, view.graph)
    web = web_of(graph)
    return _Folding(graph, web, keep_nearest(web, budget), run, view).drawing()


def is_frozen(tensor: Tensor | None) -> bool:
    """A leaf whose gradient someone switched off, or a parameter that does not ask for one."""
    if tensor is None or tensor.requires_grad or not tensor.is_leaf:
        return False
    switches = [entry.what for entry in tensor.history if entry.what.startswith("requires_grad")]
    return tensor.is_parameter or switches[-1:] == ["requires_grad_off"]


class _Folding:
    """The boxes and arrows of one drawing while they are being collected."""

    def __init__(self, graph: Graph, web: Web, kept: Kept, run: Run, view: View) -> None:
        self.graph, self.web, self.kept, self.view = graph, web, kept, view
        self.language = view.language
        self.tensors = {tensor.id: tensor for tensor in run.tensors}
        self.boxes: list[DrawnNode] = []
        self.box_of: dict[int, int] = {}
        self.box_of_use: dict[tuple[int, int], int] = {}
        self.stub_of: dict[int, int] = {}
        self.edges: list[DrawnEdge] = []
        self.frozen: dict[int, bool] = {}

    def drawing(self) -> Drawing:
        for node in self.kept.operations:
            self.box_of[node] = self._add(self._operation(self.web.nodes[node]))
            for leaf in dict.fromkeys(edge.target for edge in self.web.out[node]):
                if (node, leaf) in self.kept.uses:
                    self._add_leaf(node, leaf)
        self._add_stubs()
        for node in self.kept.operations:
            self._add_edges(node)
        drawn = len(self.kept.operations) + len({leaf for _, leaf in self.kept.uses})
        total = max(len(self.web.nodes), self.graph.total_nodes or 0)
        words = "graph" if drawn == total else "graph_cut"
        label = say(self.language, words, nodes=drawn, total=total, edges=len(self.edges))
        return Drawing(
            graph=self.graph.id,
            direction=self.view.direction,
            language=self.language,
            label=label,
            nodes=tuple(self.boxes),
            edges=tuple(self.edges),
            drawn=drawn,
            total=total,
            note=None if drawn == total else "too_large",
        )

    def _add(self, box: DrawnNode) -> int:
        self.boxes.append(_sized(box))
        return len(self.boxes) - 1

    # --- boxes ----------------------------------------------------------------------------------------------------

    def _operation(self, node: Node) -> DrawnNode:
        if node.kind in {"accumulate_grad", "leaf"}:  # a leaf that nothing uses: the root itself
            return self._accumulate(node, str(node.id)) if self._apart(node) else self._leaf(node, None, f"n{node.id}")
        tensors = self._tensors_of(node)
        names = labels.names_text(tensors)
        shapes = [output.shape for output in node.outputs] or [tensor.shape for tensor in tensors[:1]]
        incoming = [edge for edge in self.web.into[node.id] if edge.kind == "gradient"]
        flow = self._flow(incoming, tensors)
        if node.kind == "unrecorded":
            cuts = [edge for edge in self.web.out[node.id] if edge.kind == "cut"]
            lines = labels.unrecorded_lines(node, names, shapes, cuts, self.language)
            facts = [say(self.language, "not_recorded")]
        else:
            lines = labels.operation_lines(node, names, shapes, flow, self.language)
            facts = []
        return DrawnNode(
            key=f"n{node.id}",
            node=node.id,
            kind=self._kind(node),
            lines=lines,
            label=self._spoken(node, names, [*facts, *self._output_words(node)], flow),
            marks=self._marks(node, incoming),
            line=node.line,
            tensor=tensors[0].id if tensors else None,
        )

    def _kind(self, node: Node) -> str:
        if node.kind == "unrecorded":
            return "unrecorded"
        root = self._is_output(node)
        if node.kind == "custom":
            return "custom_output" if root else "custom"
        return "output" if root else "op"

    def _is_output(self, node: Node) -> bool:
        """Where a call started; in the live graph what nothing else uses."""
        return node.id in self.web.roots and (self.graph.kind != "live" or not self.web.into[node.id])

    def _marks(self, node: Node, incoming: list[Edge]) -> tuple[str, ...]:
        nan = any(labels.not_finite(edge.gradient) for edge in incoming)
        idle = self.graph.kind != "live" and not node.executed and node.kind != "unrecorded"
        return (*(("nan",) if nan else ()), *(("idle",) if idle else ()))

    def _flow(self, incoming: list[Edge], tensors: list[Tensor]) -> str | None:
        """The norm of the gradient of what this node made: of its one use, or what its tensor retained."""
        if len(incoming) == 1:
            return labels.gradient_text(incoming[0].gradient)
        return labels.gradient_text(tensors[0].grad) if tensors else None

    def _spoken(self, node: Node, names: str, facts: list[str], flow: str | None) -> str:
        return labels.spoken(
            visible(node.name, 80),
            names,
            facts,
            line=node.line,
            norm=flow,
            inputs=len(self.web.out[node.id]),
            language=self.language,
        )

    def _output_words(self, node: Node) -> list[str]:
        return [say(self.language, "output")] if self._is_output(node) else []

    def _tensors_of(self, node: Node) -> list[Tensor]:
        return [self.tensors[tensor] for tensor in node.tensors if tensor in self.tensors]

    def _apart(self, node: Node) -> bool:
        return self.view.detail == "all" and node.kind == "accumulate_grad"

    def _add_leaf(self, user: int, leaf: int) -> None:
        node = self.web.nodes[leaf]
        uses = self.web.uses[leaf]
        use = (uses[user], len(uses)) if len(uses) > 1 else None
        key = f"n{leaf}" if use is None else f"n{leaf}-u{use[0]}"
        if not self._apart(node):
            self.box_of_use[user, leaf] = self._add(self._leaf(node, use, key))
            return
        self.box_of_use[user, leaf] = above = self._add(self._accumulate(node, key[1:]))
        below = self._add(self._leaf(node, use, f"{key}-leaf"))
        self.edges.append(DrawnEdge(above, below, leaf, leaf, 0, "gradient"))

    def _accumulate(self, node: Node, key: str) -> DrawnNode:
        tensors = self._tensors_of(node)
        return DrawnNode(
            key=f"n{key}",
            node=node.id,
            kind="accumulate",
            lines=((Span(visible(node.name, 40), "op"),),),
            label=self._spoken(node, labels.names_text(tensors), [], None),
            marks=self._leaf_marks(node, tensors[0] if tensors else None),
            tensor=tensors[0].id if tensors else None,
        )

    def _leaf_marks(self, node: Node, tensor: Tensor | None) -> tuple[str, ...]:
        nan = tensor is not None and labels.not_finite(tensor.grad)
        idle = node.kind == "accumulate_grad" and self.graph.kind != "live" and not node.executed
        return (*(("nan",) if nan else ()), *(("idle",) if idle else ()))

    def _leaf(self, node: Node, use: tuple[int, int] | None, key: str) -> DrawnNode:
        tensors = self._tensors_of(node)
        tensor = tensors[0] if tensors else None
        frozen = is_frozen(tensor) or self._is_cut_as_frozen(node.id)
        names = labels.names_text(tensors)
        parameter = tensor is not None and tensor.is_parameter
        kind = "frozen" if frozen else "parameter" if parameter else "leaf"
        line = node.line if tensor is None or tensor.line is None else tensor.line
        return DrawnNode(
            key=key,
            node=node.id,
            kind=kind,
            lines=labels.leaf_lines(names, tensor, use, frozen, self.language),
            label=self._spoken_leaf(node, names, tensor, kind, line, use),
            marks=self._leaf_marks(node, tensor),
            line=line,
            tensor=None if tensor is None else tensor.id,
        )

    def _is_cut_as_frozen(self, leaf: int) -> bool:
        if leaf not in self.frozen:  # looked up once for a leaf, however often it is used
            self.frozen[leaf] = any(edge.reason == "frozen" for edge in self.web.into[leaf])
        return self.frozen[leaf]

    def _spoken_leaf(
        self, node: Node, names: str, tensor: Tensor | None, kind: str, line: int | None, use: tuple[int, int] | None
    ) -> str:
        shape: Shape | None = None if tensor is None else tensor.shape
        facts = [say(self.language, kind)]
        if shape is not None:
            facts.append(say(self.language, "shape", shape=labels.shape_text(shape)))
        if use is not None:
            facts.append(say(self.language, "use", n=use[0] + 1, total=use[1]))
        norm = None if tensor is None else labels.gradient_text(tensor.grad)
        if tensor is not None and tensor.grad is None:
            facts.append(say(self.language, "grad_none"))
        name = names or visible(node.name, 80)
        return labels.spoken(name, "", facts, line=line, norm=norm, inputs=0, language=self.language)

    def _add_stubs(self) -> None:
        for owner, count in self.kept.stubs.items():
            self.stub_of[owner] = self._add(self._stub(f"more{owner}", count))
        total = max(0, (self.graph.total_nodes or 0) - len(self.web.nodes)) + self.kept.unreached
        if total:
            self._add(self._stub("more", total))

    def _stub(self, key: str, count: int) -> DrawnNode:
        text = say(self.language, "one_more" if count == 1 else "more", n=f"{count:,}")
        return DrawnNode(key=key, node=None, kind="more", lines=((Span(text),),), label=text)

    # --- arrows ---------------------------------------------------------------------------------------------------

    def _add_edges(self, node: int) -> None:
        bundles: dict[int, list[Edge]] = {}
        for edge in sorted(self.web.out[node], key=lambda edge: edge.source_position):
            box = self._box_of_target(edge)
            if box is not None:
                bundles.setdefault(box, []).append(edge)
        for box, edges in bundles.items():
            self._add_bundle(self.box_of[node], box, edges)

    def _box_of_target(self, edge: Edge) -> int | None:
        if self.web.is_leaf(edge.target) and (edge.source, edge.target) in self.kept.uses:
            return self.box_of_use[edge.source, edge.target]
        if edge.target in self.box_of:
            return self.box_of[edge.target]
        return self.stub_of.get(self.kept.hidden.get(edge.target, -1))

    def _add_bundle(self, source: int, target: int, edges: list[Edge]) -> None:
        stub = self.boxes[target].node is None
        if stub or len(edges) > _PARALLEL:
            many = (say(self.language, "times", n=len(edges)),) if len(edges) > 1 and not stub else ()
            self.edges.append(replace(self._edge(source, target, edges[0], False, stub=stub), lines=many))
            return
        self.edges += [self._edge(source, target, edge, len(edges) > 1) for edge in edges]

    def _edge(self, source: int, target: int, edge: Edge, many: bool, *, stub: bool = False) -> DrawnEdge:
        nan = edge.kind == "gradient" and labels.not_finite(edge.gradient)
        unused = edge.kind == "gradient" and edge.gradient is None and self.graph.kind != "live"
        return DrawnEdge(
            source=source,
            target=target,
            source_node=edge.source,
            target_node=None if stub else edge.target,
            position=edge.source_position,
            kind=edge.kind,
            lines=labels.edge_lines(edge, many, self.language),
            marks=(*(("nan",) if nan else ()), *(("idle",) if unused else ())),
        )


def _sized(box: DrawnNode) -> DrawnNode:
    widths = [
        sum(
            measure.text_width(span.text, measure.NOTE_SIZE if row else measure.NAME_SIZE, bold=span.role == "name")
            for span in line
        )
        for row, line in enumerate(box.lines)
    ]
    slanted = 10.0 if box.kind.startswith("custom") or "nan" in box.marks else 0.0
    return replace(
        box,
        width=max(64.0, max(widths, default=0.0) + 2 * (measure.PADDING_X + slanted)),
        height=len(box.lines) * measure.LINE_HEIGHT + 2 * measure.PADDING_Y,
    )
