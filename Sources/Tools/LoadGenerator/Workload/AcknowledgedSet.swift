import FoundationEssentials

/// What a record file says must be there: buckets, and objects with their last acknowledged write.
struct AcknowledgedSet: Equatable {
    struct Key: Hashable {
        let bucket: String
        let name: String
    }

    struct Write: Equatable {
        var sequence: UInt64
        var size: Int
    }

    var buckets: Set<String> = []
    var objects: [Key: Write] = [:]

    /// Reads a record; a last line that was cut off is left out, any other odd line is an error.
    init(contentsOf path: String) throws(RecordError) {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw .unreadable(path)
        }
        try self.init(text: String(decoding: data, as: UTF8.self))
    }

    init(text: String) throws(RecordError) {
        let whole = text.lastIndex(of: "\n").map { text[..<$0] } ?? ""
        for line in whole.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            if words.count == 2, words[0] == "bucket" {
                buckets.insert(words[1])
            } else if words.count == 5, words[0] == "put", let sequence = UInt64(words[3]),
                let size = Int(words[4])
            {
                let key = Key(bucket: words[1], name: words[2])
                if let known = objects[key], known.sequence >= sequence { continue }
                objects[key] = Write(sequence: sequence, size: size)
            } else {
                throw .malformed(String(line))
            }
        }
    }
}

/// Why a record could not be used.
enum RecordError: Error, Equatable, CustomStringConvertible {
    case unreadable(String)
    case malformed(String)

    var description: String {
        switch self {
        case .unreadable(let path): "cannot read the record \(path)"
        case .malformed(let line): "the record has a line that is none: \(line)"
        }
    }
}
