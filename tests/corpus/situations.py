"""Snippets of our own for what the findings and reasons must say, each with what is expected of it."""

from __future__ import annotations

REASONS: dict[str, tuple[str, str, str, int | None]] = {
    # name: (snippet, tensor, reason code, line that the reason must name)
    "no_backward": ("import torch\nw = torch.ones(2, requires_grad=True)\ny = w * 3\n", "w", "no_backward", None),
    "stopped_early": ("import torch\nw = torch.ones(2, requires_grad=True)\n1 / 0\n", "w", "stopped_early", 3),
    "only_autograd_grad": (
        "import torch\nw = torch.ones(2, requires_grad=True)\ny = (w * w).sum()\n(g,) = torch.autograd.grad(y, w)\n",
        "w",
        "only_autograd_grad",
        4,
    ),
    "not_among_inputs": (
        "import torch\na = torch.ones(2, requires_grad=True)\nb = torch.ones(2, requires_grad=True)\n"
        "y = (a * b).sum()\ny.backward(inputs=[a])\n",
        "b",
        "not_among_inputs",
        5,
    ),
    "backward_returned_none": (
        "import torch\n\n\nclass Half(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, a, b):\n"
        "        return a + b\n\n    @staticmethod\n    def backward(ctx, g):\n        return g, None\n\n\n"
        "a = torch.ones(2, requires_grad=True)\nb = torch.ones(2, requires_grad=True)\n"
        "Half.apply(a, b).sum().backward()\n",
        "b",
        "backward_returned_none",
        16,
    ),
    "not_on_path": (
        "import torch\na = torch.ones(2, requires_grad=True)\nb = torch.ones(2, requires_grad=True)\n"
        "side = b * 2\nloss = a.sum()\nloss.backward()\n",
        "b",
        "not_on_path",
        4,
    ),
    "unused": (
        "import torch\na = torch.ones(2, requires_grad=True)\nb = torch.ones(2, requires_grad=True)\n"
        "a.sum().backward()\n",
        "b",
        "unused",
        None,
    ),
    "cleared": (
        "import torch\nw = torch.ones(2, requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\n"
        "(w * w).sum().backward()\nopt.step()\nopt.zero_grad()\n",
        "w",
        "cleared",
        6,
    ),
    "non_leaf": (
        "import torch\nx = torch.ones(2, requires_grad=True)\ny = x * 2\ny.sum().backward()\n",
        "y",
        "non_leaf",
        3,
    ),
    "leaf_overwritten": (
        "import torch\nx = torch.ones(2, requires_grad=True)\nx = x * 2\nx.sum().backward()\n",
        "x",
        "leaf_overwritten",
        3,
    ),
    "leaf_unnamed": (
        "import torch\nx = torch.ones(2, requires_grad=True).double()\nx.sum().backward()\n",
        "x",
        "leaf_unnamed",
        2,
    ),
    "cut_by_detach": (
        "import torch\na = torch.ones(2, requires_grad=True)\nb = torch.ones(2, requires_grad=True)\n"
        "h = a * 2\nd = h.detach()\n(d * b).sum().backward()\n",
        "a",
        "cut_by_detach",
        5,
    ),
    "unused_or_cut": (
        "import torch\na = torch.ones(2, requires_grad=True)\nb = torch.ones(2, requires_grad=True)\n"
        "d = (a * 2).detach()\n(d * b).sum().backward()\n",
        "a",
        "(cut_by_detach|unused_or_cut)",
        4,
    ),
    "cut_by_data": (
        "import torch\na = torch.ones(2, requires_grad=True)\nb = torch.ones(2, requires_grad=True)\n"
        "d = a.data\n(d * b).sum().backward()\n",
        "a",
        "cut_by_data",
        4,
    ),
    "cut_by_numpy": (
        "import torch\na = torch.ones(2, requires_grad=True)\nb = torch.ones(2, requires_grad=True)\n"
        "d = torch.tensor(a.detach().numpy())\n(b * d).sum().backward()\n",
        "a",
        "cut_by_(detach|numpy|rewrap)",
        4,
    ),
    "cut_by_rewrap": (
        "import warnings\nimport torch\nwarnings.simplefilter('ignore')\na = torch.ones(2, requires_grad=True)\n"
        "b = torch.ones(2, requires_grad=True)\nd = torch.tensor(a)\n(b * d).sum().backward()\n",
        "a",
        "cut_by_rewrap",
        6,
    ),
    "made_under_no_grad": (
        "import torch\nx = torch.ones(2, requires_grad=True)\nwith torch.no_grad():\n    y = x * 2\n",
        "y",
        "made_under_no_grad",
        3,
    ),
    "made_under_no_grad_by_decorator": (
        "import torch\n\n\n@torch.no_grad()\ndef twice(t):\n    return t * 2\n\n\n"
        "x = torch.ones(2, requires_grad=True)\ny = twice(x)\n",
        "y",
        "made_under_no_grad",
        4,
    ),
    "made_under_no_grad_by_switch": (
        "import torch\nx = torch.ones(2, requires_grad=True)\ntorch.set_grad_enabled(False)\ny = x * 2\n",
        "y",
        "made_under_no_grad",
        3,
    ),
    "made_under_inference_mode": (
        "import torch\nx = torch.ones(2, requires_grad=True)\nwith torch.inference_mode():\n    y = x * 2\n",
        "y",
        "made_under_inference_mode",
        3,
    ),
    "cut_by_integer": (
        "import torch\nx = torch.ones(2, requires_grad=True)\nk = (x * 3).long()\n",
        "k",
        "cut_by_integer",
        3,
    ),
    "not_differentiable": (
        "import torch\nx = torch.ones(2, requires_grad=True)\nk = x.argmax()\n",
        "k",
        "(not_differentiable|cut_by_integer)",
        3,
    ),
    "lost_by_update": (
        "import torch\nw = torch.ones(2, requires_grad=True)\n(w * w).sum().backward()\n"
        "with torch.no_grad():\n    w = w - 0.1 * w.grad\n",
        "w",
        "lost_by_update",
        5,
    ),
    "frozen": (
        "import torch\nlayer = torch.nn.Linear(2, 2)\nlayer.weight.requires_grad = False\n"
        "layer(torch.ones(1, 2)).sum().backward()\n",
        "layer.weight",
        "frozen",
        3,
    ),
    "never_required": ("import torch\nx = torch.ones(3)\n", "x", "never_required", 2),
    "inputs_never_required": (
        "import torch\nx = torch.ones(3)\ny = 3 * torch.dot(x, x)\ntry:\n    y.backward()\n"
        "except RuntimeError:\n    pass\n",
        "y",
        "inputs_never_required",
        3,
    ),
    "integer_dtype": ("import torch\nlabels = torch.tensor([1, 0])\n", "labels", "integer_dtype", None),
}

ERRORS: dict[str, tuple[str, str, int | None]] = {
    # name: (snippet, code of the first finding, its line)
    "root_has_no_graph": ("import torch\nx = torch.ones(3)\ny = x.sum()\ny.backward()\n", "root_has_no_graph", 4),
    "root_cut": (
        "import torch\nx = torch.ones(3, requires_grad=True)\ny = (x * 2).detach().sum()\ny.backward()\n",
        "root_has_no_graph_cut",
        4,
    ),
    "root_under_no_grad": (
        "import torch\nx = torch.ones(3, requires_grad=True)\nwith torch.no_grad():\n    y = x.sum()\ny.backward()\n",
        "root_has_no_graph_cut",
        5,
    ),
    "root_frozen": (
        "import torch\nm = torch.nn.Linear(2, 1)\nfor p in m.parameters():\n    p.requires_grad_(False)\n"
        "m(torch.ones(1, 2)).sum().backward()\n",
        "root_has_no_graph_frozen",
        5,
    ),
    "create_graph_missing": (
        "import torch\nx = torch.ones(3, requires_grad=True)\n(g,) = torch.autograd.grad((x**3).sum(), x)\n"
        "g.sum().backward()\n",
        "create_graph_missing",
        4,
    ),
    "non_scalar_root": (
        "import torch\nx = torch.ones(3, requires_grad=True)\ny = x * 2\ny.backward()\n",
        "non_scalar_root",
        4,
    ),
    "complex_root": (
        "import torch\nx = torch.ones((), dtype=torch.complex64, requires_grad=True)\ny = x * 2\ny.backward()\n",
        "complex_root",
        4,
    ),
    "gradient_shape": (
        "import torch\nx = torch.ones(3, requires_grad=True)\ny = x * 2\ny.backward(torch.ones(2))\n",
        "gradient_shape",
        4,
    ),
    "inplace_modified": (
        "import torch\nx = torch.ones(3, requires_grad=True)\ny = x.exp()\ny.mul_(2)\ny.sum().backward()\n",
        "inplace_modified",
        4,
    ),
    "inplace_by_optimizer": (
        "import torch\nw = torch.ones(3, requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\n"
        "loss = (w * w).sum()\nloss.backward(retain_graph=True)\nopt.step()\nloss.backward()\n",
        "inplace_modified",
        6,
    ),
    "inplace_on_leaf": ("import torch\nw = torch.ones(3, requires_grad=True)\nw += 1\n", "inplace_on_leaf", 3),
    "inplace_on_leaf_view": (
        "import torch\nw = torch.ones(3, requires_grad=True)\nw[0] = 2\n",
        "inplace_on_leaf_view",
        3,
    ),
    "inplace_on_view": (
        "import torch\nx = torch.ones(2, 3, requires_grad=True)\na, b = (x * 1).unbind()\na.mul_(2)\n",
        "inplace_on_view",
        4,
    ),
    "backward_twice": (
        "import torch\nx = torch.ones(3, requires_grad=True)\ny = x.exp()\ny.sum().backward()\n"
        "(y * 2).sum().backward()\n",
        "backward_twice",
        5,
    ),
    "backward_twice_loop": (
        "import torch\nw = torch.ones(2, requires_grad=True)\nh = torch.zeros(2)\nfor i in range(3):\n"
        "    h = torch.tanh(h * w + 1)\n    h.sum().backward()\n",
        "backward_twice_loop",
        6,
    ),
    "unused_input": (
        "import torch\na = torch.ones(2, requires_grad=True)\nb = torch.ones(2, requires_grad=True)\n"
        "torch.autograd.grad(a.sum(), [a, b])\n",
        "unused_input",
        4,
    ),
    "input_needs_no_gradient": (
        "import torch\na = torch.ones(2, requires_grad=True)\nb = torch.ones(2)\n"
        "torch.autograd.grad((a * b).sum(), [b])\n",
        "input_needs_no_gradient",
        4,
    ),
    "double_backward_unsupported": (
        "import torch\nfrom torch.autograd.function import once_differentiable\n\n\n"
        "class Sq(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x):\n"
        "        ctx.save_for_backward(x)\n        return x * x\n\n    @staticmethod\n    @once_differentiable\n"
        "    def backward(ctx, g):\n        return 2 * g * ctx.saved_tensors[0]\n\n\n"
        "x = torch.ones(2, requires_grad=True)\n"
        "(g,) = torch.autograd.grad((Sq.apply(x) ** 2).sum(), x, create_graph=True)\ng.sum().backward()\n",
        "double_backward_unsupported",
        19,
    ),
    "custom_gradient_count": (
        "import torch\n\n\nclass Two(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, a, b):\n"
        "        return a + b\n\n    @staticmethod\n    def backward(ctx, g):\n        return g\n\n\n"
        "a = torch.ones(2, requires_grad=True)\nTwo.apply(a, a).sum().backward()\n",
        "custom_gradient_count",
        None,
    ),
    "custom_gradient_shape": (
        "import torch\n\n\nclass Odd(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, a):\n"
        "        return a * 2\n\n    @staticmethod\n    def backward(ctx, g):\n        return g[:1].repeat(5)\n\n\n"
        "a = torch.ones(2, requires_grad=True)\nOdd.apply(a).sum().backward()\n",
        "custom_gradient_shape",
        None,
    ),
    "custom_no_backward": (
        "import torch\n\n\nclass No(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, a):\n"
        "        return a * 2\n\n\na = torch.ones(2, requires_grad=True)\nNo.apply(a).sum().backward()\n",
        "custom_no_backward",
        11,
    ),
    "hook_error": ("import torch\nx = torch.ones(2)\nx.register_hook(print)\n", "hook_error", 3),
    "integer_requires_grad": (
        "import torch\nx = torch.tensor([1, 2], requires_grad=True)\n",
        "integer_requires_grad",
        2,
    ),
    "numpy_of_grad": ("import torch\nx = torch.ones(2, requires_grad=True)\ny = x.numpy()\n", "numpy_of_grad", 3),
    "inference_tensor": (
        "import torch\nw = torch.ones(2, requires_grad=True)\nwith torch.inference_mode():\n    t = torch.ones(2)\n"
        "(w * t).sum().backward()\n",
        "inference_tensor",
        5,
    ),
    "retain_grad_no_grad": ("import torch\nx = torch.ones(2)\nx.retain_grad()\n", "retain_grad_no_grad", 3),
    "optimizer_non_leaf": (
        "import torch\nw = torch.ones(2, requires_grad=True) * 2\ntorch.optim.SGD([w], lr=1)\n",
        "optimizer_non_leaf",
        3,
    ),
    "optimizer_empty": ("import torch\ntorch.optim.SGD([], lr=1)\n", "optimizer_empty", 2),
    "deepcopy_non_leaf": (
        "import copy\nimport torch\ny = torch.ones(2, requires_grad=True) * 2\ncopy.deepcopy(y)\n",
        "deepcopy_non_leaf",
        4,
    ),
    "detach_view_inplace": (
        "import torch\nx = torch.ones(2, 2, requires_grad=True)\n(x * 1)[0].detach_()\n",
        "detach_view_inplace",
        3,
    ),
    "set_requires_grad_non_leaf": (
        "import torch\ny = torch.ones(2, requires_grad=True) * 2\ny.requires_grad = False\n",
        "set_requires_grad_non_leaf",
        3,
    ),
    "out_with_grad": (
        "import torch\nw = torch.ones(2, requires_grad=True)\ny = torch.empty(2)\ntorch.mul(w, 2, out=y)\n",
        "out_with_grad",
        4,
    ),
    "grad_assigned_wrong": (
        "import torch\nw = torch.ones(2, requires_grad=True)\nw.grad = torch.ones(7)\n",
        "grad_assigned_wrong",
        3,
    ),
    "shape_error": ("import torch\ntorch.ones(2, 3) @ torch.ones(2, 3)\n", "shape_error", 2),
    "shape_error_broadcast": ("import torch\ntorch.ones(3) + torch.ones(4)\n", "shape_error", 2),
    "shape_error_loss": (
        "import torch\ntorch.nn.functional.cross_entropy(torch.ones(3, 2), torch.tensor([0, 1]))\n",
        "shape_error",
        2,
    ),
    "dtype_error": (
        "import torch\ntorch.nn.Linear(2, 2)(torch.ones(1, 2, dtype=torch.float64))\n",
        "dtype_error",
        2,
    ),
    "syntax_error": ("import torch\nloss = (\n", "syntax_error", 2),
    "indentation": ("import torch\n  x = 1\n", "syntax_error", 2),
    "name_error": ("x = torch.ones(2)\n", "name_error", 1),
    "import_error": ("import surely_not_installed_here\n", "import_error", 1),
    "input_eof": ("n = input('n? ')\n", "input_eof", 1),
    "recursion_error": ("def f():\n    return f()\n\n\nf()\n", "recursion_error", None),
    "exit": ("import sys\nsys.exit(2)\n", "exit", 2),
    "exception": ("x = 1 / 0\n", "exception", 1),
}

WARNINGS: dict[str, tuple[str, str, int | None]] = {
    # name: (snippet, code of the first finding, its line); the runs end well
    "nan_forward": (
        "import torch\nx = torch.tensor([1.0, -1.0], requires_grad=True)\ny = torch.log(x)\nz = (y * x).sum()\n"
        "z.backward()\n",
        "nan_forward",
        3,
    ),
    "nan_gradient": (
        "import torch\nx = torch.zeros(2, requires_grad=True)\ny = (x.sqrt() * 0).sum()\ny.backward()\n",
        "nan_gradient",
        3,
    ),
    "inf_gradient": (
        "import torch\nx = torch.zeros(2, requires_grad=True)\ny = x.sqrt().sum()\ny.backward()\n",
        "inf_gradient",
        3,
    ),
    "nan_input": (
        "import torch\nx = torch.tensor([float('nan')], requires_grad=True)\n(x * 2).sum().backward()\n",
        "nan_input",
        2,
    ),
    "zero_gradient_step": (
        "import torch\nx = torch.ones(2, requires_grad=True)\ny = (x * 1.3).round()\ny.sum().backward()\n",
        "zero_gradient_step",
        3,
    ),
    "never_cleared": (
        "import torch\nw = torch.ones(2, requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\n"
        "for i in range(3):\n    (w * w).sum().backward()\n    opt.step()\n",
        "never_cleared",
        6,
    ),
    "never_cleared_by_hand": (
        "import torch\nw = torch.ones(2, requires_grad=True)\nfor i in range(3):\n    (w * w).sum().backward()\n"
        "    with torch.no_grad():\n        w -= 0.1 * w.grad\n",
        "never_cleared",
        6,
    ),
    "non_leaf_read": (
        "import torch\nx = torch.ones(2, requires_grad=True)\ny = x * 2\ny.sum().backward()\nprint(y.grad)\n",
        "non_leaf",
        3,
    ),
}

TOLD: dict[str, tuple[str, str]] = {
    # name: (snippet, code of an "info" finding that must be among the findings)
    "accumulated": (
        "import torch\nw = torch.ones(2, requires_grad=True)\n(w * w).sum().backward()\n(w * 3).sum().backward()\n",
        "accumulated",
    ),
    "zero_gradient": (
        "import torch\nx = -torch.ones(2)\nx.requires_grad_()\ntorch.relu(x).sum().backward()\n",
        "zero_gradient",
    ),
    "no_backward": ("import torch\nw = torch.ones(2, requires_grad=True)\nloss = w.sum()\n", "no_backward"),
    "retained_twice": (
        "import torch\nw = torch.ones(2, requires_grad=True)\nloss = (w + 1).sum()\nloss.backward()\nloss.backward()\n",
        "retained_twice",
    ),
    "created_graph_kept": (
        "import torch\nimport warnings\nwarnings.simplefilter('ignore')\nw = torch.ones(2, requires_grad=True)\n"
        "(w**3).sum().backward(create_graph=True)\n",
        "created_graph_kept",
    ),
    "unused_parameters": (
        "import torch\nfrom torch import nn\nm = nn.ModuleList([nn.Linear(2, 1), nn.Linear(2, 1)])\n"
        "m[0](torch.ones(1, 2)).sum().backward()\n",
        "unused_parameters",
    ),
}

ORDINARY: dict[str, str] = {
    "micro_batches": """
import torch
w = torch.ones(2, requires_grad=True)
opt = torch.optim.SGD([w], lr=0.1)
for step in range(2):
    for micro in range(3):
        loss = (w * micro).pow(2).sum() / 3
        loss.backward()
    opt.step()
    opt.zero_grad()
""",
    "micro_batches_once": """
import torch
w = torch.ones(2, requires_grad=True)
opt = torch.optim.SGD([w], lr=0.1)
for micro in range(3):
    ((w * micro).pow(2).sum() / 3).backward()
opt.step()
""",
    "frozen_backbone": """
import torch
from torch import nn
backbone, head = nn.Linear(4, 4), nn.Linear(4, 2)
backbone.requires_grad_(False)
opt = torch.optim.Adam(head.parameters(), lr=0.01)
for step in range(2):
    opt.zero_grad()
    nn.functional.cross_entropy(head(backbone(torch.randn(3, 4))), torch.tensor([0, 1, 1])).backward()
    opt.step()
""",
    "evaluation_under_no_grad": """
import torch
from torch import nn
model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
opt = torch.optim.SGD(model.parameters(), lr=0.01)
for epoch in range(2):
    model.train()
    opt.zero_grad()
    loss = model(torch.randn(5, 4)).pow(2).mean()
    loss.backward()
    opt.step()
    model.eval()
    with torch.no_grad():
        validation = model(torch.randn(5, 4)).pow(2).mean()
    print(epoch, loss.item(), validation.item())
""",
    "moving_average": """
import copy
import torch
model = torch.nn.Linear(3, 1)
average = copy.deepcopy(model)
for parameter in average.parameters():
    parameter.requires_grad_(False)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(3):
    opt.zero_grad()
    model(torch.randn(4, 3)).pow(2).mean().backward()
    opt.step()
    with torch.no_grad():
        for old, new in zip(average.parameters(), model.parameters()):
            old.mul_(0.9).add_(new, alpha=0.1)
""",
    "clipping": """
import torch
model = torch.nn.Linear(3, 1)
opt = torch.optim.AdamW(model.parameters(), lr=0.1)
for step in range(3):
    loss = model(torch.randn(4, 3)).pow(2).mean()
    opt.zero_grad(set_to_none=False)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
""",
    "two_optimizers": """
import torch
from torch import nn
maker, judge = nn.Linear(2, 2), nn.Linear(2, 1)
opt_maker = torch.optim.SGD(maker.parameters(), lr=0.1)
opt_judge = torch.optim.SGD(judge.parameters(), lr=0.1)
real = torch.randn(4, 2)
for step in range(2):
    fake = maker(torch.randn(4, 2))
    loss_judge = judge(fake.detach()).mean() - judge(real).mean()
    opt_judge.zero_grad()
    loss_judge.backward()
    opt_judge.step()
    loss_maker = -judge(fake).mean()
    opt_maker.zero_grad()
    loss_maker.backward()
    opt_maker.step()
""",
    "detached_target": """
import torch
net, frozen_copy = torch.nn.Linear(3, 1), torch.nn.Linear(3, 1)
frozen_copy.load_state_dict(net.state_dict())
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(2):
    state = torch.randn(4, 3)
    target = 1 + 0.9 * frozen_copy(state).detach()
    loss = torch.nn.functional.mse_loss(net(state), target)
    opt.zero_grad()
    loss.backward()
    opt.step()
""",
    "masked_attention": """
import torch
scores = torch.randn(3, 3, requires_grad=True)
hidden = torch.triu(torch.ones(3, 3, dtype=torch.bool), 1)
masked = scores.masked_fill(hidden, float('-inf'))
weights = masked.softmax(-1)
(weights @ torch.randn(3, 2)).pow(2).sum().backward()
""",
    "two_losses_by_hand": """
import torch
w = torch.ones(2, requires_grad=True)
for step in range(3):
    (w * 2).pow(2).sum().backward()
    (w * 3).pow(2).sum().backward()
    with torch.no_grad():
        w -= 0.01 * w.grad
    w.grad = None
""",
    "hidden_state_detached": """
import torch
cell = torch.nn.RNNCell(2, 3)
opt = torch.optim.SGD(cell.parameters(), lr=0.1)
state = torch.zeros(1, 3)
for step in range(3):
    state = cell(torch.randn(1, 2), state.detach())
    opt.zero_grad()
    state.sum().backward()
    opt.step()
""",
}
