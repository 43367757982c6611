/// Who keeps the authoritative copy of a bucket's objects.
public enum Provider: String, Sendable, CaseIterable {
    /// This cluster, or another AIS cluster when the namespace has a uuid.
    case ais
    case aws
    case gcp
    case azure
    /// A plain HTTP(S) data set.
    case ht
}

extension Provider: Comparable {
    public static func < (left: Provider, right: Provider) -> Bool {
        left.rawValue < right.rawValue
    }
}
