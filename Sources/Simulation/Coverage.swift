import Consensus

/// How often each class of fault struck a member in each role.
package struct Coverage: Sendable {
    package enum Role: String, CaseIterable, Sendable {
        case leader
        case follower
        case candidate
        case learner
    }

    private var counts = [Int](
        repeating: 0, count: FaultEvent.Kind.allCases.count * Role.allCases.count)

    package init() {}

    private static func place(_ kind: FaultEvent.Kind, _ role: Role) -> Int {
        let row = FaultEvent.Kind.allCases.firstIndex(of: kind) ?? 0
        let column = Role.allCases.firstIndex(of: role) ?? 0
        return row * Role.allCases.count + column
    }

    package subscript(_ kind: FaultEvent.Kind, _ role: Role) -> Int {
        counts[Self.place(kind, role)]
    }

    mutating func note(_ kind: FaultEvent.Kind, _ role: Role) {
        counts[Self.place(kind, role)] += 1
    }

    package static func += (left: inout Coverage, right: Coverage) {
        for place in left.counts.indices { left.counts[place] += right.counts[place] }
    }

    /// A table: a row per class, a column per role.
    package var table: String {
        var lines = ["fault        " + Role.allCases.map { Self.cell($0.rawValue) }.joined()]
        for kind in FaultEvent.Kind.allCases {
            let name = kind.rawValue + String(repeating: " ", count: 13 - kind.rawValue.count)
            lines.append(
                name + Role.allCases.map { Self.cell(String(self[kind, $0])) }.joined())
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func cell(_ text: String) -> String {
        String(repeating: " ", count: max(1, 10 - text.count)) + text
    }
}

extension Coverage {
    /// Which faults struck which roles less often than `least` times.
    package func rarer(than least: Int) -> [String] {
        FaultEvent.Kind.allCases.flatMap { kind in
            Role.allCases
                // Who is cut off as the leader is the leader, by definition.
                .filter { $0 == .leader || kind != .isolateLeader }
                // A learner is never chosen, and who hears nobody does not lead.
                .filter { $0 == .follower || $0 == .candidate || kind != .force }
                .filter { self[kind, $0] < least }
                .map { "\(kind.rawValue) \($0.rawValue)" }
        }
    }
}
