"""What the benchmarks share: clusters of both kinds of process, load, rows of the table."""
import argparse
import json
import os
import pathlib
import platform
import random
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
CORES = os.cpu_count()


def say(text):
    print(f"== {text}", file=sys.stderr, flush=True)


def cpu_seconds(pids):
    """CPU time the processes have used so far, all threads, user and system."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS_PER_SECOND


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as listing:
        return [int(word) for word in listing.read().split()]


def request(method, url, body=None, timeout=5.0):
    """One request; the status, or 0 when there was no answer."""
    call = urllib.request.Request(url, method=method, data=body)
    try:
        with urllib.request.urlopen(call, timeout=timeout) as answer:
            answer.read()
            return answer.status
    except urllib.error.HTTPError as error:
        error.read()
        return error.code
    except OSError:
        return 0


class Cluster:
    """A local cluster in a directory of its own, driven by `martlet cluster`."""

    def __init__(self, martlet, directory, proxies, targets):
        self.martlet, self.directory = martlet, directory
        shutil.rmtree(directory, ignore_errors=True)
        self.begun = time.monotonic()
        self.run("start", "--proxies", str(proxies), "--targets", str(targets),
                 "--base-port", "0", "--detach")

    def run(self, *words, check=True):
        return subprocess.run(
            [self.martlet, "cluster", *words, "--dir", self.directory],
            check=check, stdout=subprocess.PIPE, text=True, timeout=180).stdout

    def nodes(self):
        with open(f"{self.directory}/cluster.json") as file:
            return json.load(file)["nodes"]

    def urls(self, role):
        return [node["url"] for node in self.nodes() if node["role"] == role]

    def pids(self, role=None):
        return [node["pid"] for node in self.nodes() if role in (None, node["role"])]

    def status(self):
        return json.loads(self.run("status", "--json", check=False))

    def create_bucket(self, name, value=None, url=None, timeout=5.0):
        message = {"action": "createlb"}
        if value:
            message["value"] = value
        url = url or self.urls("proxy")[0]
        return request("POST", f"{url}/v1/buckets/{name}", json.dumps(message).encode(), timeout)

    def says(self, words):
        """Whether a node has logged this."""
        logs = pathlib.Path(self.directory, "logs").iterdir()
        return any(words in log.read_text(errors="replace") for log in logs)

    def stop(self):
        self.run("stop", check=False)
        shutil.rmtree(self.directory, ignore_errors=True)


def free_port(count=2):
    """A port on loopback that is free, and so are those after it."""
    while True:
        port = random.randrange(10000, 30000)
        try:
            for offset in range(count):
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", port + offset))
            return port
        except OSError:
            continue


class Bench:
    def __init__(self, options):
        self.options = options
        self.rows = []
        self.notes = []

    def load(self, *words, may_fail=False):
        """Runs `martlet load … --json`; a run in which requests failed is not a measurement, unless they may."""
        result = subprocess.run(
            [self.options.martlet, "load", *map(str, words), "--json"],
            stdout=subprocess.PIPE, text=True, timeout=600)
        if result.returncode != 0:
            raise RuntimeError(f"martlet load {' '.join(map(str, words))} failed")
        report = json.loads(result.stdout)
        if (report["failed"] and not may_fail) or report["mismatches"]:
            raise RuntimeError(f"martlet load {' '.join(map(str, words))}: {report['failures']} "
                               f"{report['examples']}")
        return report

    def yardsticks(self, directory):
        """The median times of bare system calls, one after the other, in microseconds."""
        return {kind: self.load(
            "syscalls", "--kind", kind, "--dir", directory, "--concurrency", 1, "--duration",
            f"{self.options.seconds}s")["p50_us"] for kind in ("append", "rewrite", "replicated")}

    def bare_rows(self, title, ours, marks, bar):
        """Beside what a disk takes for a write and fdatasync, and a group of three at least, whoever makes it."""
        mine = statistics.median(ours)
        least, grown, there = (statistics.median(mark[kind] for mark in marks) for kind in (
            "replicated", "append", "rewrite"))
        for name, sync in (("a log that grows", grown), ("blocks that are there", there)):
            self.row(f"{title}, beside write and fdatasync of {name}", f"{mine:,.0f} µs",
                     f"{sync:,.0f} µs", f"{mine / sync:.1f}",
                     self.verdict(mine / sync, bar, at_most=True))
        self.row(f"{title}, beside a bare replicated write", f"{mine:,.0f} µs",
                 f"three logs, two waited for: {least:,.0f} µs, {least / grown:.1f} and "
                 f"{least / there:.1f} of these", f"{mine / least:.1f}")

    def sample(self, words, pids):
        before = cpu_seconds(pids)
        report = self.load(*words)
        used = cpu_seconds(pids) - before
        return {"rate": report["requests_per_second"], "p99": report["p99_us"],
                "cpu": used / max(1, report["requests"]) * 1e6}

    def compare(self, title, ours, theirs, peer, bar, count=None):
        """Measures two sides in alternating rounds; each side makes (words, pids) per round."""
        limit = ["--count", count] if count else ["--duration", f"{self.options.seconds}s"]
        sides = {"ours": ours, "theirs": theirs}
        results = {"ours": [], "theirs": []}
        for round_number in range(self.options.rounds):
            order = ["ours", "theirs"] if round_number % 2 == 0 else ["theirs", "ours"]
            for side in order:
                words, pids = sides[side](round_number)
                results[side].append(self.sample([*words, *limit], pids))
        middle = {side: {key: statistics.median(sample[key] for sample in samples)
                         for key in ("rate", "cpu", "p99")}
                  for side, samples in results.items()}
        mine, other = middle["ours"], middle["theirs"]
        ratio = other["cpu"] / mine["cpu"] if mine["cpu"] and other["cpu"] else None
        self.row(
            title, f"{mine['rate']:,.0f}/s, {mine['cpu']:.1f} µs CPU, p99 {mine['p99']:,.0f} µs",
            f"{peer}: {other['rate']:,.0f}/s, {other['cpu']:.1f} µs CPU, p99 {other['p99']:,.0f} µs",
            f"{ratio:.2f} per CPU-second, {mine['rate'] / other['rate']:.2f} per second"
            if ratio else f"{mine['rate'] / other['rate']:.2f} per second",
            self.verdict(ratio, bar))

    @staticmethod
    def verdict(ratio, bar, at_most=False):
        if bar is None or ratio is None:
            return ""
        met = ratio <= bar if at_most else ratio >= bar
        return f"{'at most' if at_most else 'at least'} {bar:g}: {'met' if met else 'NOT met'}"

    def row(self, title, ours, theirs="", ratio="", bar=""):
        self.rows.append([title, ours, theirs, ratio, bar])
        say(" | ".join(self.rows[-1]))

    def run(self, parts):
        """Measures the parts by name and prints the table; the exit status."""
        failed = False
        for part in parts:
            say(f"measuring: {part}")
            try:
                getattr(self, part)()
            except (RuntimeError, subprocess.SubprocessError, OSError, StopIteration) as error:
                failed = True
                self.notes.append(f"Part {part} could not be measured: {error}")
                say(self.notes[-1])
        print(self.table())
        return 1 if failed else 0

    def table(self):
        options = self.options
        filesystem = subprocess.run(
            ["df", "--output=fstype", options.dir], stdout=subprocess.PIPE, text=True).stdout
        version = subprocess.run(
            [options.martlet, "version"], stdout=subprocess.PIPE, text=True).stdout
        lines = [
            f"`{options.words.strip()}`, {time.strftime('%Y-%m-%d')}, {version.strip()}, "
            f"{self.peer_version()}, {CORES} cores, "
            f"{platform.system()} {platform.release()}, {filesystem.split()[-1]}, "
            f"load average {os.getloadavg()[0]:.1f}; {self.method()}.", "",
            "| measurement | Martlet | beside it | ratio | bar |", "|---|---|---|---|---|"]
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        return "\n".join(lines + [""] + [f"- {note}" for note in self.notes + self.remarks])


def arguments(description, parts, rounds, seconds):
    """The flags every benchmark has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--martlet", required=True)
    parser.add_argument("--dir", required=True)
    parser.add_argument("--words", default="")
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--seconds", type=int, default=seconds)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--only", default=",".join(parts))
    parser.add_argument("--quick", action="store_true", help="one short round, three kills")
    return parser


def parsed(parser, parts):
    options = parser.parse_args()
    if unknown := set(options.only.split(",")) - set(parts):
        parser.error(f"--only: unknown {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    if options.quick:
        options.rounds, options.seconds, options.kills = 1, 1, 3
    return options
