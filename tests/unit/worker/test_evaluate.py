"""A run as a whole: streams, limits, stopping early, leaving everything as it was."""

# ruff: noqa: E501 - a snippet is easier to read whole
from __future__ import annotations

import builtins
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
import warnings

import pytest
import torch

from app.protocol import Finished, GraphCaptured, Job, Limits, encode
from app.worker.evaluate import Evaluation, warm_up
from tests.unit.worker.seen import see

STOPPED = """
import os, signal, sys, time
from app.protocol import Job, Limits, encode
from app.worker.evaluate import Evaluation
messages = []
evaluation = Evaluation(Job(sys.argv[1], 0, Limits()), lambda m: messages.append(encode(m)))
def stop(number, frame):
    began = time.perf_counter()
    evaluation.stop_early(frame)
    evaluation.stop_early(frame)
    os.write(1, b"\\n".join([*messages, b"%d" % ((time.perf_counter() - began) * 1000)]))
    os._exit(0)
signal.signal(signal.SIGUSR1, stop)
signal.setitimer(signal.ITIMER_REAL, 0)
import threading
threading.Timer(float(sys.argv[2]), os.kill, (os.getpid(), signal.SIGUSR1)).start()
evaluation.run()
"""
LOOP = """
import torch
x = torch.ones(3, requires_grad=True)
(x * 2).sum().backward()
y = x.exp()
while True:
    y = y * 1.0
"""
BACKWARD = """
import torch
x = torch.ones(3, requires_grad=True)
y = x.exp()
y.register_hook(lambda g: [g for _ in iter(int, 1)])
y.sum().backward()
"""


def stopped_run(code):
    command = [sys.executable, "-c", STOPPED, code, "1.0"]
    lines = subprocess.run(command, capture_output=True, timeout=120, check=True).stdout.splitlines()
    return lines[:-1], int(lines[-1])


def test_output_is_written_in_order_and_at_once(capfd):
    see(
        "import sys, os\nprint('a')\nprint('b', file=sys.stderr)\nos.write(1, b'c')\nsys.stdout.write('d')\nos.write(1, b'e')"
    )
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("a\ncde", "b\n")


def test_a_thread_that_fails_is_printed_without_our_frames(capfd):
    see("import threading\ndef f(): torch.ones(2) @ torch.ones(3)\nthreading.Thread(target=f, name='w').start()")
    printed = capfd.readouterr().err
    assert printed.startswith("Exception in thread w:\nTraceback")
    assert 'File "<snippet>", line 3, in f' in printed
    assert "app/worker" not in printed


def test_input_finds_nothing():
    assert see("input('?')").finished.error.type == "EOFError"


def test_the_snippet_is_the_main_module():
    run = see("""
import pickle, inspect, sys
from dataclasses import dataclass
@dataclass
class Box:
    v: int
assert __name__ == '__main__' and sys.modules['__main__'].Box is Box
assert pickle.loads(pickle.dumps(Box(3))) == Box(3)
assert 'class Box' in inspect.getsource(Box)
""")
    assert run.finished.error is None


def test_seeds_reach_every_generator():
    code = "import random, numpy\nx = torch.tensor([torch.rand(1).item(), random.random(), numpy.random.rand()])"
    values = [see(code, seed=seed).tensor("x").values.preview for seed in (1, 1, 2, 2**63 - 1)]
    assert values[0] == values[1]
    assert len({*values}) == 3


def test_everything_is_as_it_was_afterwards():
    def state():
        return (torch.autograd._engine_run_backward, torch.nn.Module.__call__, threading.Thread.run, sys.stdout,
                sys.modules["__main__"], torch.autograd.Function.__dict__["apply"].__func__, traceback.walk_tb,
                warnings._showwarnmsg, warnings.warn, torch.overrides._get_current_function_mode_stack())  # fmt: skip

    before = state()
    see("x = torch.ones(1, requires_grad=True)\nx.backward()\nraise ValueError")
    assert state() == before


def test_warming_up_leaves_no_thread_and_no_state(capfd):
    threads = threading.active_count()
    warm_up()
    assert threading.active_count() == threads
    assert capfd.readouterr() == ("", "")
    assert torch.is_grad_enabled()


def test_a_graph_is_told_when_its_call_ends_and_not_later():
    told = []
    builtins.told_so_far = lambda: [type(m).__name__ for m in told]
    code = "import torch\nx = torch.ones(1, requires_grad=True)\n(x * 2).backward()\nassert told_so_far() == ['GraphCaptured']"
    try:
        Evaluation(Job(code, 0, Limits()), told.append).run()
    finally:
        del builtins.told_so_far
    assert told[-1].error is None


def test_calls_beyond_the_limit_are_counted_and_the_last_is_shown():
    run = see(
        "w = torch.ones(1, requires_grad=True)\nfor i in range(10):\n    loss = (w * i).sum()\n    loss.backward()",
        graphs=3,
    )
    assert [(g.id, g.kind) for g in run.graphs] == [(0, "backward"), (1, "backward"), (2, "backward"), (9, "backward")]
    assert run.finished.truncated.graphs
    assert run.names(3) == ["SumBackward0", "MulBackward0", "AccumulateGrad"]
    assert run.node("MulBackward0", 3).line == 4


def test_a_call_that_fails_beyond_the_limit_is_shown():
    run = see(
        "w = torch.ones(1, requires_grad=True)\nfor i in range(9):\n    y = w.exp()\n    if i == 8: y.mul_(2)\n    y.backward()",
        graphs=2,
    )
    assert run.graphs[-1].error == "RuntimeError"
    assert "ExpBackward0" in run.names(2)


def test_nodes_beyond_the_limit_are_counted():
    run = see("x = torch.ones(1, requires_grad=True)\ny = x\nfor i in range(50): y = y * 2\ny.backward()", nodes=20)
    assert (len(run.graphs[0].nodes), run.graphs[0].total_nodes, run.graphs[0].total_edges) == (20, 51, 50)
    assert run.finished.truncated.nodes
    assert run.tensor("x").grad.preview == (2.0**50,)


def test_events_beyond_the_limit_still_tell_their_lines():
    run = see(
        "x = torch.ones(1, requires_grad=True)\ny = x\nfor i in range(300): y = y * 2\nz = y.exp()\nz.backward()",
        events=100,
    )
    assert run.finished.truncated.events
    assert run.node("ExpBackward0").line == 5


def test_a_chain_of_ten_thousand_steps():
    run = see("x = torch.ones(1, requires_grad=True)\ny = x\nfor i in range(10000): y = y + 1\ny.backward()")
    assert (len(run.graphs[0].nodes), run.faults) == (10001, [])


def test_progress_tells_the_line_now_and_then():
    run = see(
        "x = torch.ones(1)\nimport time\nend = time.monotonic() + 0.5\nwhile time.monotonic() < end:\n    x = x * 1"
    )
    assert 1 <= len(run.progress) <= 6
    assert {p.line for p in run.progress} == {6}


@pytest.mark.parametrize(
    ("code", "line", "graphs"), [(LOOP, (6, 7), 2), (BACKWARD, (5,), 1), ("while True: pass", (1,), 0)]
)
def test_stopping_early_tells_what_there_is(code, line, graphs):
    from app.protocol import decode_from_child

    lines, milliseconds = stopped_run(code)
    messages = [decode_from_child(text) for text in lines]
    finished = messages[-1]
    assert isinstance(finished, Finished)
    assert finished.stopped
    assert finished.last_line in line
    assert sum(isinstance(m, GraphCaptured) for m in messages) == graphs
    assert sum(isinstance(m, Finished) for m in messages) == 1
    assert milliseconds < 5000


def test_messages_fit_the_wire():
    run = see("x = torch.randn(300, 300, requires_grad=True)\n(x @ x).relu().sum().backward()")
    assert max(len(encode(m)) for m in run.messages) < 50_000


def test_the_signal_handlers_of_the_process_are_left_alone():
    before = signal.getsignal(signal.SIGUSR1)
    see("x = 1")
    assert signal.getsignal(signal.SIGUSR1) is before
    assert os.getpid()
    assert time.monotonic()


def test_a_warning_that_points_up_the_stack_is_shown_once_and_at_the_line_it_means():
    with pytest.warns(UserWarning, match="Full backward hook") as caught:
        see("""
model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
for part in model:
    part.register_full_backward_hook(lambda module, inputs, outputs: [torch.fft.fft(outputs[0])] and None)
model(torch.ones(4, 2)).sum().backward()
""")
    assert [(w.filename, w.lineno) for w in caught if "Full backward hook" in str(w.message)] == [("<snippet>", 6)]
