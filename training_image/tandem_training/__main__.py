"""``python -m tandem_training``."""

from tandem_training.main import main

raise SystemExit(main())
