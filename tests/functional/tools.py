"""What engineers paste: compilers, profilers, threads, files, Python's own library. Pure data."""

from __future__ import annotations

from typing import Final

from tests.functional.case import Case

COMPILERS: Final = (
    Case(
        "torch.compile with the eager backend",
        """
import torch
x = torch.ones(3, requires_grad=True)
f = torch.compile(lambda v: (v.sin() + v.cos()).sum(), backend="eager")
f(x).backward()
print(x.grad)
""",
        reads=True,
        node="SinBackward0",
        prints="tensor([-0.3012, -0.3012, -0.3012])",
    ),
    Case(
        "torch.compile of a module with aot_eager",
        """
import torch
model = torch.compile(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU()), backend="aot_eager")
x = torch.ones(1, 2, requires_grad=True)
model(x).sum().backward()
print(x.grad.shape)
""",
        reads=True,
        node="CompiledFunctionBackward",
        prints="torch.Size([1, 2])",
    ),
    Case(
        "torch.compile as it comes",
        """
import torch
x = torch.ones(3, requires_grad=True)

@torch.compile
def f(v):
    return (v.sin() + v.cos()).sum()

f(x).backward()
""",
        reads=True,
        status="error",
        finding="compiler_refused",
    ),
    Case(
        "torch.export",
        """
import torch
program = torch.export.export(torch.nn.Linear(2, 1), (torch.ones(3, 2),))
print(program.graph_signature.user_inputs, program.module()(torch.ones(3, 2)).shape)
""",
        prints="torch.Size([3, 1])",
    ),
    Case(
        "torch.fx",
        """
import torch, torch.fx

class Net(torch.nn.Module):
    def forward(self, x):
        return torch.relu(x) * 2

traced = torch.fx.symbolic_trace(Net())
print(traced.code)
x = torch.ones(2, requires_grad=True)
traced(x).sum().backward()
print([n.op for n in traced.graph.nodes], x.grad)
""",
        node="ReluBackward0",
        prints="tensor([2., 2.])",
    ),
    Case(
        "torch.jit.trace",
        """
import torch, warnings
warnings.simplefilter("ignore")
traced = torch.jit.trace(lambda x: x.exp() * 2, torch.ones(2))
x = torch.zeros(2, requires_grad=True)
traced(x).sum().backward()
print(x.grad)
""",
        prints="tensor([2., 2.])",
    ),
    Case(
        "torch.jit.script",
        """
import torch, warnings
warnings.simplefilter("ignore")

@torch.jit.script
def f(x: torch.Tensor, n: int) -> torch.Tensor:
    for _ in range(n):
        x = x * 2
    return x

x = torch.ones(2, requires_grad=True)
f(x, 3).sum().backward()
print(x.grad)
""",
        prints="tensor([8., 8.])",
    ),
    Case(
        "torch.profiler",
        """
import torch
from torch.profiler import ProfilerActivity, profile, record_function
with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as told:
    with record_function("mine"):
        x = torch.ones(10, 10, requires_grad=True)
        (x @ x).sum().backward()
listed = "mine" in told.key_averages().table(sort_by="cpu_time_total", row_limit=50)
with torch.autograd.profiler.profile() as old:
    torch.ones(2) + 1
print(listed, len(old.function_events) > 0)
""",
        node="MmBackward0",
        prints="True True",
    ),
    Case(
        "flop counter and benchmark timer",
        """
import torch
from torch.utils.benchmark import Timer
from torch.utils.flop_counter import FlopCounterMode
with FlopCounterMode(display=False) as counter:
    (torch.ones(4, 4) @ torch.ones(4, 4)).sum()
print(counter.get_total_flops(), Timer("x + 1", "import torch; x = torch.ones(2)").timeit(10).mean > 0)
""",
        prints="128 True",
    ),
)

CONCURRENCY: Final = (
    Case(
        "threads",
        """
import threading, torch
w = torch.ones(2, requires_grad=True)
lock = threading.Lock()

def work(n):
    with lock:
        (w * n).sum().backward()

threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(w.grad)
""",
        node="MulBackward0",
        prints="tensor([6., 6.])",
    ),
    Case(
        "ThreadPoolExecutor",
        """
import torch
from concurrent.futures import ThreadPoolExecutor, as_completed
with ThreadPoolExecutor(max_workers=4) as pool:
    print(sum(pool.map(lambda n: torch.full((2,), float(n)).sum().item(), range(5))))
    print(sorted(f.result() for f in as_completed([pool.submit(pow, 2, n) for n in range(3)])))
""",
        prints="20.0\n[1, 2, 4]",
    ),
    Case(
        "several threads of PyTorch",
        """
import torch
torch.set_num_threads(2)
x = torch.randn(300, 300, requires_grad=True)
(x @ x).sum().backward()
print(torch.get_num_threads(), x.grad.shape)
""",
        node="MmBackward0",
        prints="2 torch.Size([300, 300])",
    ),
    Case(
        "asyncio",
        """
import asyncio, torch

async def one(n):
    await asyncio.sleep(0.01)
    return n * n

async def main():
    async with asyncio.timeout(5):
        print(await asyncio.gather(*(one(n) for n in range(3))), await asyncio.to_thread(pow, 2, 5))

asyncio.run(main())
""",
        prints="[0, 1, 4] 32",
    ),
    Case(
        "DataLoader with workers",
        """
import torch
from torch.utils.data import DataLoader, TensorDataset
w = torch.ones(1, requires_grad=True)
loader = DataLoader(TensorDataset(torch.ones(4, 1)), batch_size=2, num_workers=2, timeout=5, persistent_workers=True,
                    prefetch_factor=4, multiprocessing_context="spawn")
for epoch in range(2):
    for x, in loader:
        (x * w).sum().backward()
print(w.grad)
""",
        prints="tensor([8.])",
        says="<snippet>:8: UserWarning: this sandbox starts no processes",
    ),
    Case(
        "multiprocessing",
        """
import multiprocessing

def work():
    print("never")

worker = multiprocessing.Process(target=work)
worker.start()
worker.join()
""",
        status="error",
        finding="process_refused",
    ),
    Case(
        "pool of processes",
        """
from multiprocessing import Pool
with Pool(2) as pool:
    print(pool.map(abs, [-1, 2]))
""",
        status="error",
        finding="process_refused",
    ),
    Case(
        "torch.multiprocessing",
        """
import torch, torch.multiprocessing as mp
if __name__ == "__main__":
    mp.spawn(print, nprocs=2)
""",
        status="error",
        finding="process_refused",
    ),
    Case(
        "ProcessPoolExecutor",
        """
from concurrent.futures import ProcessPoolExecutor
with ProcessPoolExecutor() as pool:
    print(list(pool.map(abs, [-1])))
""",
        status="error",
        finding="process_refused",
    ),
    Case(
        "shared memory",
        "import torch\ntorch.ones(2).share_memory_()\n",
        status="error",
        finding="process_refused",
    ),
    Case(
        "shared memory of Python",
        "from multiprocessing.shared_memory import SharedMemory\nSharedMemory(create=True, size=10)\n",
        status="error",
        finding="process_refused",
    ),
    Case(
        "an extension in C++",
        """
from torch.utils.cpp_extension import load_inline
load_inline("m", cpp_sources="torch::Tensor f(torch::Tensor x) { return x.sin(); }", functions=["f"])
""",
        writes=True,
        status="error",
        finding="compiler_refused",
    ),
    Case(
        "DataParallel without a GPU",
        """
import torch
model = torch.nn.DataParallel(torch.nn.Linear(1, 1))
model(torch.ones(1, 1)).sum().backward()
print(model.module.weight.grad)
""",
        node="AddmmBackward0",
        prints="tensor([[1.]])",
    ),
    Case("subprocess", "import subprocess\nsubprocess.run(['ls'])\n", status="error", finding="process_refused"),
    Case(
        "os.system is refused and its status tells",
        "import os\nprint(os.system('ls') != 0)\n",
        prints="True",
    ),
    Case(
        "time.sleep and timing",
        """
import time
began = time.perf_counter()
time.sleep(0.1)
print(time.perf_counter() - began >= 0.1, time.strftime("%Y") > "2000")
""",
        prints="True True",
    ),
    Case(
        "a network request",
        """
import urllib.request
urllib.request.urlopen("http://example.org").read()
""",
        status="error",
        finding="network_refused",
    ),
    Case(
        "torch.hub",
        """
import torch
model = torch.hub.load("pytorch/vision", "resnet18")
""",
        status="error",
        finding="network_refused",
    ),
    Case(
        "distributed",
        """
import torch.distributed as dist
dist.init_process_group("gloo", rank=0, world_size=1, init_method="tcp://127.0.0.1:29500")
""",
        status="error",
        finding="network_refused",
    ),
    Case(
        "GPU when there is one, else CPU",
        """
import torch
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
x = torch.ones(2, device=device, requires_grad=True)
x.sum().backward()
print(device, x.grad)
""",
        prints="cpu tensor([1., 1.])",
    ),
    Case(
        "GPU without asking",
        """
import torch
x = torch.ones(2, device="cuda")
""",
        status="error",
        finding="no_gpu",
    ),
    Case("Apple's GPU", "import torch\ntorch.ones(2).to('mps')\n", status="error", finding="no_gpu"),
    Case(
        "model to GPU without asking",
        """
import torch
model = torch.nn.Linear(1, 1).cuda()
""",
        status="error",
        finding="no_gpu",
    ),
)
