"""Layers with a state instead of a cache: Mamba, Mamba 2, gated delta net, short convolution.

Decays are negative numbers, spread evenly between bounds that keep the sign: a state that grows would end in
infinities after some hundred tokens.
"""

from labkit.engine.synthetic.shape import RecurrentShape, SyntheticShape
from labkit.engine.synthetic.tensors import Part, TensorPlan, bias, matrix, norm

CONVOLUTION_DEVIATION = 0.5


def _convolution(state: RecurrentShape, channels: int) -> TensorPlan:
    return TensorPlan("ssm_conv1d.weight", (state.conv_kernel, channels), 0.0, CONVOLUTION_DEVIATION)


def _decay(*dimensions: int, mean: float = -2.0) -> TensorPlan:
    return TensorPlan("ssm_a", dimensions, mean, -mean / 2)


def _step(size: int) -> TensorPlan:
    """Time steps: softplus of about -2 is 0.13."""
    return TensorPlan("ssm_dt.bias", (size,), -2.0, 0.5)


def mamba(shape: SyntheticShape) -> Part:
    """The first Mamba: one state for each channel."""
    state, hidden = shape.required_recurrent, shape.hidden_size
    inner, rank = state.inner_size, state.num_state_heads
    yield matrix("ssm_in", hidden, 2 * inner)
    yield _convolution(state, inner)
    yield bias("ssm_conv1d", inner)
    yield matrix("ssm_x", inner, rank + 2 * state.state_size)
    yield matrix("ssm_dt", rank, inner)
    yield _step(inner)
    yield _decay(state.state_size, inner)
    yield TensorPlan("ssm_d", (inner,), 1.0, 0.1)
    yield matrix("ssm_out", inner, hidden)


def mamba2(shape: SyntheticShape) -> Part:
    """Mamba 2: heads with one decay each, groups that share inputs."""
    state, hidden = shape.required_recurrent, shape.hidden_size
    inner, heads = state.inner_size, state.num_state_heads
    channels = inner + 2 * state.num_groups * state.state_size
    yield matrix("ssm_in", hidden, inner + channels + heads)
    yield _convolution(state, channels)
    yield bias("ssm_conv1d", channels)
    yield _step(heads)
    yield _decay(1, heads)
    yield TensorPlan("ssm_d", (1, heads), 1.0, 0.1)
    yield TensorPlan("ssm_norm.weight", (inner // state.num_groups, state.num_groups), 1.0, 0.1)
    yield matrix("ssm_out", inner, hidden)


def delta_net(shape: SyntheticShape, *, alpha_and_beta_together: bool) -> Part:
    """Gated delta net: linear attention whose state is corrected, not only added to."""
    state, hidden = shape.required_recurrent, shape.hidden_size
    heads, values = state.num_state_heads, state.inner_size
    channels = values + 2 * state.num_groups * state.state_size
    yield matrix("attn_qkv", hidden, channels)
    yield matrix("attn_gate", hidden, values)
    yield _convolution(state, channels)
    yield _step(heads)
    yield _decay(heads, mean=-0.5)
    if alpha_and_beta_together:
        yield matrix("ssm_ba", hidden, 2 * heads)
    else:
        yield matrix("ssm_alpha", hidden, heads)
        yield matrix("ssm_beta", hidden, heads)
    yield norm("ssm_norm", state.state_size)
    yield matrix("ssm_out", values, hidden)


def short_convolution(shape: SyntheticShape) -> Part:
    """LFM2: a gated convolution over the last few inputs."""
    state, hidden = shape.required_recurrent, shape.hidden_size
    yield TensorPlan("shortconv.conv.weight", (state.conv_kernel, hidden), 0.0, CONVOLUTION_DEVIATION)
    yield matrix("shortconv.in_proj", hidden, 3 * hidden)
    yield matrix("shortconv.out_proj", hidden, hidden)
