public import Base

extension BucketProperties {
    private static let format: UInt8 = 1

    public init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init()
        let start = reader.offset
        let format = try reader.readUInt8()
        guard format == Self.format else {
            throw .unknownFormat(format, of: "bucket properties", known: Self.format, at: start)
        }
        versioning.enabled = try reader.readBool()
        versioning.validateWarmGet = try reader.readBool()
        checksum = try Checksum(from: &reader)
        lru = try LRU(from: &reader)
        mirror.copies = try reader.read(UInt32.self)
        mirror.burstBuffer = try reader.read(UInt32.self)
        mirror.utilizationThreshold = try reader.readUInt8()
        mirror.optimizePut = try reader.readBool()
        mirror.enabled = try reader.readBool()
        erasureCoding.objectSizeLimit = try reader.read(UInt64.self)
        erasureCoding.compression = try reader.readString(limit: BucketProperties.textBytesMax)
        erasureCoding.dataSlices = try reader.read(UInt32.self)
        erasureCoding.paritySlices = try reader.read(UInt32.self)
        erasureCoding.batchSize = try reader.read(UInt32.self)
        erasureCoding.enabled = try reader.readBool()
        writePolicy = try Self.word(from: &reader)
        access = AccessMask(rawValue: try reader.read(UInt64.self))
        id = try reader.read(UInt64.self)
        created = Timestamp(nanoseconds: try reader.read(UInt64.self))
    }

    public func write(to writer: inout ByteWriter) {
        writer.write(Self.format)
        writer.write(versioning.enabled)
        writer.write(versioning.validateWarmGet)
        checksum.write(to: &writer)
        lru.write(to: &writer)
        writer.write(mirror.copies)
        writer.write(mirror.burstBuffer)
        writer.write(mirror.utilizationThreshold)
        writer.write(mirror.optimizePut)
        writer.write(mirror.enabled)
        writer.write(erasureCoding.objectSizeLimit)
        writer.write(erasureCoding.compression)
        writer.write(erasureCoding.dataSlices)
        writer.write(erasureCoding.paritySlices)
        writer.write(erasureCoding.batchSize)
        writer.write(erasureCoding.enabled)
        writer.write(writePolicy.rawValue)
        writer.write(access.rawValue)
        writer.write(id)
        writer.write(created.nanoseconds)
    }

    fileprivate static func word<Word: RawRepresentable<String>>(
        from reader: inout ByteReader
    ) throws(DecodingFailure) -> Word {
        let start = reader.offset
        let text = try reader.readString(limit: BucketProperties.textBytesMax)
        guard let word = Word(rawValue: text) else {
            throw DecodingFailure("unknown \(Word.self) '\(text)'", at: start)
        }
        return word
    }
}

extension BucketProperties.Checksum {
    fileprivate init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init()
        type = try BucketProperties.word(from: &reader)
        validateColdGet = try reader.readBool()
        validateWarmGet = try reader.readBool()
        validateObjectMove = try reader.readBool()
        enableReadRange = try reader.readBool()
    }

    fileprivate func write(to writer: inout ByteWriter) {
        writer.write(type.rawValue)
        writer.write(validateColdGet)
        writer.write(validateWarmGet)
        writer.write(validateObjectMove)
        writer.write(enableReadRange)
    }
}

extension BucketProperties.LRU {
    fileprivate init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init()
        lowWatermark = try reader.readUInt8()
        highWatermark = try reader.readUInt8()
        outOfSpace = try reader.readUInt8()
        dontEvictTime = try reader.readString(limit: BucketProperties.textBytesMax)
        capacityUpdateTime = try reader.readString(limit: BucketProperties.textBytesMax)
        enabled = try reader.readBool()
    }

    fileprivate func write(to writer: inout ByteWriter) {
        writer.write(lowWatermark)
        writer.write(highWatermark)
        writer.write(outOfSpace)
        writer.write(dontEvictTime)
        writer.write(capacityUpdateTime)
        writer.write(enabled)
    }
}
