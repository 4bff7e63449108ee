import pytest

from labkit.engine.synthetic import TINY, plan_synthetic, write_tiny
from labkit.engine.synthetic.container import tensor_bytes
from labkit.estimate import weights_of_file
from labkit.estimate.work import layer_work, token_work
from labkit.gguf import file_facts, read_header
from labkit.model import LayerMemory, ModelArchitecture


@pytest.fixture
def work_of(tmp_path):
    def make(kind, **more):
        facts = file_facts(read_header(write_tiny(kind, tmp_path / f"{kind}.gguf", **more)))
        return token_work(facts.architecture, weights_of_file(facts))

    return make


@pytest.mark.parametrize(
    ("kind", "layers"),
    [
        ("dense", {"attention": 4}),
        ("moe", {"attention": 4}),
        ("hybrid", {"attention": 2, "mamba2": 2}),
        ("delta_net", {"attention": 1, "delta_net": 3}),
        ("shortconv", {"attention": 2, "shortconv": 2}),
    ],
)
def test_layers_are_counted_by_kind(work_of, kind, layers):
    found = {}
    for layer in work_of(kind).layers:
        found[layer.kind] = found.get(layer.kind, 0) + layer.count
    assert found == layers


def test_windows_bound_the_cells(work_of):
    windows = {layer.window_tokens: layer.count for layer in work_of("sliding").layers}
    assert windows == {64: 5, None: 1}
    inside = next(layer for layer in work_of("sliding").layers if layer.window_tokens)
    assert (inside.cells(10), inside.cells(1000)) == (10, 64)


def test_every_byte_that_a_token_reads_has_a_type(work_of):
    plan = plan_synthetic(TINY["dense"], "Q4_K_M")
    read = sum(tensor_bytes(row.dimensions, kind) for row, kind in plan.tensors)
    work = work_of("dense", quantization="Q4_K_M")
    assert sum(work.matrix_bytes.values()) == pytest.approx(read)
    assert {"Q4_K", "Q6_K", "F32"} == set(work.matrix_bytes)
    assert work.head_type == "Q6_K"
    assert work.exact


def test_of_a_mixture_only_the_used_experts_count(work_of):
    work, shape = work_of("moe"), TINY["moe"]
    one_expert = 3 * shape.hidden_size * shape.experts.expert_ffn_size * 34 / 32
    assert work.expert_bytes == {"Q8_0": pytest.approx(shape.num_layers * 2 * one_expert)}
    assert work.all_expert_bytes == pytest.approx(shape.num_layers * 8 * one_expert)
    assert work.expert_layers == 4


def test_parts_make_the_whole(work_of):
    work = work_of("moe")
    rest, experts = work.without_experts(), work.experts_only()
    assert rest.matrix_bytes == work.matrix_bytes
    assert experts.expert_bytes == work.expert_bytes
    assert not rest.expert_bytes
    assert not experts.matrix_bytes
    assert not experts.layers
    some, others = work.scaled(0.3), work.scaled(0.7)
    assert sum(some.matrix_bytes.values()) + sum(others.matrix_bytes.values()) == pytest.approx(
        sum(work.matrix_bytes.values())
    )
    assert some.layers[0].count + others.layers[0].count == pytest.approx(work.layers[0].count)


def test_layers_that_borrow_a_cache_attend_all_the_same():
    own, borrows = LayerMemory(512, 512), LayerMemory()
    shape = ModelArchitecture("gemma4", num_layers=3, num_heads=8, head_dim=64, layers=(own, own, borrows))
    (layers,) = layer_work(shape)
    assert (layers.count, layers.num_heads, layers.kv_elements) == (3, 8, 1024)


def test_what_is_not_known_is_none(tmp_path):
    facts = file_facts(read_header(write_tiny("dense", tmp_path / "dense.gguf")))
    assert layer_work(ModelArchitecture("rwkv")) is None
    assert token_work(ModelArchitecture("rwkv"), weights_of_file(facts)) is None
