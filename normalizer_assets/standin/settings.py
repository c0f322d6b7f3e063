"""What can be set about the stand-in.

Belongs here: the settings and the sentence that says who answers. Does not belong
here: the models' prices and parameters, which are the project's own configuration.
"""

from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from normalizer_assets.standin.faults import Fault

NOTICE = (
    "Answers of this stand-in come from the project's own basic rules with seeded "
    "disagreement on a share of them. No language model answers, and no figure measured "
    "here is a language model's accuracy."
)


class StandinSettings(BaseModel):
    """How the stand-in behaves.

    Attributes:
        seed: Decides which products are answered wrongly or fail.
        batch_seconds: Seconds from a batch's creation to ``completed``.
        window_seconds: Seconds that stand for the completion window of 24 h; a batch
            which takes longer expires with the lines done until then.
        disagreement: Share of answers that are plausibly wrong.
        failing_lines: Share of batch lines without a usable answer. A fifth of these
            products fail individually too, a quarter of that fifth at legacy as well.
        max_file_lines: Requests in one batch file.
        max_file_bytes: Bytes in one batch file.
        enqueued_token_limits: Whether the models' ``enqueued_tokens`` are enforced.
        storage: Folder for files and batches, which then survive a restart;
            ``None`` keeps them in memory.
        faults: Faults that are switched on from the start.
        models: Model -> another ``shutdown_date``; ``None`` hides the model, as if it
            did not exist.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = 0
    batch_seconds: float = Field(default=2.0, ge=0)
    window_seconds: float = Field(default=86_400.0, gt=0)
    disagreement: float = Field(default=0.06, ge=0, le=1)
    failing_lines: float = Field(default=0.01, ge=0, le=1)
    max_file_lines: int = Field(default=50_000, gt=0)
    max_file_bytes: int = Field(default=200_000_000, gt=0)
    enqueued_token_limits: bool = False
    storage: Path | None = None
    faults: tuple[Fault, ...] = ()
    models: dict[str, date | None] = Field(default_factory=dict)
