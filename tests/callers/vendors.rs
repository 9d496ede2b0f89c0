//! Access tokens in the exact shape of five vendors' documentation: taken with the preset, refused without it; their ID tokens and
//! what applications got for themselves are nobody's. `vendors/README.md` says what the files are.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::exchange::{account_of, exchange};
use crate::support::database::execute;
use crate::support::issuer::{Issuer, Key};
use crate::support::world::{Engine, World, both_engines};
use domain::clock::Clock as _;
use settings::{Configuration, Literals};

const VENDORS: [(&str, &str); 6] = [
    ("keycloak", include_str!("vendors/keycloak.json")),
    ("okta", include_str!("vendors/okta.json")),
    ("entra", include_str!("vendors/entra.json")),
    ("entra, v1.0", include_str!("vendors/entra_v1.json")),
    ("auth0", include_str!("vendors/auth0.json")),
    ("cognito", include_str!("vendors/cognito.json")),
];

/// A vendor's tokens at an issuer of ours, in a world that trusts it.
struct Vendor {
    shapes: Map<String, Value>,
    world: World,
    issuer: Issuer,
    key: Key,
}

impl Vendor {
    async fn start(engine: Engine, text: &str, with_preset: bool) -> Self {
        let Value::Object(shapes) = serde_json::from_str(text).expect("JSON") else { panic!("an object") };
        let key = Key::rsa(Some("1"));
        let issuer = Issuer::start(&[&key]);
        let preset = if with_preset { format!("preset = {}\n", shapes["preset"]) } else { String::new() };
        // An ID token is none whatever audience is configured.
        let audiences = json!([shapes["audience"], shapes["id_token"]["claims"]["aud"]]).to_string();
        let at = format!("at = {{ \"{}\" = {{ id = \"the-api\", audiences = {audiences} }} }}\n", issuer.name);
        let section = format!("\n[[issuers]]\nissuer = \"{}\"\n{preset}", issuer.name);
        let world = World::start_with(engine, |settings| {
            settings.replace("[[clients]]\nid = \"rival\"", &format!("{at}[[clients]]\nid = \"rival\"")) + &section
        })
        .await;
        let vendor = Self { shapes, world, issuer, key };
        let subject = vendor.shapes["subject"].as_str().expect("a subject").to_owned();
        account_of(&vendor.world, &vendor.issuer, &subject).await;
        vendor.world.linked(&subject, "1").await;
        vendor
    }

    /// Whether this token is believed for a user's. One that is has that user's link.
    async fn is_a_users(&self, name: &str) -> bool {
        let shape = &self.shapes[name];
        let mut header = shape["header"].clone();
        for member in ["alg", "kid"] {
            header[member] = self.key.header()[member].clone();
        }
        let answer = exchange(&self.world, &self.key.sign_with(&header, &self.claims(&shape["claims"]))).await;
        let body = answer.json();
        match answer.status {
            200 => true,
            400 if body["error_description"] == "the subject token is not accepted" => false,
            _ => panic!("{name}: {body}"),
        }
    }

    fn claims(&self, claims: &Value) -> Value {
        let now = self.world.clock.now().timestamp();
        let theirs = self.shapes["issuer"].as_str().expect("a text");
        let renamed = |text: &str| match text.strip_prefix(theirs) {
            Some(rest) => json!(format!("{}{rest}", self.issuer.name)),
            None => json!(text),
        };
        let claims = claims.as_object().expect("an object").iter().map(|(name, value)| {
            let value = match (name.as_str(), value) {
                ("iat" | "nbf" | "exp" | "auth_time", Value::String(from_now)) => {
                    json!(now + from_now.parse::<i64>().expect("seconds"))
                }
                (_, Value::String(text)) => renamed(text),
                (_, other) => other.clone(),
            };
            (name.clone(), value)
        });
        Value::Object(claims.collect())
    }
}

both_engines! {
    async fn each_vendors_tokens_are_what_their_documentation_says(engine: Engine) {
        for (name, text) in VENDORS {
            let vendor = Vendor::start(engine, text, true).await;
            let mut users = 0;
            for token in vendor.shapes.iter().filter(|(_, shape)| shape.is_object()).map(|(token, _)| token) {
                let is_a_users = token.starts_with("user");
                users += usize::from(is_a_users);
                assert_eq!(vendor.is_a_users(token).await, is_a_users, "{name}: {token}");
            }
            assert!(users > 0 && vendor.shapes.contains_key("machine"), "{name}");
            // The same at an account that is called as an application's own user is, were there one.
            let subject = vendor.shapes["machine"]["claims"]["sub"].as_str().expect("a text").to_owned();
            let taken = format!("UPDATE accounts SET subject = '{subject}'");
            execute(&vendor.world.database_url, "DELETE FROM token_sets").await;
            execute(&vendor.world.database_url, "DELETE FROM links").await;
            execute(&vendor.world.database_url, &taken).await;
            assert!(!vendor.is_a_users("machine").await, "{name}: an application is nobody's user");
        }
    }

    async fn without_its_preset_no_vendors_token_is_taken(engine: Engine) {
        for (name, text) in VENDORS {
            let vendor = Vendor::start(engine, text, false).await;
            for token in ["user", "id_token", "machine"] {
                assert!(!vendor.is_a_users(token).await, "{name}: {token}");
            }
        }
    }
}

/// The settings on each vendor's page are taken as they stand there.
#[test]
fn the_settings_on_the_vendors_pages_are_good() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/issuers");
    let mut blocks = 0;
    for page in std::fs::read_dir(pages).expect("the pages").map(|entry| entry.expect("a page").path()) {
        let text = std::fs::read_to_string(&page).expect("a page");
        for block in text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            let base = "public_url = 'https://login.company.com'\n[vault]\nkeyring = { file = 'keys' }\n";
            let env = |name: &str| {
                (name == "ORDERS_SECRET").then(|| "secret-of-forty-three-characters-or-so-01234".to_owned())
            };
            let parsed = Configuration::parse(&format!("{base}{block}"), Path::new("."), &env, Literals::Refuse);
            if let Err(errors) = parsed {
                panic!("{}: {errors}", page.display());
            }
            blocks += 1;
        }
    }
    assert!(blocks >= 5, "{blocks}");
}
