import Base
import HTTP
import Synchronization

/// Asks filesystems how full they are, each on a thread of its own: a disk that hangs, hangs alone, and with one thread
/// however often it is asked for.
final class CapacityReaders: Sendable {
    private let readers = Mutex<[String: Reader]>([:])

    /// What answers within ``StatisticsLimits/capacitySeconds``, in the order of `paths`.
    func read(_ paths: [String], on loop: EventLoop) async -> [Capacity] {
        guard !paths.isEmpty else { return [] }
        let asked = readers(of: paths).map { (reader: $0, before: $0.ask()) }
        await loop.within(nanoseconds: UInt64(StatisticsLimits.capacitySeconds * 1e9)) {
            for (reader, before) in asked { await reader.wait(behind: before) }
        }
        return asked.compactMap { $0.reader.answer(behind: $0.before) }
    }

    /// One for each path; those of paths that are no longer asked for are let go.
    private func readers(of paths: [String]) -> [Reader] {
        readers.withLock { readers in
            let wanted = paths.map { readers[$0] ?? Reader($0) }
            readers = Dictionary(zip(paths, wanted), uniquingKeysWith: { first, _ in first })
            return wanted
        }
    }

    private final class Reader: Sendable {
        private struct State: Sendable {
            /// Counts answers.
            var serial: UInt64 = 0
            var capacity: Capacity?
            var isAsked = false
        }

        private let path: String
        private let pool = BlockingPool(name: "disk", threads: 1)
        private let state = Watched(State())

        init(_ path: String) {
            self.path = path
        }

        /// Asks, unless an answer is awaited already.
        ///
        /// - Returns: the number of the last answer; the one asked for has a higher one.
        func ask() -> UInt64 {
            var before: UInt64 = 0
            var isAsked = false
            state.update { state in
                before = state.serial
                isAsked = state.isAsked
                state.isAsked = true
            }
            if isAsked { return before }
            pool.submit { [path, state] in
                let capacity = Capacity.read(path)
                state.update { $0 = State(serial: $0.serial + 1, capacity: capacity) }
            }
            return before
        }

        func wait(behind serial: UInt64) async {
            _ = await state.first { $0.serial > serial }
        }

        func answer(behind serial: UInt64) -> Capacity? {
            let state = state.value
            return state.serial > serial ? state.capacity : nil
        }
    }
}
