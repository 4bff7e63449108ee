"""Names of devices as sets of words, so that drivers' spellings of one name are equal and no neighbour is. Pure.

"NVIDIA A100-SXM4-80GB" and "A100 80GB SXM" are the words a100, sxm and a size of 80 GiB. Every word counts: a name
with "Laptop", "Max-Q", "SFF" or "D" is another part, and "T400" is not "T4".
"""

import re
from dataclasses import dataclass

# Words that say nothing beyond the vendor; those of a vendor's own also tell which.
_VENDOR_WORDS = {
    "nvidia": "nvidia", "geforce": "nvidia", "tesla": "nvidia", "amd": "amd", "ati": "amd", "radeon": "amd",
    "instinct": "amd", "intel": "intel", "apple": "apple",
}  # fmt: skip
_VENDOR_MARKS = _VENDOR_WORDS | {
    "quadro": "nvidia",
    "grid": "nvidia",
    "gtx": "nvidia",
    "firepro": "amd",
    "arc": "intel",
    "iris": "intel",
    "adreno": "qualcomm",
    "qualcomm": "qualcomm",
    "mthreads": "moore threads",
    "ascend": "huawei",
}
_NOISE = {*_VENDOR_WORDS, "corporation", "graphics", "gpu", "inc", "generation", "edition", "with", "core", "cpu"}
_TRADEMARKS = re.compile(r"\((?:tm|r|c)\)|[®™©]", re.IGNORECASE)
_RENDERER = re.compile(r"/PCIe/SSE2$|/integrated/SSE2$| Lite Hash Rate\b", re.IGNORECASE)
# What drivers add in brackets after a name: their own name and the chip's code.
_DRIVER_NOTE = re.compile(
    r"\((?:RADV|ACO|LLVM|DG\d|BMG|LNL|MTL|ARL|gfx|NV)\b[^)]*\)|\((?:RADV|gfx)\w*[^)]*\)", re.IGNORECASE
)
_CHIP_AND_NAME = re.compile(r"^[^\[\]]*\[([^\[\]]+)\]\s*$")  # lspci: "AD102 [GeForce RTX 4090]"
_GPU_CORES = re.compile(r"\(?\b(\d+)[- ]core gpu\)?", re.IGNORECASE)
_EARLY_MACOS = re.compile(r"kHW_Apple(M\d+)(Pro|Max|Ultra)?Item", re.IGNORECASE)
_SIZE = re.compile(r"(\d+)g(?:i?b)?")
_LONGEST = 200  # characters; nothing longer is a name
_FORM_FACTOR = re.compile(r"sxm\d")


@dataclass(frozen=True, slots=True)
class DeviceName:
    """A name taken apart.

    Attributes:
        words: lower case, without the vendor, sizes and words that say nothing.
        sizes_gib: memory sizes in the name.
        num_cores: GPU cores in the name ("40-core GPU").
        vendor: the one that the name tells, or None.
    """

    words: frozenset[str]
    sizes_gib: tuple[int, ...] = ()
    num_cores: int | None = None
    vendor: str | None = None

    @property
    def all_words(self) -> frozenset[str]:
        """The words with the sizes among them."""
        return self.words | {f"{size}gb" for size in self.sizes_gib}


def parse_device_name(name: str) -> DeviceName:
    """A device's name as a driver, a tool or a person writes it."""
    text = _EARLY_MACOS.sub(lambda found: f"Apple {found[1]} {found[2] or ''}", name[:_LONGEST])
    text = _TRADEMARKS.sub(" ", _RENDERER.sub("", text.strip()))
    text = _DRIVER_NOTE.sub(" ", text)
    if bracket := _CHIP_AND_NAME.match(text):
        text = bracket[1]
    cores = _GPU_CORES.search(text)
    text = _GPU_CORES.sub(" ", text).lower()
    text = re.sub(r"(\d+)\s+(g(?:i?b)?)\b", r"\1\2", text)
    words, sizes = set[str](), list[int]()
    for word in re.findall(r"[a-z0-9]+", text):
        if size := _SIZE.fullmatch(word):
            sizes.append(int(size[1]))
        elif word not in _NOISE:
            words.add(_same(word))
    vendors = {_VENDOR_MARKS[word] for word in re.findall(r"[a-z]+", text) if word in _VENDOR_MARKS}
    return DeviceName(
        frozenset(words),
        tuple(sizes),
        int(cores[1]) if cores else None,
        vendors.pop() if len(vendors) == 1 else None,
    )


def _same(word: str) -> str:
    if _FORM_FACTOR.fullmatch(word):
        return "sxm"
    return "laptop" if word == "mobile" else word
