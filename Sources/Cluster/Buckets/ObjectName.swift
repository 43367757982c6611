/// The rule for object names: any UTF-8 text that can be a path below the bucket's directory.
public enum ObjectName {
    /// Together with a mountpath and a bucket the path must stay under PATH_MAX (4096 bytes).
    public static let bytesMax = 3_072
    /// The longest name of one directory entry (NAME_MAX of every Linux filesystem that matters).
    public static let elementBytesMax = 255

    /// Why the name cannot be used; `nil` when it can.
    public static func problem(_ name: String) -> String? {
        let bytes = name.utf8
        if bytes.isEmpty { return "object name is empty" }
        if bytes.count > bytesMax { return "object name is longer than \(bytesMax) bytes" }
        if bytes.contains(0) { return "object name contains a zero byte" }
        for element in name.utf8.split(
            separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        {
            if element.isEmpty { return "object name has an empty path element" }
            if element.count > elementBytesMax {
                return "object name has a path element longer than \(elementBytesMax) bytes"
            }
            if element.elementsEqual(".".utf8) || element.elementsEqual("..".utf8) {
                return "object name may not have '.' or '..' as a path element"
            }
        }
        return nil
    }
}
