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

    /// A list of voters that makes no sense here is not taken: nobody may vote or count who does not know by whom. What this
    /// member goes by is the list before it, as one does that has not been sent the entry yet, and so it says that it stands still.
    /// A later leader may replace the entry, as long as it is not committed.
    mutating func noteUnreadableVoters(_ entry: Entry, _ effects: inout [Effect]) {
        guard entry.index > commit, unreadableAt == nil else { return }
        let format = entry.payload.first ?? 0
        let isNewer = format > Configuration.format
        effects.append(
            .unreadable(
                Unreadable(
                    .voters, at: entry.mark,
                    reason: isNewer
                        ? "a list of voters of format \(format), the newest known is \(Configuration.format)"
                        : "a list of voters that is cut short, too long or not in order",
                    isNewer: isNewer)))
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
