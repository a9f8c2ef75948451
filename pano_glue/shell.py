"""What the two command lines share: what they say, errors as one line, exit codes 0, 1 and 2."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from pano_glue.errors import PanoError
from pano_glue.logs import LogFormat, LogLevel, start_logging

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)
INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it


def run_command(program: str, command: Callable[[], object]) -> int:
    """Run a command and turn what a person can mend into one line on stderr.

    Returns the exit code. A reader that closed the pipe (`| head`) is not an error.
    """
    start_logging(program, LogLevel.info, LogFormat.plain)
    try:
        command()
    except PanoError as error:
        logger.error("%s", error)  # noqa: TRY400 - the sentence is enough
        return error.exit_code
    except BrokenPipeError:
        # Python flushes stdout once more at exit; give it somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0
