"""From the text of an exception to its finding. The texts are PyTorch 2.13's own."""

import pytest

from app.explain import explain
from app.run import Finding, LimitReached, Run, SavedTensor, TensorMeta, TraceLine
from tests.unit.explain.build import accumulate, cut, error, flow, graph, history, leaf, node, run

NO_GRAPH = "element 0 of tensors does not require grad and does not have a grad_fn"
TWICE = "Trying to backward through the graph a second time (or directly access saved tensors after they have …)"
CHANGED = (
    "one of the variables needed for gradient computation has been modified by an inplace operation: "
    "[torch.FloatTensor [2]], which is output 0 of AddBackward0, is at version 1; expected version 0 instead."
)


def first(result: Run) -> Finding:
    return explain(result).findings[0]


TEXTS = [
    ("One of the differentiated Tensors does not require grad", "input_needs_no_gradient"),
    ("You must implement either the backward or vjp method for your custom autograd.Function", "custom_no_backward"),
    ("Legacy autograd function with non-static forward method is deprecated.", "custom_legacy"),
    ("hook '<lambda>' has changed the size of value", "hook_error"),
    ("expected Variable, but hook returned 'int'", "hook_error"),
    ("cannot register a hook on a tensor that doesn't require gradient", "hook_error"),
    ("derivative for aten::_ctc_loss_backward is not implemented", "double_backward_unsupported"),
    ("the derivative for 'geqrf' is not implemented.", "double_backward_unsupported"),
    (
        "trying to differentiate twice a function that was marked with @once_differentiable",
        "double_backward_unsupported",
    ),
    ("a leaf Variable that requires grad is being used in an in-place operation.", "inplace_on_leaf"),
    ("a view of a leaf Variable that requires grad is being used in an in-place operation.", "inplace_on_leaf_view"),
    ("Output 0 of Unbind is a view and is being modified inplace. This view is the output", "inplace_on_view"),
    ("A view was created in no_grad mode and is being modified inplace with grad mode", "inplace_on_view"),
    ("Only Tensors of floating point and complex dtype can require gradients", "integer_requires_grad"),
    ("only Tensors of floating point dtype can require gradients", "integer_requires_grad"),
    ("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.", "numpy_of_grad"),
    ("Inference tensors cannot be saved for backward. Please do not use Tensors created in", "inference_tensor"),
    ("Inplace update to inference tensor outside InferenceMode is not allowed.", "inference_tensor"),
    ("Setting requires_grad=True on inference tensor outside InferenceMode is not", "inference_tensor"),
    ("can't retain_grad on Tensor that has requires_grad=False", "retain_grad_no_grad"),
    ("can't optimize a non-leaf Tensor", "optimizer_non_leaf"),
    ("optimizer got an empty parameter list", "optimizer_empty"),
    ("Only Tensors created explicitly by the user (graph leaves) support the deepcopy", "deepcopy_non_leaf"),
    ("Can't detach views in-place. Use detach() instead.", "detach_view_inplace"),
    ("you can only change requires_grad flags of leaf variables.", "set_requires_grad_non_leaf"),
    ("mul(): functions with out=... arguments don't support automatic differentiation, but", "out_with_grad"),
    ("attempting to assign a gradient of size '[3]' to a tensor of size '[2]'.", "grad_assigned_wrong"),
    ("mat1 and mat2 shapes cannot be multiplied (3x4 and 5x2)", "shape_error"),
    ("The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 0", "shape_error"),
    ("shape '[7]' is invalid for input of size 6", "shape_error"),
    ("inconsistent tensor size, expected tensor [3] and src [4] to have the same number", "shape_error"),
    ("expected m1 and m2 to have the same dtype, but got: double != float", "dtype_error"),
    ("grad can be implicitly created only for real scalar outputs but got torch.complex64", "complex_root"),
    ("can't start new thread", "process_refused"),
    ("unable to open shared memory object </torch_8> in read-write mode: No such file or directory", "process_refused"),
    ("It looks like there is no internet connection and the repo could not be found in the cache", "network_refused"),
    ("Cannot resolve 127.0.0.1 to a (local) address", "network_refused"),
    ("Parent directory /tmp does not exist.", "file_refused"),
    ("[enforce fail at inline_container.cc:747] . open file failed with strerror: Permission denied", "file_refused"),
    ("Ninja is required to load C++ extensions (pip install ninja to get it)", "compiler_refused"),
    ("Torch not compiled with CUDA enabled", "no_gpu"),
    ("PyTorch is not linked with support for mps devices", "no_gpu"),
    ("Could not run 'aten::empty.memory_format' with arguments from the 'MPS' backend. This could be", "no_gpu"),
    ("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried", "memory_limit_plain"),
    ("something nobody has seen before", "exception"),
]


@pytest.mark.parametrize(("message", "code"), TEXTS)
def test_the_text_names_the_situation(message, code):
    found = first(run("y = 1\n", error=error(message, 1)))
    assert (found.code, found.severity, found.line) == (code, "error", 1)


def test_nothing_required_a_gradient_and_the_fix_is_offered_where_the_leaf_is_made():
    code = "import torch\n\nx = torch.ones(5)  # data\ny = 2 * torch.dot(x, x)\ny.backward()\n"
    nodes = [
        node(1, "unrecorded", "mul", line=4, tensors=(2,)),
        node(2, "unrecorded", "dot", line=4),
        node(3, "leaf", "x", tensors=(1,)),
    ]
    edges = [cut(1, 2, "none_required"), cut(2, 3, "none_required"), cut(2, 3, "none_required")]
    call = graph("backward", nodes, edges, roots=(1,), error="RuntimeError", line=5)
    x = leaf(1, "x", line=3, requires_grad=False)
    found = first(run(code, tensors=[x], graphs=[call], error=error(NO_GRAPH, 5)))
    assert (found.code, found.line, found.lines) == ("root_has_no_graph", 5, {"called": 5, "made": 3})
    assert found.fix is not None
    assert (found.fix.line, found.fix.text) == (3, "x = torch.ones(5, requires_grad=True)  # data")


def test_several_leaves_that_could_need_a_gradient_are_offered_one_by_one():
    code = "x = torch.ones(2)\nw = torch.randn(2)\n(w * x).sum().backward()\n"
    nodes = [node(1, "unrecorded", "sum"), node(2, "leaf", "w", tensors=(2,)), node(3, "leaf", "x", tensors=(1,))]
    edges = [cut(1, 2, "none_required"), cut(1, 3, "none_required")]
    call = graph("backward", nodes, edges, roots=(1,), error="RuntimeError")
    tensors = [leaf(1, "x", requires_grad=False), leaf(2, "w", requires_grad=False)]
    found = explain(run(code, tensors=tensors, graphs=[call], error=error(NO_GRAPH, 3))).findings
    assert [(f.code, f.severity) for f in found] == [("root_has_no_graph", "error")] + [("never_required", "info")] * 2
    assert found[0].fix is None
    assert {f.fix.line for f in found[1:] if f.fix} == {1, 2}


def test_a_root_that_was_cut_names_the_cut():
    nodes = [node(1, "unrecorded", "detach", line=4), node(2), accumulate(3, 1)]
    call = graph("backward", nodes, [cut(1, 2, "detach", 4), flow(2, 3)], roots=(1,), error="RuntimeError")
    found = first(run(tensors=[leaf(1, "w")], graphs=[call], error=error(NO_GRAPH, 5)))
    assert (found.code, found.params["how"], found.params["cut"]) == ("root_has_no_graph_cut", "detach()", 4)


def test_a_root_above_frozen_parameters_only():
    nodes = [node(1, "unrecorded", "linear"), node(2, "leaf", "weight", tensors=(1,))]
    call = graph("backward", nodes, [cut(1, 2, "none_required")], roots=(1,), error="RuntimeError")
    weight = leaf(1, "model.weight", requires_grad=False, is_parameter=True)
    found = first(run(tensors=[weight], graphs=[call], error=error(NO_GRAPH)))
    assert (found.code, found.params["leaves"]) == ("root_has_no_graph_frozen", "model.weight")


def test_without_a_captured_graph_the_sentence_is_plain():
    assert first(run(error=error(NO_GRAPH))).code == "root_has_no_graph_plain"


def test_a_root_with_several_elements_tells_its_shape_and_offers_a_sum():
    code = "y.backward()"
    call = graph("backward", [node(1, outputs=(TensorMeta((3, 2), "float32"),))], [], roots=(1,), error="RuntimeError")
    text = "grad can be implicitly created only for scalar outputs"
    found = first(run(code, graphs=[call], error=error(text, 1)))
    assert (found.code, found.params["shape"]) == ("non_scalar_root", "(3, 2)")
    assert found.fix is not None
    assert found.fix.text == "y.sum().backward()"


def test_in_place_names_victim_and_culprit():
    code = "g = torch.exp(r)\ng += 1\ng.sum().backward()\n"
    exp = node(2, name="ExpBackward0", line=1, saved=(SavedTensor("result", (2,), "float32", tensor=5),))
    g = leaf(5, "g", is_leaf=False, history=history(("modified_in_place", 2, 0)))
    call = graph("backward", [node(1), exp], [flow(1, 2)], roots=(1,), order=(1, 2), error="RuntimeError")
    found = first(run(code, tensors=[g], graphs=[call], error=error(CHANGED, 3)))
    assert (found.code, found.line) == ("inplace_modified", 2)
    assert found.lines == {"called": 3, "changed": 2, "saved": 1}
    assert found.fix is not None
    assert found.fix.text == "g = g + 1"


def test_in_place_without_a_known_victim_is_plain():
    found = first(run(error=error(CHANGED, 3)))
    assert (found.code, found.params["shape"]) == ("inplace_modified_plain", "(2,)")


def test_backward_twice_names_the_first_call_and_what_both_share():
    shared = node(7, name="SigmoidBackward0", line=2, saved=(SavedTensor("result", (2,), "float32", state="freed"),))
    calls = [
        graph("backward", [node(1), shared], [flow(1, 7)], id_=0, line=5, order=(1, 7), roots=(1,)),
        graph("backward", [node(2), shared], [flow(2, 7)], id_=1, line=6, roots=(2,), error="RuntimeError"),
    ]
    found = first(run(graphs=calls, error=error(TWICE, 6)))
    assert (found.code, found.params["first"]) == ("backward_twice", 5)
    assert (found.params["node"], found.params["node_line"]) == ("SigmoidBackward0", 2)


def test_backward_twice_from_one_line_is_a_loop():
    shared = node(7, line=2, saved=(SavedTensor("self", (2,), "float32"),))
    calls = [graph("backward", [shared], [], id_=i, line=6, order=(7,) if i == 0 else (), roots=(7,)) for i in (0, 1)]
    calls[1] = graph("backward", [shared], [], id_=1, line=6, roots=(7,), error="RuntimeError")
    assert first(run(graphs=calls, error=error(TWICE, 6))).code == "backward_twice_loop"


def test_an_unused_input_has_its_name():
    code = "torch.autograd.grad(y, [a, b])"
    text = "The differentiated Tensor at index 1 appears to not have been used in the graph. Set allow_unused=True"
    found = first(run(code, error=error(text, 1)))
    assert (found.code, found.params["name"]) == ("unused_input", "b")
    assert found.fix is not None
    assert found.fix.text == "torch.autograd.grad(y, [a, b], allow_unused=True)"


def test_custom_gradients_of_wrong_shape_and_number():
    shape = (
        "Function MineBackward returned an invalid gradient at index 0 - got [2] but expected shape compatible with [3]"
    )
    found = first(run(error=error(shape)))
    assert (found.code, found.params["got"], found.params["expected"]) == ("custom_gradient_shape", "[2]", "[3]")
    count = "function MineBackward returned an incorrect number of gradients (expected 2, got 1)"
    found = first(run(error=error(count)))
    assert (found.code, found.params["expected"], found.params["got"]) == ("custom_gradient_count", 2, 1)


def test_a_gradient_of_the_wrong_shape():
    text = (
        "Mismatch in shape: grad_output[0] has a shape of torch.Size([2]) and output[0] has a shape of torch.Size([3])."
    )
    found = first(run(error=error(text)))
    assert (found.code, found.params["gradient"], found.params["output"]) == ("gradient_shape", "(2,)", "(3,)")


PYTHON = [
    ("SyntaxError", "'(' was never closed", "", "syntax_error"),
    ("IndentationError", "unexpected indent", "", "syntax_error"),
    ("NameError", "name 'foo' is not defined", "", "name_error"),
    ("ModuleNotFoundError", "No module named 'pandas'", "", "import_error"),
    ("EOFError", "EOF when reading a line", "", "input_eof"),
    ("MemoryError", "", "", "memory_limit_plain"),
    ("RecursionError", "maximum recursion depth exceeded", "", "recursion_error"),
    ("PermissionError", "[Errno 13] Permission denied: '/etc/shadow'", "open('/etc/shadow')", "file_refused"),
    ("PermissionError", "[Errno 1] Operation not permitted", "s = socket.socket()", "network_refused"),
    ("gaierror", "[Errno -3] Temporary failure in name resolution", "", "network_refused"),
    ("BlockingIOError", "[Errno 11] Resource temporarily unavailable", "os.fork()", "process_refused"),
    ("PermissionError", "[Errno 1] Operation not permitted: 'ls'", "subprocess.run(['ls'])", "process_refused"),
    ("FileNotFoundError", "[Errno 2] No such file or directory: 'data.csv'", "open('data.csv')", "file_missing"),
    ("FileNotFoundError", "[Errno 2] No such file or directory: '/psm_1'", "SharedMemory(size=1)", "process_refused"),
    ("DistNetworkError", "The server socket has failed to bind.", "dist.init_process_group()", "network_refused"),
    ("InductorError", "PermissionError: [Errno 1] Operation not permitted", "f(x)", "compiler_refused"),
    ("SyntaxError", "invalid syntax", "!pip install tqdm", "notebook_line"),
    ("BdbQuit", "", "", "input_eof"),
    ("ValueError", "", "", "exception_plain"),
    ("ZeroDivisionError", "division by zero", "", "exception"),
]


@pytest.mark.parametrize(("type_", "message", "text", "code"), PYTHON)
def test_python_errors(type_, message, text, code):
    trace = (TraceLine(1, "<module>", text),) if text else ()
    assert first(run(error=error(message, 1, type_, traceback=trace))).code == code


def test_a_refusal_without_a_name_is_told_by_what_the_snippet_uses():
    seen = error("[Errno 1] Operation not permitted", 2, "PermissionError", traceback=(TraceLine(2, "f", "p.start()"),))
    found = first(run(code="from multiprocessing import Process as P\np.start()\n", error=seen))
    assert (found.code, found.params["certainty"]) == ("process_refused", "likely")
    assert first(run(code="p.start()\n", error=seen)).code == "exception"


def test_where_there_are_no_paths_no_file_is_called_missing():
    seen = error("[Errno 2] No such file or directory: 'x.txt'", 1, "FileNotFoundError")
    assert first(run(error=seen, sandbox=("no_paths",))).code == "file_refused"


def test_exit_is_no_error_of_the_snippet():
    found = first(run(error=error("2", 1, "SystemExit")))
    assert (found.code, found.severity, found.params["status"]) == ("exit", "info", "2")


LIMITS = [
    ("wall_seconds", 10.0, "time_limit", {"seconds": 10.0}),
    ("cpu_seconds", 10.0, "cpu_limit", {"seconds": 10.0}),
    ("memory_bytes", 2.0**31, "memory_limit", {"megabytes": 2048}),
    ("output_bytes", 2.0**18, "output_limit", {"kilobytes": 256}),
    ("result_bytes", 2.0**26, "result_limit", {"megabytes": 64}),
    ("nodes", 7.0, "other_limit", {"limit": "nodes", "value": 7.0}),
]


@pytest.mark.parametrize(("name", "value", "code", "params"), LIMITS)
def test_a_limit_is_named_with_its_value_and_line(name, value, code, params):
    found = first(run(status="killed", limit=LimitReached(name, value), last_line=3))
    assert (found.code, found.line) == (code, 3)
    assert params.items() <= found.params.items()


def test_a_worker_that_died_is_told():
    assert first(run(status="killed")).code == "crashed"
