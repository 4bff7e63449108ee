"""Which source of memory figures was used, and why no better one."""

from dataclasses import replace

from labkit.catalog import architecture, load_catalog
from labkit.engine.synthetic import write_tiny
from labkit.estimate import ContextSettings, estimate_contexts, estimate_model, weights_of_catalog, weights_of_file
from labkit.gguf import file_facts, validate

CONTEXT = ContextSettings(4096, num_outputs=1)


def test_a_local_file_is_sized_by_the_native_core(tmp_path):
    path = write_tiny("hybrid", tmp_path / "model.gguf")
    facts = file_facts(validate(path))
    header = estimate_model(facts.architecture, weights_of_file(facts), CONTEXT)
    found = estimate_model(facts.architecture, weights_of_file(facts), CONTEXT, path=path)
    assert (found.trust, header.trust) == ("native sizing", "file header")
    assert found.memory.cache_bytes == header.memory.cache_bytes
    assert found.memory.high <= header.memory.high
    assert found.native.devices == ("CPU",)


def test_a_shape_that_no_formula_knows_is_sized_by_the_native_core(tmp_path):
    path = write_tiny("dense", tmp_path / "model.gguf")
    facts = file_facts(validate(path))
    unknown = replace(facts.architecture, layers=None, layers_unknown="nobody knows its layers")
    assert estimate_model(unknown, weights_of_file(facts), CONTEXT).note == "nobody knows its layers"
    assert estimate_model(unknown, weights_of_file(facts), CONTEXT, path=path).memory.cache_bytes


def test_a_file_that_the_core_refuses_falls_back_to_its_header_and_says_so(tmp_path):
    path = write_tiny("dense", tmp_path / "model.gguf")
    facts = file_facts(validate(path))
    found = estimate_model(facts.architecture, weights_of_file(facts), CONTEXT, path=tmp_path / "gone.gguf")
    assert found.trust == "file header"
    assert "cannot size gone.gguf" in found.note
    assert found.memory is not None


def test_settings_that_the_core_refuses_fall_back_alone(tmp_path):
    path = write_tiny("dense", tmp_path / "model.gguf")
    facts = file_facts(validate(path))
    good, bad = estimate_contexts(facts.architecture, weights_of_file(facts), (CONTEXT, ContextSettings(0)), path=path)
    assert (good.trust, bad.trust) == ("native sizing", "file header")
    assert "refuses" in bad.note


def test_a_row_of_the_catalogue_is_the_last_resort():
    model = load_catalog().get("qwen3-8b")
    found = estimate_model(architecture(model), weights_of_catalog(model, "Q4_K_M"), CONTEXT)
    assert found.trust == "catalogue"
    assert found.memory.low < found.memory.high


def test_states_of_gigabytes_are_not_allocated_to_be_sized(tmp_path):
    path = write_tiny("hybrid", tmp_path / "model.gguf")
    facts = file_facts(validate(path))
    many = ContextSettings(4096, 256)
    layers = tuple(replace(layer, state_size=layer.state_size * 100) for layer in facts.architecture.layers)
    found = estimate_model(replace(facts.architecture, layers=layers), weights_of_file(facts), many, path=path)
    assert found.trust == "file header"
    assert "really allocate" in found.note
