"""langchain-openai against an endpoint: langchain-tests' standard integration suites, unmodified.

The suites ask for things that a model of two megabytes does not know (that magic_function's input is 3): with such a
model what they judge by content may fail, and the table says so. What they judge by shape must pass.
"""

import os
import sys

import pytest
from checks import BASE_URL, KEY, MODEL
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests

OURS = {"model": MODEL, "base_url": BASE_URL, "api_key": KEY}


class TestChat(ChatModelIntegrationTests):
    """Chat, streams, tools, structured output, usage."""

    @property
    def chat_model_class(self) -> type[ChatOpenAI]:
        """The client."""
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict:
        """How it is made."""
        return {**OURS, "timeout": 60, "stream_usage": True, "temperature": 0, "max_tokens": 512}

    @property
    def supports_json_mode(self) -> bool:
        """response_format json_object."""
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        """Content parts of another API."""
        return False


class TestEmbeddings(EmbeddingsIntegrationTests):
    """One text, several, and both asynchronously."""

    @property
    def embeddings_class(self) -> type[OpenAIEmbeddings]:
        """The client."""
        return OpenAIEmbeddings

    @property
    def embedding_model_params(self) -> dict:
        """How it is made; the texts go as they are, because tiktoken does not know the model."""
        return {**OURS, "check_embedding_ctx_length": False}


class Table:
    """Prints one line for each test."""

    counts: dict[str, int]

    def __init__(self) -> None:
        self.counts = {"passed": 0, "failed": 0, "skipped": 0}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of one test is over."""
        if report.when != "call" and report.outcome == "passed":
            return
        expected = hasattr(report, "wasxfail")
        outcome = "skipped" if expected else report.outcome
        self.counts[outcome] += 1
        why = ""
        if outcome == "failed":
            crash = getattr(report.longrepr, "reprcrash", None)
            why = f": {str(crash.message if crash else report.longrepr)[:200]!r}"
        print(f"  {'ok' if outcome == 'passed' else outcome.upper() if outcome == 'failed' else outcome:<7} "
              f"{report.nodeid.split('::', 1)[1]}{why}")  # fmt: skip


if __name__ == "__main__":
    table = Table()
    options = [
        "-W",
        "ignore",
        "-p",
        "no:terminal",
        "-p",
        "no:cacheprovider",
        "-o",
        "asyncio_mode=auto",
        "--rootdir=.",
        "-c",
        os.devnull,
    ]
    code = pytest.main([*options, *sys.argv[1:], __file__], plugins=[table])
    print(f"langchain-tests: {table.counts['passed']} passed, {table.counts['failed']} failed, "
          f"{table.counts['skipped']} skipped")  # fmt: skip
    sys.exit(code)
