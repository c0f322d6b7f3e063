from collections import Counter

from normalizer_assets.config import Tier
from normalizer_assets.standin.failures import BATCH_FAILURES, failure_of

NAMES = [f"Producto {number}" for number in range(20_000)]


def test_every_kind_of_failure_happens_in_batches_at_about_the_share_that_was_set() -> None:
    failures = Counter(
        failure_of(name, "mini", in_batch=True, seed=0, failing_lines=0.05) for name in NAMES
    )
    assert set(failures) == {None, *BATCH_FAILURES}
    assert 0.045 < 1 - failures[None] / len(NAMES) < 0.055


def test_what_fails_at_legacy_failed_individually_and_what_fails_individually_in_the_batch() -> (
    None
):
    def failing(*, in_batch: bool, tier: Tier = "mini") -> set[str]:
        return {
            name
            for name in NAMES
            if failure_of(name, tier, in_batch=in_batch, seed=3, failing_lines=0.05)
        }

    batch, individual = failing(in_batch=True), failing(in_batch=False)
    legacy = failing(in_batch=False, tier="legacy")
    assert legacy < individual < batch
    assert legacy


def test_nothing_fails_at_a_share_of_zero() -> None:
    assert not any(
        failure_of(name, "mini", in_batch=True, seed=0, failing_lines=0.0) for name in NAMES
    )
