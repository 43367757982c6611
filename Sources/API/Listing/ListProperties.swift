/// Which fields of its entries a listing fills in.
package struct ListProperties: OptionSet, Sendable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    package static let name = ListProperties(rawValue: 1 << 0)
    package static let size = ListProperties(rawValue: 1 << 1)
    package static let version = ListProperties(rawValue: 1 << 2)
    package static let checksum = ListProperties(rawValue: 1 << 3)
    package static let accessTime = ListProperties(rawValue: 1 << 4)
    package static let cached = ListProperties(rawValue: 1 << 5)
    package static let targetURL = ListProperties(rawValue: 1 << 6)
    package static let status = ListProperties(rawValue: 1 << 7)
    package static let copies = ListProperties(rawValue: 1 << 8)
    package static let erasureCoding = ListProperties(rawValue: 1 << 9)

    package static let standard: ListProperties = [.name, .size, .checksum, .accessTime]

    /// Reads names separated by commas; unknown ones are ignored, an empty text is the default.
    package init(text: String) {
        guard !text.isEmpty else {
            self = .standard
            return
        }
        self = .name
        for word in text.split(separator: ",") {
            switch word.drop(while: { $0 == " " }) {
            case "size": insert(.size)
            case "version": insert(.version)
            case "checksum": insert(.checksum)
            case "atime": insert(.accessTime)
            case "cached": insert(.cached)
            case "target_url", "location": insert(.targetURL)
            case "status": insert(.status)
            case "copies": insert(.copies)
            case "ec": insert(.erasureCoding)
            default: break
            }
        }
    }

    package var text: String {
        let words: [(ListProperties, String)] = [
            (.name, "name"), (.size, "size"), (.version, "version"), (.checksum, "checksum"),
            (.accessTime, "atime"), (.cached, "cached"), (.targetURL, "target_url"),
            (.status, "status"), (.copies, "copies"), (.erasureCoding, "ec"),
        ]
        return words.filter { contains($0.0) }.map(\.1).joined(separator: ",")
    }
}
