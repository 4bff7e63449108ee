import pytest

from labkit.engine.native.grammar import GrammarCompiler
from labkit.engine.native.grammar import compiler as compiler_module
from labkit.engine.native.model import NativeModel
from labkit.resources import embedded_model


@pytest.fixture(scope="session")
def model():
    model = NativeModel(embedded_model())
    yield model
    model.close()


@pytest.fixture
def compiler(model, monkeypatch):
    monkeypatch.setattr(compiler_module, "COMPILE_SECONDS", 60.0)  # a busy machine is no failure
    compiler = GrammarCompiler(model)
    yield compiler
    compiler.close()
