"""Runs many snippets in one process, either plainly or under capture, and writes down what each did.

Started by the tests as `python -m tests.oracle.execute plain|captured IN.json OUT.json`. The plain side knows nothing
of `app`: it executes the text as Python would and counts graphs with a walk of its own and with torchviz.
"""

from __future__ import annotations

import hashlib
import io
import json
import linecache
import os
import random
import re
import sys
import tempfile
import threading
import types
from pathlib import Path

import numpy
import torch
import torch.autograd.graph


def state_of(namespace):
    """Everything computed, bit for bit: values, gradients, versions, flags."""
    found = {}
    for name, value in list(namespace.items()):
        if isinstance(value, torch.Tensor):
            found[name] = tensor_state(value)
        elif isinstance(value, torch.nn.Module):
            found |= {f"{name}.{n}": tensor_state(p) for n, p in value.named_parameters()}
        elif isinstance(value, (list, tuple)):
            found |= {f"{name}[{i}]": tensor_state(v) for i, v in enumerate(value) if isinstance(v, torch.Tensor)}
    return found


def tensor_state(tensor):
    try:
        leaf = tensor.is_leaf
    except RuntimeError as exc:
        return str(exc)[:60]
    grad = tensor.grad if leaf or tensor.retains_grad else None
    version = None if tensor.is_inference() else tensor._version
    return [fingerprint(tensor), fingerprint(grad), version, tensor.requires_grad, leaf]


def fingerprint(tensor):
    if tensor is None:
        return None
    plain = tensor.detach()
    if plain.layout is not torch.strided or plain.device.type == "meta":
        return str(tuple(plain.shape))
    raw = plain.as_subclass(torch.Tensor).resolve_conj().reshape(-1).contiguous().view(torch.uint8)
    return [str(plain.dtype), list(plain.shape), hashlib.sha256(bytes(raw.tolist())).hexdigest()[:16]]


def reachable(roots):
    """An independent walk: (nodes, edges) behind the roots."""
    seen, edges, pending = set(roots), 0, list(roots)
    while pending:
        for target, _ in pending.pop().next_functions:
            if target is not None:
                edges += 1
                if target not in seen:
                    seen.add(target)
                    pending.append(target)
    return seen, edges


def torchviz_counts(root, nodes):
    """Function nodes and edges between them in the drawing that torchviz makes."""
    from torchviz import make_dot

    ids = {str(id(n)) for n in nodes}
    body = make_dot(root).body
    drawn = {m[1] for m in (re.match(r"\t(\d+) \[", line) for line in body) if m} & ids
    edges = [m for m in (re.match(r"\t(\d+) -> (\d+)", line) for line in body) if m]
    return len(drawn), sum(m[1] in ids and m[2] in ids for m in edges)


def plain(code):
    graphs = []
    engine = torch.autograd.graph._engine_run_backward

    def counting(t_outputs, *args, **kwargs):
        roots = [t.grad_fn for t in t_outputs if isinstance(t, torch.Tensor) and t.grad_fn is not None]
        if roots and len(roots) == len(t_outputs):
            nodes, edges = reachable(roots)
            entry = {"nodes": len(nodes), "edges": edges}
            if len(roots) == 1 and len(nodes) < 150 and "ctx.variable" not in code:  # torchviz trips over that
                entry["torchviz"] = torchviz_counts(t_outputs[0], nodes)
            graphs.append(entry)
        else:
            graphs.append(None)
        del roots
        return engine(t_outputs, *args, **kwargs)

    main = types.ModuleType("__main__")
    main.__dict__["__builtins__"] = __builtins__
    kept = sys.modules["__main__"], sys.stdin, sys.stdout, sys.stderr
    sys.modules["__main__"] = main
    sys.stdin = io.StringIO("")
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), "utf-8", write_through=True)
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), "utf-8", "backslashreplace", write_through=True)
    linecache.cache["<snippet>"] = (len(code), None, code.splitlines(True), "<snippet>")
    random.seed(0)
    torch.manual_seed(0)
    numpy.random.seed(0)
    torch.autograd.graph._engine_run_backward = torch.autograd._engine_run_backward = counting
    error = None
    try:
        exec(compile(code, "<snippet>", "exec", dont_inherit=True), main.__dict__)
    except SystemExit as exc:
        error = None if exc.code in (None, 0) else ["SystemExit", f"exit code {exc.code}"]
    except BaseException as exc:
        error = [type(exc).__name__, exc.msg if isinstance(exc, SyntaxError) else str(exc)]
    finally:
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
        torch.autograd.graph._engine_run_backward = torch.autograd._engine_run_backward = engine
        sys.modules["__main__"], sys.stdin, sys.stdout, sys.stderr = kept
    return {"error": error, "state": state_of(main.__dict__), "graphs": graphs}


def captured(code):
    from app.protocol import Finished, GraphCaptured, Job, Limits, decode_from_child, encode
    from app.worker.evaluate import Evaluation

    messages = []
    evaluation = Evaluation(Job(code, 0, Limits()), lambda m: messages.append(decode_from_child(encode(m))))
    evaluation.run()
    finished = messages[-1]
    assert isinstance(finished, Finished)
    graphs = [m.graph for m in messages if isinstance(m, GraphCaptured)]
    return {
        "error": finished.error and [finished.error.type, finished.error.message],
        "state": state_of(evaluation._namespace),
        "graphs": [counts(g) for g in sorted(graphs, key=lambda g: g.id) if g.kind != "live"],
        "faults": evaluation._capture.faults if evaluation._capture else [],
        "broken": broken_references(graphs, finished),
        "unattributed": sum(n.line is None for g in graphs for n in g.nodes),
    }


def counts(graph):
    nodes = [n for n in graph.nodes if n.kind not in ("unrecorded", "leaf")]
    return {"nodes": len(nodes), "edges": sum(e.kind == "gradient" for e in graph.edges)}


def broken_references(graphs, finished):
    """Everything that refers to something which is not there."""
    nodes = {g.id: {n.id for n in g.nodes} for g in graphs}
    tensors = {t.id for t in finished.tensors}
    found = []
    for a in finished.additions:
        nodes[a.graph] |= {n.id for n in a.nodes}
    for g in (*graphs, *finished.additions):
        known = nodes[g.graph if hasattr(g, "graph") else g.id]
        found += [f"edge {e.source}->{e.target}" for e in g.edges if not {e.source, e.target} <= known]
        found += [f"tensor {t}" for n in g.nodes for t in n.tensors if t not in tensors]
        found += [f"node twice {n.id}" for n in g.nodes if [m.id for m in g.nodes].count(n.id) > 1][:3]
    for t in finished.tensors:
        if t.grad_fn is not None and t.grad_fn.node not in nodes.get(t.grad_fn.graph, ()):
            found.append(f"grad_fn of {t.names}")
    return found


def with_output(run, code):
    """What `run` found, and all that came out of descriptors 1 and 2."""
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryFile() as file:
        kept = os.dup(1), os.dup(2)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            result = run(code)
        finally:
            os.dup2(kept[0], 1)
            os.dup2(kept[1], 2)
            os.close(kept[0])
            os.close(kept[1])
        file.seek(0)
        text = file.read().decode("utf-8", "replace")
    harness = r'  File "[^"]*(tests/oracle|frozen runpy)[^\n]*\n(    [^\n]*\n)*'
    return {**result, "output": re.sub(r"0x[0-9a-f]+", "0x", re.sub(harness, "", text))}


def main(how, source, target):
    snippets = json.loads(Path(source).read_text())
    run = plain if how == "plain" else captured
    Path(target).write_text(json.dumps({name: with_output(run, code) for name, code in snippets.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
