"""What may be taken from another program's report on a machine: names, and never its figures or conclusions.

llm-checker takes a carve-out for a card's memory and concludes "2GB VRAM, max model 0GB" of a Ryzen AI MAX+ 395
(signerless/llm-checker#75), but it quotes the gfx version and the processor's name as the system gave them.
"""

import re

from labkit.hardware.capture_paths import LLM_CHECKER
from labkit.hardware.probes.amd_parts import AmdPart
from labkit.hardware.profile import Cpu
from labkit.hardware.source import Source

ORIGIN = "llm-checker's report"
# Each with something behind it: at the end of a cut report a digit may be missing.
_GFX = re.compile(r"\bgfx[0-9a-f]{3,5}(?=\W)")
_RADEON = re.compile(r"\bRadeon \d{3,4}[MS](?=\W)")
_PROCESSOR = re.compile(r"^CPU:[ \t]*(?:\n\s+)?(\S.*?)[ \t]*\n", re.MULTILINE)


def read_amd_parts(source: Source) -> list[AmdPart]:
    """A part for each gfx version that is named."""
    text = source.read(LLM_CHECKER) or ""
    names = _RADEON.findall(text)
    versions = list(dict.fromkeys(_GFX.findall(text)))
    name = f"AMD {names[0]}" if names and len(versions) == 1 else None
    return [AmdPart(name=name, gfx=gfx) for gfx in versions]


def read_cpu(source: Source) -> Cpu:
    """The processor's name."""
    match = _PROCESSOR.search(source.read(LLM_CHECKER) or "")
    return Cpu(model_name=match[1] if match else None)
