//! The services that synthetic traces come from: their names, SDKs, conventions and versions.

/// The language of a service, which decides its SDK and its instrumentation scopes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Language {
    Go,
    Java,
    Node,
    Python,
}

/// The generation of semantic conventions that a service's instrumentation follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Generation {
    Current,
    Older,
}

pub(super) struct ServiceFacts {
    pub(super) name: &'static str,
    pub(super) language: Language,
    pub(super) generation: Generation,
    pub(super) version: &'static str,
    /// Which of its instances it is; empty where resources do not say.
    pub(super) instance: &'static str,
}

macro_rules! services {
    ($($variant:ident = $name:literal, $language:ident, $generation:ident, $version:literal $(, $instance:literal)?;)+) => {
        /// A service of the shop; of one whose instances are told, an instance of it.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub(super) enum Service {
            $($variant,)+
        }

        impl Service {
            pub(super) const ALL: &[Self] = &[$(Self::$variant),+];

            pub(super) fn semantics(self) -> &'static ServiceFacts {
                static FACTS: &[ServiceFacts] = &[$(ServiceFacts {
                    name: $name,
                    language: Language::$language,
                    generation: Generation::$generation,
                    version: $version,
                    instance: concat!($($instance)?),
                }),+];
                &FACTS[self as usize]
            }

            pub(super) fn name(self) -> &'static str {
                self.semantics().name
            }
        }
    };
}

services! {
    Web = "web", Node, Current, "8.14.2";
    MobileBff = "mobile-bff", Node, Current, "3.2.0";
    PartnerApi = "partner-api", Go, Current, "1.9.4";
    Admin = "admin", Python, Older, "0.44.1";
    Checkout = "checkout", Java, Current, "5.0.3";
    Catalog = "catalog", Java, Current, "12.7.0";
    Search = "search", Java, Older, "4.1.1";
    Account = "account", Java, Older, "7.3.5";
    Orders = "orders", Java, Current, "9.2.0";
    Cart = "cart", Go, Current, "2.11.0";
    Pricing = "pricing", Go, Current, "3.0.9";
    Inventory = "inventory", Java, Older, "6.4.2";
    Recommendation = "recommendation", Python, Current, "1.22.0";
    Reviews = "reviews", Node, Older, "2.0.7";
    Promotion = "promotion", Go, Current, "1.4.0";
    Shipping = "shipping", Go, Current, "4.8.1";
    Payment = "payment", Java, Current, "10.1.0";
    Tax = "tax", Java, Current, "1.0.16";
    Currency = "currency", Go, Current, "1.1.3";
    Session = "session", Go, Current, "2.6.0";
    Address = "address", Python, Older, "0.9.8";
    Loyalty = "loyalty", Node, Current, "1.3.3";
    Media = "media", Go, Older, "5.5.0";
    Ads = "ads", Python, Current, "2.2.2";
    Fraud = "fraud", Python, Current, "3.7.0";
    Notification = "notification", Node, Current, "4.0.0";
    Invoicing = "invoicing", Java, Older, "2.8.4";
    Warehouse = "warehouse", Java, Current, "6.0.1";
    Analytics = "analytics", Python, Current, "1.15.0";
    Audit = "audit", Go, Current, "1.0.2";
    SearchIndexer = "search-indexer", Java, Current, "4.1.1";
    RendererA = "renderer", Go, Current, "0.9.1", "renderer-7d9f6c-x2v8k";
    RendererB = "renderer", Go, Current, "0.9.1", "renderer-7d9f6c-q5c1m";
    Scanner = "scanner", Python, Current, "3.0.0";
    Exporter = "exporter", Java, Current, "2.3.0";
}
