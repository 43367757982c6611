import Foundation
import TestSupport

/// A disk with a cache of its own that loses power: `volatile-disk.py`, a loop device on it, and a filesystem.
final class VolatileDisk {
    /// Why it cannot be had here; `nil` when it can.
    static let obstacle: String? = {
        if let obstacle = NetworkLab.obstacle { return obstacle }
        let probe = try? Shell.run(
            "/usr/bin/python3 -c 'import fusepy' && test -c /dev/fuse && losetup -f"
                + " && command -v mkfs.ext4 mkfs.xfs mkfs.btrfs")
        return probe?.status == 0
            ? nil : "python3-fusepy, /dev/fuse or loop devices: \(probe?.output ?? "")"
    }()

    private let sandbox: Sandbox
    private let kind: String
    /// Where its filesystem is mounted, in the sandbox.
    let path: String
    private var power: Process?

    init(_ kind: String, at path: String, in sandbox: Sandbox) throws {
        self.kind = kind
        self.path = path
        self.sandbox = sandbox
        try sandbox.must("mkdir -p \(path) \(path).fuse && truncate -s 320M \(path).img")
        try start()
        try sandbox.must(
            "mkfs.\(kind) -q \(kind == "ext4" ? "-F -b 4096" : "-f") \(path).fuse/disk")
        try mount()
    }

    private var log: String { "\(path).log" }

    private func start() throws {
        let script = "\(Shell.root)/Tests/SystemTests/Disks/volatile-disk.py"
        power = try sandbox.start("/usr/bin/python3 \(script) \(path).fuse \(path).img", log: log)
        _ = try waitUntil("the disk has power", within: 20) {
            try sandbox.must("test -e \(path).fuse/disk && echo yes") == "yes\n"
        }
    }

    /// The device is let go of with the filesystem.
    private func mount() throws {
        let options = kind == "xfs" ? "-o nouuid" : ""
        try sandbox.must(
            """
            device=$(losetup -f --show --direct-io=on \(path).fuse/disk) || exit
            mount -t \(kind) \(options) $device \(path)
            status=$?
            losetup -d $device
            exit $status
            """)
    }

    /// Ends the power amid writes, and says what was lost. The process that is the host is stopped: whoever waits for a flush is
    /// told nothing more. Without one the disk alone is gone, and whoever uses it is told that it fails.
    func losePower(with host: Int32? = nil) throws -> String {
        guard let power else { return "" }
        try? FileManager.default.removeItem(atPath: "\(path).img.host")
        if let host {
            try "\(host)".write(toFile: "\(path).img.host", atomically: true, encoding: .utf8)
        }
        kill(power.processIdentifier, SIGUSR1)
        power.waitUntilExit()
        let text = try String(contentsOfFile: log, encoding: .utf8)
        return text.split(separator: "\n").last.map(String.init) ?? ""
    }

    /// The power is back: the filesystem is mounted anew, as it recovers. Nobody may use the old one any more.
    func recover() throws {
        try sandbox.must("umount -l \(path); umount -l \(path).fuse")
        try start()
        try mount()
    }

    func end() {
        if let power, power.isRunning { kill(power.processIdentifier, SIGKILL) }
    }
}
