from labkit.engine.synthetic import TINY, write_tiny
from labkit.gguf import file_facts, validate


def facts_of(kind, tmp_path, **sizes):
    return file_facts(validate(write_tiny(kind, tmp_path / "model.gguf", **sizes)))


def test_every_byte_has_a_place_and_a_tied_head_is_a_copy(tmp_path):
    for kind in TINY:
        facts = facts_of(kind, tmp_path)
        places = facts.weights_by_layer
        assert len(places.layers) == facts.architecture.num_layers
        together = places.input_bytes + places.head_bytes + sum(layer.total_bytes for layer in places.layers)
        assert together == facts.weight_bytes + places.input_bytes  # the head of these is the embedding


def test_parts_of_a_mixture_lie_within_each_other(tmp_path):
    facts = facts_of("moe", tmp_path)
    for layer in facts.weights_by_layer.layers:
        assert 0 < layer.down_bytes < layer.gate_and_down_bytes < layer.ffn_bytes < layer.total_bytes
        assert layer.expert_bytes < layer.ffn_bytes
    assert sum(layer.expert_bytes for layer in facts.weights_by_layer.layers) == facts.expert_bytes


def test_a_dense_layer_has_no_experts_but_parts(tmp_path):
    for layer in facts_of("dense", tmp_path).weights_by_layer.layers:
        assert layer.expert_bytes == 0
        assert layer.ffn_bytes == 3 * layer.down_bytes
