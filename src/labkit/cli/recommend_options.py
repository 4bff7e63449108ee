"""What `labkit recommend` can be told."""

from pathlib import Path
from typing import Annotated

import typer

MOST_CONTEXT_TOKENS = 10_000_000
MOST_SLOTS = 256

Goal = Annotated[str, typer.Option("--goal", help="What for: chat, code, reasoning, tools, vision or embedding.")]
Ctx = Annotated[
    int | None,
    typer.Option(
        "--ctx",
        min=256,
        max=MOST_CONTEXT_TOKENS,
        metavar="TOKENS",
        help="Context of one conversation.  [default: 8192, for embedding 2048]",
    ),
]
Slots = Annotated[
    int, typer.Option("--slots", min=1, max=MOST_SLOTS, help="Conversations at once, each with that context.")
]
MinSpeed = Annotated[
    float | None,
    typer.Option(
        "--min-speed", min=0, metavar="TOK/S", help="Leave out slower models.  [default: 8, for tools and embedding 15]"
    ),
]
Licenses = Annotated[
    list[str] | None,
    typer.Option(
        "--license", metavar="NAME", help="Only these: SPDX ids, permissive, commercial-ok; several with commas."
    ),
]
Disk = Annotated[
    str | None,
    typer.Option(
        "--disk", metavar="SIZE", help="Room for files, such as 20GB.  [default: what is free on the machine's disk]"
    ),
]
Top = Annotated[int, typer.Option("--top", min=1, max=100, help="How many to name.")]
Profile = Annotated[
    str | None,
    typer.Option("--profile", metavar="NAME|FILE", help="Another machine: one that labkit knows, or a profile."),
]
Like = Annotated[
    Path | None,
    typer.Option("--like", metavar="FILE|DIR", help="Another machine: a profile, or a bundle of `labkit doctor`."),
]
Why = Annotated[
    bool, typer.Option("--why", help="Say why for each, and what was left out for which reason.", show_default=False)
]
WhyNot = Annotated[
    str | None,
    typer.Option("--why-not", metavar="MODEL[:QUANT]", help="Say why this one is not named, or where it stands."),
]
Explain = Annotated[
    str | None,
    typer.Option("--explain", metavar="MODEL[:QUANT]", help="Print every term of its memory and speed."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print everything as JSON.", show_default=False)]
