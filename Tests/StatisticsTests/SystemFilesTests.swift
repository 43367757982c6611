import API
import Base
import Testing

@testable import Statistics

/// What `/proc` says, read from text.
@Suite struct SystemFilesTests {
    @Test func `a process reads its status`() {
        let usage = ProcessUsage(
            status: "Name:\tmartlet\nVmSize:\t  204800 kB\nVmRSS:\t   10240 kB\nThreads:\t7\n")
        #expect(usage.residentBytes == 10_240 << 10)
        #expect(usage.virtualBytes == 204_800 << 10)
        #expect(usage.threads == 7)
        #expect(ProcessUsage(status: "") == ProcessUsage())
    }

    @Test func `this process has memory, descriptors and threads`() {
        let usage = ProcessUsage.read()
        #expect(usage.residentBytes > 1 << 20 && usage.virtualBytes >= usage.residentBytes)
        #expect(usage.openDescriptors >= 3 && usage.openDescriptors <= usage.maxDescriptors)
        #expect(usage.threads >= 1 && usage.cpuNanoseconds > 0)
        let machine = MachineUsage.read()
        #expect(machine.memoryBytes >= machine.availableBytes && machine.availableBytes > 0)
        #expect(machine.cores >= 1)
    }

    @Test func `the machine's memory and load`() {
        let usage = MachineUsage(
            memory: "MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    600 kB\n",
            load: "0.25 1.50 2.00 1/234 5678\n")
        #expect(usage.memoryBytes == 1_024_000 && usage.availableBytes == 614_400)
        #expect(usage.load == [0.25, 1.5, 2])
        #expect(MachineUsage(memory: "nonsense", load: "a b c").load == [0, 0, 0])
    }

    private static let disks = """
           8       0 sda 100 0 2000 5 50 0 4000 6 0 1000 11 0 0 0 0 0 0
           8       1 sda1 90 0 1800 5 50 0 4000 6 0 900 11 0 0 0 0 0 0
         253       7 vdh 1 0
         nonsense
        """

    @Test func `disks are read, and lines that are none are not`() {
        let disks = DiskActivity.parse(Self.disks)
        #expect(disks.map(\.name) == ["sda", "sda1"])
        #expect(disks[1].device == DeviceNumber(major: 8, minor: 1))
        #expect(disks[1].bytesRead == 1_800 * 512 && disks[1].bytesWritten == 4_000 * 512)
        #expect(disks[1].busyMilliseconds == 900)
    }

    @Test func `rates are differences over time, of the disks asked for`() throws {
        let before = DiskActivity.parse(Self.disks)
        var now = before
        now[1].bytesRead += 4_096
        now[1].bytesWritten += 8_192
        now[1].busyMilliseconds += 500
        let sda1: Set = [DeviceNumber(major: 8, minor: 1)]
        let rates = DiskRates.between(before, now, nanoseconds: 2_000_000_000, devices: sda1)
        #expect(
            rates == [
                DiskRates(
                    name: "sda1", readPerSecond: 2_048, writtenPerSecond: 4_096, busyPercent: 25)
            ])
        // A disk that was not there before has no rate yet, and counters that went back have none either.
        #expect(
            DiskRates.between([], now, nanoseconds: 1, devices: sda1).first?.readPerSecond == 0)
        #expect(
            DiskRates.between(now, before, nanoseconds: 1, devices: sda1).first?.busyPercent == 0)
    }

    @Test func `device numbers are taken apart as glibc does it`() {
        #expect(DeviceNumber(0x801) == DeviceNumber(major: 8, minor: 1))
        #expect(DeviceNumber(0x10_FD07) == DeviceNumber(major: 253, minor: 0x107))
    }

    @Test func `a filesystem counts once, however many mountpaths lie on it`() throws {
        let one = try #require(Capacity.read("/"))
        #expect(one.totalBytes > 0 && one.usedPercent > 0 && one.usedPercent <= 100)
        var other = one
        other.path = "/other"
        #expect(Capacity.filesystems([one, other]).count == 1)
        other.device = DeviceNumber(major: 250, minor: 1)
        #expect(Capacity.filesystems([one, other]).count == 2)
        #expect(Capacity.read("/there/is/no/such/path") == nil)
    }
}
