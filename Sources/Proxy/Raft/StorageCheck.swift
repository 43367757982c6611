import Base
import Consensus
import HTTP
import MetaStore
import Synchronization

/// Walks slowly over all that the log's file holds, and has the member mend what is bad (catalogue ST-12).
final class StorageCheck: Sendable {
    /// How far the walks are.
    struct Progress: Sendable {
        var rows: UInt64 = 0
        var walks: UInt64 = 0
        /// When the last one came to its end.
        var lastWalk: Timestamp?
        /// Bad rows found, each ending its walk.
        var found: UInt64 = 0
    }

    /// What was not as it should be when the proxy started.
    let findings: [String]
    private let current = Mutex(Progress())

    init(findings: [String]) {
        self.findings = findings
    }

    var progress: Progress { current.withLock { $0 } }

    /// Walks until cancelled. Each step takes the log's thread for a moment, between two writes.
    func run(_ raft: RaftMember, _ loop: EventLoop) async {
        var scan = IntegrityScan()
        var pause = Limits.scanStepSeconds
        while await loop.sleep(nanoseconds: UInt64(pause * 1e9)) {
            let before = scan
            let (after, ending) = await raft.read { log in
                var scan = before
                do {
                    let isEnd = try scan.advance(in: log, rowsMax: Limits.scanRows)
                    return (scan, Ending.step(isEnd))
                } catch {
                    return (scan, Ending.damage(String(describing: error)))
                }
            }
            scan = after
            if case .damage(let damage) = ending { raft.damageFound(damage) }
            pause = ending == .step(false) ? Limits.scanStepSeconds : Limits.scanRestSeconds
            current.withLock { progress in
                progress.rows = after.rows
                progress.walks = after.walks
                if ending == .step(true) { progress.lastWalk = .now() }
                if case .damage = ending { progress.found += 1 }
            }
        }
    }

    private enum Ending: Equatable, Sendable {
        /// Whether the walk came to its end.
        case step(Bool)
        case damage(String)
    }
}
