import API
import Base
import Cluster

/// A bucket's directory that no bucket of the present state owns: a forced recovery gave up the entry that created it, or it
/// is of another cluster. It may hold objects that were acknowledged, so people decide what becomes of it.
struct KeptDirectory: Equatable, Sendable {
    var mountpath: String
    /// Where it is, relative to the mountpath.
    var path: String
    /// Empty when its name does not say.
    var bucket: String
    /// What its mark says; `nil` for one that cannot be read.
    var mark: BucketMark?
    /// Whether it was moved, because a bucket of its name was created since.
    var isMoved: Bool
}

extension BucketDirectories {
    /// More than people look through; each is the accident of one bucket.
    private static let keptMax = 1_000

    /// All of them on the mountpaths that take part, as far as they can be read.
    func kept(in state: ClusterState) throws(FileError) -> [KeptDirectory] {
        var kept: [KeptDirectory] = []
        for mountpath in mountpaths.all {
            for bucket in try BucketLayout.buckets(on: mountpath.directory) {
                let path = BucketLayout.directory(of: bucket)
                guard let mark = Self.mark(of: "\(mountpath.path)/\(path)"),
                    mark.verdict(state.buckets[bucket], in: state) == .keep
                else { continue }
                kept.append(
                    KeptDirectory(
                        mountpath: mountpath.path, path: path, bucket: bucket.description,
                        mark: mark, isMoved: false))
            }
            let moved = try BucketLayout.directories(
                in: BucketLayout.kept, on: mountpath.directory)
            for name in moved {
                let path = "\(BucketLayout.kept)/\(name)"
                kept.append(
                    KeptDirectory(
                        mountpath: mountpath.path, path: path,
                        // NAME.GENERATION.RANDOM
                        bucket: name.split(separator: ".").dropLast(2).joined(separator: "."),
                        mark: Self.mark(of: "\(mountpath.path)/\(path)"), isMoved: true))
            }
            if kept.count > Self.keptMax { break }
        }
        return Array(kept.prefix(Self.keptMax))
    }

    private static func mark(of path: String) -> BucketMark? {
        guard let bytes = try? ExtendedAttribute.read(BucketMark.attributeName, path: path) else {
            return nil
        }
        return try? BucketMark(decoding: bytes)
    }
}

extension JSONWriter {
    mutating func value(_ kept: KeptDirectory) {
        object { json in
            json.member("mountpath", kept.mountpath)
            json.member("path", kept.path)
            json.member("bucket", kept.bucket)
            json.member("moved", kept.isMoved)
            json.member("cluster", kept.mark?.clusterID ?? "")
            json.member("generation", kept.mark?.position.generationText ?? "")
            json.member("bid", kept.mark.map { String($0.incarnation.id) } ?? "")
        }
    }
}
