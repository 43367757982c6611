/// Where a request goes in, how far it gets, and what happens to the primary then.
struct Cell: CustomStringConvertible {
    enum Entry: String, CaseIterable {
        case primary
        /// A proxy that passes it on.
        case other
    }

    /// How far the request is when the primary is struck.
    enum Step: String, CaseIterable {
        /// It lies in the primary's socket.
        case unread
        /// The primary alone has it on its disk: nothing gets to the other voters.
        case proposed
        /// The others have it, and their word does not get to the primary.
        case unheard
        /// It is committed, and the answer waits for a target.
        case committed
        /// The client has the answer, and the others may not know what is committed.
        case answered
    }

    /// What happens to the primary.
    enum Fault: String, CaseIterable {
        case killed
        case paused
        case partitioned
    }

    let entry: Entry
    let step: Step
    let fault: Fault

    var description: String {
        "at the \(entry == .primary ? "primary" : "other"), \(step), \(fault)"
    }

    static let all = Step.allCases.flatMap { step in
        Fault.allCases.flatMap { fault in
            Entry.allCases.map { Cell(entry: $0, step: step, fault: fault) }
        }
    }

    /// Two cells for each operation, so that all operations together meet every step with every fault, and nearly every cell.
    static func share(of operation: Int) -> [Cell] {
        // 7 has no divisor in common with the 30 cells, so the steps of it visit them all.
        [0, 1].map { all[(2 * operation + $0) * 7 % all.count] }
    }
}
