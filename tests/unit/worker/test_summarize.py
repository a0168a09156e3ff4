"""Numbers of tensors: right, bounded, never in the way."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from app.worker.summarize import summarize


@pytest.mark.parametrize("shape", [(5,), (3, 4), (64,), (65,), (10, 20), (600, 500)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.int64, torch.bool])
def test_statistics_equal_pytorchs(shape, dtype):
    tensor = (torch.randn(shape) * 3).to(dtype)
    found, wide = summarize(tensor, 10), tensor.double()
    if found.sampled:
        wide = wide.flatten()[:: wide.numel() // 65_536]
    assert found.norm == pytest.approx(wide.norm().item(), rel=1e-6)
    assert (found.min, found.max) == (wide.min().item(), wide.max().item())
    assert found.mean == pytest.approx(wide.mean().item(), abs=1e-9)
    assert found.std == pytest.approx(wide.std(correction=0).item(), rel=1e-6)
    assert found.zeros == int((wide == 0).sum())
    assert sum(found.histogram.counts) == wide.numel()
    assert len(found.histogram.edges) == len(found.histogram.counts) + 1 <= 21


@given(st.lists(st.floats(width=32), min_size=1, max_size=100))
@settings(max_examples=60, deadline=None)
def test_whatever_floats_there_are_nothing_breaks(values):
    found = summarize(torch.tensor(values), 100)
    assert found.nans == sum(map(math.isnan, values))
    assert found.infs == sum(map(math.isinf, values))
    if found.histogram:
        assert sum(found.histogram.counts) == len(values) - found.nans - found.infs
    assert [v if isinstance(v, float) else None for v in found.preview] == [
        pytest.approx(v) if math.isfinite(v) else None for v in values
    ]


@pytest.mark.parametrize("shape", [(), (7,), (30, 30), (3, 50, 2), (2, 2, 2, 2, 2), (1, 500)])
@pytest.mark.parametrize("limit", [1, 9, 100])
def test_the_preview_is_the_leading_corner(shape, limit):
    tensor = torch.arange(math.prod(shape)).reshape(shape)
    found = summarize(tensor, limit)
    corner = tensor[tuple(slice(n) for n in found.preview_shape)] if shape else tensor
    assert found.preview == tuple(corner.flatten().tolist())
    assert len(found.preview) <= limit
    assert found.truncated == (len(found.preview) < tensor.numel())


def test_a_large_tensor_is_sampled_without_a_copy():
    turned = torch.ones(4000, 1, 3000).expand(4000, 50, 3000).transpose(0, 2)
    found = summarize(turned, 10)
    assert found.sampled
    assert (found.min, found.max, found.mean) == (1.0, 1.0, 1.0)


def test_complex_numbers_are_pairs():
    found = summarize(torch.tensor([3 + 4j, 0j]), 10)
    assert (found.preview, found.norm, found.min, found.zeros) == (((3.0, 4.0), (0.0, 0.0)), 5.0, None, 1)


def test_looking_draws_no_random_numbers_and_records_nothing():
    tensor = torch.randn(100, requires_grad=True)
    state, version = torch.get_rng_state(), tensor._version
    summarize(tensor, 10)
    assert torch.equal(torch.get_rng_state(), state)
    assert tensor._version == version
    assert torch.is_grad_enabled()


def test_wrapped_tensors_of_transforms_are_described_by_their_shape():
    found = []
    torch.func.vmap(lambda row: found.append(summarize(row, 10)) or row)(torch.ones(3, 2))
    assert (found[0].shape, found[0].norm) == ((2,), None)
