"""A slower tier in a dict: finds by comparing with everything it has."""

from labkit.engine.slower_tiers import Found


class DictTiers:
    def __init__(self, *, whole_only=False, damage=3):
        self.whole_only = whole_only
        self.damage = damage  # every so many-th load gives garbage
        self.saved = {}
        self.loads = 0

    @property
    def outlives_engine(self):
        return True

    def find(self, identity, tokens, limit, *, have):
        best = None
        for owner, stored in self.saved:
            if owner != identity:
                continue
            common = 0
            while common < min(limit, len(stored)) and stored[common] == tokens[common]:
                common += 1
            if self.whole_only and common < len(stored):
                continue
            if common >= have + 8 and (best is None or common > best.num_tokens):
                best = Found(common, len(stored), "host", (owner, stored))
        return best

    def load(self, found):
        self.loads += 1
        return b"garbage" if self.loads % self.damage == 0 else self.saved.get(found.key)

    def discard(self, found):
        self.saved.pop(found.key, None)

    def save(self, identity, tokens, state):
        self.saved[identity, tokens] = state

    def close(self):
        pass
