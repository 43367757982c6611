import Consensus

/// The states that the committed entries of a generation lead to, worked out beside all members: a wrong state that everybody has
/// agrees with everybody.
struct Reference<Machine: StateMachine> {
    private var machine: Machine
    /// After each entry, from index 1 on.
    private var digests: [UInt64] = []

    init(_ machine: Machine) { self.machine = machine }

    /// - Returns: the digest after the entry; `nil` when it is not known to be committed.
    mutating func digest(after index: Index, of committed: [Entry]) throws -> UInt64? {
        while digests.count < committed.count {
            _ = try machine.apply(committed[digests.count])
            digests.append(machine.digest)
        }
        let place = Int(index.rawValue) - 1
        return digests.indices.contains(place) ? digests[place] : nil
    }
}
