"""`python -m tinytorch_milestones` is `tito`."""

import sys

from tinytorch_milestones.cli import main

if __name__ == "__main__":
    sys.exit(main())
