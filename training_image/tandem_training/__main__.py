"""``python -m tandem_training``, and the script ``tandem-trainer``."""

from __future__ import annotations

from tandem_training.ending import listen


def start() -> int:
    """Listen for signals, then import what takes long and run."""
    listen()
    from tandem_training.main import main  # noqa: PLC0415 - see ending.py

    return main()


if __name__ == "__main__":
    raise SystemExit(start())
