"""``python -m tandem_operator``."""

import sys

from tandem_operator.main import main

if __name__ == "__main__":
    sys.exit(main())
