from dataclasses import replace

import pytest

from labkit.engine.tiers.identity import Identity, model_digest, packed

BASE = Identity("model", "0.3.36/0c1e570", ("f16", "f16", "unified"), (("adapter", 1.0),), "alice")


@pytest.mark.parametrize(
    "other",
    [
        replace(BASE, model="model2"),
        replace(BASE, build="0.3.36/0c1e571"),
        replace(BASE, context=("q8_0", "f16", "unified")),
        replace(BASE, context=("f16", "f16unified")),
        replace(BASE, adapters=()),
        replace(BASE, adapters=(("adapter", 0.5),)),
        replace(BASE, adapters=(("adapter", 1.0), ("second", 1.0))),
        replace(BASE, tenant="bob"),
        replace(BASE, tenant=""),
    ],
)
def test_whatever_shapes_the_cells_makes_another_identity(other):
    assert other.digest != BASE.digest


def test_text_that_moves_from_one_field_to_the_next_is_another_identity():
    assert Identity("ab", "c").digest != Identity("a", "bc").digest
    assert Identity("a", "b", ("c",)).digest != Identity("a", "b", (), (), "c").digest
    assert (
        Identity("m", "b", (), (("x", 1.0), ("y", 2.0))).digest
        != Identity("m", "b", (), (("y", 2.0), ("x", 1.0))).digest
    )


def test_the_order_of_equal_values_does_not_matter_for_equality():
    assert Identity("m", "b", adapters=(("x", 1),)).digest == Identity("m", "b", adapters=(("x", 1.0),)).digest


def test_tokens_are_packed_as_little_endian_words():
    assert packed([1, 258]) == bytes([1, 0, 0, 0, 2, 1, 0, 0])
    with pytest.raises(OverflowError):
        packed([2**31])


def test_every_byte_of_a_model_file_counts_and_its_name_and_time_do_not(tmp_path, monkeypatch):
    monkeypatch.setattr("labkit.engine.tiers.identity._CHUNK_BYTES", 1000)
    path = tmp_path / "model.gguf"
    content = bytearray(3500)
    path.write_bytes(content)
    digest = model_digest(path)
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(content)
    assert model_digest(copy) == digest
    seen = {digest}
    for place in (0, 999, 1000, 3499):
        changed = bytearray(content)
        changed[place] ^= 1
        path.write_bytes(changed)
        seen.add(model_digest(path))
    path.write_bytes(content[:-1])
    seen.add(model_digest(path))
    path.write_bytes(content[1000:])
    seen.add(model_digest(path))
    assert len(seen) == 7
