import API
import Base
import Cluster
import Consensus
import HTTP

/// Serves `POST /v1/log/follow`: the committed log, as it grows, to a target (docs/formats/follow-stream.md).
struct FollowServer: Sendable {
    let published: PublishedState
    let followers: Followers
    let hashes: StateHashes
    /// Committed entries from an index on, as far as they are in memory.
    let entries: @Sendable (Index, Int) -> [Entry]?
    let pool: BlockingPool
    let fence: Fence
    /// Whether the log does not grow here for want of room.
    let standsBack: Watched<FailureCode?>
    let stopping: Latch
    let log: Logger
    /// Those open now.
    let streams = Watched(0)

    func serve(_ exchange: Exchange, _ query: Query) async throws {
        guard let id = NodeID(try query.value(QueryName.node) ?? "") else {
            throw Failure(.badNode, "'node' is missing, or not a node's id")
        }
        guard let after = LogPosition(text: try query.value(QueryName.after) ?? "") else {
            throw Failure(.badPosition, "'after' is missing, or not a position of the log")
        }
        let address = try Self.address(query)
        guard published.now.isFounded else {
            throw Failure(.notFounded, "this proxy belongs to no cluster yet")
        }
        try fence.check()
        if Position(after).generation > Position(published.now.state.position).generation {
            throw Failure(
                .olderGeneration,
                "\(id) has followed generation \(after.generation), which this proxy does not have",
                next: "follow another proxy")
        }
        guard !stopping.isOpen else { throw Failure(.stopping, "this proxy is stopping") }
        if let code = standsBack.value { throw Self.standingBack(code) }
        guard streams.value < Limits.followersMax else {
            throw Failure(.overloaded, "this proxy has \(Limits.followersMax) followers already")
        }
        streams.update { $0 += 1 }
        defer { streams.update { $0 -= 1 } }
        exchange.limitBody(.max)
        exchange.allowSilence(seconds: Limits.followSilenceSeconds)
        let place = FollowerPlace(followers, id)
        defer { place.leave() }
        if let namesake = namesake(of: id, at: address) {
            log.warning(
                "\(id) at \(address?.url ?? "") follows the log, and is not waited for: the map has "
                    + "\(id) at \(namesake.address.url)")
        } else {
            place.take(at: after)
            log.info("\(id) follows the log from \(after.text)")
        }
        exchange.stream(.ok, type: "application/octet-stream")
        let diverged = Watched(false)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await write(exchange, after: after, diverged) }
            group.addTask { try await read(exchange, id, address, place, diverged) }
            group.addTask {
                await stopping.wait()
                throw Failure(.stopping, "this proxy is stopping")
            }
            group.addTask {
                let code = await standsBack.first { $0 != nil }
                throw Self.standingBack((code ?? nil) ?? .metadataDiskFull)
            }
            group.addTask {
                // Other proxies have the state that counts.
                _ = await fence.generation.first { $0 != nil }
                try fence.check()
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private static func standingBack(_ code: FailureCode) -> Failure {
        let next = "follow another proxy"
        return switch code {
        case .metadataDiskFull: .metadataDiskFull("this proxy's log does not grow", next: next)
        case .starting:
            Failure(code, "this proxy's state differs from that of the others", next: next)
        default: Failure(code, "this proxy cannot read its log any further", next: next)
        }
    }

    private static func address(_ query: Query) throws(Failure) -> NodeAddress? {
        guard let text = try query.value(QueryName.address) else { return nil }
        guard let address = NodeAddress(text: text) else {
            throw Failure(.badNode, "'address' is '\(text.excerpt)', not HOST:PORT")
        }
        return address
    }

    /// The node that has this id on the map, when it is another than the follower: two of one name are a mistake, and
    /// the second must not speak for the first.
    private func namesake(of id: NodeID, at address: NodeAddress?) -> Node? {
        guard let address, let known = published.now.state.map[id], known.address != address
        else { return nil }
        return known
    }

    // MARK: Down

    private func write(
        _ exchange: Exchange, after start: LogPosition, _ diverged: Watched<Bool>
    ) async throws {
        var sent = start
        var snapshot = published.now
        var pulse = published.pulse
        try await exchange.write(progress(snapshot).encoded)
        var mustSnapshot = !isContinuable(sent, snapshot.state.position)
        while true {
            if mustSnapshot {
                sent = try await sendSnapshot(exchange, snapshot.state)
                mustSnapshot = false
            }
            // Only what follows in the same generation can be continued by entries.
            mustSnapshot = try await !sendEntries(exchange, &sent, upTo: snapshot.state.position)
            if mustSnapshot {
                snapshot = published.now
                continue
            }
            guard let next = await published.next(after: sent, pulse: pulse) else {
                throw CancellationError()
            }
            snapshot = next.snapshot
            if next.pulse != pulse {
                pulse = next.pulse
                try await exchange.write(progress(snapshot).encoded)
            }
            mustSnapshot = !isContinuable(sent, snapshot.state.position)
            if diverged.value {
                diverged.set(false)
                mustSnapshot = true
            }
        }
    }

    /// A follower of this generation needs entries only; any other needs the whole state. One that is ahead of
    /// this proxy gets nothing but signs of life until the proxy has caught up.
    private func isContinuable(_ position: LogPosition, _ own: LogPosition) -> Bool {
        position.generation == own.generation && position.nonce == own.nonce
    }

    private func progress(_ snapshot: PublishedState.Snapshot) -> FollowFrame {
        .progress(
            FollowFrame.Progress(
                clusterID: snapshot.state.map.clusterID, committed: snapshot.state.position,
                primary: snapshot.state.map.primary?.text ?? ""))
    }

    private func sendSnapshot(
        _ exchange: Exchange, _ state: ClusterState
    ) async throws -> LogPosition {
        var sender = await pool.run { SnapshotSender(state) }
        while let piece = sender.next() { try await exchange.write(piece.encoded) }
        return state.position
    }

    /// - Returns: `false` when the entries behind `sent` are no longer in memory.
    private func sendEntries(
        _ exchange: Exchange, _ sent: inout LogPosition, upTo end: LogPosition
    ) async throws -> Bool {
        while sent < end {
            guard let batch = entries(Index(sent.index + 1), Limits.followBytes) else {
                return false
            }
            var bytes: [UInt8] = []
            for entry in batch where entry.index.rawValue <= end.index {
                let position = LogPosition(
                    generation: end.generation, nonce: end.nonce, term: entry.term.rawValue,
                    index: entry.index.rawValue)
                bytes += FollowFrame.entry(entry.frame(at: position)).encoded
                sent = position
            }
            if bytes.isEmpty { return true }
            try await exchange.write(bytes)
        }
        return true
    }

    // MARK: Up

    private func read(
        _ exchange: Exchange, _ id: NodeID, _ address: NodeAddress?, _ place: FollowerPlace,
        _ diverged: Watched<Bool>
    ) async throws {
        var buffer = FrameBuffer()
        while let piece = try await exchange.next() {
            buffer.append(piece)
            do throws(DecodingFailure) {
                while let body = try buffer.next() {
                    guard
                        case .acknowledge(let position, let hash) = try FollowFrame(decoding: body)
                    else { throw DecodingFailure("only acknowledgements travel up", at: 0) }
                    if let own = hashes.hash(at: position), own != hash {
                        log.error(
                            "\(id) has diverged: its state at \(position.text) has the hash "
                                + "\(String(hash, radix: 16)), here it is "
                                + "\(String(own, radix: 16)); it gets the whole state")
                        diverged.set(true)
                        continue
                    }
                    // The map may have changed: who has moved counts when it has been admitted.
                    if namesake(of: id, at: address) == nil {
                        place.take(at: position)
                    } else {
                        place.leave()
                    }
                }
            } catch {
                throw Failure(.badBody, "the follower's stream ends here", cause: error.description)
            }
        }
    }
}

extension Entry {
    fileprivate func frame(at position: LogPosition) -> FollowFrame.LogEntry {
        let kind: FollowFrame.LogEntry.Kind =
            switch self.kind {
            case .command: .command
            case .leader: .leader
            case .configuration: .configuration
            }
        return FollowFrame.LogEntry(
            position: position, time: Timestamp(nanoseconds: time), kind: kind, payload: payload)
    }
}
