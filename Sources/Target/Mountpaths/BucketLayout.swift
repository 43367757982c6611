import Base
import Cluster

/// Where a bucket's files are on a mountpath, as AIStore lays them out (contract §17.3). Paths are relative to
/// the mountpath.
enum BucketLayout {
    /// Removed directories wait here for the background.
    static let trash = "$trash"
    /// Directories of an earlier generation that are in the way of a bucket; nothing here is ever removed.
    static let kept = "$kept"

    static func directory(of bucket: Bucket) -> String {
        provider(of: bucket) + "/" + bucket.name
    }

    /// The directory that holds the bucket's: of the provider, or of the namespace in it.
    static func provider(of bucket: Bucket) -> String {
        let provider = "@" + bucket.provider.rawValue
        let namespace = bucket.namespace
        if namespace.isGlobal { return provider }
        if namespace.uuid.isEmpty { return "\(provider)/#\(namespace.name)" }
        return "\(provider)/\(namespace.text)"
    }

    static func objects(of bucket: Bucket) -> String { directory(of: bucket) + "/%ob" }

    static func work(of bucket: Bucket) -> String { directory(of: bucket) + "/%wk" }

    static func object(_ key: ObjectKey) -> String {
        directory(of: key.bucket) + "/%ob/" + key.name
    }

    /// All buckets that have a directory on a mountpath.
    static func buckets(on directory: Directory) throws(FileError) -> [Bucket] {
        var buckets: [Bucket] = []
        for provider in Provider.allCases {
            let place = "@\(provider.rawValue)"
            for name in try directories(in: place, on: directory) {
                guard name.hasPrefix("@") || name.hasPrefix("#") else {
                    if let bucket = Bucket(name: name, provider: provider) {
                        buckets.append(bucket)
                    }
                    continue
                }
                guard let namespace = namespace(name) else { continue }
                for name in try directories(in: "\(place)/\(name)", on: directory) {
                    if let bucket = Bucket(name: name, provider: provider, namespace: namespace) {
                        buckets.append(bucket)
                    }
                }
            }
        }
        return buckets
    }

    private static func namespace(_ text: String) -> Namespace? {
        text.hasPrefix("#")
            ? Namespace(uuid: "", name: String(text.dropFirst())) : Namespace(text: text)
    }

    /// The names of the directories in one; none when it does not exist.
    static func directories(
        in name: String, on directory: Directory
    ) throws(FileError) -> [String] {
        var names: [String] = []
        do throws(FileError) {
            try directory.forEach(in: name) { bytes, kind in
                if kind == .directory, let name = String(validating: bytes, as: UTF8.self) {
                    names.append(name)
                }
                return true
            }
        } catch  where error.isMissing {
            return []
        }
        return names
    }
}
