/// The header fields of a received message: offsets into the bytes that came from the network.
///
/// Names in code are written in lower case; those on the wire match in any case. Nothing is copied until a
/// String is asked for.
package struct Headers: Sendable {
    let slab: Slab
    let fields: [Field]

    /// The first value of a field.
    package subscript(_ name: StaticString) -> String? {
        guard let field = first(name) else { return nil }
        return text(field)
    }

    /// The first value of a field whose name is known only at run time.
    package subscript(named name: String) -> String? {
        for field in fields {
            let found = slab.slice(Int(field.nameStart), Int(field.nameEnd))
            let isSame =
                found.count == name.utf8.count
                && zip(found, name.utf8).allSatisfy { inLowerCase($0) == inLowerCase($1) }
            if isSame { return text(field) }
        }
        return nil
    }

    /// All values of a field, in the order they came; lists within one value are not split.
    package func all(_ name: StaticString) -> [String] {
        fields.filter { $0.isNamed(name, in: slab.base) }.map { text($0) }
    }

    package func contains(_ name: StaticString) -> Bool {
        first(name) != nil
    }

    /// Whether a comma-separated field holds `token` (lower case), in any case.
    package func contains(_ name: StaticString, token: StaticString) -> Bool {
        for field in fields where field.isNamed(name, in: slab.base) {
            let value = slab.slice(Int(field.valueStart), Int(field.valueEnd))
            if listContains(value, token) { return true }
        }
        return false
    }

    /// Whether there may be a condition on what is selected: `If-Match`, `If-None-Match` or `If-Range` (RFC 9110 §13.1). One look
    /// at each field's length, and at two letters of those that have it.
    package var isConditional: Bool {
        let base = UnsafePointer(slab.base)
        for index in fields.indices {
            let start = Int(fields[index].nameStart)
            let length = Int(fields[index].nameEnd) - start
            guard length == 8 || length == 13, inLowerCase(base[start]) == UInt8(ascii: "i"),
                inLowerCase(base[start + 1]) == UInt8(ascii: "f")
            else { continue }
            return true
        }
        return false
    }

    /// The first value as a number: digits only, below 2^63.
    package func integer(_ name: StaticString) -> Int? {
        guard let field = first(name) else { return nil }
        return decimal(slab.slice(Int(field.valueStart), Int(field.valueEnd)))
    }

    /// Calls `body` with the bytes of the first value, or returns `nil` without a call.
    package func withValue<Result>(
        _ name: StaticString, _ body: (UnsafeBufferPointer<UInt8>) -> Result
    ) -> Result? {
        guard let field = first(name) else { return nil }
        return body(slab.slice(Int(field.valueStart), Int(field.valueEnd)))
    }

    /// Every field, in the order they came.
    package var pairs: [(name: String, value: String)] {
        fields.map { (text($0.nameStart, $0.nameEnd), text($0)) }
    }

    package var count: Int { fields.count }

    private func first(_ name: StaticString) -> Field? {
        let base = UnsafePointer(slab.base)
        for index in fields.indices where fields[index].isNamed(name, in: base) {
            return fields[index]
        }
        return nil
    }

    private func text(_ field: Field) -> String {
        text(field.valueStart, field.valueEnd)
    }

    private func text(_ start: UInt16, _ end: UInt16) -> String {
        String(decoding: slab.slice(Int(start), Int(end)), as: UTF8.self)
    }
}
