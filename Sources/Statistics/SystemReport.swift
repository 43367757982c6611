package import API
import Base
import Cluster

/// How a node's process, machine and disks are at one moment, beside what they have done.
package struct SystemReport: Sendable {
    package var process: ProcessUsage
    package var machine: MachineUsage
    /// Of a target's mountpaths; empty for a proxy.
    package var capacities: [Capacity]
    package var disks: [DiskActivity]

    package init(
        process: ProcessUsage, machine: MachineUsage, capacities: [Capacity] = [],
        disks: [DiskActivity] = []
    ) {
        self.process = process
        self.machine = machine
        self.capacities = capacities
        self.disks = disks
    }

    /// Reads all of it but the capacities; for a pool.
    package static func read(disks: Bool = false) -> SystemReport {
        SystemReport(
            process: .read(), machine: .read(), disks: disks ? DiskActivity.read() : [])
    }

    /// Of one core, since the last sample; several busy threads make it more than 100.
    func cpuPercent(_ snapshot: StatisticsSnapshot) -> Double {
        guard snapshot.windowNanoseconds > 0, process.cpuNanoseconds > snapshot.base.cpuNanoseconds
        else { return 0 }
        return Double(process.cpuNanoseconds - snapshot.base.cpuNanoseconds) * 100
            / Double(snapshot.windowNanoseconds)
    }

    var memoryPercent: Double {
        guard machine.memoryBytes > 0 else { return 0 }
        return Double(process.residentBytes) * 100 / Double(machine.memoryBytes)
    }
}

extension JSONWriter {
    /// `sys_info` (contract §10.4), with the machine's load and cores behind it.
    package mutating func value(_ report: SystemReport, _ snapshot: StatisticsSnapshot) {
        object { $0.members(report, snapshot) }
    }

    /// System information of a node (contract §10.5): with its filesystems, where it has some.
    package mutating func systemInformation(
        _ report: SystemReport, _ snapshot: StatisticsSnapshot
    ) {
        object { json in
            json.members(report, snapshot)
            guard snapshot.role == .target else { return }
            let filesystems = Capacity.filesystems(report.capacities)
            let used = filesystems.reduce(0) { $0 &+ $1.usedBytes }
            let total = filesystems.reduce(0) { $0 &+ $1.totalBytes }
            json.member("fs_used", String(used))
            json.member("fs_capacity", String(total))
            json.key("pct_fs_used")
            json.value(total == 0 ? 0 : Double(used) * 100 / Double(total))
        }
    }

    private mutating func members(_ report: SystemReport, _ snapshot: StatisticsSnapshot) {
        member("mem_used", String(report.process.residentBytes))
        member("mem_avail", String(report.machine.availableBytes))
        key("pct_mem_used")
        value(report.memoryPercent)
        key("pct_cpu_used")
        value(report.cpuPercent(snapshot))
        key("load_avg")
        object { json in
            for (key, load) in zip(["one", "five", "fifteen"], report.machine.load) {
                json.key(key)
                json.value(load)
            }
        }
        member("cpus", report.machine.cores)
    }

    /// How full the mountpaths are (contract §10.2).
    package mutating func value(_ capacities: [Capacity]) {
        object { json in
            for capacity in capacities {
                json.key(capacity.path)
                json.object { json in
                    json.member("used", String(capacity.usedBytes))
                    json.member("avail", String(capacity.availableBytes))
                    json.member("pct_used", Int(capacity.usedPercent.rounded()))
                }
            }
        }
    }

    /// What the disks below the mountpaths do (contract §10.9). Where a filesystem has no disk of its own (tmpfs, an
    /// overlay), there is none to show.
    package mutating func disks(_ report: SystemReport, _ snapshot: StatisticsSnapshot) {
        let rates = DiskRates.between(
            snapshot.base.disks, report.disks, nanoseconds: snapshot.windowNanoseconds,
            devices: Set(report.capacities.map(\.device)))
        object { json in
            for disk in rates {
                json.key(disk.name)
                json.object { json in
                    json.member("RBps", disk.readPerSecond)
                    json.member("WBps", disk.writtenPerSecond)
                    json.member("Util", disk.busyPercent)
                }
            }
        }
    }

    /// A number with two decimals at most.
    package mutating func value(_ number: Double) {
        let rounded = (number * 100).rounded() / 100
        raw((rounded.isFinite ? "\(rounded)" : "0.0").utf8)
    }
}
