"""An app for tests of a worker's life: its start and its import do what the environment says."""

import multiprocessing
import os
import subprocess
import threading
import time

from workers import App

app = App("lives")
print("imported", end="")

match os.environ.get("APP_IMPORT"):
    case "thread":
        threading.Thread(target=threading.Event().wait, name="lingers", daemon=True).start()
    case "exit":
        os._exit(3)


@app.on_start
def begin() -> None:
    match os.environ.get("APP_START"):
        case "raise":
            raise ConnectionError("no database")
        case "exit":
            raise SystemExit(4)


@app.on_stop
def end() -> None:
    if os.environ.get("APP_STOP") == "raise":
        raise ConnectionError("gone already")


@app.agent("in", value=str, output="out", codec="raw")
def handle(text: str) -> str:
    return text.upper()


@app.agent("spawning", value=str, output="out", codec="raw")
def spawn(_text: str) -> str:
    """Ends a program and a process that it has started, as a user's code would."""
    program = subprocess.Popen(["sleep", "60"])
    process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    process.start()
    program.terminate()
    process.terminate()
    process.join(10)
    return f"{program.wait(10)} {process.exitcode}"


@app.agent("hanging", value=str, codec="raw")
def hang(_text: str) -> None:
    time.sleep(3600)
