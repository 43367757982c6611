"""Three members of Martlet and three of etcd, driven in the same way: processes, writes, leadership."""
import base64
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request

from common import cpu_seconds, free_port, request

MEMBERS = 3
# How long one attempt to write may take while a leader is waited for: a member that still counts on a dead leader
# may hold a request for seconds.
ATTEMPT_SECONDS = 0.1


class Group:
    """Members that are processes of this program, each with a directory of its own."""

    def __init__(self, directory):
        self.directory = directory
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory)
        self.ports = [free_port(2) for _ in range(MEMBERS)]
        self.processes = [None] * MEMBERS
        self.started()

    def started(self):
        """Starts all members for the first time and waits until a write succeeds."""
        for member in range(MEMBERS):
            self.spawn(member)
        self.wait_for_write()

    def url(self, member):
        return f"http://127.0.0.1:{self.ports[member]}"

    def urls(self):
        return ",".join(self.url(member) for member in range(MEMBERS))

    def spawn(self, member, *extra):
        log = open(f"{self.directory}/{member}.log", "ab")
        self.processes[member] = subprocess.Popen(
            [*self.command(member), *extra], stdout=log, stderr=log, start_new_session=True)
        log.close()

    def kill(self, member):
        self.processes[member].kill()
        self.processes[member].wait()

    def pids(self):
        return [process.pid for process in self.processes if process.poll() is None]

    def wait_for_write(self, members=range(MEMBERS), limit=60):
        """Seconds until a write through one of the members has succeeded."""
        begun, tried, members = time.monotonic(), 0, list(members)
        while not self.write(self.url(members[tried % len(members)])):
            tried += 1
            if time.monotonic() - begun > limit:
                raise RuntimeError(f"{self.name}: no write within {limit} s")
            time.sleep(0.002)
        return time.monotonic() - begun

    def settled_leader(self):
        """The leader, once all members name the same one."""
        end = time.monotonic() + 60
        while True:
            named = {self.leader_seen_by(member) for member in range(MEMBERS)}
            if len(named) == 1 and None not in named:
                return named.pop()
            if time.monotonic() > end:
                raise RuntimeError(f"{self.name}: no leader that all know within 60 s")
            time.sleep(0.02)

    def resident(self):
        """The largest member's resident memory, bytes."""
        most = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/status") as status:
                for line in status:
                    if line.startswith("VmRSS:"):
                        most = max(most, int(line.split()[1]) * 1024)
        return most

    def idle_cpu(self, seconds):
        """CPU seconds per second of all members together, while nobody asks for anything."""
        before = cpu_seconds(self.pids())
        time.sleep(seconds)
        return (cpu_seconds(self.pids()) - before) / seconds

    def stop(self):
        for process in self.processes:
            if process and process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            if process:
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def answer(url, body=None, timeout=2.0, method=None):
    """The answer's JSON, or None."""
    data = None if body is None else json.dumps(body).encode()
    try:
        call = urllib.request.Request(url, data=data, method=method)
        with urllib.request.urlopen(call, timeout=timeout) as reply:
            text = reply.read()
            return json.loads(text) if text else {}
    except (OSError, ValueError):
        return None


class MartletGroup(Group):
    """Proxies alone: no target follows the log."""

    name = "Martlet"
    writes = ["bucket-cycle"]
    reads = ["bucket-head"]

    def __init__(self, directory, martlet):
        self.martlet = martlet
        self.isolated = set()
        self.probes = 0
        super().__init__(directory)

    def started(self):
        self.spawn(0)
        self.wait_for_write([0])
        for member in range(1, MEMBERS):
            self.spawn(member)
        end = time.monotonic() + 60
        while self.voters() < MEMBERS:
            if time.monotonic() > end:
                raise RuntimeError("Martlet: three members do not vote within 60 s")
            time.sleep(0.05)

    def command(self, member):
        first = ["--found"] if member == 0 else ["--join", self.url(0)]
        return [self.martlet, "proxy", "--id", f"p{member + 1}", "--listen",
                f"127.0.0.1:{self.ports[member]}", "--data",
                f"{self.directory}/p{member + 1}", *first]

    def voters(self):
        raft = answer(f"{self.url(0)}/v1/daemon?what=raft") or {}
        return sum(1 for member in raft.get("members", []) if member["voter"] and member["node"])

    def write(self, url):
        self.probes += 1
        body = json.dumps({"action": "createlb"}).encode()
        return request("POST", f"{url}/v1/buckets/probe-{self.probes}", body, ATTEMPT_SECONDS) == 200

    def leader_seen_by(self, member):
        raft = answer(f"{self.url(member)}/v1/daemon?what=raft")
        if not raft or not raft["leader"]:
            return None
        nodes = {entry["member"]: entry["node"] for entry in raft["members"]}
        node = nodes.get(raft["leader"], "")
        return int(node[1:]) - 1 if node else None

    def move_leader(self, leader, member):
        begun = time.time()
        if answer(f"{self.url(leader)}/v1/cluster/proxy/p{member + 1}", method="PUT",
                  timeout=20) is None:
            raise RuntimeError(f"Martlet: p{member + 1} could not be made primary")
        return begun, time.time()

    def recover(self, member):
        """Goes on with one member alone, as an operator does it: the plan, then the line that the plan names."""
        url = self.url(member)
        plan = answer(f"{url}/v1/cluster?what=recovery_plan&can={url}", timeout=20)
        if not plan or "next" not in plan:
            raise RuntimeError(f"Martlet: no plan for a recovery: {plan}")
        line = plan["next"].rsplit("'", 2)[1]
        if answer(line, method="PUT", timeout=20) is None:
            raise RuntimeError(f"Martlet: refused: {plan['next']}")


class EtcdGroup(Group):
    """etcd from Debian: gRPC for load, its JSON gateway for single questions."""

    name = "etcd"
    reads = ["etcd-get"]
    writes = ["etcd-put", "--size", 256]

    def command(self, member):
        peers = ",".join(f"e{number + 1}=http://127.0.0.1:{self.ports[number] + 1}"
                         for number in range(MEMBERS))
        client, peer = self.url(member), f"http://127.0.0.1:{self.ports[member] + 1}"
        # Election timeouts of 250 to 500 ms, as Martlet's are; the heartbeat is what etcd allows for that.
        return ["etcd", "--name", f"e{member + 1}", "--data-dir",
                f"{self.directory}/e{member + 1}", "--listen-client-urls", client,
                "--advertise-client-urls", client, "--listen-peer-urls", peer,
                "--initial-advertise-peer-urls", peer, "--initial-cluster", peers,
                "--initial-cluster-state", "new", "--heartbeat-interval", "50",
                "--election-timeout", "250", "--logger", "zap", "--log-level", "error",
                "--quota-backend-bytes", str(8 << 30)]

    def write(self, url):
        key = base64.b64encode(b"probe").decode()
        value = base64.b64encode(b"v" * 256).decode()
        return answer(f"{url}/v3/kv/put", {"key": key, "value": value},
                      ATTEMPT_SECONDS) is not None

    def leader_seen_by(self, member):
        status = answer(f"{self.url(member)}/v3/maintenance/status", {})
        leader = (status or {}).get("leader", "0")
        if leader == "0":
            return None
        for number in range(MEMBERS):
            other = answer(f"{self.url(number)}/v3/maintenance/status", {})
            if other and other["header"]["member_id"] == leader:
                return number
        return None

    def recover(self, member):
        """etcd goes on alone only from a stopped member, by a flag of its start."""
        self.kill(member)
        self.spawn(member, "--force-new-cluster")

    def move_leader(self, leader, member):
        status = answer(f"{self.url(member)}/v3/maintenance/status", {})
        identity = (status or {}).get("header", {}).get("member_id")
        begun = time.time()
        if identity is None or answer(f"{self.url(leader)}/v3/maintenance/transfer-leadership",
                                      {"targetID": identity}, timeout=20) is None:
            raise RuntimeError(f"etcd: e{member + 1} could not be made leader")
        return begun, time.time()
