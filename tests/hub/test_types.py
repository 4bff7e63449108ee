import pytest

from labkit.hub import HubFile, Repository


@pytest.mark.parametrize(
    ("path", "quantization", "role", "part"),
    [
        ("Qwen3-8B-Q4_K_M.gguf", "Q4_K_M", "model", None),
        ("qwen3-8b-q4_k_m.gguf", "Q4_K_M", "model", None),
        ("Qwen3.5-35B-A3B-UD-Q4_K_XL.gguf", "UD-Q4_K_XL", "model", None),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4", "model", None),
        ("gemma-3-4b-it-qat-q4_0.gguf", "Q4_0", "model", None),
        ("Llama-3.3-70B.i1-IQ3_XXS.gguf", "IQ3_XXS", "model", None),
        ("model.F16.gguf", "F16", "model", None),
        ("BF16/big-BF16-00001-of-00003.gguf", "BF16", "model", (1, 3)),
        ("Q8_0/big-00002-of-00003.gguf", "Q8_0", "model", (2, 3)),
        ("mmproj-F16.gguf", "F16", "projector", None),
        ("Qwen2.5-VL.mmproj-f16.gguf", "F16", "projector", None),
        ("imatrix.gguf", None, "imatrix", None),
        ("mtp-model-Q8_0.gguf", "Q8_0", "draft", None),
        ("model.gguf", None, "model", None),
        ("README.md", None, "other", None),
        ("Q4_K_M.imatrix.dat", None, "other", None),
    ],
)
def test_what_a_file_name_says(path, quantization, role, part):
    file = HubFile(path)
    assert (file.quantization if role != "other" else None, file.role, file.part) == (quantization, role, part)


def test_parts_of_a_model_come_in_order_and_belong_together():
    names = [
        "Q8_0/m-00002-of-00002.gguf", "Q8_0/m-00001-of-00002.gguf", "Q4/m-00001-of-00002.gguf", "m.gguf",
        "Q8_0/mmproj-m-00001-of-00002.gguf",
    ]  # fmt: skip
    repository = Repository("org/m", "main", "c" * 40, tuple(map(HubFile, names)))
    assert [file.path for file in repository.models] == [
        "Q8_0/m-00001-of-00002.gguf", "Q4/m-00001-of-00002.gguf", "m.gguf",
    ]  # fmt: skip
    assert [file.path for file in repository.parts_of(repository.models[0])] == [
        "Q8_0/m-00001-of-00002.gguf", "Q8_0/m-00002-of-00002.gguf",
    ]  # fmt: skip
    assert repository.parts_of(HubFile("m.gguf")) == (HubFile("m.gguf"),)
