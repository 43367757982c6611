import Glibc

/// Questions about TCP ports of this machine's loopback address.
package enum Ports {
    /// Why the port cannot be listened on, or `nil` when it can.
    package static func obstacle(_ port: UInt16) -> String? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return String(cString: strerror(errno)) }
        defer { close(descriptor) }
        var yes: Int32 = 1
        // Connections of a node that just ended linger in TIME_WAIT and are no obstacle.
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = loopback(port)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(descriptor, generic, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { return String(cString: strerror(errno)) }
        return nil
    }

    /// The first port of a block in which every port is free at this moment.
    ///
    /// The blocks lie below the kernel's ephemeral range, so that no outgoing connection takes one.
    static func freeBlock(of count: Int) throws(ClusterError) -> UInt16 {
        for _ in 0..<Limits.portBlocksTried {
            let base = UInt16.random(in: 10_000..<30_000)
            if (0..<UInt16(count)).allSatisfy({ obstacle(base + $0) == nil }) { return base }
        }
        throw .noFreePorts(count: count)
    }

    static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}
