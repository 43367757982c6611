/// Work for the storage thread. The parts run in the order in which they are declared.
public struct StorageJob<Machine: StateMachine>: Sendable {
    /// Old entries for followers that lag; before the batch, which may compact them away.
    public var reads: [ReadRequest] = []
    public var batch: WriteBatch<Machine>?

    public var isEmpty: Bool { reads.isEmpty && batch == nil }

    /// Does the work. A failure of storage ends the job: the rest is not tried.
    @specialized(where Machine == NameSet, Storage == MemoryStorage<NameSet>)
    public func run<Storage: LogStorage>(on storage: inout Storage) -> StorageResult<Machine>
    where Storage.Machine == Machine {
        var result = StorageResult<Machine>()
        do {
            for read in reads {
                let entries = try storage.entries(
                    from: read.first, through: read.last, maxBytes: read.bytesMax)
                result.reads.append((read, entries))
            }
            if let batch {
                try storage.write(batch)
                result.written = batch
            }
        } catch {
            result.failure = String(describing: error)
        }
        return result
    }
}

/// What a storage job has achieved.
public struct StorageResult<Machine: StateMachine>: Sendable {
    public var reads: [(request: ReadRequest, entries: [Entry])] = []
    /// The batch that is durable now.
    public var written: WriteBatch<Machine>?
    /// Why storage can no longer be relied on.
    public var failure: String?

    public init() {}
}
