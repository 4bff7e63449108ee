"""Kept decisions of llama.cpp's fit: over the native sizing all are ours too, and by formulas nearly all."""

import placement_vs_fit


def test_the_same_steps_over_the_same_sizes_decide_the_same():
    kept = placement_vs_fit.load_kept().values()
    assert len(kept) >= 100
    assert all(case.native == case.theirs for case in kept)
    assert sum(case.formulas == case.theirs for case in kept) >= 0.9 * len(kept)
