//! The resources and instrumentation scopes that the spans of the shop's services belong to.

use std::borrow::Cow;

use super::shop::{Generation, Language, Service};
use super::trace_builder::Scope;
use crate::span::{KeyValue, Origin, Value};

/// The origin of every service and scope.
pub(super) struct Origins(Vec<Origin<'static>>);

impl Origins {
    pub(super) fn new() -> Self {
        let pairs = Service::ALL.iter().flat_map(|&service| Scope::ALL.map(|scope| (service, scope)));
        Self(pairs.map(|(service, scope)| origin_of(service, scope)).collect())
    }

    pub(super) fn get(&self, service: Service, scope: Scope) -> &Origin<'static> {
        &self.0[service as usize * Scope::ALL.len() + scope as usize]
    }
}

fn origin_of(service: Service, scope: Scope) -> Origin<'static> {
    let semantics = service.semantics();
    let (language, sdk_version) = match semantics.language {
        Language::Go => ("go", "1.38.0"),
        Language::Java => ("java", "1.55.0"),
        Language::Node => ("nodejs", "2.1.0"),
        Language::Python => ("python", "1.38.0"),
    };
    let environment = match semantics.generation {
        Generation::Current => "deployment.environment.name",
        Generation::Older => "deployment.environment",
    };
    let mut pairs = vec![
        ("service.name", semantics.name),
        ("service.namespace", "shop"),
        ("service.version", semantics.version),
        (environment, "production"),
        ("telemetry.sdk.language", language),
        ("telemetry.sdk.name", "opentelemetry"),
        ("telemetry.sdk.version", sdk_version),
    ];
    if !semantics.instance.is_empty() {
        pairs.push(("service.instance.id", semantics.instance));
    }
    Origin {
        resource_attributes: pairs
            .into_iter()
            .map(|(key, value)| KeyValue { key: Cow::Borrowed(key), value: Value::Str(Cow::Borrowed(value)) })
            .collect(),
        scope_name: Cow::Borrowed(scope_name(semantics.language, scope)),
        scope_version: Cow::Borrowed(sdk_version),
        scope_attributes: Vec::new(),
    }
}

fn scope_name(language: Language, scope: Scope) -> &'static str {
    match (language, scope) {
        (Language::Go, Scope::HttpServer | Scope::HttpClient) => {
            "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
        }
        (Language::Go, Scope::Grpc) => "go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc",
        (Language::Go, Scope::Database) => "github.com/XSAM/otelsql",
        (Language::Go, Scope::Messaging) => "github.com/dnwe/otelsarama",
        (Language::Go, Scope::Code) => "shop/internal/trace",
        (Language::Java, Scope::HttpServer) => "io.opentelemetry.tomcat-10.0",
        (Language::Java, Scope::HttpClient) => "io.opentelemetry.java-http-client",
        (Language::Java, Scope::Grpc) => "io.opentelemetry.grpc-1.6",
        (Language::Java, Scope::Database) => "io.opentelemetry.jdbc",
        (Language::Java, Scope::Messaging) => "io.opentelemetry.kafka-clients-0.11",
        (Language::Java, Scope::Code) => "io.opentelemetry.opentelemetry-instrumentation-annotations-1.16",
        (Language::Node, Scope::HttpServer | Scope::HttpClient) => "@opentelemetry/instrumentation-http",
        (Language::Node, Scope::Grpc) => "@opentelemetry/instrumentation-grpc",
        (Language::Node, Scope::Database) => "@opentelemetry/instrumentation-mongodb",
        (Language::Node, Scope::Messaging) => "@opentelemetry/instrumentation-kafkajs",
        (Language::Node, Scope::Code) => "shop",
        (Language::Python, Scope::HttpServer) => "opentelemetry.instrumentation.fastapi",
        (Language::Python, Scope::HttpClient) => "opentelemetry.instrumentation.httpx",
        (Language::Python, Scope::Grpc) => "opentelemetry.instrumentation.grpc",
        (Language::Python, Scope::Database) => "opentelemetry.instrumentation.pymongo",
        (Language::Python, Scope::Messaging) => "opentelemetry.instrumentation.confluent_kafka",
        (Language::Python, Scope::Code) => "shop.trace",
    }
}
