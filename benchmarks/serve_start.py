"""What `hector serve` costs until it answers: CPU until the first 200 on /health, and memory.

CPU is that of the server's process, as a multiple of `python -c pass` in the same run, so that the
figure says little about the machine. The median of several starts is printed beside its bar.

    python benchmarks/serve_start.py [CONFIG]
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
QUICKSTART = REPOSITORY / "examples/quickstart/config.yaml"
STARTS = 5
CPU_BAR = 40.0  # times `python -c pass`
MEMORY_BAR = 100.0  # megabytes (10^6 bytes) resident after the first answer
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def cpu_of(process_id: int) -> float:
    """Seconds of CPU of a running process, in user and kernel mode."""
    # The second field is the name in brackets, which may hold spaces.
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_of(process_id: int) -> float:
    """Megabytes of a process that are resident."""
    return int(Path(f"/proc/{process_id}/statm").read_text().split()[1]) * PAGE / 1e6


def bare_start() -> float:
    """Seconds of CPU of `python -c pass`, from many starts because one is short."""
    before = os.times()
    for _ in range(40):
        subprocess.run([sys.executable, "-c", "pass"], check=True)
    after = os.times()
    spent = after.children_user + after.children_system
    return (spent - before.children_user - before.children_system) / 40


def get(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


def send(port: int, agent: str) -> None:
    """Let the agent answer once."""
    message = {"messageId": "1", "role": "ROLE_USER", "parts": [{"text": "What is a lease?"}]}
    call = {"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {"message": message}}
    headers = {"Content-Type": "application/json", "A2A-Version": "1.0"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", f"/agents/{agent}", json.dumps(call), headers)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    state = answer["result"]["task"]["status"]["state"]
    assert state == "TASK_STATE_COMPLETED", answer


def start(config: Path, environment: dict[str, str]) -> tuple[float, float, float]:
    """Serve once: CPU until /health, memory then, memory after the first answer."""
    command = [sys.executable, "-m", "hector", "serve", "--config", str(config), "--port", "0"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, cwd=config.parent, env=environment
    ) as process:
        assert process.stderr is not None
        said = ""
        ready = None
        while ready is None and (line := process.stderr.readline()):
            said += line
            ready = re.search(r"ready at http://127\.0\.0\.1:(\d+)", line)
        assert ready, said
        port = int(ready[1])
        assert get(port, "/health") == 200
        cpu, memory = cpu_of(process.pid), memory_of(process.pid)
        card = process.stderr.readline()
        agent = card.rpartition("/agents/")[2].partition("/")[0]
        send(port, agent)
        answered = memory_of(process.pid)
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
        assert process.wait(30) == 0
    return cpu, memory, answered


def main() -> None:
    config = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else QUICKSTART
    with tempfile.TemporaryDirectory() as home:
        environment = {
            name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")
        }
        environment["HOME"] = home
        environment.pop(
            "PYTHONDONTWRITEBYTECODE", None
        )  # a server that was started before has its bytecode
        bare = bare_start()
        start(config, environment)  # writes bytecode, and the index of a document store
        runs = [start(config, environment) for _ in range(STARTS)]
    cpu, memory, answered = (statistics.median(column) for column in zip(*runs, strict=True))
    print(f"hector serve {config.name} until the first 200 on /health")
    print(f"  CPU        {cpu / bare:6.1f} x python -c pass   (bar {CPU_BAR:g})")
    print(f"             {cpu * 1e3:6.0f} ms, python -c pass {bare * 1e3:.1f} ms")
    print(f"  memory     {memory:6.1f} MB")
    print(f"  after the first answer {answered:.1f} MB   (bar {MEMORY_BAR:g})")


if __name__ == "__main__":
    main()
