/// What a client asks of a listing: the `value` of the action `listobj` (contract §5.9).
package struct ListRequest: Equatable, Sendable {
    package var uuid = ""
    package var properties = ListProperties.standard
    package var timeFormat = TimeLayout.standard
    package var prefix = ""
    /// Entries of one page, from 1 to ``Limits/listPageMax``.
    package var pageSize = Limits.listPageDefault
    package var startAfter = ""
    package var continuationToken = ""
    package var flags: UInt64 = 0

    package init() {}

    private static let keys = [
        "uuid", "props", "time_format", "prefix", "pagesize", "start_after",
        "continuation_token", "flags", "use_cache",
    ]

    /// The request of a message, strictly: an unknown key is a failure.
    package init(value: JSONValue?) throws(Failure) {
        guard let value = try ActionValue(value, keys: Self.keys) else { return }
        uuid = try value.string("uuid") ?? ""
        properties = ListProperties(text: try value.string("props") ?? "")
        if let format = try value.string("time_format"), !format.isEmpty {
            guard format.utf8.count <= Limits.timeLayoutBytesMax else {
                throw Failure(.badValue, "'value.time_format' is too long")
            }
            timeFormat = format
        }
        prefix = try value.string("prefix") ?? ""
        if let size: UInt64 = try value.unsigned("pagesize"), size > 0 {
            pageSize = Int(min(size, UInt64(Limits.listPageMax)))
        }
        startAfter = try value.string("start_after") ?? ""
        continuationToken = try value.string("continuation_token") ?? ""
        flags = try value.unsigned("flags") ?? 0
        _ = try value.bool("use_cache")
    }

    /// Only names greater than this belong to the page: the later of token and `start_after`.
    package var after: String {
        continuationToken.utf8.lexicographicallyPrecedes(startAfter.utf8)
            ? startAfter : continuationToken
    }

    /// The whole message, as a proxy sends it on to targets.
    package var encodedMessage: [UInt8] {
        var json = JSONWriter(capacity: 256)
        json.object { json in
            json.member("action", Action.listObjects.rawValue)
            json.key("value")
            json.object { json in
                json.member("uuid", uuid)
                json.member("props", properties.text)
                json.member("time_format", timeFormat)
                json.member("prefix", prefix)
                json.member("pagesize", pageSize)
                json.member("start_after", startAfter)
                json.member("continuation_token", continuationToken)
                json.member("flags", String(flags))
            }
        }
        return json.bytes
    }
}
