//! Whatever a file holds, reading it ends in settings or in mistakes.

use std::path::Path;

use proptest::prelude::*;
use toml::{Table, Value};

use super::super::{Configuration, Literals};
use super::filled;

/// Tables of known and unknown keys with values of every type, so that each reader meets what it does not expect.
fn any_table() -> impl Strategy<Value = Table> {
    let key = prop_oneof![
        prop::sample::select(vec![
            "public_url",
            "base_path",
            "listen",
            "database_url",
            "locale",
            "limits",
            "trusted_proxies",
            "ip_proxies",
            "addresses",
            "sms",
            "email",
            "url",
            "ca_file",
            "vault",
            "keyring",
            "tokens",
            "min_lifetime",
            "max_concurrency",
            "clients",
            "id",
            "secret",
            "env",
            "file",
            "scopes",
            "callbacks",
            "providers",
            "type",
            "name",
            "preset",
            "kind",
            "issuer",
            "client_secret",
            "sid",
            "lifetime",
            "rotates",
            "idle_life",
            "authorize_params",
            "dead_errors",
            "partners",
            "identity_type",
            "user_info_url",
            "fields",
            "phone",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    let leaf = prop_oneof![
        any::<String>().prop_map(Value::from),
        prop::sample::select(vec!["oidc", "google", "{sub}", "1h", "https://a.example", "sqlite:x", "fed_tkn_a_b"])
            .prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
    ];
    let table = move |value: BoxedStrategy<Value>| {
        prop::collection::btree_map(key.clone(), value, 0..8).prop_map(|map| map.into_iter().collect::<Table>())
    };
    let value = leaf.prop_recursive(4, 64, 8, {
        let table = table.clone();
        move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                table(inner.boxed()).prop_map(Value::from),
            ]
        }
    });
    table(value.boxed())
}

proptest! {
    #[test]
    fn no_settings_make_us_panic(table in any_table(), literal: bool) {
        let literals = if literal { Literals::Allow } else { Literals::Refuse };
        if let Err(errors) = Configuration::parse(&table.to_string(), Path::new("/none"), &filled, literals) {
            prop_assert!(errors.iter().count() > 0);
            prop_assert_eq!(errors.to_string().lines().count(), errors.iter().count());
        }
    }

    #[test]
    fn no_text_makes_us_panic(text: String) {
        let told = Configuration::parse(&text, Path::new("/none"), &|_| Some(text.clone()), Literals::Refuse);
        prop_assert!(told.is_ok() || told.is_err_and(|errors| errors.iter().count() > 0));
    }
}
