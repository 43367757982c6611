// A voter that is alone: the only one of a group of one, or whom a forced recovery went on with.
//
// It is a majority, and one that proves nothing: nobody else has the same state by a way of its own. Another witness is the
// log. So it works its state out a second time, behind the first by less than a second, and what comes out is what it tells
// learners of, and gives them (docs/decisions/0023, 11).
extension Pipeline {
    var votesAlone: Bool {
        replica.obeys(.aloneWorksOut) && replica.configuration.voters == [replica.id]
    }

    /// Whether the log has led to the same state as is here, after this entry or a later one. What cannot be worked out is
    /// believed.
    func isWorkedOut(at index: Index) -> Bool {
        guard let confirmed else { return true }
        return confirmed.base.mark.index >= index && !contradictsState(confirmed)
    }

    /// The last entry of whose state this member may tell others.
    var tellable: Index {
        votesAlone ? confirmed?.base.mark.index ?? applied.index : applied.index
    }

    private func contradictsState(_ copy: StateCopy<Machine>) -> Bool {
        digests.contradicts(StatePoint(index: copy.base.mark.index, digest: copy.digest))
            || copy.base.mark == applied && copy.digest != machine.digest
    }

    /// Goes on with the second way, by a few entries. Where it comes out elsewhere, the first one was wrong: memory was changed
    /// behind the log's back.
    mutating func workOutAlone() {
        guard votesAlone, quarantine == nil else { return }
        guard let start = confirmed else {
            keepState()
            return confirmState()
        }
        guard start.base.mark != applied || contradictsState(start) else { return }
        guard let (copy, points) = workOut(from: start, entriesMax: limits.workedOutPerTick)
        else {
            // Its entries are no longer in memory. It begins again where it is.
            (confirmed, unconfirmed) = (nil, nil)
            return
        }
        guard contradictsState(copy) || points.contains(where: digests.contradicts) else {
            confirmed = copy
            return settleDoubtIfUpheld()
        }
        rederive()
        // Where it could not be replaced yet, it is not shown.
        doubt(StatePoint(index: applied.index, digest: copy.digest))
    }
}
