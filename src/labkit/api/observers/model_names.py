"""The names models are known by, for labels: what a client types must not make new ones."""

from time import monotonic

from labkit.api.backend import ChatBackend

REFRESH_SECONDS = 1.0


class ModelNames:
    """From any name a client may use to the model's own. Asks the backend at most once a second."""

    def __init__(self, backend: ChatBackend) -> None:
        self._backend = backend
        self._names: dict[str, str] = {}
        self._asked = -REFRESH_SECONDS

    def of(self, name: str) -> str | None:
        """The model's own name; None for one that is not served."""
        found = self._names.get(name)
        if found is None and name and monotonic() - self._asked >= REFRESH_SECONDS:
            self._asked = monotonic()
            cards = self._backend.models()
            self._names = {known: card.name for card in cards for known in (card.name, *card.aliases)}
            found = self._names.get(name)
        return found
