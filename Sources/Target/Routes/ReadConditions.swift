import API
import Base
import HTTP

/// What a GET or HEAD of an object depends on: `If-Match`, `If-None-Match`, and for a range `If-Range` (RFC 9110 §13).
///
/// The only validator is the entity tag, which is the object's checksum: equal bytes have equal tags. There is no
/// modification date, so conditions about dates are passed over, as RFC 9110 §13.1.3 has it for whoever has none.
struct ReadConditions {
    /// What an object's tag comes to.
    enum Verdict {
        case holds
        /// The client has it: 304.
        case notModified
        /// It is another one than the client means: 412.
        case failed
    }

    private let match: [EntityTag]?
    private let noneMatch: [EntityTag]?

    /// - Returns: `nil` without conditions.
    /// - Throws: that one of them cannot be read.
    init?(_ headers: Headers) throws(Failure) {
        guard headers.isConditional else { return nil }
        match = try Self.tags("If-Match", headers.all("if-match"))
        noneMatch = try Self.tags("If-None-Match", headers.all("if-none-match"))
        if match == nil, noneMatch == nil { return nil }
    }

    private static func tags(_ name: String, _ values: [String]) throws(Failure) -> [EntityTag]? {
        guard !values.isEmpty else { return nil }
        guard let tags = EntityTag.list(values.joined(separator: ",")) else {
            throw Failure(
                .badHeader, "'\(name)' is '\(values[0].excerpt)'",
                next: #"send * or tags in quotes, as the header ETag has them: "0123456789abcdef""#)
        }
        return tags
    }

    /// - Parameter tag: the object's, in quotes; `nil` when it has none, and is there all the same.
    /// - Returns: what becomes of the request.
    func verdict(_ tag: String?) -> Verdict {
        if let match, !match.contains(where: { $0.isMatched(by: tag, isStrong: true) }) {
            return .failed
        }
        if let noneMatch, noneMatch.contains(where: { $0.isMatched(by: tag, isStrong: false) }) {
            return .notModified
        }
        return .holds
    }

    /// Whether a range may be sent of an object with this tag: a range of another one is of no use to the client (§13.1.5).
    static func permitRange(_ headers: Headers, _ tag: String?) -> Bool {
        guard let condition = headers["if-range"] else { return true }
        guard let tags = EntityTag.list(condition), tags.count == 1, tags[0] != .any else {
            return false
        }
        return tags[0].isMatched(by: tag, isStrong: true)
    }
}

/// An element of `If-Match` or `If-None-Match` (RFC 9110 §8.8.3).
enum EntityTag: Equatable {
    /// `*`: whichever it has.
    case any
    case tag(quoted: String, isWeak: Bool)

    /// Whether the present tag, a strong one or none, is meant; where the comparison is strong, no weak one is.
    fileprivate func isMatched(by tag: String?, isStrong: Bool) -> Bool {
        switch self {
        case .any: true
        case .tag(let quoted, let isWeak): quoted == tag && !(isStrong && isWeak)
        }
    }

    /// - Returns: `nil` for what is no list of tags.
    static func list(_ text: String) -> [EntityTag]? {
        var tags: [EntityTag] = []
        var rest = Substring(text)
        func skipBlanks() { rest = rest.drop { $0 == " " || $0 == "\t" } }
        while true {
            skipBlanks()
            if rest.first == "," {
                // Empty elements are passed over (RFC 9110 §5.6.1).
                rest = rest.dropFirst()
                continue
            }
            guard let first = rest.first else { break }
            if first == "*" {
                rest = rest.dropFirst()
                tags.append(.any)
            } else {
                let isWeak = rest.hasPrefix("W/")
                if isWeak { rest = rest.dropFirst(2) }
                guard rest.first == "\"", let end = rest.dropFirst().firstIndex(of: "\"") else {
                    return nil
                }
                tags.append(.tag(quoted: String(rest[...end]), isWeak: isWeak))
                rest = rest[rest.index(after: end)...]
            }
            skipBlanks()
            guard rest.isEmpty || rest.first == "," else { return nil }
        }
        let isMixed = tags.contains(.any) && tags.count > 1
        return tags.isEmpty || isMixed ? nil : tags
    }
}
