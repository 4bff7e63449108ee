from labkit.tune.batches import Row, collate, share_out


def test_targets_are_the_tokens_after_their_positions():
    batch = collate([Row([5, 6, 7, 8], [False, False, True, True]), Row([1, 2, 3], [False, True, False])])
    assert batch.tokens.tolist() == [5, 6, 7, 8, 1, 2, 3]
    assert batch.lengths == [4, 3]
    assert batch.positions.tolist() == [1, 2, 4]
    assert batch.targets.tolist() == [7, 8, 2]


def test_work_is_shared_out_evenly_and_completely():
    rows = [Row([0] * size, [True] * size) for size in (9, 1, 5, 5, 3, 8, 2, 7, 4, 6)]
    parts = share_out(rows, 3)
    sizes = [sum(len(row.tokens) for row in part) for part in parts]
    assert sum(sizes) == 50
    assert max(sizes) - min(sizes) <= 2


def test_no_part_is_empty():
    assert len(share_out([Row([0], [True])], 3)) == 1
