//! What is found, and what only looks like it.

use std::ops::Range;

use super::finder::{Finds, find};
use super::*;
use SensitiveKind as K;

struct Found(Vec<(SensitiveKind, String)>);

impl Finds for Found {
    fn secret(&mut self, kind: SensitiveKind, _range: Range<usize>, value: &str) {
        self.0.push((kind, value.to_owned()));
    }
}

fn found_under(key: &str, text: &str) -> Vec<(SensitiveKind, String)> {
    let mut found = Found(Vec::new());
    find(text, Secrets::default().traits_of(key), &mut found);
    found.0
}

fn kinds_under(key: &str, text: &str) -> Vec<SensitiveKind> {
    let mut kinds: Vec<SensitiveKind> = found_under(key, text).into_iter().map(|(kind, _)| kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// Put together so that nobody who looks for secrets in sources takes it for one.
const TOKEN: &str = concat!(
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
    ".eyJzdWIiOiIxMjM0NTY3ODkwIn0",
    ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
);

#[test]
fn forms_are_found() {
    let pem =
        "-----BEGIN RSA PRIVATE KEY-----\\nMIIEpAIBAAKCAQEA7bq2Jr7xY0m3Q9vKp1Zt\\nabcd\\n-----END RSA PRIVATE KEY-----";
    for (text, kinds) in [
        (pem, vec![K::PrivateKey]),
        (TOKEN, vec![K::Jwt]),
        (&format!("[\"Bearer {TOKEN}\"]"), vec![K::Bearer, K::Jwt]),
        (&format!("https://shop.io/login?id_token={TOKEN}&x=1"), vec![K::Jwt, K::UrlParameter]),
        ("authorization: Bearer 9f8e7d6c5b4a39281706abcd", vec![K::Bearer]),
        ("Basic YWxhZGRpbjpvcGVuc2VzYW1l", vec![K::BasicAuth]),
        ("key AKIAQ3EGTQ7YDKX5WJ2N used", vec![K::AwsKey]),
        ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", vec![K::VendorToken]),
        (&format!("glpat-{}", "zX9-kLm2_QpR7sTuVw4y"), vec![K::VendorToken]),
        (&format!("xoxb-{}-{}-{}", "123456789012", "1234567890123", "AbCdEfGhIjKlMnOpQrStUvWx"), vec![K::VendorToken]),
        (&format!("sk_live_{}", "4eC39HqLyjWDarjtT1zdp7dc"), vec![K::VendorToken]),
        (&format!("AIza{}", "SyD3k9XqLm2P7vRtB8wZc5NfYh1JgUe0oKs"), vec![K::VendorToken]),
        (&format!("npm_{}", "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5"), vec![K::VendorToken]),
        (&format!("hf_{}", "AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEfGh"), vec![K::VendorToken]),
        (&format!("shpat_{}", "0123456789abcdef0123456789ABCDEF"), vec![K::VendorToken]),
        ("postgres://app:s3cr3t@db.prod:5432/orders", vec![K::UrlPassword]),
        ("redis://:hunter2@cache:6379", vec![K::UrlPassword]),
        ("/login?user=ann&password=hunter22", vec![K::UrlParameter]),
        ("access_token=ab12cd34", vec![K::UrlParameter]),
        ("/o?X-Amz-Signature=fe5f80f77d5fa3beca038a248ff027", vec![K::UrlParameter]),
        ("/o?token=9f8e7d6c5b4a39281706", vec![K::UrlParameter]),
        ("{\"user\":\"ann\",\"password\":\"hunter2\"}", vec![K::JsonField]),
        ("{\\\"clientSecret\\\": \\\"abc123\\\"}", vec![K::JsonField]),
        ("{\"cvv\":123}", vec![K::JsonField]),
        ("mysql --user=root --password=hunter2", vec![K::Argument]),
        ("login --token='abcdef1'", vec![K::Argument]),
        ("pay to DE89370400440532013000 now", vec![K::Iban]),
        ("GB82 WEST 1234 5698 7654 32", vec![K::Iban]),
        ("ann.lee+x@shop.io", vec![K::Email]),
        ("mail to ann@shop.co.uk.", vec![K::Email]),
        ("/mail?to=ann.lee%40shop.io", vec![K::Email]),
        ("/mail?next=%2Fa%3Fto%3Dann%40shop.io", vec![K::Email]),
        ("card 4539148803436467 declined", vec![K::Card]),
        ("4539 1488 0343 6467", vec![K::Card]),
        ("4539-1488-0343-6467", vec![K::Card]),
        ("3714 496353 98433", vec![]),
        ("{\"card_number\":\"4539148803436467\"}", vec![K::Card, K::JsonField]),
    ] {
        assert_eq!(kinds_under("app.note", text), kinds, "{text}");
    }
    assert_eq!(found_under("k", "Ann@Shop.io"), [(K::Email, "ann@shop.io".to_owned())]);
    assert_eq!(found_under("k", "x%3DAnn%40Shop.io"), [(K::Email, "ann@shop.io".to_owned())]);
    assert_eq!(found_under("k", "4539-1488-0343-6467")[0].1, "4539148803436467");
    assert_eq!(found_under("k", "/l?secret=abcdef&x")[0].1, "abcdef");
}

#[test]
fn look_alikes_are_not() {
    for text in [
        "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA",
        "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----",
        "eyJhbGciOiJIUzI1NiJ9",
        "eyJmb28iOiJiYXIifQAAA.eyJmb28iOiJiYXIifQAAA.abcdefghijklm",
        "Bearer ***",
        "Bearer [REDACTED]",
        "Bearer aaaaaaaaaaaaaaaaaaaaaaa1",
        "Bearer of bad news",
        "forbearer 9f8e7d6c5b4a39281706abcd",
        "Basic authentication",
        "Basic Zm9vYmFyYmF6",
        "AKIAIOSFODNN7EXAMPLE",
        "AKIAAAAAAAAAAAAAAAAA",
        "xAKIAQ3EGTQ7YDKX5WJ2N",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
        "sk_live_short",
        "https://user:***@host/",
        "https://host:8080/a@b",
        "https://user@host/",
        "postgres://app:${DB_PASSWORD}@db/orders",
        "/login?password=***",
        "/login?password=%24%7BAPI_KEY%7D",
        "/login?password=%28hidden%29",
        "{\"projection\":{\"password\":0}}",
        "{\"$project\":{\"password\":\"$password\"}}",
        "tel +4539148803436467",
        "https://ann%40shop.io@host/",
        "a%40b",
        &format!("AIza{}", "SyabcdefghijklmnopqrstuvwxyZ1234567".replace('Z', "z")),
        "/login?password=REDACTED&token=abc",
        "/o?token=next-page",
        "/o?token=aaaaaaaaaaaaaaaaaaaaaaa",
        "/o?pwd=abc",
        "/o?password={password}",
        "my_secret_thing=abcdef",
        "{\"password\":\"***\"}",
        "{\"password\":null}",
        "{\"password\":\"\"}",
        "{\"password_hint\":\"a dog\"}",
        "tool --password=*** --token=$TOKEN",
        "tool --password= x",
        "DE89370400440532013001",
        "DE8937040044053201300",
        "XX89370400440532013000",
        "550e8400-e29b-41d4-a716-446655440000",
        "0af7651916cd43dd8448eb211c80319c",
        "4242424242424242",
        "4111 1111 1111 1111",
        "order 1234567890123456",
        "4539148803436468",
        "id4539148803436467",
        "1.4539148803436467",
        "4444444444444448",
        "1700000000000",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "logo@2x.png",
        "git@github.com",
        "noreply@shop.io",
        "ann@example.com",
        "ann@mail.example.org",
        "https://ann@shop.io/",
        "https://ann:***@shop.io/",
        "build@ci.svc.cluster.local",
        "@scope/package@1.2.3",
        "sa@project.iam.gserviceaccount.com",
        "a@b",
        "user@example.io",
    ] {
        assert_eq!(found_under("app.note", text), [], "{text}");
    }
}

#[test]
fn query_texts_hold_literals() {
    for (text, is_found) in [
        ("UPDATE users SET password = 'hunter2' WHERE id = 1", true),
        ("SELECT 1 FROM u WHERE u.\"user_password\"='hunter2'", true),
        ("CREATE USER bob IDENTIFIED BY 'hunter2'", true),
        ("CREATE USER bob IDENTIFIED WITH mysql_native_password BY 'hunter2'", true),
        ("ALTER ROLE bob WITH PASSWORD 'hunter2'", true),
        ("SET PASSWORD FOR 'bob'@'%' = PASSWORD('hunter2')", true),
        ("UPDATE u SET api_key = N'abc'", true),
        ("UPDATE users SET password = \"hunter2\" WHERE id = 1", true),
        ("UPDATE users SET password = ? WHERE id = ?", false),
        ("UPDATE \"u\" SET \"password\" = \"old\".\"password\"", false),
        ("SELECT id FROM logins WHERE type = 'password' AND state = 'active'", false),
        ("SELECT id FROM logins WHERE type IN ('password', 'totp')", false),
        ("INSERT INTO kinds VALUES ('password', 'Password login')", false),
        ("INSERT INTO events VALUES ('changed password', 'by user')", false),
        ("UPDATE users SET password = $1", false),
        ("UPDATE users SET password = '***'", false),
        ("UPDATE users SET password = ''", false),
        ("SELECT password FROM users WHERE name = 'ann'", false),
        ("SELECT password_hint, 'x' FROM users", false),
        ("CREATE USER bob IDENTIFIED BY '?'", false),
        ("SELECT name FROM users WHERE name = 'ann'", false),
    ] {
        let kinds = if is_found { vec![K::SqlLiteral] } else { vec![] };
        assert_eq!(kinds_under("db.query.text", text), kinds, "{text}");
        assert_eq!(kinds_under("app.note", text), [], "{text}");
    }
}

#[test]
fn keys_make_credentials() {
    for (key, text, kinds) in [
        ("user.password", "hunter2", vec![K::Credential]),
        ("user.password", "abc", vec![]),
        ("user.password", "***", vec![]),
        ("http.request.header.authorization", "[\"Bearer ***\"]", vec![]),
        ("http.request.header.authorization", "[\"Bearer 9f8e7d6c5b4a39281706abcd\"]", vec![K::Bearer]),
        ("http.request.header.authorization", "[\"Bearer shortone\"]", vec![K::Credential]),
        ("http.request.header.x-api-key", "[\"abcd1234\"]", vec![K::Credential]),
        ("http.request.header.x-api-key", "[\"abc\"]", vec![]),
        ("http.request.header.x-api-key", "[\"***\",\"abcd1234\"]", vec![K::Credential]),
        ("http.request.header.x-api-key", "[\"***\",\"REDACTED\"]", vec![]),
        ("http.request.header.cookie", "a=***; sid=abc123", vec![K::Credential]),
        ("http.request.header.cookie", "a=***; sid=[REDACTED]", vec![]),
        ("http.request.header.cookie", "sid=abc123", vec![K::Credential]),
        ("http.request.header.cookie", "none here", vec![]),
        ("http.request.header.cookie", "[\"REDACTED\"]", vec![]),
        ("http.request.header.cookie", "[\"a=1\"]", vec![]),
        ("http.request.header.cookie", "[\"a=***; sid=[Filtered]\"]", vec![]),
        ("http.request.header.cookie", "[\"a=***\", \"sid=abc123\"]", vec![K::Credential]),
        ("user.password", "ann@shop.io", vec![K::Credential, K::Email]),
        ("user.card_number", "4539148803436467", vec![K::Card]),
        ("user.card_number", "4539148803436468", vec![K::Credential]),
        ("user.secret", "true", vec![]),
        ("user.secret", "YOUR_SECRET", vec![]),
        ("app.password.length", "hunter2", vec![]),
    ] {
        assert_eq!(kinds_under(key, text), kinds, "{key} {text}");
    }
    assert_eq!(kinds_under("messaging.client.id", "worker@host.prod.io"), []);
}

#[test]
fn what_is_found_is_masked() {
    let traits = Secrets::default().without_key();
    for (text, expected) in [
        ("nothing here", "nothing here"),
        ("mail ann@shop.io and bob@shop.io!", "mail {} and {}!"),
        ("GET /a?password=hunter22&x=1", "GET /a?password={}&x=1"),
        (&format!("verify {TOKEN} now"), "verify {} now"),
        ("cut eyJhbGciOiJIUzI1NiJ9.eyJ?", "cut {}"),
        ("Bearer 9f8e7d6c5b4a39281706abcd", "Bearer {}"),
        ("UPDATE users SET password = 'hunter2' WHERE id = 3", "UPDATE users SET password = '{}' WHERE id = 3"),
        ("GET /a?to=ann%40shop.io", "GET /a?to={}"),
    ] {
        assert_eq!(masked(text, traits), expected);
    }
    assert_eq!(masked("hunter2", Secrets::default().traits_of("password")), "{}");
}

/// Nothing that stands in a text makes it panic, and a long text of needles takes no longer than one of anything else.
#[test]
fn any_text_is_taken() {
    let pieces = [
        "eyJ",
        "é",
        "@",
        "://",
        ":",
        "--password=",
        "\"password\":\"",
        "password='",
        "identified by '",
        "Bearer ",
        "Basic ",
        "glpat-",
        "xoxb-1234567890-",
        "sk_live_",
        "DE89",
        "4539 ",
        "1",
        "-----BEGIN PRIVATE KEY-----",
        "\\",
        "'",
        "\"",
        "=",
        "?",
        "AKIA",
        "a.b",
        "%",
        "[",
        "{",
        " ",
        "\n",
        "token=",
    ];
    for key in ["db.statement", "password", "cookie", "k"] {
        for left in pieces {
            for right in pieces {
                let text = [left, right, "é", left, right, left].concat();
                found_under(key, &text);
                masked(&text, Secrets::default().traits_of(key));
            }
        }
    }
    let start = std::time::Instant::now();
    for piece in pieces {
        masked(&piece.repeat(100_000 / piece.len()), Secrets::default().traits_of("db.statement"));
    }
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}
