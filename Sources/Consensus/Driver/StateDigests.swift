/// What this member's state was after the last entries, and what others say theirs was.
///
/// Members tell each other now and then. Who has another state than a majority of the voters, which agrees among
/// itself, is the one that is wrong. A pure value: it decides, the pipeline acts.
public struct StateDigests: Sendable {
    /// Where the states of two members part.
    public struct Difference: Hashable, Sendable {
        /// The last entry after which both were known to be equal; zero: none is known.
        public var equalAt: Index
        /// The first entry after which they are known to differ.
        public var differsAt: Index
    }

    private struct Report: Sendable {
        var points: [StatePoint] = []
        var equalAt = Index.zero
        var differsAt: Index?
    }

    /// How far back states are remembered: followers that lag more are compared a little later.
    private static let kept = 512
    private static let recentPoints: UInt64 = 8
    /// Entries between the points that all members tell of, however far each of them is: close ones, and distant ones, so that
    /// what two members say a second apart has a point in common although thousands of entries lie between.
    private static let strides: [(stride: UInt64, points: UInt64)] = [(64, 8), (distant, 4)]
    private static let distant: UInt64 = 1_024
    private static let distantKept = 16

    private var ring: [StatePoint] = []
    /// The states after the last multiples of the distant stride, oldest first.
    private var milestones: [StatePoint] = []
    private var reports: [MemberID: Report] = [:]

    /// The state after an entry.
    mutating func note(_ index: Index, _ digest: UInt64) {
        let point = StatePoint(index: index, digest: digest)
        let place = Int(index.rawValue % UInt64(Self.kept))
        if ring.isEmpty {
            ring = [StatePoint](
                repeating: StatePoint(index: .zero, digest: 0), count: Self.kept)
        }
        ring[place] = point
        guard index.rawValue.isMultiple(of: Self.distant) else { return }
        milestones.append(point)
        if milestones.count > Self.distantKept { milestones.removeFirst() }
    }

    /// Forgets everything: another state has taken the place of this one.
    mutating func restart(_ index: Index, _ digest: UInt64) {
        ring = []
        milestones = []
        reports = [:]
        note(index, digest)
    }

    private func digest(at index: Index) -> UInt64? {
        guard !ring.isEmpty, index > .zero else { return nil }
        let point = ring[Int(index.rawValue % UInt64(Self.kept))]
        if point.index == index { return point.digest }
        return milestones.last { $0.index == index }?.digest
    }

    /// What to tell the others: the last states one by one, and before them those at round numbers.
    func points(upTo applied: Index) -> [StatePoint] {
        let last = applied.rawValue
        var indices = (0..<min(Self.recentPoints, last)).map { last - $0 }
        for (stride, points) in Self.strides {
            let round = last - last % stride
            indices += (0..<points).compactMap { step in
                step * stride < round ? round - step * stride : nil
            }
        }
        return Set(indices).sorted(by: >).compactMap { raw in
            digest(at: Index(raw)).map { StatePoint(index: Index(raw), digest: $0) }
        }
    }

    /// Whose states are known to differ from the one here.
    var differing: [(member: MemberID, difference: Difference)] {
        reports.keys.sorted().compactMap { member in
            guard let report = reports[member], let differsAt = report.differsAt else {
                return nil
            }
            return (member, Difference(equalAt: report.equalAt, differsAt: differsAt))
        }
    }

    /// Takes in what another member says.
    ///
    /// - Returns: whether it is news that its state differs.
    mutating func reported(_ points: [StatePoint], by member: MemberID) -> Bool {
        var report = reports[member] ?? Report()
        let known = report.differsAt
        report.points = points
        for point in points.sorted(by: { $0.index < $1.index }) {
            guard let own = digest(at: point.index) else { continue }
            if own == point.digest {
                report.equalAt = max(report.equalAt, point.index)
                // It has another state by now, and the right one.
                if let differsAt = report.differsAt, differsAt <= point.index {
                    report.differsAt = nil
                }
            } else if point.index > report.equalAt {
                report.differsAt = min(report.differsAt ?? point.index, point.index)
            }
        }
        reports[member] = report
        return known == nil && report.differsAt != nil
    }

    /// Those who have told of a state from this entry on.
    func members(from index: Index) -> Set<MemberID> {
        Set(reports.filter { $0.value.points.contains { $0.index >= index } }.keys)
    }

    /// Compares once more what others said last: the states here were put right.
    mutating func reconsider() {
        for (member, report) in reports { _ = reported(report.points, by: member) }
    }

    /// Whether a majority of the voters is known to have the state of this member, after this entry or a later one.
    func isUpheld(at index: Index, in configuration: Configuration, _ id: MemberID) -> Bool {
        let agreeing = configuration.voters.count { voter in
            voter == id
                || reports[voter].map { $0.differsAt == nil && $0.equalAt >= index } ?? false
        }
        return agreeing >= configuration.quorum
    }

    /// Whether a voter is known to differ, and no majority to have the state of this member where it does.
    func isDisputed(in configuration: Configuration, _ id: MemberID) -> Bool {
        reports.contains { member, report in
            guard let differsAt = report.differsAt, member != id, configuration.isVoter(member)
            else { return false }
            return !isUpheld(at: differsAt, in: configuration, id)
        }
    }

    /// Whether the state here was another one after that entry, as far as it is remembered.
    func contradicts(_ point: StatePoint) -> Bool {
        digest(at: point.index).map { $0 != point.digest } ?? false
    }

    mutating func keepOnly(_ members: [MemberID]) {
        reports = reports.filter { members.contains($0.key) }
    }

    /// Whether a majority of the voters has one state, and this member another.
    func isOutvoted(in configuration: Configuration, _ id: MemberID) -> Difference? {
        let others = configuration.voters.filter { $0 != id }.compactMap { reports[$0] }
        var votes: [StatePoint: Int] = [:]
        for report in others where report.differsAt != nil {
            for point in report.points {
                if let own = digest(at: point.index), own != point.digest {
                    votes[point, default: 0] += 1
                }
            }
        }
        guard votes.values.contains(where: { $0 >= configuration.quorum }) else { return nil }
        let differing = others.compactMap { report in
            report.differsAt.map { Difference(equalAt: report.equalAt, differsAt: $0) }
        }
        return Difference(
            equalAt: differing.map(\.equalAt).max() ?? .zero,
            differsAt: differing.map(\.differsAt).min() ?? .zero)
    }
}
