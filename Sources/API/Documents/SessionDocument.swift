package import Base
package import Cluster

/// A client's session as `/v1/cluster/sessions` shows it.
package enum SessionDocument {
    /// One, with a newline behind it.
    package static func encoded(_ id: LogPosition, _ session: Session) -> [UInt8] {
        var json = JSONWriter()
        write(id, session, to: &json)
        json.newline()
        return json.bytes
    }

    /// All of them.
    package static func encoded(_ sessions: SortedMap<LogPosition, Session>) -> [UInt8] {
        var json = JSONWriter(capacity: 256 + sessions.count * 256)
        json.object { json in
            json.key("sessions")
            json.array { json in
                for (id, session) in sessions { write(id, session, to: &json) }
            }
            json.member("sessions_max", Session.countMax)
        }
        json.newline()
        return json.bytes
    }

    private static func write(
        _ id: LogPosition, _ session: Session, to json: inout JSONWriter
    ) {
        let (end, isFar) = session.lastUsed.nanoseconds.addingReportingOverflow(session.lifetime)
        json.object { json in
            json.member("id", id.text)
            json.member("lifetime_ms", String(session.lifetime / 1_000_000))
            json.member("last_used", time(session.lastUsed))
            json.member("ends", time(Timestamp(nanoseconds: isFar ? .max : end)))
            json.member("outcomes_max", Session.outcomesMax)
            json.member("forgotten", String(session.forgotten))
            json.key("outcomes")
            json.array { json in
                for kept in session.outcomes {
                    json.object { json in
                        json.member("sequence", String(kept.sequence))
                        json.member("position", kept.position.text)
                        json.member(
                            "outcome", (try? kept.result.get()) == nil ? "refused" : "applied")
                    }
                }
            }
        }
    }

    private static func time(_ time: Timestamp) -> String {
        TimeLayout.text(time, layout: "2006-01-02T15:04:05.000000Z")
    }
}
