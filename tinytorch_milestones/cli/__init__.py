"""`tito`: everything the notebook can do, in a terminal.

Nothing heavy is imported until a command needs it; `tito --help` and `tito status` load neither
numpy nor matplotlib, nbdev or Jupyter.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

OK = 0
NOT_PASSED = 1
USAGE = 2
NO_WORKSPACE = 3
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run `tito` with these arguments (default: the command line's) and return its exit code."""
    import click

    from tinytorch_milestones import speed

    # before numpy is loaded; what we start inherits it, JupyterLab and its kernels too
    speed.apply()

    from tinytorch_milestones.cli.commands import tito
    from tinytorch_milestones.cli.output import complain
    from tinytorch_milestones.errors import NoWorkspace, TinyTorchError, UnknownName

    for stream in (sys.stdout, sys.stderr):
        # a terminal that cannot show a character gets a question mark instead of a traceback
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    arguments = sys.argv[1:] if argv is None else list(argv)
    try:
        result = tito.main(arguments, prog_name="tito", standalone_mode=False)
        sys.stdout.flush()
    except (click.Abort, KeyboardInterrupt):
        complain("Stopped.")
        return INTERRUPTED
    except click.ClickException as error:
        where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else ""
        complain(error.format_message(), f"`{where} --help` explains." if where else "")
        return error.exit_code
    except TinyTorchError as error:
        complain(error.message, error.remedy)
        if isinstance(error, NoWorkspace):
            return NO_WORKSPACE
        return USAGE if isinstance(error, UnknownName) else NOT_PASSED
    except (BrokenPipeError, SystemExit):
        # whoever read our output has seen enough (`tito status | head -1`), which click turns
        # into SystemExit; Python would complain once more when it closes the stream
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    return result if isinstance(result, int) else OK
