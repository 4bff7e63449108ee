"""What every part of an answer is."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """Everything that it holds is named. A field without a default is always there."""

    model_config = ConfigDict(extra="forbid")
