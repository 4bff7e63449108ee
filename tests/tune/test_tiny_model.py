import pytest
import torch

from labkit.tune.muon import orthogonalize
from labkit.tune.tiny_model import TinyModel, TinyModelConfig, unit_norm

CONFIG = TinyModelConfig(
    vocab_size=50, hidden_size=32, num_layers=2, num_heads=2, num_kv_heads=1, head_size=16, ffn_size=48
)


@pytest.fixture
def model() -> TinyModel:
    torch.manual_seed(0)
    model = TinyModel(CONFIG)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return model


def test_conversations_in_one_batch_do_not_see_each_other(model: TinyModel):
    first, second = torch.arange(7), torch.arange(20, 29)
    alone = model(second, [9], torch.arange(9))
    together = model(torch.cat((first, second)), [7, 9], torch.arange(7, 16))
    assert torch.allclose(alone, together, atol=1e-5)


def test_a_position_does_not_see_what_follows(model: TinyModel):
    tokens = torch.arange(8)
    changed = tokens.clone()
    changed[5:] = 40
    assert torch.allclose(model(tokens, [8], torch.arange(5)), model(changed, [8], torch.arange(5)), atol=1e-6)


def test_gradients_are_those_of_finite_differences(model: TinyModel):
    double = model.double()
    double.cos, double.sin = double.cos.double(), double.sin.double()
    tokens, positions = torch.arange(6), torch.tensor([3, 5])
    parameter = double.model.layers[0].self_attn.q_proj.weight
    (gradient,) = torch.autograd.grad(double(tokens, [6], positions).square().sum(), [parameter])
    step = 1e-6
    for row, column in ((0, 0), (5, 7), (20, 3)):
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                parameter[row, column] += sign * step
                values.append(double(tokens, [6], positions).square().sum().item())
                parameter[row, column] -= sign * step
        assert (values[0] - values[1]) / (2 * step) == pytest.approx(gradient[row, column].item(), rel=1e-3, abs=1e-7)


def test_the_unit_norm_has_a_root_mean_square_of_one():
    x = torch.randn(4, 16) * 7
    assert unit_norm(x, 1e-6).square().mean(dim=-1).tolist() == pytest.approx([1.0] * 4, rel=1e-4)


def test_orthogonalized_matrices_have_singular_values_near_one():
    for shape in ((3, 16, 40), (2, 40, 16)):
        values = torch.linalg.svdvals(orthogonalize(torch.randn(shape)))
        assert values.min() > 0.4
        assert values.max() < 1.4
