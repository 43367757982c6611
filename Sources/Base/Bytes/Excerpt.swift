extension StringProtocol {
    /// What an error repeats of a text from outside: all of it as long as people take it in at a glance, and its beginning
    /// otherwise. Whoever sent a megabyte does not get it back, and no log fills with it.
    public var excerpt: String {
        guard utf8.count > Excerpt.bytesMax else { return String(self) }
        // A scalar is never cut; a character may be, because one may be of any length.
        var text = String.UnicodeScalarView()
        var bytes = 0
        for scalar in unicodeScalars {
            bytes += scalar.utf8.count
            guard bytes <= Excerpt.bytesMax else { break }
            text.append(scalar)
        }
        return "\(String(text))… (\(utf8.count) bytes)"
    }
}

public enum Excerpt {
    /// The longest id of a node fits; a path that is longer is told from others by its beginning.
    public static let bytesMax = 128
}
