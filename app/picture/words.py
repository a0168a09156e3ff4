"""The few words that stand in a picture, in both languages. PyTorch's own words stay English everywhere. Pure."""

from __future__ import annotations

from typing import Final

from app.picture.view import Language

_EN: Final = {
    "leaf": "leaf",
    "parameter": "parameter",
    "frozen": "frozen",
    "line": "line {n}",
    "lines": "lines {n}",
    "grad_norm": "grad norm {n}",
    "grad_none": "grad: None",
    "gradient_norm": "gradient norm {n}",
    "flow": "|g| {n}",
    "not_recorded": "not recorded",
    "use": "use {n} of {total}",
    "input": "{n} input",
    "inputs": "{n} inputs",
    "more": "… {n} more nodes",
    "one_more": "… 1 more node",
    "output": "output",
    "makes": "makes {names}",
    "shape": "shape {shape}",
    "not_run": "not run by this call",
    "graph": "Computation graph: {nodes} nodes, {edges} edges",
    "graph_cut": "Computation graph: {nodes} of {total} nodes shown, {edges} edges",
    "none_required": "no input requires grad",
    "inside": "inside {call}",
    "dtype": "{dtype} takes no gradient",
    "position": "[{n}]",
    "times": "× {n}",
    "key.op": "operation (grad_fn)",
    "key.custom": "custom autograd.Function",
    "key.output": "output: gradients start here",
    "key.leaf": "leaf tensor",
    "key.parameter": "leaf that is a parameter",
    "key.accumulate": "AccumulateGrad: writes .grad",
    "key.frozen": "frozen: requires_grad=False",
    "key.unrecorded": "not recorded by autograd",
    "key.nan": "gradient has NaN or Inf",
    "key.more": "nodes that are not drawn",
    "key.gradient": "gradient flows this way",
    "key.cut": "gradient stops here",
}
_ZH: Final = {
    "leaf": "叶子张量",
    "parameter": "参数",
    "frozen": "冻结",
    "line": "第 {n} 行",
    "lines": "第 {n} 行",
    "grad_norm": "梯度范数 {n}",
    "grad_none": "grad: None",
    "gradient_norm": "梯度范数 {n}",
    "flow": "|g| {n}",
    "not_recorded": "未记录",
    "use": "第 {n} 次使用,共 {total} 次",
    "input": "{n} 个输入",
    "inputs": "{n} 个输入",
    "more": "… 还有 {n} 个节点",
    "one_more": "… 还有 1 个节点",
    "output": "输出",
    "makes": "产生 {names}",
    "shape": "形状 {shape}",
    "not_run": "本次反向传播未执行",
    "graph": "计算图:{nodes} 个节点,{edges} 条边",
    "graph_cut": "计算图:共 {total} 个节点,显示 {nodes} 个,{edges} 条边",
    "none_required": "没有输入需要梯度",
    "inside": "在 {call} 内",
    "dtype": "{dtype} 不能有梯度",
    "position": "[{n}]",
    "times": "× {n}",
    "key.op": "运算 (grad_fn)",
    "key.custom": "自定义 autograd.Function",
    "key.output": "输出:梯度从这里开始",
    "key.leaf": "叶子张量",
    "key.parameter": "作为参数的叶子张量",
    "key.accumulate": "AccumulateGrad:写入 .grad",
    "key.frozen": "冻结:requires_grad=False",
    "key.unrecorded": "autograd 未记录",
    "key.nan": "梯度含 NaN 或 Inf",
    "key.more": "未画出的节点",
    "key.gradient": "梯度流动的方向",
    "key.cut": "梯度在此中断",
}
WORDS: Final[dict[Language, dict[str, str]]] = {"en": _EN, "zh": _ZH}


def say(language: Language, key: str, **values: object) -> str:
    """The words of `key`, with its placeholders filled."""
    return WORDS[language][key].format(**values)
