import Base

extension JSONValue {
    /// The body of a request, which says everything once.
    ///
    /// - Parameters:
    ///   - body: as it came.
    ///   - wanted: how it is written rightly, for whoever sent something else.
    /// - Throws: `bad_json` when there is none, when it is not JSON, or when an object of it has a key twice: one of the two
    ///   would have to be passed over.
    package init(body: [UInt8], wanted: String) throws(Failure) {
        guard !body.isEmpty else {
            throw Failure(.badJSON, "the request has no body", next: "send \(wanted) as the body")
        }
        do throws(DecodingFailure) {
            self = try JSONValue(parsing: body)
        } catch {
            throw Failure(
                .badJSON, "the body is not JSON", cause: error.description, next: "send \(wanted)")
        }
        guard let key = repeatedKey else { return }
        throw Failure(
            .badJSON, "the body has the key '\(key.excerpt)' twice in one object",
            next: "nothing was changed; send it once")
    }

    /// A key that an object in it has twice.
    private var repeatedKey: String? {
        switch self {
        case .object(let object):
            if let key = object.repeatedKey { return key }
            for member in object.members {
                if let key = member.value.repeatedKey { return key }
            }
            return nil
        case .array(let elements):
            for element in elements {
                if let key = element.repeatedKey { return key }
            }
            return nil
        case .null, .bool, .number, .string: return nil
        }
    }
}

extension JSONObject {
    /// A key that is there twice, letter by letter: names of nodes and buckets are keys, too, and differ by case.
    fileprivate var repeatedKey: String? {
        guard members.count > 1 else { return nil }
        var seen: Set<[UInt8]> = []
        return members.first { !seen.insert(Array($0.key.utf8)).inserted }?.key
    }

    /// Of keys that are looked up without regard to case, one that is there in two spellings.
    package func keyTwice(of known: [String]) -> String? {
        known.first { key in
            members.count { Self.matches($0.key, key) } > 1
        }
    }

    /// - Throws: that one of these keys is there twice.
    package func checkOnce(_ known: [String], in place: String) throws(Failure) {
        guard let key = keyTwice(of: known) else { return }
        throw Failure(
            .badJSON, "\(place) has the key '\(key)' twice, in different spellings",
            next: "nothing was changed; send it once")
    }
}
