/// The durable log, hard state and state rows of one member.
///
/// All calls block, and come from one thread at a time: `load` once before the member runs,
/// everything else from the storage thread. Nothing is called concurrently, so an implementation
/// needs no lock of its own for these.
public protocol LogStorage {
    associatedtype Machine: StateMachine

    /// Reads what survived.
    ///
    /// - Throws: when the stored state cannot be trusted (a record that does not decode, a checksum
    ///   that differs, a gap between base and first entry, parts of different incarnations). The
    ///   member then does not start; storage never guesses and never skips.
    mutating func load() throws -> RecoveredState<Machine>

    /// Carries out the batch as one transaction. When this returns, it survives power loss.
    ///
    /// - Throws: when it may not survive. The member then stops at once and nothing that depended
    ///   on the batch is ever sent; the batch is not tried again (a failed flush may have dropped
    ///   pages), a restart reads what is there. What was refused for want of room, before any flush, storage itself may
    ///   try once more with what it has reserved.
    mutating func write(_ batch: WriteBatch<Machine>) throws

    /// Entries that have left the core's cache, for followers that lag.
    ///
    /// - Parameters:
    ///   - first: an index after the base.
    ///   - last: at or before the last written entry.
    ///   - maxBytes: stop before the sum of `Entry.byteCount` exceeds this, but return one entry at
    ///     least.
    /// - Returns: consecutive entries that begin with `first`.
    /// - Throws: when an entry is missing or damaged. The member never sends a guess: it sends its state instead, and
    ///   has what it holds written anew.
    mutating func entries(from first: Index, through last: Index, maxBytes: Int) throws -> [Entry]

    /// How much room there is. Called after every job; it looks when it is told to, or when much was written since.
    ///
    /// - Returns: `nil` when it has not looked, or when there is no end of room.
    mutating func space(looks: Bool) -> StorageSpace?

    /// Does what was put off so that nobody had to wait for it. Called after every job, when its result is on its way. What fails in
    /// here and matters is thrown by the next `write`.
    mutating func tidy()
}

extension LogStorage {
    public mutating func space(looks: Bool) -> StorageSpace? { nil }
    public mutating func tidy() {}
}

/// The replicated state machine.
///
/// `apply`, `takeDelta`, `capture` and `restore` are called on the pipeline's thread and must be
/// quick; `encode` and `decode` may be slow and are called on the storage thread.
public protocol StateMachine {
    /// What the proposer of a command is told.
    associatedtype Outcome: Sendable
    /// The rows changed by some applied entries.
    associatedtype Delta: Sendable
    /// The whole state at one moment, as an immutable value that is cheap to take.
    associatedtype Image: Sendable

    /// Applies one committed entry of any kind: no clock, no randomness, no I/O. Called exactly
    /// once per index, in order.
    ///
    /// - Throws: only when the entry cannot be understood (a newer format), with nothing changed. The
    ///   member applies nothing from there on (``Unreadable``); it never skips an entry. A refusal of
    ///   a command is an outcome, not an error.
    mutating func apply(_ entry: Entry) throws -> Outcome

    /// Whether what `apply` or `decode` has thrown says that a later version can read it.
    static func isNewer(_ failure: any Error) -> Bool

    /// What has changed since the last call; `nil` when no row has. The caller stores it with the
    /// applied index; it says what rows are now, so that storing it behind an image that has it already changes nothing.
    mutating func takeDelta() -> Delta?

    /// The empty delta: it moves the applied index and changes no row.
    static var emptyDelta: Delta { get }

    /// The current state; O(1), because values share storage.
    func capture() -> Image

    /// A hash of the current state, quick to tell; equal states have equal ones.
    var digest: UInt64 { get }

    /// The state that whoever proposed this entry had, as the entry itself tells; `nil` when it tells none. Whoever
    /// applies the entry had the same state then, or one of both is wrong.
    static func proposerState(in entry: Entry) -> StatePoint?

    /// Becomes `image`, and forgets the changes not yet taken.
    mutating func restore(_ image: Image)

    /// The bytes of a snapshot; equal states give equal bytes.
    static func encode(_ image: Image) -> [UInt8]

    /// Reads what `encode` wrote.
    ///
    /// - Throws: when the bytes are damaged or of an unknown format. The snapshot is then refused;
    ///   the member goes on.
    static func decode(_ bytes: [UInt8]) throws -> Image
}

extension StateMachine {
    public static func isNewer(_ failure: any Error) -> Bool { false }
}

/// Takes messages to other members.
public protocol Transport {
    /// Hands over one message and returns at once. The transport may drop it, repeat it, delay it
    /// and reorder it; it may not change it. Its queues are bounded, and control messages
    /// (`Message.isBulk` is false) are not queued behind bulk.
    ///
    /// Called on the pipeline's thread.
    func send(_ envelope: Envelope)
}
