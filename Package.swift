// swift-tools-version: 6.2
// The order below is the architecture: nothing depends on a line beneath it.
import PackageDescription

let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    // What is `public` in Base, Consensus and Cluster is specialised where it is used (docs/decisions/0019).
    .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
]

/// The Swift runtime within the program: faster calls, and hosts need no toolchain (docs/decisions/0040).
let selfContained = [
    "-static-stdlib", "-use-ld=lld", "-l_FoundationCollections", "-l_FoundationCShims",
]

func module(_ name: String, _ dependencies: [Target.Dependency] = [], at path: String? = nil)
    -> Target
{
    .target(
        name: name,
        dependencies: dependencies,
        path: path ?? "Sources/\(name)",
        exclude: ["README.md"],
        swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [String] = []) -> Target
{
    .testTarget(
        name: name,
        dependencies: dependencies,
        exclude: resources,
        swiftSettings: strict)
}

let package = Package(
    name: "martlet",
    products: [.executable(name: "martlet", targets: ["martlet"])],
    targets: [
        // C headers and inline wrappers; no logic.
        .systemLibrary(
            name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CLinux"),

        module("Base", ["CLinux", "CZstd"]),
        module("Consensus"),
        module("Cluster", ["Base"]),
        module("HTTP", ["Base", "CLinux"]),
        module("API", ["Cluster", "HTTP", "Base"]),
        module("Statistics", ["API", "HTTP", "Cluster", "Base", "CLinux"]),
        module("MetaStore", ["Consensus", "Cluster", "Base", "CSQLite"]),
        module(
            "Proxy", ["MetaStore", "Consensus", "Statistics", "API", "HTTP", "Cluster", "Base"]),
        module("Target", ["Statistics", "API", "HTTP", "Cluster", "Base", "CLinux"]),
        module("Simulation", ["MetaStore", "Consensus", "Cluster", "Base", "CSQLite"]),

        module(
            "DevCluster", ["API", "HTTP", "Cluster", "Base", "CLinux"],
            at: "Sources/Tools/DevCluster"),
        module(
            "LoadGenerator", ["API", "HTTP", "Cluster", "Base", "CLinux"],
            at: "Sources/Tools/LoadGenerator"),
        module("Simulator", ["Simulation", "Base"], at: "Sources/Tools/Simulator"),
        .executableTarget(
            name: "martlet",
            dependencies: ["Proxy", "Target", "DevCluster", "LoadGenerator", "Simulator", "Base"],
            path: "Sources/Tools/Martlet",
            swiftSettings: strict,
            linkerSettings: [.unsafeFlags(selfContained, .when(configuration: .release))]),

        // What tests of several modules need.
        .target(name: "TestSupport", path: "Tests/Support", swiftSettings: strict),
        .target(
            name: "StoredStates", dependencies: ["MetaStore", "Consensus", "Cluster"],
            path: "Tests/StoredStates", swiftSettings: strict),
        tests("BaseTests", ["Base"]),
        tests("ConsensusTests", ["Consensus"], resources: ["Scenarios"]),
        tests("ClusterTests", ["Cluster", "Base"]),
        tests("HTTPTests", ["TestSupport", "HTTP", "Base", "CLinux"]),
        tests("APITests", ["API", "HTTP", "Cluster", "Base"]),
        tests("StatisticsTests", ["TestSupport", "Statistics", "API", "HTTP", "Cluster", "Base"]),
        tests(
            "MetaStoreTests",
            ["TestSupport", "MetaStore", "Consensus", "Cluster", "Base", "CSQLite"]),
        tests(
            "ProxyTests",
            [
                "TestSupport", "StoredStates", "Proxy", "MetaStore", "Consensus", "Statistics",
                "API", "HTTP", "Cluster", "Base", "CSQLite",
            ]),
        tests(
            "TargetTests",
            ["TestSupport", "Target", "Statistics", "API", "HTTP", "Cluster", "Base"]),
        tests(
            "SimulationTests", ["Simulation", "MetaStore", "Consensus", "Cluster", "Base"],
            resources: ["Plans"]),
        tests(
            "ToolsTests",
            ["TestSupport", "DevCluster", "LoadGenerator", "API", "HTTP", "Cluster", "Base"]),
        tests(
            "SystemTests",
            [
                "TestSupport", "StoredStates", "DevCluster", "LoadGenerator", "MetaStore",
                "Consensus", "API", "HTTP", "Cluster", "Base",
            ], resources: ["Disks/volatile-disk.py"]),
        tests("TidyTests", []),
    ],
    swiftLanguageModes: [.v6]
)

// Fuzz targets need a linker flag that nothing else may have; ClusterScripts/fuzz asks for them.
if Context.environment["MARTLET_FUZZ"] != nil {
    let fuzzers = [
        ("LogRecord", ["Cluster"]), ("Snapshot", ["Cluster"]),
        ("Action", ["API", "Cluster", "HTTP"]),
        ("FollowStream", ["API"]), ("CachedState", ["API"]), ("RequestHead", ["HTTP"]),
        ("Chunks", ["HTTP"]), ("MemberMessages", ["API", "Consensus"]),
    ]
    package.targets += fuzzers.map { name, uses in
        .executableTarget(
            name: "Fuzz\(name)",
            dependencies: uses.map { .target(name: $0) },
            path: "Tests/Fuzz/\(name)",
            swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])])
    }
}
