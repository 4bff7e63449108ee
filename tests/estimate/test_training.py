"""Training memory: terms by hand, tensors that torch was seen to save, and settings that fit a budget."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.catalog import architecture, load_catalog
from labkit.errors import InputError
from labkit.estimate import TrainingSettings, largest_that_fits, training_memory
from labkit.estimate.training_shapes import (
    ATTENTION_MODULES,
    FFN_MODULES,
    LINEAR_MODULES,
    adapter_parameters,
    num_parameters,
    unsupported,
)
from labkit.model import LayerMemory, MixtureOfExperts, ModelArchitecture
from labkit.units import GIB

SMALL = ModelArchitecture(
    architecture="llama",
    num_layers=4,
    hidden_size=256,
    ffn_size=768,
    num_heads=8,
    num_kv_heads=4,
    head_dim=32,
    vocab_size=1000,
    tied_embeddings=True,
    layers=(LayerMemory(128, 128),) * 4,
)
QWEN3 = replace(SMALL, architecture="qwen3")
SETTINGS = TrainingSettings(base="f32", rank=8, micro_batch=2, sequence_tokens=128)
MODELS = {model.id: architecture(model) for model in load_catalog().models}
COVERED = {name: shape for name, shape in MODELS.items() if not unsupported(shape)}


def terms(shape=SMALL, **changes):
    return training_memory(shape, replace(SETTINGS, **changes), packed_bytes=1_000_000)


def test_parameters_and_adapters_by_hand():
    # Four layers of q 256x256, k and v 256x128, o 256x256, three of 256x768, two norms; the embedding, tied.
    matrices = 2 * 256 * 256 + 2 * 256 * 128 + 3 * 256 * 768
    assert num_parameters(SMALL) == 4 * (matrices + 2 * 256) + 1000 * 256
    each = 2 * (256 + 256) + 2 * (256 + 128) + 3 * (256 + 768)
    assert adapter_parameters(SMALL, LINEAR_MODULES, 8) == 4 * 8 * each == 155_648  # as peft counts them
    assert adapter_parameters(SMALL, ("q_proj", "v_proj"), 8) == 4 * 8 * (512 + 384)


def test_state_of_what_is_trained():
    found = terms()
    assert found.num_trained == 155_648
    assert found.adapter_bytes == found.gradients_bytes == 155_648 * 4
    assert found.optimizer_bytes == 155_648 * 8
    assert terms(optimizer="adamw_8bit").optimizer_bytes < found.optimizer_bytes / 3
    assert found.weights_bytes == num_parameters(SMALL) * 4
    assert terms(base="bf16").weights_bytes == num_parameters(SMALL) * 2
    assert terms(base="packed").weights_bytes == 1_000_000
    assert terms(base="nf4").weights_bytes < terms(base="bf16").weights_bytes
    assert found.total_bytes == sum(found.terms.values())


# Bytes in the storages that torch.autograd's saved_tensors_hooks showed over transformers 5.23 and peft 0.21 for SMALL
# and 256 tokens, without parameters, logits, rotary tables and ids.
SEEN = [
    (SMALL, {}, 20_193_280),
    (SMALL, {"base": "bf16"}, 18_096_128),
    (SMALL, {"base": "f32", "target_modules": ("q_proj", "v_proj")}, 15_835_136),
    (SMALL, {"full": True}, 22_848_512),
    (SMALL, {"checkpointing": True}, 1_311_744),
    (QWEN3, {}, 21_815_296),
]


@pytest.mark.parametrize(("shape", "changes", "seen"), SEEN)
def test_activations_are_what_torch_saves(shape, changes, seen):
    assert 1.0 <= terms(shape, **changes).activations_bytes / seen <= 1.03


def test_more_of_anything_never_takes_less():
    base = terms()
    for change in ({"rank": 16}, {"micro_batch": 4}, {"sequence_tokens": 256}):
        more = terms(**change)
        assert all(more.terms[name] >= size for name, size in base.terms.items())
        assert more.total_bytes > base.total_bytes
        assert more.flops > base.flops


def test_what_saves_memory_does():
    wide = {"micro_batch": 16}
    assert terms(**wide, checkpointing=True).total_bytes < terms(**wide).total_bytes
    many = {"sequence_tokens": 4096, "trained_tokens": 8192}
    big_head = replace(SMALL, vocab_size=150_000)
    assert terms(big_head, **wide, trained_tokens=64).total_bytes < terms(big_head, **wide).total_bytes
    assert terms(big_head, **many, logits_chunk_tokens=256).working_bytes < terms(big_head, **many).working_bytes / 4
    assert terms(full=True).total_bytes > terms().total_bytes
    assert terms(memory_kept=True).margin_bytes > terms().margin_bytes


def test_checkpointing_costs_another_forward_and_full_training_the_gradients_of_weights():
    lora, again, full = terms().flops, terms(checkpointing=True).flops, terms(full=True).flops
    assert 1.3 < again / lora < 1.5
    assert 1.3 < full / lora < 1.5


def test_a_step_takes_time_only_at_a_known_rate():
    assert terms().step_seconds is None
    found = training_memory(SMALL, SETTINGS, flops_per_second=1e9)
    assert found.step_seconds == pytest.approx(found.flops / 1e9)


def test_every_expert_has_adapters_and_a_token_passes_the_used_ones():
    mixture = replace(SMALL, experts=MixtureOfExperts(8, 2, 512), ffn_size=None)
    attention = adapter_parameters(mixture, ATTENTION_MODULES, 8)
    assert adapter_parameters(mixture, LINEAR_MODULES, 8) - attention == 4 * 8 * 8 * 3 * (256 + 512)
    dense = replace(SMALL, ffn_size=1024)
    assert terms(mixture).activations_bytes == pytest.approx(terms(dense).activations_bytes, rel=0.2)
    assert adapter_parameters(mixture, FFN_MODULES, 8) > adapter_parameters(dense, FFN_MODULES, 8)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"layers": None, "layers_unknown": "nobody wrote it down"}, "nobody wrote it down"),
        ({"layers": (LayerMemory(state_size=4),)}, "recurrent"),
        ({"layers": (LayerMemory(key_size=576),)}, "MLA"),
        ({"vocab_size": None}, "vocabulary size is not known"),
        ({"ffn_size": None}, "feed-forward"),
        ({"per_layer_embedding_size": 256}, "embeddings in every layer"),
    ],
)
def test_what_is_not_covered_is_refused_with_its_reason(change, reason):
    with pytest.raises(InputError, match=reason):
        training_memory(replace(SMALL, **change), SETTINGS)


def test_a_packed_base_without_a_size_is_refused():
    with pytest.raises(InputError, match="size of its file"):
        training_memory(SMALL, replace(SETTINGS, base="packed"))


@pytest.mark.parametrize(
    "changes",
    [{"target_modules": ("lm_head",)}, {"rank": 0}, {"micro_batch": 0}, {"full": True, "base": "packed"}],
)
def test_settings_that_cannot_be_trained_are_refused(changes):
    with pytest.raises(InputError) as caught:
        replace(SETTINGS, **changes)
    assert caught.value.hint


def test_what_fits_is_left_alone():
    fitted = largest_that_fits(SMALL, SETTINGS, 8 * GIB)
    assert (fitted.settings, fitted.fits, fitted.changes, fitted.gradient_accumulation) == (SETTINGS, True, (), 1)


def test_the_micro_batch_shrinks_first_then_layers_are_computed_again_then_sequences_are_cut():
    wish = replace(SETTINGS, micro_batch=8, sequence_tokens=2048, trained_tokens=8192)
    total = training_memory(SMALL, wish).total_bytes
    smaller = largest_that_fits(SMALL, wish, total - 1)
    assert smaller.changes == ("micro-batch 8 -> 4",)
    assert (smaller.gradient_accumulation, smaller.settings.trained_tokens) == (2, 4096)
    least = largest_that_fits(SMALL, wish, 0)
    assert not least.fits
    assert least.changes[2:5] == ("micro-batch 2 -> 1", "checkpointing on", "sequence 2048 -> 1024 tokens")
    assert (least.settings.micro_batch, least.settings.sequence_tokens, least.gradient_accumulation) == (1, 128, 8)


@given(st.integers(min_value=0, max_value=4 * GIB))
def test_what_is_said_to_fit_does_and_shrinking_never_costs_memory(budget):
    fitted = largest_that_fits(SMALL, replace(SETTINGS, micro_batch=16, sequence_tokens=1024), budget)
    assert fitted.fits == (fitted.estimate.total_bytes <= budget)
    assert fitted.estimate.total_bytes <= terms(micro_batch=16, sequence_tokens=1024).total_bytes


def test_the_catalogue_is_covered_or_refused_in_words():
    assert len(COVERED) >= 20
    for name, shape in MODELS.items():
        if name in COVERED:
            found = training_memory(shape, TrainingSettings(checkpointing=True))
            assert found.total_bytes > 2 * (shape.num_parameters or 0), name
        else:
            assert unsupported(shape), name


def test_an_8b_model_packed_fits_a_laptop_and_in_bf16_does_not():
    shape = MODELS["llama-3.1-8b-instruct"]
    wish = TrainingSettings(base="packed", sequence_tokens=512, checkpointing=True, trained_tokens=128)
    packed = training_memory(shape, wish, packed_bytes=4_913_000_000)
    assert 5 * GIB < packed.total_bytes < 10 * GIB
    assert training_memory(shape, replace(wish, base="bf16")).total_bytes > 15 * GIB
    assert any("blocks of their GGUF file" in line for line in packed.why)


def test_what_was_not_measured_says_so():
    assert any("not measured on cuda" in line for line in terms(backend="cuda").why)
    assert not any("not measured" in line for line in terms().why)
