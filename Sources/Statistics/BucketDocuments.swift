import API
import Base
package import Cluster

/// Documents that grow with the number of buckets, made beside the event loops once there are many.
///
/// A loop that writes 100,000 buckets does nothing else for half a second: its node serves nobody meanwhile, and a primary
/// that says nothing for so long is replaced.
package struct BucketDocuments: Sendable {
    private let work = SharedWork<String, [UInt8]>(name: "documents")

    package init() {}

    /// - Parameters:
    ///   - name: of the document, with everything it depends on besides the state.
    ///   - state: what it tells.
    ///   - make: writes the document.
    /// - Returns: the document.
    package func document(
        _ name: String, of state: ClusterState,
        _ make: @escaping @Sendable (ClusterState) -> [UInt8]
    ) async -> [UInt8] {
        // Up to there it takes less than a millisecond, and no other thread is woken.
        guard state.buckets.buckets.count > StatisticsLimits.bucketsInPlaceMax else {
            return make(state)
        }
        return await work.value(for: "\(state.position.text) \(name)") { make(state) }
    }

    /// The list of names (contract §5.1).
    package func names(
        of state: ClusterState, _ provider: Provider?, _ namespace: Namespace?
    ) async -> [UInt8] {
        let part = "\(provider?.rawValue ?? "") \(namespace?.text ?? "")"
        return await document("names \(part)", of: state) {
            $0.bucketNames(provider: provider, namespace: namespace)
        }
    }
}
