import API
import Base
import Cluster
import HTTP

/// Has what becomes of this target's mountpaths written into the log, so that people hear of it whatever becomes of the
/// target. The newest word on each disk is sent, again until a proxy has taken it.
final class MountpathReporter: Sendable {
    private let node: NodeID
    private let proxies: ProxyCaller
    private let loop: EventLoop
    private let log: Logger
    private let pending = Watched<[String: MountpathNote]>([:])

    init(node: NodeID, proxies: ProxyCaller, loop: EventLoop, log: Logger) {
        self.node = node
        self.proxies = proxies
        self.loop = loop
        self.log = log
    }

    /// Does not block.
    func report(_ note: MountpathNote) {
        pending.update { $0[note.disk] = note }
    }

    /// Returns when all has been said, or after the time given.
    func finish(withinNanoseconds nanoseconds: UInt64) async {
        _ = await loop.within(nanoseconds: nanoseconds) { await self.pending.first { $0.isEmpty } }
    }

    /// Runs until cancelled.
    func run() async {
        var pause = Joiner.pauseMin
        while !Task.isCancelled {
            guard let waiting = await pending.first(where: { !$0.isEmpty }),
                let note = waiting.values.first
            else { return }
            if await send(note) {
                pause = Joiner.pauseMin
                pending.update { if $0[note.disk] == note { $0[note.disk] = nil } }
            } else {
                await loop.sleep(nanoseconds: pause)
                pause = min(pause * 2, 4 * Joiner.pauseMax)
            }
        }
    }

    /// - Returns: whether it need not be sent again.
    private func send(_ note: MountpathNote) async -> Bool {
        let report = MountpathReport(target: node, note: note)
        do throws(Failure) {
            let answer = try await proxies.send(
                .post, "/v1/cluster/mountpaths", body: report.encoded)
            if answer.status == .ok { return true }
            let failure = Failure(decoding: answer.body)
            // A target that is off the map, as one without disks is, says it when it is back; what a proxy finds wrong stays wrong.
            guard answer.status.rawValue < 500, failure?.code != .nodeNotFound else { return false }
            log.warning("\(note.path) was not reported: \(failure?.message ?? "")")
            return true
        } catch {
            return false
        }
    }
}
