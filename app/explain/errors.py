"""From the exception that ended the snippet to its finding. Pure.

A table from what an error says to a rule: exception type, beginning or part of the text (PyTorch 2.13's), rule. The
first row that fits and yields something wins; any other exception is told as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from app.explain import fixes, passes, python, roots
from app.explain.finding import find, short
from app.explain.index import Index
from app.explain.source import Source
from app.run import Finding, SnippetError

Rule = Callable[[Index, Source, SnippetError], Iterator[Finding]]


def explain_error(index: Index, source: Source, error: SnippetError) -> tuple[Finding, ...]:
    """What is known of the error, the finding for the error itself first."""
    for types, text, rule in RULES:
        if (not types or error.type in types) and re.search(text, error.message) is not None:
            found = tuple(rule(index, source, error))
            if found:
                return found
    return (
        find(
            "exception", "error", line=error.line, params={"type": error.type, "detail": short(error.message) or None}
        ),
    )


def _just(code: str) -> Rule:
    """A rule without parameters."""

    def rule(index: Index, source: Source, error: SnippetError) -> Iterator[Finding]:
        yield find(code, "error", line=error.line)

    return rule


def _told(code: str) -> Rule:
    """A rule that passes on what PyTorch says."""

    def rule(index: Index, source: Source, error: SnippetError) -> Iterator[Finding]:
        yield find(code, "error", line=error.line, params={"detail": short(error.message)})

    return rule


def _inplace_on_leaf(index: Index, source: Source, error: SnippetError) -> Iterator[Finding]:
    name = fixes.changed_name(source, error.line) or "a leaf"
    code = "inplace_on_leaf_view" if error.message.startswith("a view") else "inplace_on_leaf"
    fix = fixes.update_without_recording(source, error.line)
    yield find(code, "error", line=error.line, params={"name": name}, fix=fix if code == "inplace_on_leaf" else None)


def _integer_requires_grad(index: Index, source: Source, error: SnippetError) -> Iterator[Finding]:
    yield find("integer_requires_grad", "error", line=error.line, fix=fixes.floating_dtype(source, error.line))


def _numpy_of_grad(index: Index, source: Source, error: SnippetError) -> Iterator[Finding]:
    yield find("numpy_of_grad", "error", line=error.line, fix=fixes.detach_before_numpy(source, error.line))


SHAPES = (
    r"must match the size of tensor|shapes cannot be multiplied|is invalid for input of size|inconsistent tensor size"
    r"|Sizes of tensors must match|each tensor to be equal size|must be the same as input size|to match target"
    r"|size mismatch|expected .*input\[.*to have|doesn't match the broadcast shape|shape mismatch"
    r"|cannot be broadcast|Dimension out of range"
)
DTYPES = (
    r"have the same dtype|expected scalar type|Found dtype|should be the same dtype"
    r"|result type .* can't be cast"
)
NO_GPU = (
    r"^Torch not compiled with|^No CUDA GPUs|^Found no NVIDIA|on a CUDA device but torch\.cuda\.is_available"
    r"|with arguments from the '(CUDA|MPS|XPU)' backend|not linked with support for|^Cannot access accelerator device"
)
NETWORK_ERRORS = ("gaierror", "URLError", "ConnectionError", "ConnectionRefusedError", "timeout", "DistNetworkError")

TORCH: tuple[tuple[str, Rule], ...] = (
    (r"^element \d+ of tensors does not require grad and does not have a grad_fn", roots.root_has_no_graph),
    (r"^grad can be implicitly created only for", roots.non_scalar_root),
    (r"^Mismatch in shape: grad_output\[", passes.gradient_shape),
    (r"has been modified by an inplace operation", passes.inplace_modified),
    (r"^Trying to backward through the graph a second time", passes.backward_twice),
    (r"differentiated Tensors? .*appears to not have been used in the graph", passes.unused_input),
    (r"^One of the differentiated Tensors does not require grad", _just("input_needs_no_gradient")),
    (r"unction \w+ returned an invalid gradient at index", passes.custom_gradient_shape),
    (r"unction \w+ returned an incorrect number of gradients", passes.custom_gradient_count),
    (r"^You must implement either the backward or vjp", _just("custom_no_backward")),
    (r"^Legacy autograd function with non-static forward", _just("custom_legacy")),
    (r"^(hook .* has changed the|expected Variable, but hook returned|cannot register a hook on)", _told("hook_error")),
    (r"(^[Tt]he derivative for|^derivative for) .* is not implemented", _told("double_backward_unsupported")),
    (r"marked with @once_differentiable", _told("double_backward_unsupported")),
    (r"^a (view of a )?leaf Variable that requires grad is being used in an in-place", _inplace_on_leaf),
    (r"(is a view and is being modified inplace|A view was created in)", _just("inplace_on_view")),
    (r"^[Oo]nly Tensors of floating point", _integer_requires_grad),
    (r"^Can't call numpy\(\) on Tensor that requires grad", _numpy_of_grad),
    (
        r"^(Inference tensors cannot be|Inplace update to inference tensor|Setting requires_grad=True on inference)",
        _just("inference_tensor"),
    ),
    (r"^can't retain_grad on Tensor that has requires_grad=False", _just("retain_grad_no_grad")),
    (r"^can't optimize a non-leaf Tensor", _just("optimizer_non_leaf")),
    (r"^optimizer got an empty parameter list", _just("optimizer_empty")),
    (r"^Only Tensors created explicitly by the user", _just("deepcopy_non_leaf")),
    (r"^Can't detach views in-place", _just("detach_view_inplace")),
    (r"^you can only change requires_grad flags of leaf", _just("set_requires_grad_non_leaf")),
    (r"functions with out=\.\.\. arguments don't support automatic differentiation", _just("out_with_grad")),
    (r"^(attempting to assign a gradient|assigned grad has data)", _just("grad_assigned_wrong")),
    (r"can't allocate memory|[Oo]ut of memory", python.memory_limit),
    (SHAPES, _told("shape_error")),
    (DTYPES, _told("dtype_error")),
    (r"can't start new thread|^unable to open shared memory object", _just("process_refused")),
    (r"no internet connection|^Cannot resolve .* to a \(local\) address", _just("network_refused")),
    (r"^Parent directory .* does not exist|open file failed with strerror", _just("file_refused")),
    (r"^Ninja is required|C\+\+ compiler", _just("compiler_refused")),
    (NO_GPU, _just("no_gpu")),
)

PYTHON: tuple[tuple[tuple[str, ...], str, Rule], ...] = (
    (("SyntaxError", "IndentationError", "TabError"), "", python.syntax_error),
    (("InductorError",), r"not permitted|denied|[Nn]o such file|compiler", _just("compiler_refused")),
    (("NameError", "UnboundLocalError"), "name '", python.name_error),
    (("ModuleNotFoundError", "ImportError"), "", python.import_error),
    (("EOFError",), "reading", _just("input_eof")),
    (("BdbQuit",), "", _just("input_eof")),
    (("MemoryError",), "", python.memory_limit),
    (("RecursionError",), "", _just("recursion_error")),
    (("SystemExit",), "", python.exit_),
    (NETWORK_ERRORS, "", _just("network_refused")),
    (("PermissionError", "OSError", "BlockingIOError", "FileNotFoundError", "InterruptedError"), "", python.refused),
)

RULES: tuple[tuple[tuple[str, ...], str, Rule], ...] = (*PYTHON, *(((), text, rule) for text, rule in TORCH))
