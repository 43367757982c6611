/// Why a member refuses to start on what storage has returned.
public enum RecoveryFailure: Error, Hashable, Sendable {
    /// The parts of the stored state contradict each other.
    case inconsistent(String)
}

extension RecoveredState {
    /// Checks what the core relies on.
    func check() throws(RecoveryFailure) {
        func demand(_ holds: Bool, _ complaint: @autoclosure () -> String) throws(RecoveryFailure) {
            if !holds { throw .inconsistent(complaint()) }
        }
        try demand(lastIndex >= base.mark.index, "log ends at \(lastIndex) before \(base.mark)")
        try demand(
            applied.index >= base.mark.index && applied.index <= lastIndex,
            "applied \(applied) outside \(base.mark)...\(lastIndex)")
        try demand(image != nil || applied.index == .zero, "no state at applied \(applied)")
        try demand(
            termRuns.isEmpty == (lastIndex == base.mark.index),
            "\(termRuns.count) term runs between \(base.mark) and \(lastIndex)")
        try demand(
            termRuns.first.map { $0.first == base.mark.index.next } ?? true,
            "gap after \(base.mark): first entry is \(termRuns[0].first)")
        for (earlier, later) in zip(termRuns, termRuns.dropFirst()) {
            try demand(
                earlier.first < later.first && earlier.term < later.term,
                "term runs \(earlier) and \(later)")
        }
        if let run = termRuns.last {
            try demand(
                run.first <= lastIndex && run.term <= hardState.term,
                "\(run), but term \(hardState.term) and last entry \(lastIndex)")
        }
        try demand(
            tail.count == lastIndex.distance(from: applied.index),
            "\(tail.count) entries between \(applied) and \(lastIndex)")
        for (offset, entry) in tail.enumerated() {
            try demand(
                entry.index == applied.index.advanced(by: offset + 1),
                "entry \(entry.mark) at place \(offset) after \(applied)")
        }
        // The list is made from the log; where both are here, they must agree.
        try demand(
            tail.filter { $0.kind == .configuration }
                == configurations.filter { $0.index > applied.index },
            "configurations after \(applied) are not those of the log")
        for entry in configurations {
            try demand(
                entry.configuration != nil && entry.index > base.mark.index
                    && entry.index <= lastIndex,
                "configuration entry \(entry.mark) cannot be used")
        }
    }
}
