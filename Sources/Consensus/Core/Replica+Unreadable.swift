// A member that cannot read an entry which is committed (catalogue CL-09, docs/decisions/0031): one of an older version, or with a defect.
//
// What the core does is independent of what entries mean: it takes, confirms and commits them, and votes. Its owner applies nothing more, so a
// member that leads can answer nobody. It leaves that to others for as long as an election takes; when nobody has been elected by then,
// it may have what those who can read it lack, and leads until one of them has it (`Pipeline+Unreadable.swift` hands over).
extension Replica {
    mutating func noteUnreadable(at index: Index) {
        guard unreadableAt == nil else { return }
        unreadableAt = index
        stepAside()
    }

    mutating func settleUnreadable() {
        if let index = unreadableAt, applied >= index { unreadableAt = nil }
    }

    /// Whether what is not applied fills the memory that it may.
    var holdsTooMuchUnread: Bool {
        guard unreadableAt != nil else { return false }
        return log.last.distance(from: applied) >= limits.unreadEntriesMax
            || log.cacheBytes >= limits.unreadBytesMax + limits.cacheBytesMax
    }
}
