import Base

/// What a change rests on: a document that must still have the version its author saw, when the change is applied.
///
/// It is compared in ``ClusterState``'s `apply`, so every replica decides alike, and what others changed between the
/// author's look and the entry's place in the log counts.
public struct Precondition: Hashable, Sendable {
    public enum Document: UInt8, Sendable, CaseIterable {
        case map = 1
        case buckets = 2
        case config = 3

        /// AIStore's word, as entity tags have it.
        public var word: String {
            switch self {
            case .map: "smap"
            case .buckets: "bmd"
            case .config: "config"
            }
        }
    }

    public var document: Document
    public var version: UInt64

    public init(_ document: Document, version: UInt64) {
        self.document = document
        self.version = version
    }

    /// Reads `bmd-12`.
    public init?(text: some StringProtocol) {
        guard let split = text.firstIndex(of: "-"),
            let document = Document.allCases.first(where: { $0.word == text[..<split] })
        else { return nil }
        let digits = text[text.index(after: split)...]
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let version = UInt64(digits)
        else { return nil }
        self.init(document, version: version)
    }

    public var text: String { "\(document.word)-\(version)" }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        document = try Document(from: &reader)
        version = try reader.read(UInt64.self)
    }

    func write(to writer: inout ByteWriter) {
        writer.write(document.rawValue)
        writer.write(version)
    }
}

extension Precondition.Document {
    init(from reader: inout ByteReader) throws(DecodingFailure) {
        let start = reader.offset
        guard let document = Self(rawValue: try reader.readUInt8()) else {
            throw DecodingFailure("version of an unknown document", at: start)
        }
        self = document
    }
}

extension ClusterState {
    public func version(of document: Precondition.Document) -> UInt64 {
        switch document {
        case .map: map.version
        case .buckets: buckets.version
        case .config: config.version
        }
    }

    /// The one comparison of versions there is, for what clients and what proposers rest on.
    func check(_ precondition: Precondition) -> Rejection? {
        let version = version(of: precondition.document)
        return version == precondition.version
            ? nil : .changedMeanwhile(precondition.document, version: version)
    }
}
