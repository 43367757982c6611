import Base
import Synchronization

/// Writes a replica's floor so that one good copy is on disk at any moment.
///
/// Three slots take turns. One is known to be flushed, one may be on its way to the disk, and only the third is written:
/// so neither a torn write nor one that overtakes a flush can damage the newest copy that is safe.
final class FloorKeeper: Sendable {
    /// Far enough apart that no page, and no sector of any disk, holds two slots.
    private static let slotDistance = 4_096
    private static let slots = 3
    static let fileBytes = slotDistance * slots

    private struct State {
        /// The newest floor that was written, flushed or not.
        var floor: DurableFloor?
        var sequence: UInt64 = 0
        var flushedSequence: UInt64 = 0
        var writing = 0
        var flushing: Int?
        var flushed: Int?
        /// A flush that nobody waits for is on its way.
        var isFlushPlanned = false
        /// A flush has failed: what it was to keep may be lost, and a second attempt would not tell.
        var failure: DatabaseError?
    }

    private let medium: any FloorMedium
    private let state = Mutex(State())
    /// Held during a flush: one at a time.
    private let turn = Mutex(())

    init(_ medium: any FloorMedium) throws(DatabaseError) {
        self.medium = medium
        let bytes = try medium.read()
        var newest: (floor: DurableFloor, sequence: UInt64, slot: Int)?
        for slot in 0..<Self.slots {
            let start = slot * Self.slotDistance
            guard bytes.count >= start + DurableFloor.slotBytes,
                let found = try? DurableFloor.read(
                    slot: bytes[start..<start + DurableFloor.slotBytes]),
                found.sequence > newest?.sequence ?? 0
            else { continue }
            newest = (found.floor, found.sequence, slot)
        }
        guard let newest else { return }
        // A process that died may have written it and not flushed it; then an older slot is the only safe one.
        try medium.flush()
        state.withLock { state in
            state.floor = newest.floor
            state.sequence = newest.sequence
            state.flushedSequence = newest.sequence
            state.flushed = newest.slot
            state.writing = (newest.slot + 1) % Self.slots
        }
    }

    /// The newest floor.
    var floor: DurableFloor? { state.withLock { $0.floor } }

    /// Writes the floor; it survives the process from here on.
    func write(_ floor: DurableFloor) throws(DatabaseError) {
        let result: Result<Void, DatabaseError> = state.withLock { state in
            if let failure = state.failure { return .failure(failure) }
            if state.floor == floor { return .success(()) }
            state.sequence += 1
            let before = state.floor
            state.floor = floor
            do throws(DatabaseError) {
                try medium.write(
                    floor.slot(state.sequence), at: state.writing * Self.slotDistance)
                return .success(())
            } catch {
                // Without room the slot is no worse than torn, and it is none of those that hold: it may be tried again.
                if error.kind == .full { state.floor = before } else { state.failure = error }
                return .failure(error)
            }
        }
        try result.get()
    }

    /// Returns when the newest floor survives power loss.
    func flush() throws(DatabaseError) {
        let result: Result<Void, DatabaseError> = turn.withLock { _ in
            let sequence = state.withLock { state -> UInt64? in
                guard state.failure == nil, state.flushedSequence < state.sequence else {
                    return nil
                }
                let slot = state.writing
                state.flushing = slot
                state.writing = (0..<Self.slots).first { $0 != slot && $0 != state.flushed } ?? 0
                return state.sequence
            }
            guard let sequence else { return .success(()) }
            do throws(DatabaseError) {
                try medium.flush()
            } catch {
                state.withLock { $0.failure = error }
                return .failure(error)
            }
            state.withLock { state in
                state.flushed = state.flushing
                state.flushing = nil
                state.flushedSequence = sequence
            }
            return .success(())
        }
        try result.get()
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    /// Begins a flush that somebody will wait for with ``flush()``.
    func beginFlush() {
        medium.flushBehind(atOnce: true) { [weak self] in try? self?.flush() }
    }

    /// Sees to it that the newest floor is flushed soon. A failure is reported by the next write.
    func flushSoon() {
        let isNeeded = state.withLock { state in
            guard !state.isFlushPlanned, state.flushedSequence < state.sequence else {
                return false
            }
            state.isFlushPlanned = true
            return true
        }
        guard isNeeded else { return }
        medium.flushBehind(atOnce: false) { [weak self] in
            self?.state.withLock { $0.isFlushPlanned = false }
            try? self?.flush()
        }
    }
}
