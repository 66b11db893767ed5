"""A namespace of a cluster, in which `restricted` is enforced, and what a test does there, by kubectl."""

import json
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.process import spawn
from tests.support.wait import wait_for

NAMESPACE = """\
apiVersion: v1
kind: Namespace
metadata:
  name: {name}
  labels: {{pod-security.kubernetes.io/enforce: restricted}}
"""
POOL = "app.kubernetes.io/component=pool"


class Namespace:
    """One namespace, until `remove`."""

    def __init__(self) -> None:
        self.name = f"pool-test-{uuid.uuid4().hex[:8]}"

    def kubectl(self, *arguments: str, check: bool = True) -> str:
        """What kubectl prints; AssertionError with its complaint where it fails."""
        command = ["kubectl", "--namespace", self.name, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0 or not check, f"kubectl {' '.join(arguments)}:\n{done.stderr}"
        return done.stdout

    def apply(self, folder: Path) -> None:
        """Apply an overlay."""
        self.kubectl("apply", "--kustomize", str(folder))

    def get(self, *what: str) -> Any:
        """An object, or a list of some."""
        return json.loads(self.kubectl("get", *what, "--output", "json"))

    def pods(self, selector: str = POOL) -> Sequence[Any]:
        """The pods with these labels, but those that are on their way out."""
        found = self.get("pods", "--selector", selector)["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def ready(self, selector: str = POOL) -> Sequence[str]:
        """The names of the pods that are ready."""
        return [pod["metadata"]["name"] for pod in self.pods(selector) if condition(pod, "Ready")]

    def wait_ready(self, count: int, *, within: float = 120.0) -> Sequence[str]:
        """Wait until so many pods are ready, and there are no others; their names."""
        self.wait_for(lambda: len(self.ready()) == len(self.pods()) == count, within, f"{count} pods ready")
        return self.ready()

    def wait_for(self, what: Callable[[], Any], within: float, text: str, *, every: float = 0.5) -> Any:
        """Wait until `what` is true; the failure tells what is in the namespace."""
        return wait_for(what, within, lambda: f"{text}\n{self.explain()}", every=every)

    def logs(self, pod: str) -> Sequence[Mapping[str, Any]]:
        """What a pod has logged, the lines that are JSON."""
        found = []
        for line in self.kubectl("logs", pod, check=False).splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    @contextmanager
    def watched(self, file: Path) -> Iterator["Watched"]:
        """Write down every state of every pod meanwhile, also of those that vanish."""
        with file.open("wb") as output:
            command = ["kubectl", "--namespace", self.name, "get", "pods", "--watch", "--output", "json"]
            process = spawn(command, stdout=output)
        try:
            yield Watched(file)
        finally:
            process.terminate()
            process.wait()

    def explain(self) -> str:
        """What is there and what befell it, for a failure's text."""
        parts = [
            self.kubectl("get", "all,scaledobjects", "--output", "wide", check=False),
            self.kubectl("get", "events", "--sort-by=.lastTimestamp", check=False)[-4000:],
            self.kubectl("logs", "--selector", POOL, "--tail", "15", "--prefix", check=False)[-6000:],
        ]
        return "\n".join(parts)

    def create(self) -> None:
        """Make it."""
        command = ["kubectl", "apply", "--filename", "-"]
        subprocess.run(command, input=NAMESPACE.format(name=self.name).encode(), check=True, capture_output=True)

    def remove(self) -> None:
        """Delete it with all that is in it, and wait until it is gone."""
        subprocess.run(
            ["kubectl", "delete", "namespace", self.name, "--ignore-not-found", "--timeout", "100s"],
            check=True,
            capture_output=True,
        )


class Watched:
    """The states of pods, as they were told.

    Args:
        file: one JSON document after the other.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def exit_codes(self) -> Mapping[str, set[int]]:
        """With which codes each pod's container has ended so far."""
        found: dict[str, set[int]] = {}
        for pod in self._documents():
            for status in pod["status"].get("containerStatuses", ()):
                for state in (status["state"], status.get("lastState", {})):
                    if "terminated" in state:
                        found.setdefault(pod["metadata"]["name"], set()).add(state["terminated"]["exitCode"])
        return found

    def restarts(self) -> int:
        """The most often that any container was restarted."""
        counts = [s["restartCount"] for pod in self._documents() for s in pod["status"].get("containerStatuses", ())]
        return max(counts, default=0)

    def _documents(self) -> Iterator[Any]:
        text, place, decoder = self._file.read_text(), 0, json.JSONDecoder()
        while place < len(text):
            try:
                document, place = decoder.raw_decode(text, place)
            except ValueError:
                return  # the last one is not wholly there
            place = next((i for i in range(place, len(text)) if not text[i].isspace()), len(text))
            yield document


class Replicas:
    """How many pods a Deployment is to have and has ready, each change with its time."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._began = time.monotonic()
        self.changes: list[tuple[float, int, int]] = []

    def look(self) -> tuple[int, int]:
        """Look now; wanted, and ready."""
        found = self._namespace.get("deployment", "pool")
        now = found["spec"]["replicas"], found["status"].get("readyReplicas", 0)
        if not self.changes or self.changes[-1][1:] != now:
            self.changes.append((round(time.monotonic() - self._began, 1), *now))
        return now

    def wait(self, replicas: int, within: float) -> float:
        """Wait until so many are wanted and ready; after how many seconds that was."""
        self._namespace.wait_for(
            lambda: self.look() == (replicas, replicas), within, f"{replicas} replicas, after {self.changes}"
        )
        return self.changes[-1][0]

    @property
    def most(self) -> int:
        """The most that were wanted."""
        return max(wanted for _, wanted, _ in self.changes)


def condition(pod: Any, name: str) -> bool:
    """Whether a condition of a pod is true."""
    return any(it["type"] == name and it["status"] == "True" for it in pod["status"].get("conditions", ()))
