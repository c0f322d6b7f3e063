"""What can be wrong with landed listings as a whole.

Belongs here: the errors that stop the intake of a partition. Does not belong
here: what is wrong with a single row; that is a reason in the quarantine.
"""


class IntakeError(ValueError):
    """A partition's listings cannot be taken in; the message says what to do."""


class LandingError(IntakeError):
    """What lies in the landing folder does not say which file is meant."""


class LayoutError(IntakeError):
    """The file is not laid out as its source in the configuration declares."""


class EmptyLandingError(IntakeError):
    """The file has no listing at all, as after a failed scrape."""
