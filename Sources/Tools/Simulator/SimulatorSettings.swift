import Base
import Glibc
import Simulation

/// What the command line asks for.
struct SimulatorSettings: Sendable {
    /// What seeds are simulated on.
    enum Subjects: Sendable {
        case always(SubjectName)
        case mixed
    }

    /// One seed in so many runs over the production store, which is some fifty times slower.
    static let diskShare: UInt64 = 16
    /// What has to be found is found within so many seeds.
    static let teethSeeds: UInt64 = 1_000
    static let nightSeeds: UInt64 = 80_000
    /// How often each fault must have struck each role in a night.
    static let nightStrikes = 100

    var seeds: UInt64
    var seed: UInt64
    var seconds: Int
    var subjects: Subjects
    var jobs: Int
    var voters: Int?
    var defect: Defect?
    var plan: Plan?
    var shrinkPath: String?
    var isCalm: Bool
    var showsCoverage: Bool
    var isTeeth: Bool
    var isNight: Bool
    var isTracing: Bool

    init(_ arguments: ParsedArguments) throws(ArgumentError) {
        isTeeth = arguments.has("teeth")
        isNight = arguments.has("night")
        let usual = isNight ? Self.nightSeeds : isTeeth ? Self.teethSeeds : 100
        seeds = try arguments.optional("seeds", as: UInt64.self) ?? usual
        seed = try arguments.optional("seed", as: UInt64.self) ?? 1
        seconds = try arguments.optional("seconds", as: Int.self) ?? 60
        jobs = try arguments.optional("jobs", as: Int.self) ?? sysconf(Int32(_SC_NPROCESSORS_ONLN))
        voters = try arguments.optional("voters", as: Int.self)
        isCalm = arguments.has("calm")
        showsCoverage = arguments.has("coverage") || isNight
        isTracing = arguments.has("trace")
        shrinkPath = try arguments.optional("shrink")
        subjects = try Self.subjects(arguments)
        defect = try Self.defect(arguments)
        plan = try Self.plan(arguments)
        guard jobs > 0, jobs <= 256 else {
            throw .badValue(name: "--jobs", value: "\(jobs)", expected: "1 to 256")
        }
    }

    private static func subjects(_ arguments: ParsedArguments) throws(ArgumentError) -> Subjects {
        let name: String = try arguments.optional("subject") ?? "mixed"
        if name == "mixed" { return .mixed }
        guard let subject = SubjectName(rawValue: name) else {
            let names = SubjectName.allCases.map(\.rawValue) + ["mixed"]
            throw .badValue(
                name: "--subject", value: name, expected: names.joined(separator: ", "))
        }
        return .always(subject)
    }

    private static func defect(_ arguments: ParsedArguments) throws(ArgumentError) -> Defect? {
        guard let name: String = try arguments.optional("defect") else { return nil }
        guard let defect = Defect(name: name) else {
            throw .badValue(
                name: "--defect", value: name,
                expected: Defect.allCases.map(\.name).joined(separator: ", "))
        }
        return defect
    }

    private static func plan(_ arguments: ParsedArguments) throws(ArgumentError) -> Plan? {
        guard let path: String = try arguments.optional("plan") else { return nil }
        guard let plan = PlanFile.read(path).flatMap(Plan.init(text:)) else {
            throw .badValue(name: "--plan", value: path, expected: "a file with a plan")
        }
        return plan
    }

    /// The plan of a seed.
    func plan(of seed: UInt64) -> Plan {
        if let plan { return plan }
        let subject =
            switch subjects {
            case .always(let name): name
            case .mixed:
                switch seed % Self.diskShare {
                case 0: SubjectName.disk
                case Self.diskShare / 2: SubjectName.sessions
                default: SubjectName.memory
                }
            }
        var plan =
            isCalm
            ? Plan(calm: seed, subject: subject, seconds: seconds)
            : Plan(seed: seed, subject: subject, seconds: seconds)
        if let voters { plan.conditions.voters = voters }
        return plan
    }

    /// What to type to see a seed again.
    func replay(_ seed: UInt64) -> String {
        var words = ["martlet sim --seeds 1 --seed \(seed) --seconds \(seconds)"]
        if case .always(let name) = subjects { words.append("--subject \(name.rawValue)") }
        if let voters { words.append("--voters \(voters)") }
        if isCalm { words.append("--calm") }
        if let defect { words.append("--defect \(defect.name)") }
        return words.joined(separator: " ") + " --trace"
    }
}
