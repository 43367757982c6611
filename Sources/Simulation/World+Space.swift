import Consensus
import MetaStore

// Disks that are full for a while (catalogue ST-06).
extension World {
    /// Whether disks are ever full in this run; where they are not, nobody looks.
    static func hasFullDisks(_ plan: Plan) -> Bool { plan.events.contains { $0.kind == .fill } }

    var hasFullDisks: Bool { driverLimits.spaceTicks > 0 }

    /// What is left of a disk that is full: as good as nothing, or enough for a while.
    private static func left(_ amount: Int) -> Int { [0, 300, 3_000, 40_000][amount % 4] }

    /// The disk of a member is full, for a time.
    mutating func fill(_ id: MemberID, _ amount: Int, for time: UInt64) {
        let struck = member(id)
        guard !struck.isWiped else { return }
        struck.fullUntil = max(struck.fullUntil, now + time)
        struck.left = Self.left(amount)
        if let storage = struck.storage { Case.fill(storage, sparing: Self.left(amount)) }
        agenda.plan(.emptied(id), at: struck.fullUntil)
        note("\(id) has no room, but for \(struck.left)")
    }

    /// Somebody has made room, unless the disk was filled anew since.
    mutating func makeRoom(_ id: MemberID) {
        let struck = member(id)
        guard struck.fullUntil > 0, now >= struck.fullUntil else { return }
        struck.fullUntil = 0
        if let storage = struck.storage { Case.fill(storage, sparing: nil) }
        note("\(id) has room")
    }

    /// Storage in memory has no disk that could be full, so what it would refuse is worked out here: entries and states that
    /// do not fit. Term and vote take the place of others, as in the file.
    func fits(_ job: StorageJob<Machine>, _ member: Member) -> Bool {
        guard member.storage == nil, member.fullUntil > 0, let batch = job.batch else {
            return true
        }
        let bytes = batch.entries.reduce(batch.installation == nil ? 0 : 1_000) {
            $0 + $1.byteCount
        }
        guard bytes <= member.left else { return false }
        member.left -= bytes
        return true
    }

    /// The same for the word of how much is left.
    func space(of member: Member) -> StorageSpace? {
        guard hasFullDisks, member.storage == nil else { return nil }
        return StorageSpace(
            isShort: member.fullUntil > 0, freeBytes: UInt64(member.left), reserveBytes: 0)
    }

    /// What does not fit ends the process, as any write that fails; what is on the disk then, the next start tells. A member that is
    /// paused meanwhile hears of it when there may be room again.
    func isForWantOfRoom(_ failure: String, _ member: Member) -> Bool {
        (member.fullUntil > 0 || member.lacksRoom) && failure.contains(Self.noRoom)
    }

    /// How SQLite puts it.
    static var noRoom: String { "disk is full" }

    /// Who has said that it has no room takes no entries.
    mutating func checkRoom(_ id: MemberID, _ glance: Pipeline<Machine>.Glance) {
        let member = member(id)
        if glance.standsBack, let before = member.stoodBack, before.term == glance.term,
            before.generation == glance.generation
        {
            oracle.demand(
                glance.last <= before.last,
                "ST-06: \(id) has no room, and goes from \(before.last) to \(glance.last)")
        }
        member.stoodBack = glance.standsBack ? glance : nil
    }
}
