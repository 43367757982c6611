import API
import Cluster
import HTTP

/// A state as a reader gets it: the newest there is, or one that may be older.
struct MetadataView: Sendable {
    enum Age: Sendable {
        /// The majority has confirmed it after the question arrived.
        case confirmed
        /// Nanoseconds since this proxy last knew what the majority has; `nil`: it never did in this run.
        case heard(UInt64?)
    }

    let snapshot: PublishedState.Snapshot
    let age: Age

    var state: ClusterState { snapshot.state }
    var position: String { snapshot.position }

    init(_ snapshot: PublishedState.Snapshot) {
        self.snapshot = snapshot
        age = .confirmed
    }

    init(_ snapshot: PublishedState.Snapshot, ageNanoseconds: UInt64?) {
        self.snapshot = snapshot
        age = .heard(ageNanoseconds)
    }
}

extension Exchange {
    /// A document, with its place in the log, its version where it has one, and its age where that is not nothing.
    func respond(
        json body: [UInt8], of view: MetadataView, version document: Precondition.Document? = nil
    ) {
        respond(.ok, type: "application/json", body: body) { writer in
            view.describe(&writer)
            if let document {
                let tag = Precondition(document, version: view.state.version(of: document)).text
                writer.add(named: HeaderName.entityTag, "\"\(tag)\"")
            }
        }
    }
}

extension MetadataView {
    func describe(_ writer: inout HeaderWriter) {
        writer.add(named: HeaderName.position, position)
        if case .heard(let nanoseconds) = age {
            writer.add(
                named: HeaderName.age, nanoseconds.map { String($0 / 1_000_000) } ?? "unknown")
        }
    }
}
