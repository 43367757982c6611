import Base
import Glibc

/// A cluster that belongs to a terminal: says when a node ends, and stops all of them at Ctrl-C.
enum Foreground {
    private static var watched: sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGCHLD] { sigaddset(&signals, signal) }
        return signals
    }

    /// From here on the signals wait to be asked for; nodes are started with none blocked.
    static func blockSignals() {
        var signals = watched
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }

    /// Returns when the cluster has been stopped, by this terminal or by another command.
    static func watch(_ cluster: LocalCluster) throws(ClusterError) -> Int32 {
        Console.output("\nCtrl-C stops the cluster.\n")
        var signals = watched
        while true {
            var number: Int32 = 0
            guard sigwait(&signals, &number) == 0 else { continue }
            if number != SIGCHLD { break }
            try reap(cluster)
            if try cluster.nodes().allSatisfy({ NodeProcess.state(of: $0) == .gone }) {
                Console.output("Every node has ended.\n")
                return 0
            }
        }
        Console.output("Stopping.\n")
        let killed = try cluster.stop()
        if !killed.isEmpty {
            Console.error(
                "Did not stop in time and were killed: \(killed.joined(separator: " "))\n")
        }
        return 0
    }

    /// Several children may have ended under one signal.
    private static func reap(_ cluster: LocalCluster) throws(ClusterError) {
        let nodes = try cluster.nodes()
        while true {
            var status: Int32 = 0
            let pid = waitpid(-1, &status, WNOHANG)
            guard pid > 0 else { return }
            let signal = status & 0x7F
            let how = signal == 0 ? "with status \((status >> 8) & 0xFF)" : "by signal \(signal)"
            if let node = nodes.first(where: { $0.pid == pid }) {
                Console.output("\(node.id) ended \(how); see \(node.log)\n")
                try cluster.forget(node)
            } else {
                Console.output("process \(pid) ended \(how)\n")
            }
        }
    }
}
