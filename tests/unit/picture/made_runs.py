"""Runs built by hand, as capture would send them, for the tests of this room."""

from app.run import Edge, Graph, HistoryEntry, Node, Output, Run, Tensor, TensorMeta, TensorSummary, Timings, Versions


def run_of(*graphs, tensors=()):
    return Run("r1", "ok", "", 0, Versions(), Timings(), {}, Output(), tuple(tensors), tuple(graphs))


def grad(norm, shape=(5,), nans=0, infs=0):
    return TensorSummary(shape=shape, dtype="float32", numel=5, norm=norm, nans=nans, infs=infs)


def tensor(id, *names, shape=(5,), line=3, norm=None, **more):
    more.setdefault("requires_grad", True)
    return Tensor(id, shape, "float32", names, line, grad=None if norm is None else grad(norm, shape), **more)


def op(id, name, line=4, *tensors, shape=(), kind="op", executed=True):
    outputs = (TensorMeta(shape, "float32"),)
    return Node(id, kind, name, line, tensors=tensors, outputs=outputs, executed=executed)


def leaf(id, tensor_id):
    return Node(id, "accumulate_grad", "AccumulateGrad", tensors=(tensor_id,), executed=True)


def flow(source, target, position=0, norm=1.0, **more):
    return Edge(source, target, position, gradient=None if norm is None else grad(norm, **more))


def cut(source, target, reason, line=None, position=0):
    return Edge(source, target, position, kind="cut", reason=reason, line=line)


def graph(nodes, edges, *roots, id=0, kind="backward", **more):
    return Graph(id, kind, tuple(nodes), tuple(edges), roots, **more)


def dot_product():
    """`y = 2 * torch.dot(x, x); y.backward()`: two edges to one leaf."""
    nodes = [op(0, "MulBackward0", 4, 1), op(1, "DotBackward0", 4), leaf(2, 0)]
    edges = [flow(0, 1, 0, 2.0), flow(1, 2, 0, 4.47), flow(1, 2, 1, 4.47)]
    tensors = [tensor(0, "x", norm=8.94), tensor(1, "y", shape=(), line=4, is_leaf=False)]
    return run_of(graph(nodes, edges, 0, line=5), tensors=tensors)


def detached():
    """`z = x @ w + b; loss = bce(z, y); z_det = z.detach()`."""
    nodes = [
        op(0, "BinaryCrossEntropyWithLogitsBackward0", 8, 4),
        op(1, "AddBackward0", 7, 2, shape=(3,)),
        op(2, "SqueezeBackward4", 7, shape=(3,)),
        op(3, "MmBackward0", 7, shape=(1, 3)),
        leaf(4, 0),
        leaf(5, 1),
        op(6, "detach", 17, 3, shape=(3,), kind="unrecorded", executed=False),
    ]
    edges = [flow(0, 1, 0, 0.392), flow(1, 2, 0, 0.392), flow(1, 5, 1, 0.392), flow(2, 3, 0, 0.392)]
    edges += [flow(3, 4, 1, 0.877), cut(6, 1, "detach", 17)]
    tensors = [
        tensor(0, "w", shape=(5, 3), line=5, norm=0.877),
        tensor(1, "b", shape=(3,), line=6, norm=0.392),
        tensor(2, "z", shape=(3,), line=7, is_leaf=False),
        tensor(3, "z_det", shape=(3,), line=17, requires_grad=False),
        tensor(4, "loss", shape=(), line=8, is_leaf=False),
    ]
    return run_of(graph(nodes, edges, 0, line=12), tensors=tensors)


def no_grad():
    """`with torch.no_grad(): y = x * 2`."""
    nodes = [op(0, "mul", 6, 1, shape=(1,), kind="unrecorded", executed=False), Node(1, "leaf", "x", 3, tensors=(0,))]
    tensors = [tensor(0, "x", shape=(1,)), tensor(1, "y", shape=(1,), line=6, requires_grad=False)]
    return run_of(graph(nodes, [cut(0, 1, "no_grad", 5)], 0, kind="live"), tensors=tensors)


def everything():
    """One of each kind: custom Function, parameter, frozen leaf, NaN, an unexecuted node, a shared leaf."""
    nodes = [
        op(0, "MeanBackward0", 12, 9, shape=()),
        op(1, "AddBackward0", 11, shape=(3, 2)),
        op(2, "MySquareBackward", 10, 8, shape=(3, 2), kind="custom"),
        op(3, "LogBackward0", 9, shape=(3, 2)),
        op(4, "AddmmBackward0", 8, shape=(3, 2)),
        leaf(5, 0),
        leaf(6, 1),
        Node(7, "leaf", "0.weight", 5, tensors=(2,)),
        op(8, "linear", 8, shape=(3, 4), kind="unrecorded", executed=False),
        op(9, "CosBackward0", 9, shape=(3, 2), executed=False),
    ]
    edges = [flow(0, 1, 0, 0.577), flow(1, 2, 0, 0.577), flow(1, 3, 1, 0.577), flow(2, 4, 0, 2.31)]
    edges += [flow(3, 6, 0, "NaN", nans=2), flow(4, 5, 0, 1.5), flow(4, 6, 2, 0.0), flow(4, 9, 1, None)]
    edges += [cut(8, 7, "frozen"), cut(8, 9, "data", 6, 1)]
    frozen = (HistoryEntry("requires_grad_off", 6),)
    tensors = [
        tensor(0, "2.bias", shape=(2,), line=4, norm=1.5, is_parameter=True),
        tensor(1, "scale", shape=(3, 2), line=5, norm="NaN"),
        tensor(2, "0.weight", shape=(8, 4), line=5, is_parameter=True, requires_grad=False, history=frozen),
        tensor(8, "h", shape=(3, 2), line=10, is_leaf=False),
        tensor(9, "loss", shape=(), line=12, is_leaf=False),
    ]
    return run_of(graph(nodes, edges, 0, line=13), tensors=tensors)


def chain(length):
    """A straight line of operations down to one leaf."""
    nodes = [op(index, "MulBackward0", 4) for index in range(length - 1)] + [leaf(length - 1, 0)]
    edges = [flow(index, index + 1) for index in range(length - 1)]
    return run_of(graph(nodes, edges, 0), tensors=[tensor(0, "x", norm=1.0)])


def recurrent(steps):
    """A simple RNN: weights `w`, `u`, `b` shared by every step; six nodes a step."""
    nodes = [leaf(0, 0), leaf(1, 1), leaf(2, 2), op(3, "SumBackward0", 9, 3)]
    edges = []
    above = 3
    for step in range(steps):
        tanh, add, both, recur, feed = (4 + 5 * step + part for part in range(5))
        nodes += [op(tanh, "TanhBackward0", 7, shape=(1, 8)), op(add, "AddBackward0", 7, shape=(1, 8))]
        nodes += [op(both, "AddBackward0", 7, shape=(1, 8)), op(recur, "MmBackward0", 7, shape=(1, 8))]
        nodes += [op(feed, "MmBackward0", 7, shape=(1, 8))]
        edges += [flow(above, tanh), flow(tanh, add), flow(add, both), flow(add, 2, 1), flow(both, feed)]
        edges += [flow(both, recur, 1), flow(feed, 0, 1, 0.0123), flow(recur, 1, 1, 0.5)]
        above = recur
    tensors = [tensor(0, "w", norm=3.0), tensor(1, "u", norm=2.0), tensor(2, "b", norm=1.0)]
    return run_of(graph(nodes, edges, 3), tensors=[*tensors, tensor(3, "loss", shape=(), is_leaf=False)])


def mlp(layers):
    """Linear and ReLU in turn, mean squared error on top."""
    nodes = [op(0, "MseLossBackward0", 9, 0)]
    edges, tensors = [], [tensor(0, "loss", shape=(), line=9, is_leaf=False)]
    above = 0
    for layer in range(layers):
        first = 1 + 5 * layer
        relu, addmm, turn, bias, weight = range(first, first + 5)
        nodes += [op(relu, "ReluBackward0", 8, shape=(32, 64)), op(addmm, "AddmmBackward0", 8, shape=(32, 64))]
        nodes += [op(turn, "TBackward0", 8, shape=(64, 64)), leaf(bias, bias), leaf(weight, weight)]
        edges += [flow(above, relu, 1 if layer else 0, 0.0314), flow(relu, addmm, 0, 0.02), flow(addmm, bias, 0, 0.01)]
        edges += [flow(addmm, turn, 2, 0.004), flow(turn, weight, 0, 0.004)]
        for at, part, shape in ((weight, "weight", (64, 64)), (bias, "bias", (64,))):
            tensors.append(tensor(at, f"{2 * layer}.{part}", shape=shape, norm=0.004, is_parameter=True))
        above = addmm
    return run_of(graph(nodes, edges, 0), tensors=tensors)
