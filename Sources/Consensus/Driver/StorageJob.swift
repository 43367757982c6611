/// Work for the storage thread. The parts run in the order in which they are declared.
public struct StorageJob<Machine: StateMachine>: Sendable {
    /// Old entries for followers that lag; before the batch, which may compact them away.
    public var reads: [ReadRequest] = []
    public var batch: WriteBatch<Machine>?
    /// Whether to look how much room there is, behind the batch.
    public var looksForSpace = false

    public var isEmpty: Bool { reads.isEmpty && batch == nil && !looksForSpace }

    /// Does the work. A failed write is not tried again.
    @specialized(where Machine == NameSet, Storage == MemoryStorage<NameSet>)
    public func run<Storage: LogStorage>(on storage: inout Storage) -> StorageResult<Machine>
    where Storage.Machine == Machine {
        var result = StorageResult<Machine>()
        for read in reads {
            do {
                let entries = try storage.entries(
                    from: read.first, through: read.last, maxBytes: read.bytesMax)
                result.reads.append((read, entries))
            } catch {
                // What cannot be read is not sent; all else goes on.
                result.reads.append((read, []))
                result.damage = String(describing: error)
            }
        }
        do {
            if let batch {
                try storage.write(batch)
                result.written = batch
            }
        } catch {
            result.failure = String(describing: error)
        }
        result.space = storage.space(looks: looksForSpace)
        return result
    }
}

/// What a storage job has achieved.
public struct StorageResult<Machine: StateMachine>: Sendable {
    /// Without entries: they could not be read.
    public var reads: [(request: ReadRequest, entries: [Entry])] = []
    /// What was found to be damaged, or could not be read.
    public var damage: String?
    /// The batch that is durable now.
    public var written: WriteBatch<Machine>?
    /// How much room there is, when storage has looked.
    public var space: StorageSpace?
    /// Why storage can no longer be relied on.
    public var failure: String?

    public init() {}
}
