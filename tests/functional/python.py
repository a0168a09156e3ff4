"""What engineers paste of Python's own: files, input, packages, text. Pure data."""

from __future__ import annotations

from typing import Final

from tests.functional.case import Case

FILES: Final = (
    Case(
        "save and load in the working folder",
        """
import torch
model = torch.nn.Linear(2, 1)
torch.save(model.state_dict(), "model.pt")
model.load_state_dict(torch.load("model.pt"))
model(torch.ones(1, 2)).sum().backward()
print(sorted(torch.load("model.pt", weights_only=True)))
""",
        node="AddmmBackward0",
        writes=True,
        prints="['bias', 'weight']",
    ),
    Case(
        "saving elsewhere",
        "import torch\ntorch.save(torch.ones(3), '/tmp/x.pt')\n",
        status="error",
        finding="file_refused",
    ),
    Case(
        "save and load in memory",
        """
import io, torch
buffer = io.BytesIO()
torch.save({"w": torch.ones(2)}, buffer)
buffer.seek(0)
print(torch.load(buffer))
""",
        prints="{'w': tensor([1., 1.])}",
    ),
    Case(
        "open for writing and reading",
        """
with open("x.txt", "w") as file:
    file.write("häuser\\n")
with open("x.txt", "a") as file:
    print("more", file=file)
print(open("x.txt").read().split())
""",
        writes=True,
        prints="['häuser', 'more']",
    ),
    Case(
        "tempfile, pathlib, csv, json, pickle, shutil",
        """
import csv, json, os, pickle, shutil, tempfile
from pathlib import Path
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "deep" / "a.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"a": 1}))
    print(json.loads(path.read_text()), [p.name for p in Path(folder).rglob("*")])
with tempfile.NamedTemporaryFile("w+") as file:
    csv.writer(file).writerow([1, 2])
    file.seek(0)
    print(next(csv.reader(file)))
with tempfile.TemporaryFile() as file:
    pickle.dump([1], file)
Path("b.txt").write_text("b")
shutil.copyfile("b.txt", "c.txt")
os.rename("c.txt", "d.txt")
print(sorted(os.listdir(".")), Path.cwd().is_dir(), Path("d.txt").exists())
shutil.rmtree("sub", ignore_errors=True)
""",
        writes=True,
        prints="['1', '2']",
    ),
    Case(
        "np.save and np.load",
        """
import numpy as np
np.save("a.npy", np.ones(2))
np.savetxt("a.csv", np.eye(2), delimiter=",")
print(np.load("a.npy"), np.loadtxt("a.csv", delimiter=",").shape)
""",
        writes=True,
        prints="[1. 1.] (2, 2)",
    ),
    Case("a file that is not there", "open('data.csv').read()\n", status="error", finding="file_missing", reads=True),
    Case(
        "a file of the system cannot be read",
        "try:\n    open('/etc/shadow').read()\nexcept OSError:\n    print('no')\n",
        prints="no",
    ),
    Case("writing elsewhere", "open('/x.txt', 'w')\n", status="error", finding="file_refused"),
    Case(
        "TensorBoard",
        "from torch.utils.tensorboard import SummaryWriter\n",
        status="error",
        finding="import_error",
    ),
)

PACKAGES: Final = tuple(
    Case(f"{name} is not there", f"import torch\nimport {name}\n", status="error", finding="import_error")
    for name in ("matplotlib.pyplot as plt", "tqdm", "torchvision", "transformers", "pandas", "seaborn", "sklearn")
)

PYTHON: Final = (
    Case(
        "dataclasses, typing, enum, functools",
        """
from __future__ import annotations
import collections, enum, functools, itertools, typing
from dataclasses import asdict, dataclass, field
from typing import Generic, NamedTuple, Optional, Protocol, TypeVar
import torch

T = TypeVar("T")

@dataclass(frozen=True)
class Config(Generic[T]):
    width: int = 3
    names: list[str] = field(default_factory=list)

class Batch(NamedTuple):
    x: torch.Tensor
    y: Optional[torch.Tensor] = None

class Kind(enum.Enum):
    A = 1

print(asdict(Config()), Batch(torch.ones(1)).y, Kind.A, typing.get_type_hints(Config)["width"])
""",
        prints="{'width': 3, 'names': []} None Kind.A <class 'int'>",
    ),
    Case(
        "logging, warnings and traceback",
        """
import logging, traceback, warnings
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
logging.getLogger(__name__).info("hello")
warnings.warn("careful")
try:
    1 / 0
except ZeroDivisionError:
    traceback.print_exc()
""",
        prints="INFO hello",
    ),
    Case(
        "argparse without arguments",
        """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
args = parser.parse_args()
print(args.lr)
""",
        prints="0.1",
    ),
    Case(
        "main",
        """
import torch

def main():
    x = torch.ones(2, requires_grad=True)
    (x * 2).sum().backward()
    print(x.grad)

if __name__ == "__main__":
    main()
""",
        node="MulBackward0",
        prints="tensor([2., 2.])",
    ),
    Case(
        "identifiers of all scripts",
        """
import torch
θ = torch.tensor(2.0, requires_grad=True)
损失 = θ ** 2
损失.backward()
print("∂损失/∂θ =", θ.grad.item(), "🙂")
""",
        node="PowBackward0",
        prints="∂损失/∂θ = 4.0 🙂",
    ),
    Case("breakpoint()", "x = 1\nbreakpoint()\ny = 2\n", status="error", finding="input_eof"),
    Case("a cell of a notebook", "!pip install tqdm\nimport torch\n", status="error", finding="notebook_line"),
    Case("input()", "n = int(input('how many? '))\n", status="error", finding="input_eof"),
    Case("sys.exit", "import sys\nprint('done')\nsys.exit()\n", prints="done"),
    Case(
        "pickle and copy of the snippet's own classes",
        """
import copy, pickle

class Point:
    def __init__(self, x):
        self.x = x

print(pickle.loads(pickle.dumps(Point(3))).x, copy.deepcopy(Point(4)).x)
""",
        prints="3 4",
    ),
    Case(
        "inspect and getsource",
        """
import inspect, torch

def f(x):
    return x * 2

print(inspect.signature(f), inspect.getsource(f).splitlines()[0])
""",
        prints="(x) def f(x):",
    ),
    Case(
        "recursion and generators",
        """
import functools, torch

@functools.cache
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

x = torch.ones(1, requires_grad=True)
y = x
for _ in range(2000):
    y = y + 0.001
y.backward()
print(fib(80), x.grad)
""",
        node="AddBackward0",
        prints="23416728348467685 tensor([1.])",
    ),
    Case(
        "the rest of the standard library",
        """
import abc, array, base64, bisect, calendar, collections, contextlib, datetime, decimal, difflib, fractions, getpass
import glob, gzip, hashlib, heapq, html, locale, operator, os, platform, pprint, queue, re, secrets, shlex, signal
import sqlite3, statistics, string, struct, textwrap, timeit, types, uuid, weakref, xml.etree.ElementTree, zlib
import zoneinfo, gc, ctypes, copyreg, http.client, email.message, unittest.mock, doctest, ast, dis, tokenize, lzma, bz2
print(hashlib.sha256(b"").hexdigest()[:6], datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc).year)
print(os.cpu_count() >= 1, platform.python_version() > "3", uuid.uuid4().version, os.path.join("a", "b"))
""",
        prints="e3b0c4 2020\nTrue True 4 a/b",
    ),
    Case(
        "unittest",
        """
import unittest, torch

class Test(unittest.TestCase):
    def test_sum(self):
        self.assertEqual(torch.ones(2).sum().item(), 2)

unittest.main(argv=["x"], exit=False)
""",
        prints="OK",
    ),
    Case(
        "environment",
        """
import os, sys
os.environ["CUDA_VISIBLE_DEVICES"] = ""
print(os.environ.get("HOME") is not None, sys.version_info >= (3, 11), len(sys.argv), sys.stdin.read() == "")
""",
        prints="True 1 True",
    ),
)
