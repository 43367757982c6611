import Base
package import Cluster

extension Bucket {
    /// The bucket that a name in the path and the parameters `provider` and `namespace` speak of.
    package init(name: String, query: Query) throws(Failure) {
        var provider = Provider.ais
        var namespace = Namespace.global
        if !query.text.isEmpty {
            provider = try query.provider() ?? .ais
            namespace = try query.namespace() ?? .global
        }
        guard let bucket = Bucket(name: name, provider: provider, namespace: namespace) else {
            throw Failure(
                .badBucketName,
                BucketName.problem(name).map { "\($0): '\(name.excerpt)'" } ?? "bad bucket",
                next: "1 to \(BucketName.bytesMax) letters, digits, '.', '_' and '-'")
        }
        self = bucket
    }
}

extension Query {
    package func provider() throws(Failure) -> Provider? {
        guard let text = try value(QueryName.provider), !text.isEmpty else { return nil }
        // The aliases are those of AIStore's command-line tool and of its later versions.
        switch text {
        case "s3": return .aws
        case "gs": return .gcp
        case "az": return .azure
        default: break
        }
        guard let provider = Provider(rawValue: text) else {
            let known = Provider.allCases.map(\.rawValue).joined(separator: ", ")
            throw Failure(
                .badProvider, "invalid provider '\(text.excerpt)'", next: "providers are \(known)")
        }
        return provider
    }

    package func namespace() throws(Failure) -> Namespace? {
        guard let text = try value(QueryName.namespace), !text.isEmpty else { return nil }
        guard let namespace = Namespace(text: text) else {
            throw Failure(
                .badNamespace, "invalid namespace '\(text.excerpt)'",
                next: "write it @uuid#name, of letters, digits, '_' and '-'")
        }
        return namespace
    }
}
