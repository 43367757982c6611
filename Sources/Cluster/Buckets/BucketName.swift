/// The rule for bucket names: letters, digits, `.`, `_` and `-`; not `.` and without `..`.
public enum BucketName {
    /// A bucket is a directory on every disk, and a directory's name has 255 bytes at most.
    public static let bytesMax = 255

    /// Why the name cannot be used; `nil` when it can.
    public static func problem(_ name: String) -> String? {
        let bytes = name.utf8
        if bytes.isEmpty { return "bucket name is empty" }
        if bytes.count > bytesMax { return "bucket name is longer than \(bytesMax) bytes" }
        let dot = UInt8(ascii: ".")
        var before: UInt8?
        var hasTwoDots = false
        for byte in bytes {
            guard isWord(byte) || byte == dot else {
                return "bucket name may only contain letters, digits, '.', '_' and '-'"
            }
            if byte == dot, before == dot { hasTwoDots = true }
            before = byte
        }
        if hasTwoDots || (bytes.count == 1 && before == dot) {
            return "bucket name may not be '.' or contain '..'"
        }
        return nil
    }

    static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
