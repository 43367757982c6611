internal import Synchronization

/// Long work, done once for all who ask for the same while it is under way, and one piece after the other.
///
/// Nothing is kept: who asks after the end has it done anew.
public final class SharedWork<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let pool: BlockingPool
    private let waiting = Mutex<[Key: [UnsafeContinuation<Value, Never>]]>([:])

    /// - Parameter name: what its one thread is called; it starts with the first work.
    public init(name: String) {
        pool = BlockingPool(name: name, threads: 1)
    }

    /// How many wait for it.
    public func waiters(for key: Key) -> Int { waiting.withLock { $0[key]?.count ?? 0 } }

    /// - Parameters:
    ///   - key: equal keys have equal values.
    ///   - make: called on the thread, unless work for the key is under way.
    /// - Returns: what was made for the key, by this call or by the one it met.
    public func value(for key: Key, _ make: @escaping @Sendable () -> Value) async -> Value {
        await withUnsafeContinuation { continuation in
            let isFirst = waiting.withLock { waiting in
                waiting[key, default: []].append(continuation)
                return waiting[key]?.count == 1
            }
            guard isFirst else { return }
            pool.submit { [self] in
                let value = make()
                let present = waiting.withLock { $0.removeValue(forKey: key) }
                for continuation in present ?? [] { continuation.resume(returning: value) }
            }
        }
    }
}
