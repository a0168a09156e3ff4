"""Small snippets, each with something in it that capture could disturb or miscount."""

# ruff: noqa: E501 - a snippet is easier to read whole
from __future__ import annotations

SITUATIONS: dict[str, str] = {
    "retain_graph": "x = torch.ones(3, requires_grad=True)\ny = (x * x).sum()\ny.backward(retain_graph=True)\ny.backward()\n",
    "double_backward": """
x = torch.tensor([1., 2.], requires_grad=True)
y = (x ** 3).sum()
g, = torch.autograd.grad(y, x, create_graph=True)
(g ** 2).sum().backward()
print(x.grad, g)
""",
    "grad_with_inputs": """
a = torch.ones(2, requires_grad=True)
b = torch.ones(2, requires_grad=True)
loss = (a * b + a).sum()
print(torch.autograd.grad(loss, [a, b], retain_graph=True))
loss.backward(inputs=[a])
print(a.grad, b.grad)
""",
    "allow_unused": """
a = torch.ones(2, requires_grad=True)
b = torch.ones(2, requires_grad=True)
print(torch.autograd.grad(a.sum(), [a, b], allow_unused=True))
torch.autograd.grad(a.sum(), [a, b])
""",
    "shared_leaf_and_views": """
x = torch.randn(4, 4, requires_grad=True)
v = x[1:3].t()
(v @ v.t() + x.diagonal()[0]).sum().backward()
print(x.grad)
""",
    "views_changed_in_place": """
x = torch.randn(4, requires_grad=True)
y = x * 1
y[1:3].mul_(3)
v = y[:2]
y.add_(1)
print(v.grad_fn, y.grad_fn)
(v.sum() + y.sum()).backward()
""",
    "stale_view": """
x = torch.randn(4, requires_grad=True).clone()
with torch.no_grad():
    v = x[0]
x.mul_(2)
print(v._version)
""",
    "in_place_error": "a = torch.ones(3, requires_grad=True)\nb = a * a\nc = b * b\nb.add_(1)\nc.sum().backward()\n",
    "in_place_on_leaf": "a = torch.ones(3, requires_grad=True)\na += 1\n",
    "twice": "a = torch.ones(3, requires_grad=True)\nb = (a * a).sum()\nb.backward()\nb.backward()\n",
    "no_scalar": "a = torch.ones(3, requires_grad=True)\n(a * 2).backward()\n",
    "no_graph": "a = torch.ones(3)\nb = (a * 2).sum()\nb.backward()\n",
    "gradient_of_wrong_shape": "a = torch.ones(3, requires_grad=True)\n(a * 2).backward(torch.ones(2))\n",
    "gradient_given": "a = torch.ones(3, requires_grad=True)\n(a * 2).backward(torch.tensor([1., 0., -1.]))\nprint(a.grad)\n",
    "custom_function": """
class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, scale):
        ctx.save_for_backward(x)
        ctx.name = ctx.variable = scale
        return x * x * scale
    @staticmethod
    def backward(ctx, g):
        x, = ctx.saved_tensors
        return g * 2 * x * ctx.name, None
x = torch.randn(3, requires_grad=True)
y = Square.apply(x, 2.0)
print(y.grad_fn.__class__.__name__)
y.sum().backward()
""",
    "custom_function_that_returns_nonsense": """
class Bad(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2
    @staticmethod
    def backward(ctx, g):
        return g[:1], g
x = torch.randn(3, requires_grad=True)
Bad.apply(x).sum().backward()
""",
    "custom_function_marks_dirty": """
class Add(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.add_(1)
    @staticmethod
    def backward(ctx, g):
        return g * 3
x = torch.randn(3, requires_grad=True)
y = x * 2
Add.apply(y)
v = (x * 4)[0:2]
print(y.grad_fn)
y.sum().backward()
""",
    "hooks": """
x = torch.randn(3, requires_grad=True)
y = x * 2
y.register_hook(lambda g: g * 10)
y.retain_grad()
x.register_post_accumulate_grad_hook(lambda p: print('written', p.grad))
y.grad_fn.register_hook(lambda gi, go: print('node', gi, go))
y.sum().backward()
print(y.grad, x.grad)
""",
    "hook_that_raises": """
x = torch.randn(3, requires_grad=True)
y = x * 2
def bad(g):
    raise KeyError('from the hook')
y.register_hook(bad)
try:
    y.sum().backward()
except KeyError as e:
    print(repr(e))
(x * 3).sum().backward()
""",
    "hook_of_wrong_shape": "x = torch.randn(3, requires_grad=True)\ny = x * 2\ny.register_hook(lambda g: g[:1])\ny.sum().backward()\n",
    "checkpoint_reentrant": """
from torch.utils.checkpoint import checkpoint
x = torch.randn(3, requires_grad=True)
def f(a):
    print('forward')
    return (a.sin() * a).exp()
checkpoint(f, x, use_reentrant=True).sum().backward()
print(x.grad)
""",
    "checkpoint": """
from torch.utils.checkpoint import checkpoint
x = torch.randn(3, requires_grad=True)
def f(a):
    print('forward')
    return (a.sin() * a).exp()
checkpoint(f, x, use_reentrant=False).sum().backward()
print(x.grad)
""",
    "saved_tensors_hooks": """
x = torch.randn(3, requires_grad=True)
def pack(t):
    print('pack', tuple(t.shape))
    return t.numpy(force=True)
def unpack(a):
    print('unpack')
    return torch.from_numpy(a)
with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
    y = (x * x).sum()
y.backward()
""",
    "no_grad_and_inference": """
x = torch.ones(2, requires_grad=True)
with torch.no_grad():
    a = x * 2
    with torch.enable_grad():
        b = x * 3
    c = x * 4
with torch.inference_mode():
    d = x * 5
print(a.requires_grad, b.requires_grad, c.requires_grad, d.is_inference())
d.sum().backward()
""",
    "non_leaf_grad_warns_each_line": "x = torch.ones(2, requires_grad=True)\ny = x * 2\nfor i in range(2):\n    print(y.grad)\nprint(y.grad)\n",
    "python_warnings": """
import warnings
x = torch.ones(2, requires_grad=True)
torch.tensor(x)
t = torch.tensor(x)
torch.nn.functional.mse_loss(torch.ones(2, 1), torch.ones(2))
warnings.warn('mine')
with warnings.catch_warnings():
    warnings.simplefilter('error')
    try:
        torch.tensor(x)
    except UserWarning as w:
        print('raised')
torch.optim.lr_scheduler.StepLR(torch.optim.SGD([x], 0.1), 1).step()
""",
    "optimizers": """
from torch import nn
torch.manual_seed(3)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
for cls in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop):
    opt = cls(model.parameters(), lr=0.01)
    for i in range(2):
        opt.zero_grad()
        loss = model(torch.randn(5, 4)).pow(2).mean()
        loss.backward()
        opt.step()
    print(cls.__name__, loss.item())
""",
    "lbfgs": """
w = torch.randn(3, requires_grad=True)
opt = torch.optim.LBFGS([w], max_iter=3)
def closure():
    opt.zero_grad()
    loss = (w ** 2).sum()
    loss.backward()
    return loss
opt.step(closure)
print(w)
""",
    "recurrent_and_attention": """
from torch import nn
rnn = nn.LSTM(3, 4)
out, (h, c) = rnn(torch.randn(5, 2, 3))
att = nn.MultiheadAttention(4, 2)
y, weights = att(out, out, out)
(y.sum() + h.sum()).backward()
print(rnn.weight_ih_l0.grad.norm() > 0)
""",
    "normalization_and_dropout": """
from torch import nn
m = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.5), nn.LazyLinear(3))
nn.functional.cross_entropy(m(torch.randn(2, 1, 8, 8)), torch.tensor([0, 2])).backward()
print(m)
""",
    "functional": """
from torch.func import grad, vmap, jacrev, hessian, vjp
f = lambda x: (x ** 3).sum()
x = torch.randn(3)
print(grad(f)(x), vmap(grad(lambda a: a.sin()))(x), jacrev(lambda a: a * 2)(x), hessian(f)(x))
out, pull = vjp(f, x)
print(pull(torch.tensor(1.)))
print(torch.autograd.functional.jacobian(lambda a: a * a, x))
""",
    "forward_mode": """
import torch.autograd.forward_ad as fwAD
with fwAD.dual_level():
    d = fwAD.make_dual(torch.ones(2), torch.ones(2) * 3)
    print(fwAD.unpack_dual(d.sin()))
""",
    "complex_sparse_and_integers": """
z = torch.randn(3, dtype=torch.complex64, requires_grad=True)
(z * z.conj()).real.sum().backward()
print(z.grad)
e = torch.nn.Embedding(5, 2, sparse=True)
e(torch.tensor([1, 3])).sum().backward()
print(e.weight.grad)
s = torch.eye(3).to_sparse().requires_grad_()
torch.sparse.mm(s, torch.ones(3, 1)).sum().backward()
i = torch.arange(4).argmax()
""",
    "multi_output": """
x = torch.randn(6, requires_grad=True)
a, b, c = x.chunk(3)
v, i = x.sort()
m = x.view(2, 3).max(dim=1)
q, r = torch.linalg.qr(x.view(2, 3))
(a * b).sum().add(v[0]).add(m.values.sum()).add(r.sum()).backward()
print(i, m.indices)
""",
    "leaf_as_root": "x = torch.tensor(2., requires_grad=True)\nx.backward()\nprint(x.grad)\n",
    "several_roots": """
x = torch.ones(2, requires_grad=True)
torch.autograd.backward([(x * 2).sum(), (x * 3).sum()])
print(x.grad)
""",
    "threads": """
import threading
x = torch.ones(2, requires_grad=True)
def work(k):
    y = (x * k).sum()
    g, = torch.autograd.grad(y, x)
    results[k] = g
results = {}
threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
for t in threads: t.start(); t.join()
print(results)
""",
    "threads_that_outlive_the_snippet": """
import threading, time
def late():
    time.sleep(0.2)
    print('late')
threading.Thread(target=late).start()
""",
    "deepcopy_pickle_and_swap": """
import copy, io, pickle
from dataclasses import dataclass
@dataclass
class Box:
    t: object
x = torch.ones(2, requires_grad=True)
y = copy.deepcopy(x)
print(pickle.loads(pickle.dumps(Box(3))).t)
buffer = io.BytesIO(); torch.save(x, buffer)
torch.utils.swap_tensors(x, y)
copy.deepcopy(x * 2)
""",
    "subclass": """
class Mine(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func.__name__ == 'mul': print('mul seen')
        return super().__torch_function__(func, types, args, kwargs or {})
x = torch.ones(2).as_subclass(Mine).requires_grad_()
y = x * 2
y.sum().backward()
print(type(y).__name__, type(x.grad).__name__)
""",
    "subclass_that_sees_dispatches": """
class Wrapped(torch.Tensor):
    @staticmethod
    def __new__(cls, inner):
        made = torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype, requires_grad=inner.requires_grad)
        made.inner = inner
        return made
    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        print(func)
        plain = [a.inner if isinstance(a, Wrapped) else a for a in args]
        return Wrapped(func(*plain, **(kwargs or {})))
def compute():
    w = Wrapped(torch.ones(3)).requires_grad_()
    (w * 2).exp().backward(Wrapped(torch.ones(3)))
    print(w.grad.inner)
compute()
""",
    "jit_of_what_warns": """
import warnings
warnings.simplefilter('ignore')
torch.manual_seed(1)
layer = torch.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
torch.jit.script(layer)(torch.randn(2, 3, 8)).pow(2).sum().backward()
print(layer.linear1.weight.grad.norm())
""",
    "modes_of_the_snippet": """
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
class F(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        print('F', func.__name__)
        return func(*args, **(kwargs or {}))
class D(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        print('D', func)
        return func(*args, **(kwargs or {}))
x = torch.ones(2, requires_grad=True)
with F():
    y = x * 2
with D():
    z = (y * 3).sum()
    z.backward()
""",
    "anomaly": """
x = torch.tensor([-1.0], requires_grad=True)
with torch.autograd.set_detect_anomaly(True):
    (x.sqrt() * 0).sum().backward()
""",
    "nan_and_infinity": "x = torch.tensor([0., -1., 4.], requires_grad=True)\n(x.log() / 0).sum().backward()\nprint(x.grad)\n",
    "random_numbers": """
import random, numpy as np
print(torch.rand(2), random.random(), np.random.rand())
x = torch.randn(3, requires_grad=True)
x.sum().backward()
print(torch.rand(2), random.random(), np.random.rand(), torch.initial_seed())
""",
    "names_and_scopes": '''
"""docstring"""
from __future__ import annotations
import inspect
class K:
    a = torch.ones(1)
    def f(self, x: int, *rest, flag=True, **kw):
        "doc"
        global shared
        shared = y = x * 2
        (u, *v), w = (1, 2, 3), 4
        return sorted(locals()), y
print(K().f(torch.ones(1)), K.f.__doc__, __doc__)
def gen():
    for i in range(2):
        z = yield i
print(list(gen()), inspect.getsource(gen))
for q in []: pass
else: r = 1
try: s = 1 / 0
except ZeroDivisionError as e: s = 2
match [1, 2]:
    case [a, b]: t = a
with open('/dev/null') as f1, open('/dev/null') as f2: n = 1
x: int
x: int = 3
x += 1
print(sorted(k for k in globals() if not k.startswith('_')), __name__)
''',
    "error_in_function": "def f(a):\n    b = a + 1\n    return b @ torch.ones(3, 4)\nf(torch.ones(2))\n",
    "traceback_printed_by_the_snippet": """
import traceback, logging
def f():
    return torch.ones(2) @ torch.ones(3, 4)
try:
    torch.nn.Sequential(torch.nn.Linear(2, 2))(torch.ones(3))
except RuntimeError:
    traceback.print_exc()
try:
    f()
except RuntimeError:
    logging.exception('failed')
    print(traceback.format_exc())
def stack():
    traceback.print_stack()
stack()
x = torch.ones(2, requires_grad=True)
y = x * 2
y.register_hook(lambda g: traceback.print_stack() or 1 / 0)
try:
    y.sum().backward()
except ZeroDivisionError:
    traceback.print_exc()
""",
    "input_is_empty": "try:\n    input('?')\nexcept EOFError as e:\n    print(e)\n",
    "exit_with_code": "import sys\nprint('before')\nsys.exit(3)\n",
    "exit_quietly": "raise SystemExit\n",
    "print_order": "import sys, os\nprint('a')\nprint('b', file=sys.stderr)\nos.write(1, b'c')\nsys.stdout.write('d')\n",
    "recursion": "def f(n):\n    x = n\n    return f(n + 1)\nf(0)\n",
    "amp": """
w = torch.randn(3, 3, requires_grad=True)
with torch.autocast('cpu', dtype=torch.bfloat16):
    y = (w @ w).sum()
y.backward()
print(y.dtype, w.grad.dtype)
""",
    "parametrizations": """
from torch import nn
from torch.nn.utils.parametrizations import weight_norm
m = weight_norm(nn.Linear(2, 2))
m(torch.ones(1, 2)).sum().backward()
print([n for n, p in m.named_parameters()])
""",
    "jit": """
import warnings
warnings.simplefilter('ignore')
@torch.jit.script
def f(x):
    return (x * 2).sin()
x = torch.ones(2, requires_grad=True)
f(x).sum().backward()
print(x.grad)
""",
    "meta_and_empty": "x = torch.empty(3, 0, requires_grad=True)\n(x * 2).sum().backward()\nm = torch.ones(2, device='meta', requires_grad=True)\n(m * 2).sum().backward()\nprint(m.grad)\n",
    "boolean_masks_and_index_put": """
x = torch.arange(6.).requires_grad_()
y = x * 1
y[y > 2] = 0
y[[0, 1]] *= 2
torch.where(x > 1, x, x * 0).sum().add(y.sum()).backward()
print(x.grad)
""",
    "item_round_trip": "x = torch.tensor(3., requires_grad=True)\ny = torch.tensor((x * 2).item(), requires_grad=True)\n(y * 2).backward()\nprint(x.grad, y.grad)\n",
    "numpy_round_trip": "x = torch.ones(2, requires_grad=True)\nn = (x * 3).detach().numpy()\ny = torch.from_numpy(n * 2)\nprint(y)\nx.numpy()\n",
    "deep_chain": "x = torch.ones(1, requires_grad=True)\ny = x\nfor i in range(3000):\n    y = y * 1.0001\ny.backward()\n",
    "empty": "",
    "comment_only": "# nothing\n",
    "syntax": "x = (1,\ny = 2\n",
    "indentation": "if True:\nx = 1\n",
}
SITUATIONS = {
    name: (
        "import torch\n" + code
        if not code.lstrip("\n").startswith('"""')
        else code.lstrip("\n").replace("import inspect\n", "import inspect, torch\n")
    )
    for name, code in SITUATIONS.items()
}
