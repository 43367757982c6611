import Base

/// Rejections as sessions keep them.
extension Rejection {
    private enum Kind: UInt8 {
        case alreadyFounded = 1
        case notFounded = 2
        case bucketExists = 3
        case noSuchBucket = 4
        case noSuchNode = 5
        case addressTaken = 6
        case roleDiffers = 7
        case isPrimary = 8
        case changedMeanwhile = 9
        case maintenanceIs = 10
        case tooFewTargets = 11
        case sessionExpired = 12
        case sequenceForgotten = 13
        case tooManySessions = 14
        case refused = 15
        case inBatch = 16
        case notSuccessor = 17
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        try self.init(from: &reader, isWithinBatch: false)
    }

    private init(
        from reader: inout ByteReader, isWithinBatch: Bool
    ) throws(DecodingFailure) {
        let start = reader.offset
        let code = try reader.readUInt8()
        guard let kind = Kind(rawValue: code) else {
            throw DecodingFailure("refusal of unknown kind \(code)", at: start)
        }
        switch kind {
        case .alreadyFounded: self = .alreadyFounded(clusterID: try reader.readString(limit: 64))
        case .notFounded: self = .notFounded
        case .bucketExists: self = .bucketExists(try Bucket(from: &reader))
        case .noSuchBucket: self = .noSuchBucket(try Bucket(from: &reader))
        case .noSuchNode: self = .noSuchNode(try Command.nodeID(&reader))
        case .addressTaken:
            let host = try reader.readString(limit: NodeAddress.hostBytesMax)
            guard let address = NodeAddress(host: host, port: try reader.read(UInt16.self)) else {
                throw DecodingFailure("not an address", at: start)
            }
            self = .addressTaken(address, by: try Command.nodeID(&reader))
        case .roleDiffers:
            let id = try Command.nodeID(&reader)
            guard let role = NodeRole(rawValue: try reader.readUInt8()) else {
                throw DecodingFailure("not a role", at: start)
            }
            self = .roleDiffers(id, is: role)
        case .isPrimary: self = .isPrimary(try Command.nodeID(&reader))
        case .changedMeanwhile:
            self = .changedMeanwhile(
                try Precondition.Document(from: &reader), version: try reader.read(UInt64.self))
        case .maintenanceIs:
            self = .maintenanceIs(try reader.readBool(), try Command.nodeID(&reader))
        case .tooFewTargets: self = .tooFewTargets(Int(try reader.read(UInt32.self)))
        case .sessionExpired: self = .sessionExpired(try LogPosition(from: &reader))
        case .sequenceForgotten:
            self = .sequenceForgotten(through: try reader.read(UInt64.self))
        case .tooManySessions: self = .tooManySessions(Int(try reader.read(UInt32.self)))
        case .refused:
            self = .refused(
                code: try reader.readString(limit: Session.textBytesMax),
                message: try reader.readString(limit: Session.textBytesMax))
        case .inBatch:
            // Batches do not nest, and no input makes this function call itself without end.
            guard !isWithinBatch else { throw DecodingFailure("batch within a batch", at: start) }
            let change = Int(try reader.read(UInt16.self))
            self = .inBatch(
                change: change, try Rejection(from: &reader, isWithinBatch: true))
        case .notSuccessor:
            self = .notSuccessor(try Self.generation(&reader), of: try Self.generation(&reader))
        }
    }

    private static func generation(
        _ reader: inout ByteReader
    ) throws(DecodingFailure) -> RecoveryRecord.Generation {
        RecoveryRecord.Generation(
            counter: try reader.read(UInt64.self), nonce: try reader.read(UInt64.self))
    }

    func write(to writer: inout ByteWriter) {
        writer.write(kind.rawValue)
        switch self {
        case .alreadyFounded(let clusterID): writer.write(clusterID)
        case .notFounded: break
        case .bucketExists(let bucket), .noSuchBucket(let bucket): bucket.write(to: &writer)
        case .noSuchNode(let id), .isPrimary(let id): writer.write(id.text)
        case .addressTaken(let address, let id):
            writer.write(address.host)
            writer.write(address.port)
            writer.write(id.text)
        case .roleDiffers(let id, let role):
            writer.write(id.text)
            writer.write(role.rawValue)
        case .changedMeanwhile(let document, let version):
            writer.write(document.rawValue)
            writer.write(version)
        case .maintenanceIs(let isOn, let id):
            writer.write(isOn)
            writer.write(id.text)
        case .tooFewTargets(let count), .tooManySessions(let count):
            writer.write(UInt32(clamping: count))
        case .sessionExpired(let id): id.write(to: &writer)
        case .sequenceForgotten(let sequence): writer.write(sequence)
        case .refused(let code, let message):
            writer.write(code)
            writer.write(message)
        case .inBatch(let change, let rejection):
            writer.write(UInt16(clamping: change))
            rejection.write(to: &writer)
        case .notSuccessor(let generation, let other):
            for generation in [generation, other] {
                writer.write(generation.counter)
                writer.write(generation.nonce)
            }
        }
    }

    private var kind: Kind {
        switch self {
        case .alreadyFounded: .alreadyFounded
        case .notFounded: .notFounded
        case .bucketExists: .bucketExists
        case .noSuchBucket: .noSuchBucket
        case .noSuchNode: .noSuchNode
        case .addressTaken: .addressTaken
        case .roleDiffers: .roleDiffers
        case .isPrimary: .isPrimary
        case .changedMeanwhile: .changedMeanwhile
        case .maintenanceIs: .maintenanceIs
        case .tooFewTargets: .tooFewTargets
        case .sessionExpired: .sessionExpired
        case .sequenceForgotten: .sequenceForgotten
        case .tooManySessions: .tooManySessions
        case .refused: .refused
        case .inBatch: .inBatch
        case .notSuccessor: .notSuccessor
        }
    }
}
