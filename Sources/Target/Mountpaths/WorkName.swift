import Base
import Glibc
import Synchronization

/// The names of one process's work files: they carry a random word of this life and the process id, so that those of
/// earlier lives are told apart and removed.
final class WorkName: Sendable {
    /// What every name of this life contains.
    let text: String
    private let counter = Atomic<UInt64>(0)

    init() {
        text = "\(Hex.padded(SystemRandom.word())).\(String(getpid(), radix: 16))"
    }

    /// A name that no other file has or had: `put.life.pid.number`.
    func next() -> String {
        "put.\(text).\(String(counter.add(1, ordering: .relaxed).newValue, radix: 16))"
    }

    func isOwn(_ name: String) -> Bool { name.hasPrefix("put.\(text).") }
}
