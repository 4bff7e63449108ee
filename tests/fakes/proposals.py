"""Speculation that is often wrong: the right continuation up to a point that depends on the length."""


class GuessingProposals:
    def __init__(self):
        self.known = set()
        self.learned = []

    def propose(self, sequence, forced, num_decoding, seconds):
        self.known.add(sequence)
        last = sequence.tokens[-1]
        right = len(sequence.tokens) % 5
        return (*(last + n + 1 for n in range(right)), 7, 7)

    def learn(self, sequence, num_drafted, num_accepted, tokens):
        assert len(tokens) == num_accepted + 1
        self.learned.append((num_drafted, num_accepted))

    def forget(self, sequence):
        self.known.discard(sequence)


class FixedProposals:
    """Proposes the same tokens at every step."""

    def __init__(self, *draft):
        self.draft = draft

    def propose(self, sequence, forced, num_decoding, seconds):
        return tuple(sequence.tokens[-1] + offset for offset in self.draft)

    def learn(self, sequence, num_drafted, num_accepted, tokens):
        pass

    def forget(self, sequence):
        pass


class ForcedProposals(FixedProposals):
    """Proposes what a constraint forces, and nothing else."""

    def propose(self, sequence, forced, num_decoding, seconds):
        return forced
