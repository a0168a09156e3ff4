"""Every code that `app.explain` may utter, with the parameters that are always there. Pure data.

`docs/findings.md` describes the codes for people, both catalogues hold their sentences; a test compares all three.
A code that ends in `_plain` stands in where a line or a name of the full sentence is not known.
"""

from __future__ import annotations

from typing import Final

PLAIN: Final = "_plain"

REASONS: Final[dict[str, tuple[str, ...]]] = {
    # nothing came by
    "no_backward": (),
    "stopped_early": ("line",),
    "stopped_early_plain": (),
    "backward_failed": ("call",),
    "backward_failed_plain": (),
    "only_autograd_grad": ("call",),
    "only_autograd_grad_plain": (),
    "not_among_inputs": ("call",),
    "not_among_inputs_plain": (),
    "backward_returned_none": ("function", "line"),
    "backward_returned_none_plain": (),
    "not_on_path": ("call", "used"),
    "not_on_path_plain": (),
    "unused": ("name",),
    "unused_or_cut": ("name", "how", "line"),
    "unused_or_cut_plain": ("name",),
    "cleared": ("line", "call"),
    "cleared_plain": (),
    # computed, not made by hand
    "non_leaf": ("name", "line", "made_by"),
    "non_leaf_plain": ("name",),
    "leaf_overwritten": ("name", "line", "leaf_line"),
    "leaf_unnamed": ("name", "line", "made_by"),
    # the way back is cut
    "cut_by_detach": ("line",),
    "cut_by_data": ("line",),
    "cut_by_item": ("line",),
    "cut_by_numpy": ("line",),
    "cut_by_rewrap": ("line",),
    "made_under_no_grad": ("line", "block"),
    "made_under_inference_mode": ("line", "block"),
    "cut_by_integer": ("line",),
    "not_differentiable": ("line", "operation"),
    "lost_by_update": ("name", "line"),
    "cut_plain": ("how",),
    # nobody asked for one
    "frozen": ("line",),
    "frozen_plain": (),
    "never_required": ("line",),
    "never_required_plain": (),
    "inputs_never_required": ("line", "inputs"),
    "integer_dtype": ("dtype",),
    "gone": (),
}

FINDINGS: Final[dict[str, tuple[str, ...]]] = {
    # backward() cannot start
    "root_has_no_graph": ("leaves", "made"),
    "root_has_no_graph_plain": (),
    "root_has_no_graph_cut": ("how", "cut"),
    "root_has_no_graph_frozen": ("leaves",),
    "create_graph_missing": ("call",),
    "non_scalar_root": ("shape",),
    "non_scalar_root_plain": (),
    "complex_root": ("dtype",),
    "gradient_shape": ("gradient", "output"),
    # backward() stops on its way
    "inplace_modified": ("name", "changed", "node", "saved_line"),
    "inplace_modified_plain": ("shape", "operation"),
    "backward_twice": ("first", "node", "node_line"),
    "backward_twice_loop": ("node", "node_line"),
    "backward_twice_plain": (),
    "unused_input": ("name",),
    "input_needs_no_gradient": (),
    "double_backward_unsupported": ("detail",),
    "custom_gradient_shape": ("function", "position", "got", "expected"),
    "custom_gradient_count": ("function", "expected", "got"),
    "custom_no_backward": (),
    "custom_legacy": (),
    "hook_error": ("detail",),
    # an operation refuses
    "inplace_on_leaf": ("name",),
    "inplace_on_leaf_view": ("name",),
    "inplace_on_view": (),
    "integer_requires_grad": (),
    "numpy_of_grad": (),
    "inference_tensor": (),
    "retain_grad_no_grad": (),
    "optimizer_non_leaf": (),
    "optimizer_empty": (),
    "deepcopy_non_leaf": (),
    "detach_view_inplace": (),
    "set_requires_grad_non_leaf": (),
    "out_with_grad": (),
    "grad_assigned_wrong": (),
    "shape_error": ("detail",),
    "dtype_error": ("detail",),
    # Python, and what the sandbox does not have
    "syntax_error": ("detail",),
    "name_error": ("name",),
    "import_error": ("module",),
    "network_refused": (),
    "file_refused": (),
    "process_refused": (),
    "input_eof": (),
    "recursion_error": (),
    "exit": ("status",),
    "exception": ("type", "detail"),
    "exception_plain": ("type",),
    # limits
    "time_limit": ("seconds",),
    "cpu_limit": ("seconds",),
    "memory_limit": ("megabytes",),
    "memory_limit_plain": (),
    "output_limit": ("kilobytes",),
    "result_limit": ("megabytes",),
    "other_limit": ("limit", "value"),
    "crashed": (),
    # it runs, but look
    "no_backward": (),
    "never_required": ("name", "line"),
    "non_leaf": ("name", "line"),
    "accumulated": ("name", "count"),
    "never_cleared": ("name", "count", "step"),
    "retained_twice": ("count",),
    "created_graph_kept": (),
    "unused_parameters": ("names", "count"),
    "nan_input": ("name",),
    "nan_forward": ("name", "node", "line"),
    "nan_forward_plain": ("name", "node"),
    "nan_gradient": ("node", "line"),
    "nan_gradient_plain": ("node",),
    "inf_gradient": ("node", "line"),
    "inf_gradient_plain": ("node",),
    "zero_gradient": ("names", "node", "line"),
    "zero_gradient_step": ("names", "node", "line"),
}

FIXES: Final[dict[str, tuple[str, ...]]] = {
    "root_has_no_graph": ("leaves",),
    "non_scalar_root": (),
    "inplace_modified": ("name",),
    "inplace_on_leaf": ("name",),
    "unused_input": ("name",),
    "integer_requires_grad": (),
    "numpy_of_grad": (),
    "name_error": ("name",),
    "no_backward": (),
    "never_required": ("name",),
    "non_leaf": ("name",),
}
"""Findings that may offer a change of the snippet, and the parameters of the sentence that proposes it."""
