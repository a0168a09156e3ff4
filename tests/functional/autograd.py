"""What teachers paste to show autograd itself and the transforms around it. Pure data."""

from __future__ import annotations

from typing import Final

from tests.functional.case import Case

AUTOGRAD: Final = (
    Case(
        "custom Function",
        """
import torch

class Exp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        result = x.exp()
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx, gradient):
        result, = ctx.saved_tensors
        return gradient * result

x = torch.tensor(1.0, requires_grad=True)
Exp.apply(x).backward()
print(f"{x.grad.item():.3f}")
print(torch.autograd.gradcheck(Exp.apply, torch.randn(3, dtype=torch.double, requires_grad=True)))
""",
        node="ExpBackward",
        prints="2.718\nTrue",
    ),
    Case(
        "custom Function with setup_context and vmap",
        """
import torch

class Cube(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x ** 3

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, gradient):
        x, = ctx.saved_tensors
        return 3 * x ** 2 * gradient

x = torch.tensor([1.0, 2.0], requires_grad=True)
Cube.apply(x).sum().backward()
print(x.grad, torch.func.vmap(torch.func.grad(Cube.apply))(x.detach()))
""",
        node="CubeBackward",
        prints="tensor([ 3., 12.]) tensor([ 3., 12.])",
    ),
    Case(
        "hooks on tensors, gradients and modules",
        """
import torch
from torch import nn
model = nn.Linear(2, 1)
model.register_forward_pre_hook(lambda module, args: print("before forward"))
model.register_forward_hook(lambda module, args, output: print("after forward"))
model.register_full_backward_hook(lambda module, grad_input, grad_output: print("module", grad_output[0].tolist()))
model.weight.register_post_accumulate_grad_hook(lambda p: print("accumulated", p.grad.tolist()))
x = torch.ones(1, 2, requires_grad=True)
y = model(x)
y.register_hook(lambda g: g * 2)
y.grad_fn.register_hook(lambda grad_inputs, grad_outputs: print("node", len(grad_outputs)))
y.grad_fn.register_prehook(lambda grad_outputs: None)
y.backward()
""",
        node="BackwardHookFunctionBackward",
        prints="accumulated [[2.0, 2.0]]",
    ),
    Case(
        "hooks on saved tensors",
        """
import torch
x = torch.ones(3, requires_grad=True)
with torch.autograd.graph.saved_tensors_hooks(lambda t: (print("pack"), t)[1], lambda t: (print("unpack"), t)[1]):
    y = (x * x).sum()
with torch.autograd.graph.save_on_cpu():
    y = y + x.exp().sum()
y.backward()
print(x.grad)
""",
        node="MulBackward0",
        prints="unpack",
    ),
    Case(
        "multi-grad hook and graph inspection",
        """
import torch
a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
torch.autograd.graph.register_multi_grad_hook((a, b), lambda grads: print("both", len(grads)))
loss = (a * b).sum()
print(loss.grad_fn.next_functions[0][0].name(), loss.grad_fn.next_functions[0][0]._saved_self is b)
loss.backward()
""",
        node="MulBackward0",
        prints="both 2",
    ),
    Case(
        "double backward",
        """
import torch
x = torch.tensor(2.0, requires_grad=True)
first, = torch.autograd.grad(x ** 3, x, create_graph=True)
second, = torch.autograd.grad(first, x, retain_graph=True)
print(first.item(), second.item())
penalty = (first - 1) ** 2
penalty.backward()
print(x.grad)
""",
        node="PowBackward0",
        prints="12.0 12.0",
    ),
    Case(
        "torch.func: grad, vmap, jacrev, jacfwd, hessian, jvp, vjp, functional_call",
        """
import torch
from torch.func import functional_call, grad, grad_and_value, hessian, jacfwd, jacrev, jvp, vjp, vmap
f = lambda x: (x ** 3).sum()
x = torch.tensor([1.0, 2.0])
print(grad(f)(x), vmap(grad(f))(torch.ones(3, 2)).shape)
print(hessian(f)(x))
print(torch.equal(jacrev(torch.sin)(x), jacfwd(torch.sin)(x)), jvp(f, (x,), (x,))[1], vjp(f, x)[1](torch.tensor(1.0)))
model = torch.nn.Linear(2, 1)
parameters = {name: p.detach() for name, p in model.named_parameters()}
loss = lambda parameters, x: functional_call(model, parameters, (x,)).sum()
print(vmap(grad(loss), (None, 0))(parameters, torch.ones(5, 2))["weight"].shape)
""",
        prints="torch.Size([5, 1, 2])",
    ),
    Case(
        "torch.autograd.functional",
        """
import torch
from torch.autograd import functional
f = lambda x: (x ** 3).sum()
x = torch.tensor([1.0, 2.0])
print(functional.jacobian(torch.exp, x).shape, functional.hessian(f, x))
print(functional.vhp(f, x, x)[1], functional.jvp(f, x, x)[1])
""",
        prints="tensor([ 6., 24.]) tensor(27.)",
    ),
    Case(
        "forward mode",
        """
import torch, torch.autograd.forward_ad as fwAD
with fwAD.dual_level():
    dual = fwAD.make_dual(torch.tensor(2.0), torch.tensor(1.0))
    print(fwAD.unpack_dual(dual ** 3).tangent)
""",
        prints="tensor(12.)",
    ),
    Case(
        "checkpoint, reentrant",
        """
import torch
from torch.utils.checkpoint import checkpoint
layer = torch.nn.Linear(3, 3)
x = torch.ones(2, 3, requires_grad=True)
y = checkpoint(lambda v: torch.relu(layer(v)), x, use_reentrant=True)
y.sum().backward()
print(x.grad.shape, layer.weight.grad.shape)
""",
        node="CheckpointFunctionBackward",
        prints="torch.Size([2, 3]) torch.Size([3, 3])",
    ),
    Case(
        "checkpoint, not reentrant",
        """
import torch
from torch.utils.checkpoint import checkpoint, checkpoint_sequential
layers = torch.nn.Sequential(*[torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Tanh()) for _ in range(4)])
x = torch.ones(2, 3, requires_grad=True)
y = checkpoint(lambda v: torch.sigmoid(layers[0](v)), x, use_reentrant=False)
y = checkpoint_sequential(layers, 2, y, use_reentrant=False)
y.sum().backward()
print(x.grad.shape)
""",
        node="SigmoidBackward0",
        prints="torch.Size([2, 3])",
    ),
    Case(
        "gradcheck and gradgradcheck",
        """
import torch
x = torch.randn(3, dtype=torch.double, requires_grad=True)
f = lambda x: (x.sin() * x).sum()
print(torch.autograd.gradcheck(f, x), torch.autograd.gradgradcheck(f, x))
""",
        prints="True True",
    ),
    Case(
        "anomaly mode",
        """
import torch
with torch.autograd.detect_anomaly(check_nan=True):
    x = torch.zeros(1, requires_grad=True)
    y = (x.sqrt() * 0).sum()
    y.backward()
""",
        status="error",
        node="SqrtBackward0",
        finding="exception",
        prints="",
    ),
    Case(
        "grad modes as decorators and context managers",
        """
import torch
x = torch.ones(1, requires_grad=True)

@torch.no_grad()
def frozen(v):
    return v * 2

with torch.set_grad_enabled(False):
    off = x * 3
with torch.no_grad(), torch.enable_grad():
    on = x * 4
on.backward()
print(frozen(x).requires_grad, off.requires_grad, x.grad)
""",
        node="MulBackward0",
        prints="False False tensor([4.])",
    ),
    Case(
        "complex numbers",
        """
import torch
z = torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)
(torch.fft.fft(z).abs() ** 2).sum().backward()
print(z.grad, torch.view_as_real(z).shape, torch.linalg.eigvals(torch.eye(2)).dtype)
""",
        node="FftC2CBackward0",
        prints="torch.Size([2, 2]) torch.complex64",
    ),
    Case(
        "sparse",
        """
import torch, warnings
warnings.simplefilter("ignore")
s = torch.sparse_coo_tensor([[0, 1], [1, 0]], [3.0, 4.0], (2, 2), requires_grad=True)
d = torch.ones(2, 2, requires_grad=True)
torch.sparse.mm(s, d).sum().backward()
embedding = torch.nn.Embedding(5, 2, sparse=True)
embedding(torch.tensor([1, 1])).sum().backward()
print(d.grad, s.grad.layout, embedding.weight.grad.is_sparse, torch.eye(3).to_sparse_csr().layout)
""",
        node="SparseAddmmBackward0",
        prints="torch.sparse_coo True torch.sparse_csr",
    ),
    Case(
        "linear algebra, einsum and sorting",
        """
import torch
a = torch.tensor([[2.0, 1.0], [1.0, 3.0]], requires_grad=True)
values, vectors = torch.linalg.eigh(a)
loss = values.sum() + torch.linalg.det(a) + torch.linalg.svd(a).S.sum()
loss = loss + torch.linalg.solve(a, torch.ones(2)).sum()
loss = loss + torch.einsum("ij,jk->ik", a, a).trace() + torch.topk(a.flatten(), 2).values.sum()
loss.backward()
print(a.grad.shape)
""",
        node="LinalgEighBackward0",
        prints="torch.Size([2, 2])",
    ),
    Case(
        "autocast",
        """
import torch
layer = torch.nn.Linear(4, 2)
with torch.autocast("cpu", dtype=torch.bfloat16):
    y = layer(torch.ones(1, 4))
    loss = y.float().pow(2).sum()
loss.backward()
print(y.dtype, layer.weight.grad.dtype)
""",
        node="ToCopyBackward0",
        prints="torch.bfloat16 torch.float32",
    ),
    Case(
        "Tensor subclass and __torch_function__",
        """
import torch

class Named(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return super().__torch_function__(func, types, args, kwargs or {})

x = torch.ones(2).as_subclass(Named).requires_grad_()
y = (x * 3).sum()
y.backward()
print(type(y).__name__, x.grad.tolist())
""",
        node="MulBackward0",
        prints="Named [3.0, 3.0]",
    ),
    Case(
        "dispatch mode",
        """
import torch
from torch.utils._python_dispatch import TorchDispatchMode

class Log(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        print(func)
        return func(*args, **(kwargs or {}))

x = torch.ones(2, requires_grad=True)
with Log():
    y = (x * 2).sum()
    y.backward()
""",
        node="MulBackward0",
        prints="aten.mul.Tensor",
    ),
    Case(
        "the same seed gives the same numbers",
        """
import random, numpy, torch
torch.manual_seed(7); a = torch.rand(3); torch.manual_seed(7); b = torch.rand(3)
g = torch.Generator().manual_seed(1)
print(torch.equal(a, b), torch.rand(1, generator=g).item() == torch.rand(1, generator=g.manual_seed(1)).item())
random.seed(1); numpy.random.seed(1)
print(random.random(), numpy.random.default_rng(0).random())
""",
        prints="True True\n0.13436424411240122 0.6369616873214543",
    ),
    Case(
        "NumPy there and back",
        """
import numpy as np, torch
a = np.arange(6, dtype=np.float32).reshape(2, 3)
x = torch.from_numpy(a).requires_grad_()
y = (x * torch.as_tensor(np.ones((2, 3), dtype=np.float32))).sum()
y.backward()
print(x.grad.numpy().sum(), x.detach().numpy() is not a, np.asarray(x.detach()).dtype)
print(np.linalg.inv(np.eye(2)), np.fft.fft(a).shape)
""",
        node="MulBackward0",
        prints="6.0 True float32",
    ),
    Case(
        "big tensors printed",
        """
import torch
x = torch.arange(1_000_000.0).reshape(1000, 1000)
print(x)
torch.set_printoptions(precision=2, sci_mode=False, linewidth=120)
print(torch.randn(40, 40, requires_grad=True))
print(torch.ones(2, 3).requires_grad_() * 2)
""",
        prints="grad_fn=<MulBackward0>",
    ),
)
