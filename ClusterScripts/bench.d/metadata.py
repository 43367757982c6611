"""Measures Martlet's control plane beside etcd's; prints one Markdown table of ratios.

Three members each, on one disk, every write flushed by a majority before it is acknowledged. Rounds
alternate, with the order reversed every other round; medians. A write is a bucket created or destroyed at
the primary on a kept HTTP connection, and a key of 256 bytes put at etcd's leader on a kept gRPC connection.
"""
import shutil
import statistics
import subprocess
import sys
import threading
import time

from common import Bench, arguments, parsed, say
from groups import MEMBERS, EtcdGroup, MartletGroup

PARTS = ("writes", "reads", "failover", "transfer", "restart", "recovery", "idle", "scale",
         "memory")


class MetadataBench(Bench):
    remarks = [
        "Ratios are Martlet's figure divided by etcd's; for times, CPU and memory less is better, for rates more.",
        "All members, and the client, share two cores and one disk: three members flush at once.",
        "Martlet runs three proxies and no target; etcd's election timeout and Martlet's are both 250 to 500 ms."]

    def peer_version(self):
        text = subprocess.run(["etcd", "--version"], stdout=subprocess.PIPE, text=True).stdout
        return text.splitlines()[0].replace(" Version: ", " ")

    def method(self):
        return f"{self.options.rounds} rounds of {self.options.seconds} s, medians"

    # Groups

    def groups(self):
        groups = []
        try:
            groups.append(MartletGroup(f"{self.options.dir}/martlet", self.options.martlet))
            groups.append(EtcdGroup(f"{self.options.dir}/etcd"))
        except BaseException:
            for group in groups:
                group.stop()
            raise
        return groups

    def alternate(self, groups, measure, rounds=None):
        """What `measure(group, round)` gave for each group, in rounds that alternate."""
        results = {group.name: [] for group in groups}
        for number in range(rounds or self.options.rounds):
            for group in groups if number % 2 == 0 else reversed(groups):
                results[group.name].append(measure(group, number))
        return results

    def report(self, title, ours, theirs, unit, scale, bar=None, more_is_better=False, spread=True):
        """One row from the samples of both sides; without a bar of its own, it is not to be worse than etcd."""
        mine, other = statistics.median(ours), statistics.median(theirs)
        ratio = mine / other if other else float("inf")
        verdict = self.verdict(ratio, 1, at_most=not more_is_better)
        if bar:
            verdict += f"; at most {bar[0]}: {'met' if mine <= bar[1] else 'NOT met'}"

        def text(samples, middle):
            worst = min(samples) if more_is_better else max(samples)
            tail = f" (worst {worst * scale:,.1f})" if spread and len(samples) > 1 else ""
            return f"{middle * scale:,.1f} {unit}{tail}"

        self.row(title, text(ours, mine), "etcd: " + text(theirs, other), f"{ratio:.2f}", verdict)

    # Parts

    def writes(self):
        groups = self.groups()
        disk = f"{self.options.dir}/martlet"
        try:
            leaders = {group.name: group.settled_leader() for group in groups}
            marks = []
            for clients in (1, 64, 256):
                def measure(group, number):
                    if clients == 1 and group is groups[0]:
                        marks.append(self.yardsticks(disk))
                    return self.load(
                        *group.writes, "--url", group.url(leaders[group.name]), "--concurrency",
                        clients, "--prefix", f"w{clients}-{number}", "--duration",
                        f"{self.options.seconds}s")

                results = self.alternate(groups, measure)
                ours, theirs = results["Martlet"], results["etcd"]
                if clients == 1:
                    self.report(
                        "write, 1 client, p50", [r["p50_us"] for r in ours],
                        [r["p50_us"] for r in theirs], "µs", 1)
                    self.bare_rows(
                        "write, 1 client, p50", [r["p50_us"] for r in ours], marks, 3)
                    self.report(
                        "write, 1 client, p99", [r["p99_us"] for r in ours],
                        [r["p99_us"] for r in theirs], "µs", 1)
                else:
                    self.report(
                        f"writes/s, {clients} clients", [r["requests_per_second"] for r in ours],
                        [r["requests_per_second"] for r in theirs], "/s", 1, more_is_better=True)
        finally:
            for group in groups:
                group.stop()

    def reads(self):
        groups = self.groups()
        try:
            leaders = {group.name: group.settled_leader() for group in groups}
            for place, offset in (("the leader", 0), ("another member", 1)):
                for clients in (1, 64):
                    def measure(group, number):
                        member = (leaders[group.name] + offset) % MEMBERS
                        return self.load(
                            *group.reads, "--url", group.url(member), "--concurrency", clients,
                            "--duration", f"{self.options.seconds}s")

                    results = self.alternate(groups, measure)
                    ours, theirs = results["Martlet"], results["etcd"]
                    if clients == 1:
                        self.report(
                            f"linearizable read at {place}, 1 client, p50",
                            [r["p50_us"] for r in ours], [r["p50_us"] for r in theirs], "µs", 1)
                    else:
                        self.report(
                            f"linearizable reads/s at {place}, {clients} clients",
                            [r["requests_per_second"] for r in ours],
                            [r["requests_per_second"] for r in theirs], "/s", 1,
                            more_is_better=True)
        finally:
            for group in groups:
                group.stop()

    def failover(self):
        """Kill -9 of the leader until a write through one of the others has succeeded."""
        groups = self.groups()

        def measure(group, number):
            leader = group.settled_leader()
            others = [member for member in range(MEMBERS) if member != leader]
            group.kill(leader)
            took = group.wait_for_write(others)
            group.spawn(leader)
            return took

        try:
            results = self.alternate(groups, measure, self.options.kills)
            self.report(
                f"kill -9 of the leader to the next write ({self.options.kills} kills)",
                results["Martlet"], results["etcd"], "ms", 1000)
        finally:
            for group in groups:
                group.stop()

    def transfer(self):
        """What a client of the third member sees while leadership moves: the longest time without a success, of those
        that have a part in the move. Beside it the longest of a second's other writes, which holds the longest flush."""
        groups = self.groups()
        others = []
        refused = {group.name: 0 for group in groups}
        undisturbed = {group.name: [] for group in groups}

        def measure(group, number):
            leader = group.settled_leader()
            successor, bystander = (leader + 1) % MEMBERS, (leader + 2) % MEMBERS
            moves, failures = [], []

            def move():
                time.sleep(0.4)
                try:
                    moves.append(group.move_leader(leader, successor))
                except RuntimeError as error:
                    failures.append(error)

            mover = threading.Thread(target=move)
            mover.start()
            report = self.load(
                *group.writes, "--url", group.url(bystander), "--concurrency", 1, "--prefix",
                f"t{number}",
                "--duration", "1s", may_fail=True)
            refused[group.name] += report["failed"]
            mover.join()
            if failures:
                raise failures[0]
            begun, ended = moves[0]
            gaps = [(report["begun"] + gap["from_us"] / 1e6, gap["length_us"])
                    for gap in report["gaps"]]
            met = [length for start, length in gaps if start <= ended and start + length / 1e6 >= begun]
            if not met:
                raise RuntimeError(f"{group.name}: no write was slow while leadership moved")
            if group is groups[0]:
                others.append(max(length for _, length in gaps if length not in met))
            if not report["failed"]:
                undisturbed[group.name].append(max(met))
            return max(met)

        try:
            results = self.alternate(groups, measure)
            self.report(
                "leadership handed over: longest gap between two writes", results["Martlet"],
                results["etcd"], "ms", 0.001, ("16 ms", 16_000))
            self.notes.append(
                "The longest gap between two other writes of the same second: "
                f"{statistics.median(others) / 1000:.1f} ms, at Martlet, in the median.")
            self.notes.append(
                "While leadership was handed over: "
                + "; ".join(
                    f"{name}: {refused[name]} of {self.options.rounds} writes under way failed"
                    + (f", the longest gap of the other rounds {statistics.median(gaps) / 1000:.1f} ms"
                       if gaps else "")
                    for name, gaps in undisturbed.items())
                + ". A member of etcd does not hear that its proposal was dropped by a leader that hands over, and its client "
                "waits for the end of the request's time.")
        finally:
            for group in groups:
                group.stop()

    def restart(self):
        """Kill -9 of all members at once; from starting them again to the first write."""
        groups = self.groups()

        def measure(group, number):
            for member in range(MEMBERS):
                group.processes[member].kill()
            for member in range(MEMBERS):
                group.processes[member].wait()
            begun = time.monotonic()
            for member in range(MEMBERS):
                group.spawn(member)
            group.wait_for_write()
            return time.monotonic() - begun

        try:
            results = self.alternate(groups, measure)
            self.report(
                "all members restarted to the first write", results["Martlet"], results["etcd"],
                "ms", 1000, ("400 ms", 0.4))
        finally:
            for group in groups:
                group.stop()

    def recovery(self):
        """Two of three members are gone for good; from the operator's first request to the first write of the one left."""
        makers = (lambda: MartletGroup(f"{self.options.dir}/martlet", self.options.martlet),
                  lambda: EtcdGroup(f"{self.options.dir}/etcd"))
        results = {}
        # A recovery is made once in the life of a group, so each has a group of its own.
        for number in range(self.options.rounds):
            for make in makers if number % 2 == 0 else reversed(makers):
                group = make()
                try:
                    survivor = (group.settled_leader() + 1) % MEMBERS
                    for member in range(MEMBERS):
                        if member != survivor:
                            group.kill(member)
                    # The operator comes when the loss has been noticed.
                    time.sleep(1)
                    begun = time.monotonic()
                    group.recover(survivor)
                    group.wait_for_write([survivor])
                    results.setdefault(group.name, []).append(time.monotonic() - begun)
                finally:
                    group.stop()
        self.report(
            "forced recovery with one of three members to the first write", results["Martlet"],
            results["etcd"], "ms", 1000)

    def idle(self):
        groups = self.groups()
        try:
            results = self.alternate(
                groups, lambda group, _: group.idle_cpu(self.options.seconds * 2))
            self.report(
                "CPU of three idle members", results["Martlet"], results["etcd"], "% of a core", 100)
        finally:
            for group in groups:
                group.stop()

    def scale(self):
        """What a change costs when many buckets are there, beside what it costs when few are."""
        few = MartletGroup(f"{self.options.dir}/few", self.options.martlet)
        many = None
        try:
            many = MartletGroup(f"{self.options.dir}/many", self.options.martlet)
            few.name, many.name = "few", "many"
            leaders = {group.name: group.settled_leader() for group in (few, many)}
            for group, count in ((few, 100), (many, self.options.buckets)):
                self.load("bucket-create", "--url", group.url(leaders[group.name]), "--concurrency",
                          64, "--count", count, "--prefix", "fill")

            def measure(group, number):
                return self.load(
                    *group.writes, "--url", group.url(leaders[group.name]), "--concurrency", 1,
                    "--prefix", f"s{number}", "--duration", f"{self.options.seconds}s")["p50_us"]

            results = self.alternate([few, many], measure)
            small, large = map(statistics.median, (results["few"], results["many"]))
            self.row(
                f"one bucket change with {self.options.buckets:,} buckets, p50", f"{large:,.0f} µs",
                f"with 100 buckets: {small:,.0f} µs", f"{large / small:.2f}",
                self.verdict(large / small, 1.2, at_most=True))
        finally:
            few.stop()
            if many:
                many.stop()

    def memory(self):
        """Resident memory of the largest member after many writes that leave nothing behind."""
        count, sizes = self.options.writes, {}
        for make in (lambda: MartletGroup(f"{self.options.dir}/martlet", self.options.martlet),
                     lambda: EtcdGroup(f"{self.options.dir}/etcd")):
            group = make()
            try:
                say(f"{group.name}: {count:,} writes")
                self.load(*group.writes, "--url", group.url(group.settled_leader()),
                          "--concurrency", 64, "--prefix", "m", "--count", count)
                sizes[group.name] = group.resident()
            finally:
                group.stop()
        self.report(
            f"resident memory after {count:,} writes", [sizes["Martlet"]], [sizes["etcd"]], "MB",
            1e-6, ("64 MB", 64e6))


def main():
    parser = arguments(__doc__, PARTS, rounds=20, seconds=1)
    parser.add_argument("--buckets", type=int, default=100_000)
    parser.add_argument("--writes", type=int, default=1_000_000)
    options = parsed(parser, PARTS)
    if options.quick:
        options.buckets, options.writes = 2000, 5000
    shutil.rmtree(f"{options.dir}/martlet", ignore_errors=True)
    return MetadataBench(options).run(options.only.split(","))


if __name__ == "__main__":
    sys.exit(main())
