public import Base

/// Who asked for another primary: what a hand-over leaves in the first entry of the new primary, behind its member id.
public struct TransferNote: Equatable, Sendable {
    private static let format: UInt8 = 1

    /// The client's `ip:port`.
    public var clientAddress: String
    /// Names the request across retries and nodes.
    public var requestID: String

    public init(clientAddress: String, requestID: String) {
        self.clientAddress = clientAddress
        self.requestID = requestID
    }

    public init(decoding bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        let format = try reader.readUInt8()
        guard format == Self.format else {
            throw DecodingFailure("transfer note of format \(format)", at: 0)
        }
        clientAddress = try reader.readString(limit: 256)
        requestID = try reader.readString(limit: 256)
        try reader.finish()
    }

    public var encoded: [UInt8] {
        var writer = ByteWriter(capacity: 64)
        writer.write(Self.format)
        writer.write(clientAddress)
        writer.write(requestID)
        return writer.bytes
    }
}
