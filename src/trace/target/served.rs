//! What a span that serves a request says of it: the host that was asked for, and what the service offers.

use crate::conventions::{Attribute, WordList, is_version, path_template, public_host};
use crate::span::SpanKind;

use super::{Attributes, Class};

/// First parts of paths that say how a service is asked, not what for.
const PARTS_OF_INTERFACES: [&str; 4] = ["api", "rest", "public", "internal"];

impl Attributes<'_> {
    /// The host that a served request was sent to, if the internet knows it.
    pub(in super::super) fn public_host(&self, private_labels: &WordList) -> Option<String> {
        use Attribute as A;
        let hosts = [A::ServerAddress, A::NetHostName, A::HttpHost, A::HttpServerName, A::UrlHost];
        let host = hosts.into_iter().find_map(|attribute| self.get(attribute));
        host.filter(|_| self.signature.kind == SpanKind::Server).and_then(|host| public_host(host, private_labels))
    }

    /// What a service offers, as an entry span says: the RPC service without its package, the destination, else the first part of
    /// the path that is not how services are asked, not variable and not the service's own name; in lower case.
    pub(in super::super) fn capability(&self, class: Class) -> Option<String> {
        if matches!(self.signature.kind, SpanKind::Client | SpanKind::Producer) {
            return None;
        }
        let name = self.symbols.resolve(self.signature.name);
        match class {
            Class::Rpc => {
                let of_name = || name.trim_start_matches('/').rsplit_once('/').map(|(service, _)| service);
                let service = self.rpc_service().or_else(of_name)?;
                service.rsplit('.').next().filter(|name| !name.is_empty()).map(str::to_lowercase)
            }
            Class::Messaging => self.destination().map(str::to_lowercase),
            Class::Database => None,
            _ => {
                let recorded = [Attribute::HttpRoute, Attribute::UrlTemplate, Attribute::UrlPath];
                let service = self.symbols.resolve(self.signature.service);
                if let Some(path) = recorded.into_iter().find_map(|attribute| self.get(attribute)) {
                    return first_part(path, service);
                }
                let of_name = name.split_whitespace().find(|word| word.starts_with('/'))?;
                first_part(&path_template(of_name), service)
            }
        }
    }
}

/// The first part of a path that says what is asked for.
fn first_part(path: &str, service: &str) -> Option<String> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let says_something = |part: &&str| {
        let is_variable = part.contains(['{', '*', '<', '}', '>', '$', '(']) || part.starts_with(':') || *part == "?";
        let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
        !part.is_empty()
            && !is_variable
            && !is_number
            && !is_version(part)
            && !PARTS_OF_INTERFACES.iter().any(|known| known.eq_ignore_ascii_case(part))
            && !part.eq_ignore_ascii_case(service)
    };
    // Regular expressions, as some frameworks have for routes, begin with `^`.
    path.trim_start_matches('^').split('/').find(says_something).map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_part_that_says_something_is_what_is_offered() {
        for (path, expected) in [
            ("/api/v1/Orders/{id}", Some("orders")),
            ("/orders/7/items", Some("orders")),
            ("/v2/internal/7/:id/items", Some("items")),
            ("/shop/cart", Some("cart")),
            ("^api/v1/carts/$", Some("carts")),
            ("/api/rest/public?x=/orders", None),
            ("/{tenant}/users", Some("users")),
            ("/*", None),
            ("/", None),
            ("", None),
        ] {
            assert_eq!(first_part(path, "Shop").as_deref(), expected, "{path}");
        }
    }
}
