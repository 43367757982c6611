import API
import Base

extension ClusterRecord {
    /// - Throws: ``FileError``, or ``Base/DecodingFailure`` for a damaged file: which cluster the target belongs to is
    ///   then not known, and it must not guess.
    init(in directory: Directory) throws {
        let bytes = try SmallFile.read(
            Self.fileName, in: directory, limit: TargetLimits.clusterRecordBytesMax)
        if let bytes {
            try self.init(decoding: bytes)
        } else {
            self.init()
        }
    }

    func write(in directory: Directory) throws(FileError) {
        try SmallFile.replace(Self.fileName, with: encoded, in: directory)
    }
}
