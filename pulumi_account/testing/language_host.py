"""Runs a program in a separate process, as the CLI's language host does: ``python -m`` with the settings as JSON."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import runpy
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pulumi
from pulumi.runtime import Settings, configure, run_in_stack, set_all_config

SHOWN = 32  # the exit status of a program whose error was already shown


def _user_traceback(program: str) -> str:
    """The traceback from the program's own first frame on."""
    frames = traceback.extract_tb(sys.exc_info()[2])
    entry = os.path.join(program, "__main__") if os.path.isdir(program) else os.path.splitext(program)[0]
    paths = [os.path.splitext(os.path.abspath(frame.filename))[0] for frame in frames]
    return traceback.format_exc(limit=paths.index(entry) - len(paths) if entry in paths else None)


def _run(program: str, pool: ThreadPoolExecutor) -> int:
    def declare() -> None:
        runpy.run_path(program, run_name="__main__")

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.set_default_executor(pool)
    # A failed program never awaits its outputs; asyncio would warn of each.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    try:
        loop.run_until_complete(run_in_stack(declare))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return 1
    except Exception:  # noqa: BLE001
        pulumi.log.error("Program failed with an unhandled exception:\n" + _user_traceback(program))
        return SHOWN
    finally:
        pool.shutdown()
        loop.close()
    return 0


def _end_with(engine: int) -> None:
    # When the engine is killed, the SDK waits forever for its answers.
    while os.getppid() == engine:
        time.sleep(0.5)
    os._exit(1)


def main() -> int:
    """Configure the SDK from the settings on the command line, and run the program."""
    settings: dict[str, Any] = json.loads(sys.argv[1])
    program = settings.pop("program")
    set_all_config(*(json.loads(os.environ[f"PULUMI_CONFIG{part}"]) for part in ("", "_SECRET_KEYS")))
    configure(Settings(**settings))
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    sys.argv = [program]
    sys.path.pop(0)  # the working directory, which ``python -m`` put there; runpy adds the program's own
    return _run(program, ThreadPoolExecutor(settings["parallel"] * 4))


if __name__ == "__main__":
    sys.exit(main())
