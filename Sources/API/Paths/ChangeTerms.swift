import Base
package import Cluster

/// What the headers of a change say about when it is made: once within a session, and only on certain versions.
package struct ChangeTerms: Equatable, Sendable {
    package var call: SessionCall?
    package var preconditions: [Precondition] = []
    /// The only term of the log in which it may be made, as a position in it; `nil`: in any.
    package var bound: LogPosition?

    package init() {}

    /// - Parameters:
    ///   - session: the header `Martlet-Session`, the id of a session.
    ///   - sequence: the header `Martlet-Sequence`.
    ///   - term: the header `Martlet-Term`, a position of which generation and term count.
    ///   - match: the header `If-Match`: entity tags of documents, one each at the most; all must hold.
    /// - Throws: what is wrong with them.
    package init(
        session: String?, sequence: String?, term: String? = nil, match: String?
    ) throws(Failure) {
        switch (session, sequence) {
        case (nil, nil): break
        case (let session?, let sequence?):
            guard let id = LogPosition(text: session) else {
                throw Failure(
                    .badHeader, "'\(session.excerpt)' is not the id of a session",
                    next: "POST /v1/cluster/sessions opens one")
            }
            guard let number = UInt64(sequence), number > 0, sequence.utf8.count <= 20,
                sequence.utf8.allSatisfy({ (0x30...0x39).contains($0) })
            else {
                throw Failure(
                    .badHeader, "'\(sequence.excerpt)' is not a sequence number",
                    next: "1 for the first request of a session, and one more for each new one")
            }
            call = SessionCall(id, sequence: number)
        default:
            throw Failure(
                .badHeader,
                "\(HeaderName.session) and \(HeaderName.sequence) go together",
                next: "send both, or neither")
        }
        if let term {
            guard let position = LogPosition(text: term) else {
                throw Failure(
                    .badHeader, "\(HeaderName.term) is '\(term.excerpt)', no position",
                    next: "as an answer brought it in \(HeaderName.position)")
            }
            guard call == nil else {
                throw Failure(
                    .badHeader, "a request of a session is not bound to a term",
                    next: "leave out \(HeaderName.term): repeat the request until it is answered")
            }
            bound = position
        }
        preconditions = try match.map { text throws(Failure) in try Self.read(text) } ?? []
    }

    private static func read(_ text: String) throws(Failure) -> [Precondition] {
        // Any version will do, and each document has one.
        if text == "*" { return [] }
        var found: [Precondition] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let tag = part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()
            guard tag.count > 2, tag.first == "\"", tag.last == "\"",
                let precondition = Precondition(text: String(tag.dropFirst().dropLast()))
            else {
                throw Failure(
                    .badHeader, "\(HeaderName.ifMatch) has '\(part.excerpt)'",
                    next: #"as the ETag of a document: "smap-5", "bmd-12" or "config-3""#)
            }
            guard !found.contains(where: { $0.document == precondition.document }) else {
                throw Failure(
                    .badHeader,
                    "\(HeaderName.ifMatch) names two versions of \(precondition.document.word)",
                    next: "one of each document")
            }
            found.append(precondition)
        }
        return found
    }

    /// The headers again, for whoever passes the request on.
    package var headers: [(String, String)] {
        var headers: [(String, String)] = []
        if let call {
            headers.append((HeaderName.session, call.session.text))
            headers.append((HeaderName.sequence, String(call.sequence)))
        }
        if !preconditions.isEmpty {
            let tags = preconditions.map { "\"\($0.text)\"" }.joined(separator: ", ")
            headers.append((HeaderName.ifMatch, tags))
        }
        return headers
    }
}
