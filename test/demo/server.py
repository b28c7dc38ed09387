"""A server of the demo: the built binary in a directory of its own."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.request


class Server:
    def __init__(self, binary, directory):
        self.binary = str(pathlib.Path(binary).resolve())
        self.directory = pathlib.Path(directory).resolve()
        self.snapshots = self.directory / "snapshots"
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        environment = dict(
            os.environ,
            QDRANT__SERVICE__HOST="127.0.0.1",
            QDRANT__SERVICE__HTTP_PORT=str(self.port),
            QDRANT__STORAGE__STORAGE_PATH=str(self.directory / "storage"),
            QDRANT__STORAGE__SNAPSHOTS_PATH=str(self.snapshots),
        )
        with open(self.directory / "server.log", "ab") as log:
            self.process = subprocess.Popen([self.binary], env=environment, cwd=self.directory, stdout=log, stderr=log)
        deadline = time.monotonic() + 120
        while not self._ready():
            assert self.process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server did not become ready"
            time.sleep(0.02)

    def _ready(self):
        try:
            with urllib.request.urlopen(self.url + "/readyz") as answer:
                return answer.status == 200
        except OSError:
            return False

    def kill(self):
        """Ends the process as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self):
        self._end(signal.SIGTERM)

    def _end(self, how):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait()

    def log(self):
        return (self.directory / "server.log").read_text()[-4000:]

    def state(self, collection):
        """Returns where a collection stands: position, count, digest and more."""
        with urllib.request.urlopen(f"{self.url}/collections/{collection}/tidemark") as answer:
            return json.load(answer)["result"]
