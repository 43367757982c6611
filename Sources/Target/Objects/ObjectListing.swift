import API
import Base
import Cluster
import Glibc

/// One page of a bucket's objects, over all mountpaths. Runs on a pool: it reads directories and attributes.
struct ObjectListing {
    let bucket: Bucket
    let request: ListRequest
    let state: ClusterState
    let node: Node
    let mountpaths: MountpathSet

    /// Bits of ``API/ListRequest/flags``.
    private static let includesMisplaced: UInt64 = 2
    /// A status in the low bits of an entry's flags.
    private static let isMisplaced: UInt16 = 1

    /// A mountpath being walked, and the name it has come to.
    private struct Source {
        let mountpath: Mountpath
        var walker: ObjectWalker
        var name: [UInt8]?
    }

    func page() throws(FileError) -> [UInt8] {
        // A page without what lies there would have gaps, which look like an end.
        if let absent = mountpaths.disabled.first { throw FileError("list", absent.path, ENODEV) }
        var sources: [Source] = []
        for mountpath in mountpaths.all {
            var walker = ObjectWalker(
                mountpath.directory, root: BucketLayout.objects(of: bucket),
                prefix: request.prefix, after: request.after, page: request.pageSize)
            let first = try walker.next()
            sources.append(Source(mountpath: mountpath, walker: walker, name: first))
        }
        var reply = ListReplyWriter(request)
        var last: [UInt8] = []
        while reply.count < request.pageSize, let place = Self.smallest(sources) {
            guard let name = sources[place].name else { break }
            let mountpath = newest(name, sources[place].mountpath, among: sources)
            sources[place].name = try sources[place].walker.next()
            // A misplaced copy beside the object itself: one name, one entry.
            if reply.count > 0, name == last { continue }
            guard let entry = try entry(name, on: mountpath) else { continue }
            reply.append(entry)
            last = name
        }
        // Behind the reading: what vanished meanwhile would be a gap in the page.
        for mountpath in mountpaths.all { try mountpath.checkPresence() }
        let isFull = reply.count == request.pageSize
        return reply.finish(token: isFull ? String(decoding: last, as: UTF8.self) : "")
    }

    /// The mountpath with the copy that counts. There is one copy only, unless a mountpath has come back.
    private func newest(
        _ name: [UInt8], _ mountpath: Mountpath, among sources: [Source]
    ) -> Mountpath {
        guard mountpaths.hasReturned else { return mountpath }
        let others = sources.filter { $0.mountpath !== mountpath && $0.name == name }
        guard !others.isEmpty else { return mountpath }
        let object = "\(BucketLayout.objects(of: bucket))/\(String(decoding: name, as: UTF8.self))"
        func edition(_ mountpath: Mountpath) -> UInt64 {
            let value = try? ExtendedAttribute.read(
                ObjectAttributes.attributeName, path: "\(mountpath.path)/\(object)")
            return value.flatMap { try? ObjectAttributes(decoding: $0) }?.edition ?? 0
        }
        return others.map(\.mountpath).reduce(mountpath) {
            edition($1) > edition($0) ? $1 : $0
        }
    }

    private static func smallest(_ sources: [Source]) -> Int? {
        var best: (place: Int, name: [UInt8])?
        for place in sources.indices {
            guard let name = sources[place].name else { continue }
            if let known = best, !name.lexicographicallyPrecedes(known.name) { continue }
            best = (place, name)
        }
        return best?.place
    }

    /// - Returns: `nil` when the file is no object of this place.
    private func entry(_ bytes: [UInt8], on mountpath: Mountpath) throws(FileError) -> ListEntry? {
        guard let name = String(validating: bytes, as: UTF8.self) else { return nil }
        let digest = bytes.withUnsafeBytes { bucket.digest(object: $0) }
        let isMisplaced =
            (!mountpaths.isScattered && mountpaths.owner(of: digest) !== mountpath)
            || state.map.target(owning: digest)?.id != node.id
        var entry = ListEntry(name: name)
        if isMisplaced {
            guard request.flags & Self.includesMisplaced != 0 else { return nil }
            entry.flags |= Self.isMisplaced
        }
        guard needsFile else { return entry }
        do throws(FileError) {
            return try fill(&entry, on: mountpath) ? entry : nil
        } catch {
            // Removed since its name was read.
            if error.isMissing { return nil }
            throw error
        }
    }

    private var needsFile: Bool {
        !request.properties.isDisjoint(with: [.size, .checksum, .accessTime, .version, .copies])
    }

    /// - Returns: false when the file has no (readable) attributes: not an object, or a damaged one that GET reports.
    private func fill(_ entry: inout ListEntry, on mountpath: Mountpath) throws(FileError) -> Bool {
        let relative = "\(BucketLayout.objects(of: bucket))/\(entry.name)"
        let path = "\(mountpath.path)/\(relative)"
        guard let value = try ExtendedAttribute.read(ObjectAttributes.attributeName, path: path),
            let attributes = try? ObjectAttributes(decoding: value)
        else { return false }
        entry.size = attributes.size
        entry.checksum = attributes.checksumValue
        entry.version = attributes.version
        entry.copies = 1 + attributes.copies.count
        entry.targetURL = node.address.url
        if request.properties.contains(.accessTime) {
            let status = try mountpath.directory.status(relative)
            entry.accessTime = Timestamp(nanoseconds: OpenObject.nanoseconds(status.st_atim))
        }
        return true
    }
}
