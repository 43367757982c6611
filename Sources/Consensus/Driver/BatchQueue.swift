/// Writes that wait for the storage thread, merged as far as their order allows.
struct BatchQueue<Machine: StateMachine>: Sendable {
    private var batches: [WriteBatch<Machine>] = []

    /// Adds a write of the core; it joins the last batch that waits.
    /// `image` is the decoded snapshot, when the write installs one.
    mutating func add(
        _ request: WriteRequest, image: Machine.Image?, inOrder: Bool,
        change: StateChange<Machine>? = nil
    ) {
        if let base = request.installation {
            guard let image else { preconditionFailure("installation of \(base.mark) undecoded") }
            let installation = Installation<Machine>(
                base: base, image: image, keepsTail: request.installationKeepsTail)
            if !inOrder, !batches.isEmpty {
                batches[batches.count - 1].sequence = request.sequence
                batches[batches.count - 1].installation = installation
                return
            }
            // What waits comes first: merged, the entries would follow the snapshot.
            batches.append(
                WriteBatch(
                    sequence: request.sequence, hardState: request.hardState,
                    installation: installation, entries: request.entries, change: change))
            return
        }
        if batches.isEmpty { batches.append(WriteBatch(sequence: request.sequence)) }
        let last = batches.count - 1
        batches[last].sequence = request.sequence
        if let hardState = request.hardState { batches[last].hardState = hardState }
        if let first = request.entries.first {
            while let kept = batches[last].entries.last, kept.index >= first.index {
                batches[last].entries.removeLast()
            }
            batches[last].entries += request.entries
        }
        if let base = request.base { batches[last].base = base }
        if let floor = request.floor { batches[last].floor = floor }
        if let index = request.stateWrongFrom { batches[last].stateWrongFrom = index }
    }

    var count: Int { batches.count }

    /// The next batch to be written.
    mutating func next() -> WriteBatch<Machine>? {
        batches.isEmpty ? nil : batches.removeFirst()
    }
}
