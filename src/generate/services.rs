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
        /// A service of the shop; of one whose instances are told, an instance of it; of one that is deployed anew, a version of it.
        ///
        /// New ones come last: services send in this order at the end of a dump.
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
    // Of smells.
    Scale = "scale", Go, Current, "1.2.0";
    Stickers = "stickers", Java, Current, "2.0.1";
    Calendar = "calendar", Node, Current, "0.8.3";
    Couriers = "couriers", Go, Current, "3.3.0";
    Labels = "labels", Node, Current, "1.0.9";
    Printer = "printer", Java, Current, "4.4.2";
    Diary = "diary", Python, Current, "2.6.0";
    Reminders = "reminders", Go, Current, "1.1.1";
    Refunds = "refunds", Java, Current, "6.0.0";
    Payouts = "payouts", Java, Current, "6.0.2";
    Stamps = "stamps", Node, Current, "1.9.0";
    Stampbook = "stampbook", Go, Current, "1.4.7";
    Lockers = "lockers", Go, Current, "0.3.0";
    Keyring = "keyring", Java, Current, "5.1.0";
    Doors = "doors", Go, Current, "0.3.1";
    Doorkeeper = "doorkeeper", Java, Current, "5.1.2";
    Pricelists = "pricelists", Java, Current, "2.2.0";
    Shelves = "shelves", Go, Current, "1.7.0";
    Assortment = "assortment", Node, Current, "3.0.0";
    Albums = "albums", Node, Current, "1.1.0";
    Stalls = "stalls", Java, Current, "1.5.0";
    Kiosks = "kiosks", Go, Current, "1.2.5";
    Benches = "benches", Java, Current, "1.5.1";
    Desks = "desks", Go, Current, "1.2.6";
    Tailor = "tailor", Java, Current, "7.0.0";
    Cobbler = "cobbler", Java, Current, "7.1.0";
    Tours = "tours", Node, Current, "2.0.0";
    Seats = "seats", Java, Current, "2.4.0";
    Guides = "guides", Go, Current, "1.0.3";
    Voyages = "voyages", Node, Current, "2.1.0";
    Cabins = "cabins", Java, Current, "2.4.1";
    Skippers = "skippers", Go, Current, "1.0.4";
    Tickets = "tickets", Java, Current, "3.1.0";
    Waitlist = "waitlist", Go, Current, "1.0.0";
    Badges = "badges", Node, Current, "0.9.0";
    Wardrobe = "wardrobe", Java, Current, "3.1.1";
    Ushers = "ushers", Go, Current, "1.0.1";
    Programs = "programs", Node, Current, "0.9.1";
    Cashier = "cashier", Java, Current, "8.2.0";
    Rounding = "rounding", Go, Current, "0.1.0";
    Timekeeper = "timekeeper", Java, Current, "1.6.0";
    Coach = "coach", Node, Current, "1.3.0";
    Stopwatch = "stopwatch", Go, Current, "0.2.0";
    Portal = "portal", Node, Current, "4.0.1";
    Townhall = "townhall", Java, Current, "27.3.0";
    Lobby = "lobby", Node, Current, "4.1.0";
    Floors = "floors", Go, Current, "1.8.0";
    MasonBefore = "mason", Java, Current, "2.1.0";
    MasonAfter = "mason", Java, Current, "2.2.0";
    PlastererBefore = "plasterer", Java, Current, "2.1.0";
    PlastererAfter = "plasterer", Java, Current, "2.2.0";
    PainterBefore = "painter", Java, Current, "2.1.0";
    PainterAfter = "painter", Java, Current, "2.2.0";
    FerryBefore = "ferry", Go, Current, "1.0.0";
    FerryAfter = "ferry", Go, Current, "1.1.0";
    TramBefore = "tram", Go, Current, "5.3.0";
    TramAfter = "tram", Go, Current, "5.3.1";
    CablecarBefore = "cablecar", Go, Current, "0.4.0";
    CablecarAfter = "cablecar", Go, Current, "0.5.0";
    Cloakroom = "cloakroom", Python, Current, "1.0.0";
    Turnstile = "turnstile", Python, Current, "1.0.1";
    Booth = "booth", Java, Current, "2.7.0";
    Barrier = "barrier", Go, Current, "0.7.0";
    Signpost = "signpost", Java, Current, "2.7.1";
    Sundial = "sundial", Python, Current, "0.1.0";
    Hourglass = "hourglass", Python, Current, "0.2.0";
    Metronome = "metronome", Java, Current, "1.1.0";
    Lighthouse = "lighthouse", Go, Current, "1.0.0";
    Pendulum = "pendulum", Java, Current, "1.2.0";
    Beacon = "beacon", Go, Current, "1.0.1";
    Ledgers = "ledgers", Java, Current, "3.0.0";
    Tellers = "tellers", Go, Current, "2.2.0";
    Takings = "takings", Java, Current, "3.0.1";
    TakingsDashboard = "sales-dashboard", Node, Current, "1.0.2";
    Gazette = "gazette", Node, Current, "1.6.0";
    Almanac = "almanac", Go, Current, "1.2.0";
    FeastsApi = "feasts-api", Node, Current, "1.6.1";
    FeastsWorker = "feasts-worker", Node, Current, "1.6.1";
    Florist = "florist", Java, Current, "5.2.0";
    Dough = "dough", Go, Current, "0.6.0";
    Baker = "baker", Java, Current, "5.2.1";
    Banquets = "banquets", Node, Current, "2.5.0";
    Halls = "halls", Go, Current, "1.1.0";
    Cooks = "cooks", Go, Current, "1.3.0";
    Weddings = "weddings", Node, Current, "2.5.1";
    Bands = "bands", Go, Current, "1.1.1";
    Vicars = "vicars", Go, Current, "1.3.1";
    Rooms = "rooms", Go, Current, "0.4.0";
    Bellboy = "bellboy", Java, Current, "3.4.0";
    Ramps = "ramps", Go, Current, "0.4.1";
    Forklift = "forklift", Java, Current, "3.4.1";
    Meters = "meters", Go, Current, "0.5.0";
    Utilities = "utilities", Java, Current, "2.9.0";
    Gauges = "gauges", Go, Current, "0.5.1";
    Waterworks = "waterworks", Java, Current, "2.9.1";
    Letterbox = "letterbox", Go, Current, "1.0.5";
    Postman = "postman", Java, Current, "4.7.0";
    Telegraph = "telegraph", Go, Current, "1.0.6";
    Clerk = "clerk", Java, Current, "4.7.1";
    LostProperty = "lost-property", Python, Current, "1.1.0";
    Wicket = "wicket", Python, Current, "1.1.1";
    Cellar = "cellar", Go, Current, "0.9.0";
    Attic = "attic", Go, Current, "0.9.1";
    Sexton = "sexton", Java, Current, "1.5.2";
    Belfry = "belfry", Go, Current, "0.3.2";
    Verger = "verger", Java, Current, "1.5.3";
    Organ = "organ", Go, Current, "0.3.3";
    Weaver = "weaver", Java, Current, "2.6.0";
    Loom = "loom", Go, Current, "0.8.0";
    Spinner = "spinner", Java, Current, "2.6.1";
    Spindle = "spindle", Go, Current, "0.8.1";
    Oracle = "oracle", Python, Current, "0.2.1";
    Augur = "augur", Python, Current, "0.2.2";
    Nameless = "unknown_service:java", Java, Current, "0.0.1";
    Unknowns = "unknowns", Java, Current, "0.0.2";
    Scribe = "scribe", Python, Current, "1.7.0";
    Copyist = "copyist", Python, Current, "1.7.1";
    Bridge = "bridge", Java, Current, "6.1.0";
    Toll = "toll", Go, Current, "2.0.2";
    Ford = "ford", Java, Current, "6.1.1";
    Dock = "dock", Go, Current, "2.0.3";
    Vault = "vault", Java, Current, "9.0.0";
}
