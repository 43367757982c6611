package import Base
package import Consensus

// Entries that say who votes, and that this version cannot read (docs/decisions/0031). A member has to know who votes before it
// votes, stands or counts; so it does not start on a log that has one. What such an entry says is not a part of the state.
extension Entry {
    /// Why this version cannot read who votes from this entry on; `nil` when it can, and for entries of another kind.
    package var voterTrouble: DecodingFailure? {
        guard kind == .configuration, configuration == nil else { return nil }
        guard let format = payload.first else {
            return DecodingFailure("a list of voters that is empty", at: 0)
        }
        guard format == Configuration.format else {
            return .unknownFormat(
                format, of: "a list of voters", known: Configuration.format, at: 0)
        }
        return DecodingFailure(
            "a list of voters that is cut short, too long or not in order", at: payload.count)
    }
}

extension RecoveredState<Catalog> {
    /// The first entry that says who votes and cannot be read.
    package var unreadableVoters: (entry: Entry, trouble: DecodingFailure)? {
        for entry in configurations {
            if let trouble = entry.voterTrouble { return (entry, trouble) }
        }
        return nil
    }
}
