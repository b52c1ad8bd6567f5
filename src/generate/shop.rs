//! The shop that the synthetic traces come from: its services, what they serve, and what they call.
//!
//! Host names of stores, brokers and outside partners never begin with the name of a service, because a host whose
//! first label is a service's name is taken for that service.

pub(super) use super::services::{Generation, Language, Service};

pub(super) struct StoreFacts {
    pub(super) system: &'static str,
    pub(super) namespace: &'static str,
    pub(super) host: &'static str,
    pub(super) port: u16,
    /// As the analysis prints it.
    pub(super) target: &'static str,
}

macro_rules! stores {
    ($($variant:ident = $system:literal / $namespace:literal @ $host:literal : $port:literal;)+) => {
        /// A database or a cache.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub(super) enum Store {
            $($variant,)+
        }

        impl Store {
            pub(super) const COUNT: usize = [$($host),+].len();

            pub(super) fn semantics(self) -> &'static StoreFacts {
                static FACTS: &[StoreFacts] = &[$(StoreFacts {
                    system: $system,
                    namespace: $namespace,
                    host: $host,
                    port: $port,
                    target: concat!($system, "/", $namespace, "@", $host),
                }),+];
                &FACTS[self as usize]
            }
        }
    };
}

stores! {
    OrdersDb = "postgresql" / "orders" @ "orders-db" : 5432;
    CatalogDb = "postgresql" / "catalog" @ "catalog-db" : 5432;
    InventoryDb = "postgresql" / "inventory" @ "inventory-db" : 5432;
    PricingDb = "postgresql" / "pricing" @ "pricing-db" : 5432;
    PaymentDb = "postgresql" / "payment" @ "payment-db" : 5432;
    AccountDb = "mysql" / "account" @ "account-db" : 3306;
    WarehouseDb = "mysql" / "warehouse" @ "warehouse-db" : 3306;
    InvoicingDb = "mysql" / "invoicing" @ "invoicing-db" : 3306;
    ReviewsDb = "mongodb" / "reviews" @ "reviews-mongo" : 27017;
    AnalyticsDb = "mongodb" / "events" @ "analytics-mongo" : 27017;
    SearchIndex = "elasticsearch" / "products" @ "products-es" : 9200;
    CartCache = "redis" / "0" @ "cart-redis" : 6379;
    SessionCache = "redis" / "1" @ "session-redis" : 6379;
    CatalogCache = "redis" / "2" @ "catalog-redis" : 6379;
    // Of smells.
    PayoutsDb = "postgresql" / "payouts" @ "payouts-db" : 5432;
    StampsDb = "postgresql" / "stampbook" @ "stamps-db" : 5432;
    MarketDb = "postgresql" / "market" @ "market-db" : 5432;
    YardDb = "postgresql" / "yard" @ "yard-db" : 5432;
    TailorDb = "postgresql" / "fittings" @ "fittings-db" : 5432;
    CobblerDb = "postgresql" / "repairs" @ "repairs-db" : 5432;
    SeatsDb = "postgresql" / "seats" @ "seats-db" : 5432;
    CabinsDb = "postgresql" / "cabins" @ "cabins-db" : 5432;
    TownDb = "postgresql" / "town" @ "town-db" : 5432;
    BooksDb = "postgresql" / "books" @ "books-db" : 5432;
    TillDb = "postgresql" / "till" @ "till-db" : 5432;
    DatesDb = "postgresql" / "dates" @ "dates-db" : 5432;
    FeastsDb = "postgresql" / "feasts" @ "holidays-db" : 5432;
    FlowersDb = "postgresql" / "flowers" @ "flowers-db" : 5432;
    BreadDb = "postgresql" / "bread" @ "bread-db" : 5432;
    LodgersDb = "postgresql" / "lodgers" @ "lodgers-db" : 5432;
    GuestsDb = "postgresql" / "guests" @ "guests-db" : 5432;
}

/// A query as its instrumentation records it.
pub(super) struct Query {
    pub(super) store: Store,
    pub(super) operation: &'static str,
    /// Table, collection or index; empty for a key-value store.
    pub(super) collection: &'static str,
    pub(super) text: &'static str,
    pub(super) summary: &'static str,
    pub(super) median_ns: u64,
}

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000_000;

macro_rules! queries {
    ($($name:ident = $store:ident $operation:literal $collection:literal, $text:literal, $median:expr;)+) => {
        $(pub(super) static $name: Query = Query {
            store: Store::$store,
            operation: $operation,
            collection: $collection,
            text: $text,
            summary: concat!($operation, " ", $collection),
            median_ns: $median,
        };)+
    };
}

pub(super) use queries;

queries! {
    SELECT_ORDERS = OrdersDb "SELECT" "orders",
        "SELECT id, status, total FROM orders WHERE account_id = $1 ORDER BY placed_at DESC LIMIT 20", 2 * MILLISECOND;
    SELECT_ORDER = OrdersDb "SELECT" "orders", "SELECT * FROM orders WHERE id = $1", 900 * MICROSECOND;
    SELECT_ORDER_LINES = OrdersDb "SELECT" "order_lines",
        "SELECT sku, quantity, price FROM order_lines WHERE order_id = $1", 1_100 * MICROSECOND;
    INSERT_ORDER = OrdersDb "INSERT" "orders",
        "INSERT INTO orders (id, account_id, total) VALUES ($1, $2, $3)", 2_400 * MICROSECOND;
    BEGIN = OrdersDb "BEGIN" "", "BEGIN", 150 * MICROSECOND;
    COMMIT = OrdersDb "COMMIT" "", "COMMIT", 700 * MICROSECOND;
    SELECT_PRODUCT = CatalogDb "SELECT" "products", "SELECT * FROM products WHERE id = $1", 1_300 * MICROSECOND;
    SELECT_CATEGORY = CatalogDb "SELECT" "products",
        "SELECT id, name, price FROM products WHERE category_id = $1 LIMIT 48", 5 * MILLISECOND;
    GET_PRODUCT = CatalogCache "GET" "", "GET ?", 250 * MICROSECOND;
    SELECT_STOCK = InventoryDb "SELECT" "stock", "SELECT on_hand, reserved FROM stock WHERE sku = ?", 1_200 * MICROSECOND;
    RESERVE_STOCK = InventoryDb "UPDATE" "stock",
        "UPDATE stock SET reserved = reserved + ? WHERE sku = ? AND on_hand - reserved >= ?", 2_100 * MICROSECOND;
    SELECT_PRICE = PricingDb "SELECT" "prices", "SELECT amount FROM prices WHERE sku = $1 AND list = $2", 800 * MICROSECOND;
    SELECT_TAX_RATE = PricingDb "SELECT" "tax_rates",
        "SELECT rate FROM tax_rates WHERE country = 'DE' AND class = 'standard'", 900 * MICROSECOND;
    SELECT_PROMOTIONS = PricingDb "SELECT" "promotions",
        "SELECT id, rule FROM promotions WHERE starts_at <= $1 AND ends_at > $1", 1_500 * MICROSECOND;
    INSERT_CHARGE = PaymentDb "INSERT" "charges",
        "INSERT INTO charges (id, order_id, amount) VALUES (?, ?, ?)", 2_500 * MICROSECOND;
    UPDATE_CHARGE = PaymentDb "UPDATE" "charges", "UPDATE charges SET state = ? WHERE id = ?", 1_900 * MICROSECOND;
    SELECT_ACCOUNT = AccountDb "SELECT" "accounts", "SELECT * FROM accounts WHERE id = ?", 1_100 * MICROSECOND;
    SELECT_CONSENTS = AccountDb "SELECT" "consents", "SELECT kind, given_at FROM consents WHERE account_id = ?", MILLISECOND;
    SELECT_BINS = WarehouseDb "SELECT" "bins", "SELECT bin, quantity FROM bins WHERE sku = ?", 1_700 * MICROSECOND;
    INSERT_PICK = WarehouseDb "INSERT" "picks", "INSERT INTO picks (order_id, bin) VALUES (?, ?)", 2_200 * MICROSECOND;
    INSERT_INVOICE = InvoicingDb "INSERT" "invoices", "INSERT INTO invoices (order_id, body) VALUES (?, ?)", 3 * MILLISECOND;
    FIND_REVIEWS = ReviewsDb "find" "reviews",
        r#"{"find":"reviews","filter":{"product":"?"},"limit":10}"#, 1_800 * MICROSECOND;
    INSERT_EVENT = AnalyticsDb "insert" "clicks", r#"{"insert":"clicks","documents":["?"]}"#, 900 * MICROSECOND;
    SEARCH_PRODUCTS = SearchIndex "search" "products", r#"{"query":{"match":{"title":"?"}},"size":24}"#, 9 * MILLISECOND;
    INDEX_PRODUCT = SearchIndex "index" "products", r#"{"doc":{"title":"?","price":"?"}}"#, 6 * MILLISECOND;
    GET_CART = CartCache "HGETALL" "", "HGETALL ?", 300 * MICROSECOND;
    SET_CART = CartCache "HSET" "", "HSET ? ? ?", 350 * MICROSECOND;
    GET_SESSION = SessionCache "GET" "", "GET ?", 220 * MICROSECOND;
    TOUCH_SESSION = SessionCache "EXPIRE" "", "EXPIRE ? ?", 200 * MICROSECOND;
}

/// A host outside the shop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Partner {
    PaymentHost,
    Carrier,
    Geocoder,
    Mailer,
    Exchange,
    Contacts,
    Texts,
    Tiles,
    Identity,
    News,
    Weather,
}

impl Partner {
    pub(super) const COUNT: usize = 11;

    pub(super) fn host(self) -> &'static str {
        match self {
            Self::PaymentHost => "api.paymenthost.example",
            Self::Carrier => "rates.carrier.example",
            Self::Geocoder => "geo.maps.example",
            Self::Mailer => "smtp-api.mailer.example",
            Self::Exchange => "rates.exchange.example",
            Self::Contacts => "people.contacts.example",
            Self::Texts => "api.texts.example",
            Self::Tiles => "tiles.maps.example",
            Self::Identity => "id.verify.example",
            Self::News => "feed.news.example",
            Self::Weather => "api.weather.example",
        }
    }
}

/// A request to a host outside the shop.
pub(super) struct Endpoint {
    pub(super) partner: Partner,
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) median_ns: u64,
}

macro_rules! endpoints {
    ($($name:ident = $partner:ident $method:literal $path:literal, $median:expr;)+) => {
        $(pub(super) static $name: Endpoint =
            Endpoint { partner: Partner::$partner, method: $method, path: $path, median_ns: $median };)+
    };
}

endpoints! {
    CAPTURE = PaymentHost "POST" "/v1/captures", 140 * MILLISECOND;
    CAPTURE_STATUS = PaymentHost "GET" "/v1/captures/{id}", 60 * MILLISECOND;
    CARRIER_RATES = Carrier "GET" "/v3/rates/{id}", 90 * MILLISECOND;
    TRACK = Carrier "GET" "/v3/shipments/{id}", 70 * MILLISECOND;
    GEOCODE = Geocoder "GET" "/geocode", 50 * MILLISECOND;
    SEND_MAIL = Mailer "POST" "/v3/mail/send", 80 * MILLISECOND;
    EXCHANGE_RATES = Exchange "GET" "/v1/rates", 120 * MILLISECOND;
    FIND_CONTACTS = Contacts "GET" "/v1/contacts", 110 * MILLISECOND;
    SEND_TEXT = Texts "POST" "/v2/messages/{id}", 40 * MILLISECOND;
    GET_TILE = Tiles "GET" "/tiles/{id}", 30 * MILLISECOND;
    VERIFY_IDENTITY = Identity "POST" "/v1/checks", 90 * MILLISECOND;
    HEADLINES = News "GET" "/headlines", 60 * MILLISECOND;
    FORECAST = Weather "GET" "/v1/forecasts/{id}", 50 * MILLISECOND;
}

macro_rules! topics {
    ($($variant:ident = $name:literal;)+) => {
        /// A topic of the shop's broker.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub(super) enum Topic {
            $($variant,)+
        }

        impl Topic {
            pub(super) const COUNT: usize = [$($name),+].len();

            pub(super) fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// Name of the span that sends a message.
            pub(super) fn send_name(self, generation: Generation) -> &'static str {
                match (self, generation) {
                    $((Self::$variant, Generation::Current) => concat!("send ", $name),)+
                    $((Self::$variant, Generation::Older) => concat!($name, " publish"),)+
                }
            }

            /// Name of the span that processes a message.
            pub(super) fn process_name(self, generation: Generation) -> &'static str {
                match (self, generation) {
                    $((Self::$variant, Generation::Current) => concat!("process ", $name),)+
                    $((Self::$variant, Generation::Older) => concat!($name, " process"),)+
                }
            }
        }
    };
}

topics! {
    OrderPlaced = "order-placed";
    StockChanged = "stock-changed";
    ProductViewed = "product-viewed";
    AuditTrail = "audit-trail";
    PicksReady = "picks-ready";
    MailQueued = "mail-queued";
}

impl Topic {
    /// The services that process its messages.
    pub(super) fn consumers(self) -> &'static [Service] {
        match self {
            Self::OrderPlaced => &[Service::Warehouse, Service::Invoicing, Service::Notification],
            Self::StockChanged => &[Service::SearchIndexer],
            Self::ProductViewed => &[Service::Analytics],
            Self::AuditTrail => &[Service::Audit],
            Self::PicksReady => &[Service::Shipping],
            Self::MailQueued => &[Service::Notification],
        }
    }
}

/// How an operation is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Transport {
    Http,
    Grpc,
}

/// What a service does while it serves an operation.
pub(super) enum Step {
    /// Calls another service.
    Call(&'static Operation),
    /// Queries a store.
    Ask(&'static Query),
    /// Calls a host outside.
    Reach(&'static Endpoint),
    /// Sends a message.
    Publish(Topic),
    /// Works by itself, in a span of this name.
    Work(&'static str),
}

/// Something that a service serves.
pub(super) struct Operation {
    pub(super) service: Service,
    pub(super) transport: Transport,
    /// The HTTP method, `POST` for gRPC.
    pub(super) method: &'static str,
    /// The route for HTTP, `package.Service/Method` for gRPC.
    pub(super) route: &'static str,
    /// The SERVER span's name.
    pub(super) name: &'static str,
    pub(super) steps: &'static [Step],
    /// Whether its calls to other services are made at the same time.
    pub(super) parallel: bool,
}

macro_rules! http {
    ($service:ident $method:literal $route:literal $($parallel:ident)? [$($step:expr),* $(,)?]) => {
        Operation {
            service: Service::$service,
            transport: Transport::Http,
            method: $method,
            route: $route,
            name: concat!($method, " ", $route),
            steps: &[$($step),*],
            parallel: http!(@ $($parallel)?),
        }
    };
    (@ parallel) => { true };
    (@) => { false };
}

pub(super) use http;

macro_rules! grpc {
    ($service:ident $route:literal [$($step:expr),* $(,)?]) => {
        Operation {
            service: Service::$service,
            transport: Transport::Grpc,
            method: "POST",
            route: $route,
            name: $route,
            steps: &[$($step),*],
            parallel: false,
        }
    };
}

use Step::{Ask, Call, Publish, Reach, Work};

pub(super) static HOME: Operation = http!(Web "GET" "/" parallel [
    Call(&VALIDATE_SESSION), Call(&RECOMMEND), Call(&PICK_AD), Call(&GET_CATEGORY), Call(&CONVERT), Work("render home"),
]);
pub(super) static PRODUCT_PAGE: Operation = http!(Web "GET" "/products/{id}" parallel [
    Call(&GET_PRODUCT_DETAILS), Call(&GET_REVIEWS), Call(&RECOMMEND), Call(&GET_STOCK), Publish(Topic::ProductViewed),
    Call(&GET_IMAGE), Work("render product"),
]);
pub(super) static SEARCH_PAGE: Operation = http!(Web "GET" "/search" [
    Call(&VALIDATE_SESSION), Call(&RUN_QUERY), Call(&PICK_AD), Work("render results"),
]);
pub(super) static CART_PAGE: Operation = http!(Web "GET" "/cart" [
    Call(&VALIDATE_SESSION), Call(&GET_CART_CONTENT), Call(&QUOTE), Call(&RATES), Work("render cart"),
]);
pub(super) static ADD_TO_CART: Operation = http!(Web "POST" "/cart/items" [
    Call(&VALIDATE_SESSION), Call(&GET_STOCK), Call(&ADD_ITEM), Work("render cart"),
]);
pub(super) static SUBMIT_CHECKOUT: Operation = http!(Web "POST" "/checkout" [
    Call(&VALIDATE_SESSION), Call(&PLACE_ORDER), Work("render confirmation"),
]);
pub(super) static ORDERS_PAGE: Operation = http!(Web "GET" "/account/orders" [
    Call(&VALIDATE_SESSION), Call(&GET_ACCOUNT), Call(&LIST_ORDERS), Call(&GET_POINTS), Work("render orders"),
]);
pub(super) static FEED: Operation = http!(MobileBff "GET" "/v2/feed" parallel [
    Call(&VALIDATE_SESSION), Call(&RECOMMEND), Call(&GET_POINTS), Call(&GET_IMAGE), Call(&PICK_AD), Work("compose feed"),
]);
pub(super) static MOBILE_CHECKOUT: Operation = http!(MobileBff "POST" "/v2/orders" [
    Call(&VALIDATE_SESSION), Call(&PLACE_ORDER), Work("compose answer"),
]);
pub(super) static PARTNER_OFFERS: Operation = http!(PartnerApi "GET" "/partner/offers" [
    Call(&GET_CATEGORY), Call(&QUOTE), Call(&CHECK_STOCK), Work("encode offers"),
]);
pub(super) static ADMIN_STOCK: Operation = http!(Admin "GET" "/admin/stock" [
    Call(&GET_ACCOUNT), Call(&CHECK_STOCK), Call(&LIST_PICKS), Publish(Topic::AuditTrail), Work("render stock"),
]);
/// Pages and requests that only cases ask for: what ordinary traffic calls in their name is nothing.
pub(super) static PROFILE_PAGE: Operation = http!(Web "GET" "/account/profile" []);
pub(super) static REORDER: Operation = http!(MobileBff "POST" "/v2/reorders" []);

pub(super) static PLACE_ORDER: Operation = http!(Checkout "POST" "/checkout/orders" [
    Call(&GET_CART_CONTENT), Call(&VALIDATE_ADDRESS), Call(&QUOTE), Call(&RESERVE), Call(&CHARGE), Call(&CREATE_ORDER),
    Work("assemble order"),
]);
pub(super) static CREATE_ORDER: Operation = http!(Orders "POST" "/orders" [
    Ask(&INSERT_ORDER), Publish(Topic::OrderPlaced), Ask(&SELECT_ORDER), Work("validate order"), Call(&ADD_POINTS),
]);
pub(super) static LIST_ORDERS: Operation = http!(Orders "GET" "/orders" [
    Ask(&SELECT_ORDERS), Ask(&SELECT_ORDER_LINES), Call(&TRACK_SHIPMENT), Work("map orders"),
]);
pub(super) static GET_ORDER: Operation = http!(Orders "GET" "/orders/{id}" [
    Ask(&SELECT_ORDER), Ask(&SELECT_ORDER_LINES), Work("map order"),
]);
pub(super) static GET_PRODUCT_DETAILS: Operation = http!(Catalog "GET" "/products/{id}" [
    Ask(&GET_PRODUCT), Ask(&SELECT_PRODUCT), Call(&QUOTE), Work("map product"),
]);
pub(super) static GET_CATEGORY: Operation = http!(Catalog "GET" "/categories/{id}" [
    Ask(&GET_PRODUCT), Ask(&SELECT_CATEGORY), Call(&QUOTE), Work("map category"),
]);
pub(super) static RUN_QUERY: Operation = http!(Search "GET" "/query" [
    Ask(&SEARCH_PRODUCTS), Call(&CHECK_STOCK), Work("rank results"), Call(&QUOTE),
]);
pub(super) static GET_ACCOUNT: Operation = http!(Account "GET" "/accounts/{id}" [
    Ask(&SELECT_ACCOUNT), Ask(&SELECT_CONSENTS), Work("map account"),
]);
pub(super) static GET_CART_CONTENT: Operation = http!(Cart "GET" "/carts/{id}" [Ask(&GET_CART), Work("decode cart")]);
pub(super) static ADD_ITEM: Operation = http!(Cart "POST" "/carts/{id}/items" [
    Ask(&GET_CART), Call(&QUOTE), Ask(&SET_CART), Work("encode cart"),
]);
pub(super) static QUOTE: Operation = grpc!(Pricing "shop.Pricing/Quote" [
    Ask(&SELECT_PRICE), Call(&APPLY_PROMOTION), Work("sum up"), Call(&CONVERT), Call(&TAX),
]);
pub(super) static APPLY_PROMOTION: Operation = grpc!(Promotion "shop.Promotion/Apply" [
    Ask(&SELECT_PROMOTIONS), Work("match rules"),
]);
pub(super) static CHECK_STOCK: Operation = grpc!(Inventory "shop.Inventory/CheckStock" [
    Ask(&SELECT_STOCK), Work("map stock"),
]);
pub(super) static RESERVE: Operation = grpc!(Inventory "shop.Inventory/Reserve" [
    Ask(&SELECT_STOCK), Ask(&RESERVE_STOCK), Publish(Topic::StockChanged), Work("check reservation"),
]);
pub(super) static GET_STOCK: Operation = http!(Inventory "GET" "/stock/{id}" [Ask(&SELECT_STOCK), Work("map stock")]);
pub(super) static CHARGE: Operation = http!(Payment "POST" "/charges" [
    Call(&SCORE), Ask(&INSERT_CHARGE), Reach(&CAPTURE), Ask(&UPDATE_CHARGE), Work("verify signature"),
]);
pub(super) static SCORE: Operation = grpc!(Fraud "shop.Fraud/Score" [Work("load model"), Work("score")]);
pub(super) static RATES: Operation = http!(Shipping "GET" "/rates/{id}" [Reach(&CARRIER_RATES), Work("pick rate")]);
pub(super) static TRACK_SHIPMENT: Operation =
    http!(Shipping "GET" "/shipments/{id}" [Reach(&TRACK), Work("map events")]);
pub(super) static TAX: Operation = http!(Tax "GET" "/tax/{id}" [Ask(&SELECT_TAX_RATE), Work("apply rate")]);
pub(super) static CONVERT: Operation = grpc!(Currency "shop.Currency/Convert" [Work("look up rate")]);
pub(super) static VALIDATE_SESSION: Operation = grpc!(Session "shop.Session/Validate" [
    Ask(&GET_SESSION), Ask(&TOUCH_SESSION),
]);
pub(super) static VALIDATE_ADDRESS: Operation = http!(Address "POST" "/addresses/validate" [
    Reach(&GEOCODE), Work("normalise address"),
]);
pub(super) static GET_POINTS: Operation = http!(Loyalty "GET" "/points/{id}" [Work("sum points")]);
pub(super) static ADD_POINTS: Operation = http!(Loyalty "POST" "/points/{id}" [Work("add points")]);
pub(super) static GET_IMAGE: Operation = http!(Media "GET" "/images/{id}" [Work("read blob"), Work("scale image")]);
pub(super) static PICK_AD: Operation = grpc!(Ads "shop.Ads/Pick" [Work("rank ads")]);
pub(super) static RECOMMEND: Operation = grpc!(Recommendation "shop.Recommendation/ForUser" [
    Call(&GET_PRODUCT_DETAILS), Work("rank candidates"),
]);
pub(super) static GET_REVIEWS: Operation =
    http!(Reviews "GET" "/reviews/{id}" [Ask(&FIND_REVIEWS), Work("map reviews")]);
pub(super) static LIST_PICKS: Operation = http!(Warehouse "GET" "/picks" [Ask(&SELECT_BINS), Work("map picks")]);

/// Only cases ask for these.
pub(super) static DOCUMENTS_PAGE: Operation = http!(Web "GET" "/account/documents" []);
pub(super) static RENDER_INVOICE: [Operation; 2] =
    [http!(RendererA "GET" "/invoices/{id}" []), http!(RendererB "GET" "/invoices/{id}" [])];
pub(super) static RENDER_RECEIPT: [Operation; 2] =
    [http!(RendererA "GET" "/receipts/{id}" []), http!(RendererB "GET" "/receipts/{id}" [])];
pub(super) static WALLET_PAGE: Operation = http!(Web "GET" "/account/wallet" []);
pub(super) static CONTACTS: Operation = http!(MobileBff "GET" "/v2/contacts" []);
pub(super) static INVITE: Operation = http!(Web "POST" "/invites" []);
pub(super) static MAP: Operation = http!(MobileBff "GET" "/v2/map" []);
pub(super) static VERIFY: Operation = http!(Web "POST" "/account/verify" []);
pub(super) static NEWS: Operation = http!(MobileBff "GET" "/v2/news" []);
pub(super) static EXPORT_PAGE: Operation = http!(Web "GET" "/account/export" []);
pub(super) static ARCHIVE_PAGE: Operation = http!(PartnerApi "GET" "/partner/archive" []);
pub(super) static REPORTS: Operation = http!(Admin "POST" "/admin/reports" []);
pub(super) static EXPORT: Operation = http!(Exporter "GET" "/exports/{id}" []);
pub(super) static FROM_TAPE: Operation = http!(Exporter "GET" "/archives/{id}" []);
pub(super) static YEARLY_REPORT: Operation = http!(Exporter "POST" "/reports" []);
pub(super) static SCAN: Operation = http!(Scanner "GET" "/scans/{id}" []);

/// What traffic asks for, each as often as it is listed.
pub(super) static ENTRIES: &[&Operation] = &[
    &HOME,
    &HOME,
    &HOME,
    &PRODUCT_PAGE,
    &PRODUCT_PAGE,
    &PRODUCT_PAGE,
    &PRODUCT_PAGE,
    &SEARCH_PAGE,
    &SEARCH_PAGE,
    &CART_PAGE,
    &ADD_TO_CART,
    &SUBMIT_CHECKOUT,
    &ORDERS_PAGE,
    &FEED,
    &FEED,
    &MOBILE_CHECKOUT,
    &PARTNER_OFFERS,
    &ADMIN_STOCK,
];

static WAREHOUSE_STEPS: [Step; 3] = [Ask(&SELECT_BINS), Ask(&INSERT_PICK), Publish(Topic::PicksReady)];
static INVOICING_STEPS: [Step; 2] = [Work("render invoice"), Ask(&INSERT_INVOICE)];
static NOTIFICATION_STEPS: [Step; 2] = [Work("render mail"), Reach(&SEND_MAIL)];
static INDEXER_STEPS: [Step; 1] = [Ask(&INDEX_PRODUCT)];
static ANALYTICS_STEPS: [Step; 1] = [Ask(&INSERT_EVENT)];
static SHIPPING_STEPS: [Step; 2] = [Reach(&CARRIER_RATES), Work("book carrier")];
static OTHER_STEPS: [Step; 1] = [Work("append record")];

/// What a service does with a message.
pub(super) fn steps_of_consumer(service: Service) -> &'static [Step] {
    match service {
        Service::Warehouse => &WAREHOUSE_STEPS,
        Service::Invoicing => &INVOICING_STEPS,
        Service::Notification => &NOTIFICATION_STEPS,
        Service::SearchIndexer => &INDEXER_STEPS,
        Service::Analytics => &ANALYTICS_STEPS,
        Service::Shipping => &SHIPPING_STEPS,
        _ => &OTHER_STEPS,
    }
}

/// Everything that calls are counted against, as an index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Target(pub(super) usize);

impl Target {
    pub(super) const COUNT: usize = Service::ALL.len() + Store::COUNT + Partner::COUNT + Topic::COUNT;
}

impl From<Service> for Target {
    fn from(service: Service) -> Self {
        Self(service as usize)
    }
}

impl From<Store> for Target {
    fn from(store: Store) -> Self {
        Self(Service::ALL.len() + store as usize)
    }
}

impl From<Partner> for Target {
    fn from(partner: Partner) -> Self {
        Self(Service::ALL.len() + Store::COUNT + partner as usize)
    }
}

impl From<Topic> for Target {
    fn from(topic: Topic) -> Self {
        Self(Service::ALL.len() + Store::COUNT + Partner::COUNT + topic as usize)
    }
}
