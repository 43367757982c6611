import API
import Cluster
import HTTP

/// Bodies and targets of requests come from anybody: any bytes must give a value or a failure.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    let text = String(decoding: bytes, as: UTF8.self)
    if let message = try? ActionMessage(decoding: bytes) {
        _ = try? BatchRequest(message, query: .empty)
    }
    if let terms = try? ChangeTerms(session: nil, sequence: nil, match: text) {
        precondition(terms.preconditions.count <= 3, "a document is named twice")
    }
    let target = RequestTarget(text)
    check(target.query)
    if let decoded = PercentCoding.decoded(target.path) {
        precondition(
            PercentCoding.decoded(PercentCoding.encoded(decoded)[...]) == decoded,
            "a path does not survive being encoded and decoded")
    }
    return 0
}

/// Whatever a query says: what passes names only what the operation heeds, and each of it with one meaning.
func check(_ query: Query) {
    guard let resource = try? Resource(path: "/v1/cluster/daemon/t1"),
        let match = try? Route.match(.delete, resource, at: .proxy)
    else { preconditionFailure("the table has no such route") }
    guard (try? match.check(query, .delete)) != nil else { return }
    guard let pairs = try? query.pairs() else { preconditionFailure("it does not decode") }
    for (name, value) in pairs where name != QueryName.dryRun {
        precondition(name == QueryName.force, "'\(name)' is passed over")
        let first = pairs.first { $0.name == name }?.value ?? ""
        let isSame = value ?? "" == first || Query.flag(value ?? "") == Query.flag(first)
        precondition(isSame, "'\(name)' is said twice")
    }
}
