import Base
import Cluster
import Testing

/// Placement against the vectors of the contract (§17.1).
///
/// Its three digests of mountpaths are left out: they contradict its own table of placements, which the rule as
/// worded (digest of the cleaned path) reproduces; see docs/decisions/0003-mountpath-digests.md.
@Suite struct PlacementTests {
    @Test(
        arguments: [
            (0, 1_905_207_664_160_064_169),
            (1, 14_233_695_028_433_725_123),
            (4_573_842, 5_026_071_747_115_404_967),
            (.max, 10_227_601_306_713_020_730),
        ] as [(UInt64, UInt64)])
    func `mix gives the published words`(_ input: UInt64, output: UInt64) {
        #expect(Placement.mix(input) == output)
    }

    @Test(
        arguments: [
            ("t1", 14_214_570_646_889_990_061), ("t2", 17_780_131_176_456_335_389),
            ("t3", 7_900_451_649_967_436_292), ("15205:8083", 14_352_746_151_954_853_905),
            ("p1", 442_917_838_593_855_800), ("p2", 5_034_621_090_705_517_784),
            ("p3", 3_596_435_703_883_028_501),
            ("ais/@#/abc/obj1", 6_531_582_550_460_060_813),
            ("ais/@#ml/abc/dir/obj2", 10_481_813_570_766_637_862),
            ("aws/@#/b/x", 18_311_558_278_392_493_117),
            ("ais/@teamZ#/rb/r1", 520_241_800_251_453_010),
        ] as [(String, UInt64)])
    func `digests are the published ones`(_ text: String, digest: UInt64) {
        #expect(Placement.digest(text) == digest)
    }

    @Test func `the weights of the published object are the published ones`() {
        let object = Placement.digest("ais/@#/abc/obj1")
        let weights = ["t1", "t2", "t3"].map { Placement.weight(Placement.digest($0), object) }
        #expect(
            weights == [
                1_329_862_305_186_670_772, 13_214_620_939_237_176_519, 7_999_138_536_703_317_986,
            ])
    }

    @Test(
        arguments: [
            (Bucket(name: "abc"), "obj1", "t2", "/ais/mp2"),
            (
                Bucket(name: "abc", namespace: Namespace(text: "#ml") ?? .global), "dir/obj2", "t1",
                "/ais/mp3"
            ),
            (Bucket(name: "b", provider: .aws), "x", "t2", "/ais/mp1"),
            (
                Bucket(name: "rb", namespace: Namespace(text: "teamZ") ?? .global), "r1", "t1",
                "/ais/mp1"
            ),
        ] as [(Bucket?, String, String, String)])
    func `objects live where AIStore puts them`(
        _ bucket: Bucket?, object: String, target: String, mountpath: String
    ) throws {
        let digest = try #require(bucket).digest(object: object)
        #expect(owner(of: digest, among: ["t1", "t2", "t3"]) == target)
        #expect(owner(of: digest, among: ["/ais/mp1", "/ais/mp2", "/ais/mp3"]) == mountpath)
    }

    @Test func `when a target leaves only its objects move`() {
        let all = ["t1", "t2", "t3", "t4"]
        let rest = ["t1", "t2", "t4"]
        for number in 0..<500 {
            let digest = Placement.digest("ais/@#/b/\(number)")
            let before = owner(of: digest, among: all)
            if before != "t3" { #expect(owner(of: digest, among: rest) == before) }
        }
    }

    private func owner(of digest: UInt64, among names: [String]) -> String? {
        names.max {
            Placement.weight(Placement.digest($0), digest)
                < Placement.weight(Placement.digest($1), digest)
        }
    }
}
