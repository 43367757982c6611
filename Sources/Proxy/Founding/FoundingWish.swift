import Base
import HTTP

/// What `--found-from` and what belongs to it ask for.
struct FoundingWish: Sendable {
    /// Where a cached state may be.
    enum Source: Equatable, Sendable {
        case target(Endpoint)
        /// A target's data directory, or a file from one.
        case path(String)

        var text: String {
            switch self {
            case .target(let endpoint): "\(endpoint)"
            case .path(let path): path
            }
        }
    }

    var sources: [Source]
    /// `--take`: the target whose state is to be gone on from.
    var taken: String?
    /// `--token`: of the plan that was read.
    var token = ""
    /// `--plan`: only say what would be done.
    var isPlan = false

    init(sources: [Source]) {
        self.sources = sources
    }

    /// - Returns: `nil` when nothing of it was given.
    init?(_ arguments: ParsedArguments) throws(ArgumentError) {
        let list: String? = try arguments.optional("found-from")
        taken = try arguments.optional("take")
        token = try arguments.optional("token") ?? ""
        isPlan = arguments.has("plan")
        guard let list else {
            for flag in ["take", "token", "plan"] where arguments.has(flag) {
                throw .refused("--\(flag) belongs to --found-from")
            }
            return nil
        }
        for flag in ["found", "join", "non-electable"] where arguments.has(flag) {
            throw .refused("--found-from and --\(flag) exclude each other")
        }
        sources = []
        for text in list.split(separator: ",").map(String.init) {
            guard text.contains("://") else {
                sources.append(.path(text))
                continue
            }
            guard let endpoint = try? Endpoint(text) else {
                throw .badValue(
                    name: "--found-from", value: text,
                    expected: "a target's URL such as http://host:port, or its data directory")
            }
            sources.append(.target(endpoint))
        }
        guard !sources.isEmpty else {
            throw .missingFlag("found-from", placeholder: "TARGET[,TARGET]")
        }
    }
}
