/// Work for the storage thread. The parts run in the order in which they are declared.
package struct StorageJob<Machine: StateMachine>: Sendable {
    /// Old entries for followers that lag; before the batch, which may compact them away.
    package var reads: [ReadRequest] = []
    package var batch: WriteBatch<Machine>?
    /// A received snapshot.
    package var decode: (base: LogBase, bytes: [UInt8])?
    /// A state to be sent to others.
    package var encode: (base: LogBase, image: Machine.Image)?

    package var isEmpty: Bool {
        reads.isEmpty && batch == nil && decode == nil && encode == nil
    }

    /// Does the work. A failure of storage ends the job: the rest is not tried.
    @specialized(where Machine == NameSet, Storage == MemoryStorage<NameSet>)
    package func run<Storage: LogStorage>(on storage: inout Storage) -> StorageResult<Machine>
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
            return result
        }
        if let decode {
            result.decoded = (decode.base, try? Machine.decode(decode.bytes))
        }
        if let encode {
            result.encoded = Snapshot(base: encode.base, bytes: Machine.encode(encode.image))
        }
        return result
    }
}

/// What a storage job has achieved.
package struct StorageResult<Machine: StateMachine>: Sendable {
    package var reads: [(request: ReadRequest, entries: [Entry])] = []
    /// The batch that is durable now.
    package var written: WriteBatch<Machine>?
    package var decoded: (base: LogBase, image: Machine.Image?)?
    package var encoded: Snapshot?
    /// Why storage can no longer be relied on.
    package var failure: String?

    package init() {}
}
