//! Which web addresses we trust to be what they look like.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use url::{Host, Url};

/// An address of a provider's endpoint: https, or http on loopback; a path and a query are its own business (RFC 6749 §3.1).
pub(super) fn endpoint(text: &str) -> Result<Url, String> {
    web(text, is_loopback)
}

fn web(text: &str, is_local: impl FnOnce(&Url) -> bool) -> Result<Url, String> {
    plain(text)?;
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
        .ok_or("must start with https:// (http:// is for a loopback host only)")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // The URL type would skip extra slashes and decode the host, and so see another host than people read.
    if authority.is_empty() || authority.contains('%') {
        return Err("must name a host, in plain letters, right after the two slashes".to_owned());
    }
    if authority.contains('@') {
        return Err("must not have a user name or password".to_owned());
    }
    let url = Url::parse(text).map_err(|error| format!("is no valid URL: {error}"))?;
    if url.fragment().is_some() {
        return Err("must not have a fragment (#…)".to_owned());
    }
    if url.scheme() == "http" && !is_local(&url) {
        return Err("must be https: http is for a loopback host (localhost, 127.0.0.1, [::1]) only".to_owned());
    }
    Ok(url)
}

/// Where a service stands: scheme, host, perhaps a port.
pub(super) fn origin(text: &str) -> Result<Url, String> {
    let url = endpoint(text)?;
    if url.path() != "/" || url.query().is_some() {
        return Err("must end after the host and port: no path, no query".to_owned());
    }
    Ok(url)
}

/// An origin whose pages may call: letter by letter what their browsers send, since nothing else would ever match.
pub(super) fn page_origin(text: &str) -> Result<String, String> {
    if text == "null" {
        return Err(
            "is what browsers send for pages whose origin they hide, anybody's among them: name origins".to_owned()
        );
    }
    if text.contains('*') {
        return Err(
            "has a wildcard, which would match nothing: name each origin, as \"https://app.company.com\"".to_owned()
        );
    }
    let (scheme, rest) = text.split_once("://").ok_or(
        "must be an origin: https://, a host and perhaps a port, or that of an app's web view, as \"capacitor://localhost\"",
    )?;
    let sent = if ["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) {
        let text = format!("{}://{rest}", scheme.to_ascii_lowercase());
        // Tauri's web view on Windows; browsers hold such names to be this machine as well (RFC 6761 §6.3).
        let is_local = |url: &Url| is_loopback(url) || url.domain().is_some_and(|name| name.ends_with(".localhost"));
        web(&text, is_local)?.origin().ascii_serialization()
    } else {
        view_origin(text)?
    };
    // Shown, since an origin has no room for a secret.
    if sent == text {
        Ok(sent)
    } else {
        Err(format!("is not what browsers send, and would match nothing: write {sent:?}"))
    }
}

/// Schemes under which no page has an origin of this form.
const NO_PAGES: [&str; 8] = ["about", "blob", "data", "file", "ftp", "javascript", "ws", "wss"];

/// What the pages of an app's web view send: a scheme of the app's or its framework's, and a host.
fn view_origin(text: &str) -> Result<String, String> {
    plain(text)?;
    let lower = text.to_ascii_lowercase();
    let (scheme, rest) = lower.split_once("://").unwrap_or_default();
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let is_host = match scheme {
        // Whose apps may give it another name.
        "capacitor" | "ionic" | "tauri" => {
            !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
        }
        _ => host == "localhost",
    };
    if is_scheme && is_host && !NO_PAGES.contains(&scheme) {
        Ok(format!("{scheme}://{host}"))
    } else {
        Err("is no origin that a browser sends: https://, or of a web view \"capacitor://localhost\", \"ionic://localhost\", \
             \"tauri://localhost\", \"http://tauri.localhost\""
            .to_owned())
    }
}

/// An issuer identifier, kept as it is written (OpenID Connect Discovery §3: https, no query, no fragment).
pub(super) fn issuer(text: &str) -> Result<String, String> {
    if endpoint(text)?.query().is_some() {
        return Err("must not have a query (?…)".to_owned());
    }
    Ok(text.to_owned())
}

/// Where a browser may be sent back to, from a bind or from signing in: a web address, or an app's own scheme (RFC 8252 §7.1); kept as it is written.
pub(super) fn callback(text: &str) -> Result<String, String> {
    if text.starts_with("https:") || text.starts_with("http:") {
        return endpoint(text).map(|_url| text.to_owned());
    }
    plain(text)?;
    let refused = || {
        "must be an https:// address, http:// on a loopback host, or an app's own scheme with a dot, such as com.example.app:/done".to_owned()
    };
    let (scheme, rest) = text.split_once(':').ok_or_else(refused)?;
    // The dot is what keeps `javascript:`, `data:` and their kin out.
    let is_own = scheme.contains('.')
        && scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '+' | '-'));
    if !is_own || !rest.starts_with('/') {
        return Err(refused());
    }
    if text.contains('#') {
        return Err("must not have a fragment (#…)".to_owned());
    }
    let authority = rest.strip_prefix("//").and_then(|rest| rest.split(['/', '?']).next()).unwrap_or_default();
    if authority.contains('@') {
        return Err("must not have a user name or password".to_owned());
    }
    Url::parse(text).map_err(|error| format!("is no valid URL: {error}"))?;
    Ok(text.to_owned())
}

/// What stands before every path: nothing, or segments that need no escaping.
pub(super) fn base_path(text: &str) -> Result<String, String> {
    let is_segment = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~'))
    };
    let is_path = text.is_empty() || text.strip_prefix('/').is_some_and(|path| path.split('/').all(is_segment));
    if is_path {
        Ok(text.to_owned())
    } else {
        Err("must be empty or like \"/blitz\": a leading slash, none at the end, of A-Z a-z 0-9 - . _ ~".to_owned())
    }
}

/// An address to listen on.
pub(super) fn socket(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_not_an_address: std::net::AddrParseError| {
        "must be an IP address with a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\"".to_owned()
    })
}

/// A network of proxies, or one of them.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let one = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>()
        .or_else(|_no_network| one())
        .map_err(|_no_address| "must be an IP address, or a network such as \"10.0.0.0/8\" or \"fd00::/8\"".to_owned())
}

/// Whether two listeners get in each other's way. Port 0 is a new port each time.
pub(super) fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let covers = |a: SocketAddr, b: SocketAddr| match a {
        _ if a.ip() == b.ip() => true,
        SocketAddr::V4(_) => a.ip().is_unspecified() && b.is_ipv4(),
        // Linux lets [::] take IPv4 as well.
        SocketAddr::V6(_) => a.ip().is_unspecified(),
    };
    one.port() != 0 && one.port() == other.port() && (covers(one, other) || covers(other, one))
}

/// Refuses what a browser or a proxy may read otherwise than we do: spaces, controls, look-alike letters, backslashes.
fn plain(text: &str) -> Result<(), String> {
    if text.chars().all(|c| c.is_ascii_graphic() && c != '\\') {
        Ok(())
    } else {
        Err("must be plain ASCII without spaces, control characters and backslashes (escape others as %XX, hosts as xn--…)"
            .to_owned())
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
