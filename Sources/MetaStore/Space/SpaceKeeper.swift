import Consensus

/// Knows whether there is room for more, and gives the reserve up when there is none at all.
///
/// Used by one thread at a time, as the log that it belongs to.
final class SpaceKeeper {
    private let medium: any SpaceMedium
    private let limits: SpaceLimits
    private(set) var isShort = false
    private var freeBytes: UInt64 = 0
    /// What was written since the last look.
    private var bytesSince = 0
    private var looksToWait = 0
    /// Something has changed that nobody was told of.
    private var isNews = true

    init(_ medium: any SpaceMedium, _ limits: SpaceLimits) {
        self.medium = medium
        self.limits = limits
        look()
    }

    private var isWhole: Bool { medium.reserveBytes >= limits.reserveBytes }

    var space: StorageSpace {
        StorageSpace(isShort: isShort, freeBytes: freeBytes, reserveBytes: medium.reserveBytes)
    }

    /// Notes what a batch has written, more or less.
    func wrote(_ bytes: Int) { bytesSince += bytes }

    /// - Returns: what is there, when a look was due or something has happened; else `nil`.
    func report(looks: Bool) -> StorageSpace? {
        if looks || bytesSince >= limits.lookBytes { look() }
        guard isNews else { return nil }
        isNews = false
        return space
    }

    /// Makes room out of the reserve.
    ///
    /// - Returns: whether there was any.
    func release() -> Bool {
        guard medium.reserveBytes > 0, (try? medium.release()) != nil else { return false }
        isShort = true
        looksToWait = limits.looksAfterRelease
        isNews = true
        return true
    }

    private func look() {
        bytesSince = 0
        // A disk that does not say how much room it has may have enough: what does not fit is refused.
        guard let free = try? medium.freeBytes() else { return }
        isNews = true
        freeBytes = free
        if looksToWait > 0 { looksToWait -= 1 }
        if !isWhole, free >= limits.highBytes + limits.reserveBytes, looksToWait == 0,
            (try? medium.reserve(limits.reserveBytes)) != nil
        {
            freeBytes = (try? medium.freeBytes()) ?? free
        }
        if freeBytes < limits.lowBytes || !isWhole {
            isShort = true
        } else if freeBytes >= limits.highBytes {
            isShort = false
        }
    }
}
