"""Measures Martlet beside nginx and beside bare system calls; prints one Markdown table.

Every pair is measured in rounds that alternate, with the order reversed every other round, and the
median round is reported. CPU is utime + stime of the server processes, from /proc/PID/stat.
"""
import os
import shutil
import statistics
import subprocess
import sys
import time

from common import Bench, CORES, Cluster, arguments, children, free_port, parsed, request, say

PARTS = ("data", "durable", "buckets", "failover", "start")


class Nginx:
    """nginx from Debian: sendfile on, open_file_cache off, DAV PUT; a second port redirects."""

    def __init__(self, directory, port):
        self.directory, self.port = directory, port
        self.url, self.redirect_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}"
        shutil.rmtree(directory, ignore_errors=True)
        for name in ("data", "temporary"):
            os.makedirs(f"{directory}/{name}")
        with open(f"{directory}/nginx.conf", "w") as file:
            file.write(f"""
daemon off; pid {directory}/nginx.pid; error_log {directory}/error.log;
worker_processes {CORES}; {"user root;" if os.geteuid() == 0 else ""}
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; tcp_nopush on; open_file_cache off;
  keepalive_requests 1000000000; client_max_body_size 0;
  client_body_temp_path {directory}/temporary; client_body_buffer_size 16k;
  fastcgi_temp_path {directory}/f; proxy_temp_path {directory}/p;
  scgi_temp_path {directory}/s; uwsgi_temp_path {directory}/u;
  server {{ listen 127.0.0.1:{port} reuseport; root {directory}/data;
            location / {{ dav_methods PUT DELETE; create_full_put_path on; }} }}
  server {{ listen 127.0.0.1:{port + 1} reuseport;
            location / {{ return 307 {self.url}$request_uri; }} }}
}}
""")
        self.process = subprocess.Popen(
            ["nginx", "-c", f"{directory}/nginx.conf"], stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while request("GET", self.url + "/none") == 0:
            if time.monotonic() > end or self.process.poll() is not None:
                sys.exit(f"nginx did not start; see {directory}/error.log")
            time.sleep(0.02)

    def pids(self):
        return [self.process.pid] + children(self.process.pid)

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.directory, ignore_errors=True)


class ObjectBench(Bench):
    remarks = [
        "Ratios above 1 are in Martlet's favour, except for times, where less is better.",
        "Both servers have one worker per core; the client is the same; client and servers share "
        "the cores, so requests per CPU-second say more than requests per second.",
        "nginx: sendfile on, open_file_cache off, DAV PUT with its temporary files on the same "
        "disk; \"through the redirect\" is a second nginx port that answers 307."]

    def peer_version(self):
        nginx = subprocess.run(["nginx", "-v"], stderr=subprocess.PIPE, text=True).stderr
        return nginx.strip().replace("nginx version: ", "")

    def method(self):
        options = self.options
        return (f"{options.rounds} rounds of {options.seconds} s, {options.concurrency} "
                "connections, medians")

    # Parts

    def data(self):
        """GET and PUT, direct and through the redirect, beside nginx."""
        cluster = Cluster(self.options.martlet, f"{self.options.dir}/data", 1, 1)
        nginx = Nginx(f"{self.options.dir}/nginx", free_port())
        try:
            proxy, target = cluster.urls("proxy")[0], cluster.urls("target")[0]
            if cluster.create_bucket("bench") != 200:
                raise RuntimeError("the bucket for reads could not be created")
            workers = ["--concurrency", self.options.concurrency]
            for size, objects, label in (("4KiB", 1000, "4 KiB"), ("1MiB", 64, "1 MiB")):
                common = [*workers, "--size", size, "--objects", objects, "--prefix", f"g{size}-"]
                ours = ["get", "--bucket", "bench", *common]
                theirs = ["get", "--plain", *common]
                self.load(*ours, "--url", proxy, "--through-redirect", "--count", 1)
                self.load(*theirs, "--url", nginx.url, "--count", 1)
                self.compare(
                    f"GET {label}, direct",
                    lambda _: ([*ours, "--filled", "--direct", "--url", target],
                               cluster.pids("target")),
                    lambda _: ([*theirs, "--filled", "--url", nginx.url], nginx.pids()),
                    "nginx", 1.0)
                self.compare(
                    f"GET {label}, through the redirect",
                    lambda _: ([*ours, "--filled", "--through-redirect", "--url", proxy],
                               cluster.pids()),
                    lambda _: ([*theirs, "--filled", "--through-redirect", "--url",
                                nginx.redirect_url], nginx.pids()),
                    "nginx", None)
            if not self.delayed_bucket(cluster):
                self.notes.append("PUT hashed, not synced: this build refuses write_policy "
                                  "delayed, so it was not measured.")
                return
            for size, count, bar, label in (("4KiB", None, None, "4 KiB"),
                                            ("1MiB", 400, 0.8, "1 MiB")):
                common = [*workers, "--size", size]
                self.compare(
                    f"PUT {label}, hashed, not synced, direct",
                    lambda n: (["put", "--bucket", "delayed", *common, "--prefix", f"d{size}{n}-",
                                "--direct", "--url", target], cluster.pids("target")),
                    lambda n: (["put", *common, "--prefix", f"d{size}{n}-", "--plain",
                                "--url", nginx.url], nginx.pids()),
                    "nginx DAV (no hash)", bar, count)
                self.compare(
                    f"PUT {label}, hashed, not synced, through the redirect",
                    lambda n: (["put", "--bucket", "delayed", *common, "--prefix", f"r{size}{n}-",
                                "--through-redirect", "--url", proxy], cluster.pids()),
                    lambda n: (["put", *common, "--prefix", f"r{size}{n}-", "--plain",
                                "--through-redirect", "--url", nginx.redirect_url], nginx.pids()),
                    "nginx DAV (no hash)", None, count)
        finally:
            nginx.stop()
            cluster.stop()

    @staticmethod
    def delayed_bucket(cluster):
        forms = ({"write_policy": "delayed"}, {"write_policy": {"data": "delayed"}})
        return any(cluster.create_bucket("delayed", form) in (200, 409) for form in forms)

    def durable(self):
        """Durable PUT beside the bare system calls, at the same concurrency.

        The same calls that the target makes on this filesystem (decision 0041), and where those rest on its
        journal, those that are right on any filesystem as well. Nothing is removed in between: an ext4
        without a journal passes over the inodes of files that were removed in the last minutes, one by one.
        """
        cluster = Cluster(self.options.martlet, f"{self.options.dir}/durable", 1, 1)
        bare = f"{self.options.dir}/bare"
        try:
            target = cluster.urls("target")[0]
            kinds = ["put-linked", "put"] if cluster.says("keeps the order of changes") else ["put"]
            for concurrency in (1, self.options.concurrency):
                ours, theirs = [], {kind: [] for kind in kinds}

                # Both begin with empty directories in each round.
                def put(number):
                    bucket = f"durable-{concurrency}-{number}"
                    if cluster.create_bucket(bucket) != 200:
                        raise RuntimeError(f"the bucket {bucket} could not be created")
                    ours.append(self.load(
                        "put", "--bucket", bucket, "--direct", "--url", target,
                        "--concurrency", concurrency, "--duration", f"{self.options.seconds}s"))

                def loop(number, kind):
                    places = [f"{bare}/{concurrency}-{number}-{kind}-{place}" for place in (1, 2)]
                    for place in places:
                        os.makedirs(place)
                    theirs[kind].append(self.load(
                        "syscalls", "--kind", kind, "--dir", places[0], "--dir", places[1],
                        "--concurrency", concurrency, "--duration", f"{self.options.seconds}s"))

                for number in range(self.options.rounds):
                    steps = [lambda: put(number)]
                    steps += [lambda kind=kind: loop(number, kind) for kind in kinds]
                    for step in steps if number % 2 == 0 else reversed(steps):
                        step()
                rate = statistics.median(report["requests_per_second"] for report in ours)
                p99 = statistics.median(report["p99_us"] for report in ours)
                for kind in kinds:
                    best = statistics.median(
                        report["requests_per_second"] for report in theirs[kind])
                    is_same = kind == kinds[0]
                    self.row(
                        f"PUT 4 KiB, durable, {concurrency} at a time" + (
                            "" if is_same else ", beside a flush of file and directory each"),
                        f"{rate:,.0f}/s, p99 {p99:,.0f} µs",
                        f"bare system calls{', the same' if is_same else ''}: {best:,.0f}/s",
                        f"{rate / best:.2f}",
                        self.verdict(
                            rate / best, 0.7 if concurrency > 1 and is_same else None))
        finally:
            cluster.stop()
            shutil.rmtree(bare, ignore_errors=True)

    def buckets(self):
        """Bucket creates beside this disk's fdatasync."""
        cluster = Cluster(self.options.martlet, f"{self.options.dir}/buckets", 3, 3)
        disk = f"{self.options.dir}/disk"
        os.makedirs(disk, exist_ok=True)
        try:
            primary = cluster.status()["primary"]
            url = next(node["url"] for node in cluster.nodes() if node["id"] == primary)
            ones, many, marks = [], [], []
            for number in range(self.options.rounds):
                limit = ["--duration", f"{self.options.seconds}s"]
                marks.append(self.yardsticks(disk))
                ones.append(self.load("bucket-create", "--url", url, "--concurrency", 1,
                                      "--prefix", f"one{number}", *limit)["p50_us"])
                many.append(self.load("bucket-create", "--url", url, "--concurrency", 16,
                                      "--prefix", f"many{number}", *limit)["requests_per_second"])
            self.bare_rows("bucket create, one client, p50 (3 proxies, 3 targets)", ones, marks, 5)
            rate = statistics.median(many)
            sync = statistics.median(mark["rewrite"] for mark in marks)
            self.row(
                "bucket creates, 16 clients", f"{rate:,.0f}/s",
                f"fdatasync of blocks that are there, one after the other: {1e6 / sync:,.0f}/s",
                f"{rate * sync / 1e6:.2f}", "")
        finally:
            shutil.rmtree(disk, ignore_errors=True)
            cluster.stop()

    def failover(self):
        """Kill -9 of the primary until a bucket is created through another proxy."""
        cluster = Cluster(self.options.martlet, f"{self.options.dir}/failover", 3, 3)
        times = []
        try:
            for number in range(self.options.kills):
                primary = self.settled(cluster)
                others = [node["url"] for node in cluster.nodes()
                          if node["role"] == "proxy" and node["id"] != primary]
                cluster.run("kill", primary)
                begun, tried = time.monotonic(), 0
                # One name throughout: an attempt whose answer was lost may still have made it.
                while True:
                    url = others[tried % len(others)]
                    status = cluster.create_bucket(f"after-{number}", url=url, timeout=2.0)
                    if status in (200, 409):
                        break
                    tried += 1
                    if time.monotonic() - begun > 60:
                        raise RuntimeError("no new primary within 60 s")
                    time.sleep(0.002)
                times.append(time.monotonic() - begun)
                say(f"kill {number + 1} of {primary}: {times[-1] * 1000:.0f} ms")
                cluster.run("restart", primary)
            times.sort()

            def at(fraction):
                return times[min(len(times) - 1, int(fraction * len(times)))] * 1000

            self.row(
                f"kill -9 of the primary to the next bucket ({len(times)} kills)",
                f"median {statistics.median(times) * 1000:,.0f} ms", "",
                f"min {times[0] * 1000:,.0f}, p90 {at(0.9):,.0f}, max {times[-1] * 1000:,.0f} ms",
                self.verdict(statistics.median(times), 1.0, at_most=True) + " (s)")
            self.notes.append("Failover times, ms: "
                              + " ".join(f"{value * 1000:.0f}" for value in times))
        finally:
            cluster.stop()

    @staticmethod
    def settled(cluster):
        """Waits until every node is ready and names the same primary; its id."""
        end = time.monotonic() + 60
        while True:
            status = cluster.status()
            if status.get("primary") and all(node["ready"] for node in status["nodes"]):
                return status["primary"]
            if time.monotonic() > end:
                raise RuntimeError("the cluster did not settle within 60 s")
            time.sleep(0.05)

    def start(self):
        """From nothing to the first bucket, with three proxies and three targets."""
        times = []
        for _ in range(max(3, self.options.rounds)):
            cluster = Cluster(self.options.martlet, f"{self.options.dir}/start", 3, 3)
            try:
                while cluster.create_bucket("first") != 200:
                    if time.monotonic() - cluster.begun > 60:
                        raise RuntimeError("no bucket within 60 s")
                times.append(time.monotonic() - cluster.begun)
            finally:
                cluster.stop()
        middle = statistics.median(times)
        self.row(
            "cluster start to first bucket (3 proxies, 3 targets)", f"{middle * 1000:,.0f} ms", "",
            f"worst {max(times) * 1000:,.0f} ms",
            self.verdict(middle, 2.0, at_most=True) + " (s)")


def main():
    parser = arguments(__doc__, PARTS, rounds=5, seconds=3)
    parser.add_argument("--concurrency", type=int, default=32)
    options = parsed(parser, PARTS)
    return ObjectBench(options).run(options.only.split(","))


if __name__ == "__main__":
    sys.exit(main())
