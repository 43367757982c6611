import Base
import Glibc

/// The least that a replicated write can be: a client, a leader and two followers that say nothing but "write this" and "it is on disk", each with a
/// log of its own, over TCP on loopback. No consensus, no protocol, no state: what is left are the wake-ups and flushes of a group of three.
///
/// The yardstick for writes of one client: a group of three cannot be faster on this machine, whatever it is written in.
enum ReplicatedLoop {
    /// About what a change of the metadata takes in a message, and an acceptance.
    private static let entryBytes = 300
    private static let replyBytes = 60
    private static let commitsOf = 2

    /// One client's closed loop; the group lives as long as it.
    static func run(
        directory: String, worker: Int, size: Int, budget: RunBudget, tally: inout Tally
    ) throws(SyscallLoop.Failed) {
        let client = try Pipe.connected()
        let followers = [try Pipe.connected(), try Pipe.connected()]
        let own = try Pipe.connected()
        var logs: [SyncedLog] = []
        for member in 0..<3 {
            logs.append(try SyncedLog("\(directory)/replica-\(worker)-\(member)", size))
        }
        let pipes = [client, own] + followers
        defer { for pipe in pipes { pipe.close() } }
        let threads =
            zip([own.far] + followers.map(\.far), logs).map { socket, log in
                WorkerThread.start("replica") { serve(socket, log) }
            } + [
                WorkerThread.start("leader") {
                    lead(client.far, [own.near] + followers.map(\.near))
                }
            ]
        defer {
            // Whoever reads hears of the end.
            for pipe in pipes { pipe.end() }
            for thread in threads { thread.join() }
        }
        var buffer = [UInt8](repeating: 0, count: entryBytes)
        while budget.take() {
            let begun = ContinuousClock.now
            guard Pipe.write(client.near, &buffer, entryBytes),
                Pipe.read(client.near, &buffer, replyBytes)
            else { throw SyscallLoop.Failed(call: "a replicated write", code: errno) }
            let elapsed = (ContinuousClock.now - begun).components
            tally.latencies.record(nanoseconds: UInt64(elapsed.attoseconds / 1_000_000_000))
            tally.bytes += UInt64(size)
        }
    }

    /// A member's log: writes what comes, and says so.
    private static func serve(_ socket: Int32, _ log: SyncedLog) {
        var buffer = [UInt8](repeating: 0, count: entryBytes)
        while Pipe.read(socket, &buffer, entryBytes) {
            guard log.append(), Pipe.write(socket, &buffer, replyBytes) else { return }
        }
    }

    /// Sends each entry to all logs, and answers when two of the three have it.
    private static func lead(_ client: Int32, _ logs: [Int32]) {
        var buffer = [UInt8](repeating: 0, count: entryBytes)
        var asked = 0
        var confirmed = [Int](repeating: 0, count: logs.count)
        var polled = ([client] + logs).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        var isOwed = false
        while poll(&polled, nfds_t(polled.count), -1) > 0 {
            if polled[0].revents != 0 {
                guard Pipe.read(client, &buffer, entryBytes) else { return }
                asked += 1
                isOwed = true
                for log in logs { guard Pipe.write(log, &buffer, entryBytes) else { return } }
            }
            for (place, log) in logs.enumerated() where polled[place + 1].revents != 0 {
                guard Pipe.read(log, &buffer, replyBytes) else { return }
                confirmed[place] += 1
            }
            if isOwed, confirmed.count(where: { $0 == asked }) >= commitsOf {
                isOwed = false
                guard Pipe.write(client, &buffer, replyBytes) else { return }
            }
        }
    }
}

/// A file that is written from its start to its end, over and over, and flushed after each write: as long as it will be, so that no write makes it longer.
private final class SyncedLog: Sendable {
    private static let bytes = 4 << 20
    private let descriptor: Int32
    private let size: Int

    init(_ path: String, _ size: Int) throws(SyscallLoop.Failed) {
        self.size = size
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw SyscallLoop.Failed(call: "open", code: errno) }
        let zeros = [UInt8](repeating: 0, count: Self.bytes)
        guard pwrite(descriptor, zeros, zeros.count, 0) == zeros.count, fsync(descriptor) == 0
        else { throw SyscallLoop.Failed(call: "write \(path)", code: errno) }
    }

    deinit { close(descriptor) }

    func append() -> Bool {
        let bytes = [UInt8](repeating: 0x5A, count: size)
        if lseek(descriptor, 0, SEEK_CUR) + off_t(size) > Self.bytes {
            lseek(descriptor, 0, SEEK_SET)
        }
        return write(descriptor, bytes, size) == size && fdatasync(descriptor) == 0
    }
}

/// A TCP connection of this process with itself.
private struct Pipe {
    let near: Int32
    let far: Int32

    static func connected() throws(SyscallLoop.Failed) -> Pipe {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { Glibc.close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let near = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let isConnected = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 1) == 0
                    && getsockname(listener, $0, &length) == 0 && connect(near, $0, length) == 0
            }
        }
        let far = isConnected ? accept(listener, nil, nil) : -1
        guard far >= 0 else { throw SyscallLoop.Failed(call: "connect", code: errno) }
        var yes: Int32 = 1
        for end in [near, far] {
            setsockopt(
                end, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
        }
        return Pipe(near: near, far: far)
    }

    func end() {
        shutdown(near, Int32(SHUT_RDWR))
        shutdown(far, Int32(SHUT_RDWR))
    }

    func close() {
        Glibc.close(near)
        Glibc.close(far)
    }

    static func write(_ socket: Int32, _ buffer: inout [UInt8], _ count: Int) -> Bool {
        Glibc.send(socket, buffer, count, Int32(MSG_NOSIGNAL)) == count
    }

    static func read(_ socket: Int32, _ buffer: inout [UInt8], _ count: Int) -> Bool {
        recv(socket, &buffer, count, Int32(MSG_WAITALL)) == count
    }
}
