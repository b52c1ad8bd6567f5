//! Which services are one in the sense of ownership: `orders-api`, `orders-worker` and `orders-v2` are `orders`.

use super::{WordList, words};

/// The family of a service: its name in lower case without the words behind it that name a role or an environment, which are
/// among `roles`, or a version. One word always stays; a last `service` that is glued to it is dropped.
pub(crate) fn service_family(service: &str, roles: &WordList) -> String {
    let mut kept: Vec<String> = words(service).map(str::to_lowercase).collect();
    while kept.len() > 1 && kept.last().is_some_and(|last| roles.has_one_of(last) || is_version(last)) {
        kept.pop();
    }
    if let Some(last) = kept.last_mut()
        && let Some(stem) = last.strip_suffix("service")
        && !stem.is_empty()
    {
        last.truncate(stem.len());
    }
    if kept.is_empty() { service.to_lowercase() } else { kept.join("-") }
}

fn is_version(word: &str) -> bool {
    let digits = word.strip_prefix('v').unwrap_or(word);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conventions::NameLists;

    #[test]
    fn roles_versions_and_environments_are_dropped() {
        for (service, family) in [
            ("orders", "orders"),
            ("orders-api", "orders"),
            ("orders-workers", "orders"),
            ("orders-batches", "orders"),
            ("orders-queries", "orders"),
            ("Orders_Service.v2", "orders"),
            ("orders-2-canary", "orders"),
            ("OrdersService", "orders"),
            ("ordersservice", "orders"),
            ("orderservice-prod", "order"),
            ("order-history-api", "order-history"),
            // What stands before the name is part of it.
            ("api-orders", "api-orders"),
            ("order-api-gateway", "order-api-gateway"),
            // One word stays.
            ("api", "api"),
            ("service", "service"),
            ("web-app", "web"),
            ("v2", "v2"),
            ("--", "--"),
            ("", ""),
        ] {
            assert_eq!(service_family(service, &NameLists::default().role_words), family, "{service}");
        }
    }

    /// What is a role is a setting.
    #[test]
    fn roles_are_listed() {
        let roles = WordList::of(&["tier"]);
        for (service, family) in [
            ("orders-tier", "orders"),
            ("orders-tiers", "orders"),
            ("orders-tier-v2", "orders"),
            ("orders-api", "orders-api"),
            ("tier", "tier"),
        ] {
            assert_eq!(service_family(service, &roles), family, "{service}");
        }
    }
}
