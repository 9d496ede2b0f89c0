//! Reads `[[ip_proxies]]`: partners' proxies that tell us, signed, on whose behalf they call.

use std::collections::BTreeMap;

use super::address;
use super::reader::Reader;
use super::scalar::text_as;
use super::secret::own_secret;
use super::types::IpProxy;

/// Reads all of them, by id.
pub(super) fn read(top: &mut Reader<'_>) -> BTreeMap<String, IpProxy> {
    let mut proxies = BTreeMap::new();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for mut reader in top.entries("ip_proxies") {
        if let Some(label) = reader.value("id").and_then(toml::Value::as_str) {
            reader.set_label(label);
        }
        let id = reader.required("id", "set it to what the proxy calls itself in x-proxy-id", text_as(id));
        if let Some(id) = &id {
            if let Some(first) = seen.get(id) {
                reader.wrong("id", format!("is taken by {first}: each proxy needs its own"));
            } else {
                seen.insert(id.clone(), reader.path().to_owned());
            }
        }
        reader.demand("addresses", "list where the proxy calls from, such as [\"203.0.113.7\"]");
        let addresses = reader.list("addresses", address::network);
        if reader.value("addresses").and_then(toml::Value::as_array).is_some_and(Vec::is_empty) {
            reader.wrong("addresses", "must name an address: a proxy is believed only where it calls from");
        }
        reader.demand("secret", "set it to what the proxy signs with");
        let secret = own_secret(&mut reader, "secret");
        reader.finish();
        if let (Some(id), Some(addresses), Some(secret)) = (id, addresses, secret) {
            proxies.insert(id, IpProxy { addresses, secret });
        }
    }
    proxies
}

/// It travels in a header: printable, no blanks around it.
fn id(text: &str) -> Result<String, String> {
    let is_value = !text.is_empty() && text.trim() == text && text.chars().all(|c| matches!(c, ' '..='~'));
    if is_value { Ok(text.to_owned()) } else { Err("must be printable ASCII without blanks around it".to_owned()) }
}
