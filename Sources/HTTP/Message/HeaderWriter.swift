/// Adds fields to the head being written. Values cannot break out of their line: control characters in them become
/// blanks.
///
/// `Date`, `Content-Length`, `Transfer-Encoding` and `Connection` are written by the connection, not here.
package struct HeaderWriter: ~Copyable {
    var output: OutputBuffer

    init(_ output: consuming OutputBuffer) {
        self.output = output
    }

    package mutating func add(_ name: StaticString, _ value: StaticString) {
        begin(name)
        output.append(value)
        end()
    }

    package mutating func add(_ name: StaticString, _ value: String) {
        begin(name)
        var value = value
        value.withUTF8 { output.append(line: $0) }
        end()
    }

    package mutating func add(_ name: StaticString, _ value: Int) {
        begin(name)
        output.append(value)
        end()
    }

    package mutating func add(_ name: StaticString, bytes: [UInt8]) {
        begin(name)
        bytes.withUnsafeBufferPointer { output.append(line: $0) }
        end()
    }

    /// A field whose name is known only at run time; the name must be a token.
    package mutating func add(named name: String, _ value: String) {
        var name = name
        let isToken = name.withUTF8 { bytes in
            guard Tokens.isToken(bytes) else { return false }
            output.append(bytes)
            return true
        }
        precondition(isToken, "\(name) is not a header name")
        output.append(": ")
        var value = value
        value.withUTF8 { output.append(line: $0) }
        end()
    }

    /// Whole lines written before, each with its CR LF: for headers that are the same in many answers.
    package mutating func add(rendered lines: [UInt8]) {
        output.append(lines)
    }

    /// `Content-Range: bytes a-b/size`.
    package mutating func addContentRange(offset: Int, count: Int, size: Int) {
        output.append("Content-Range: bytes ")
        output.append(offset)
        output.append(byte: 0x2D)
        output.append(offset + count - 1)
        output.append(byte: 0x2F)
        output.append(size)
        end()
    }

    private mutating func begin(_ name: StaticString) {
        output.append(name)
        output.append(": ")
    }

    private mutating func end() {
        output.append("\r\n")
    }
}
