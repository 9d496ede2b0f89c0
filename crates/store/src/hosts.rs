//! What a URL says of a Postgres server: which hosts it has, whether TLS is spoken with them, and how long each step may take.

use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use super::error::unavailable;
use domain::{Error, Result};

/// How long one address may take to accept a connection; `connect_timeout` in the URL says otherwise.
pub(super) const ACCEPTING: Duration = Duration::from_secs(2);
/// A host that is gone sends no goodbye. Where a query is on its way, its bytes go unacknowledged, and this ends the
/// connection (Linux; elsewhere retransmission gives up after minutes, but see [`super::pg_conn::ANSWER`]).
const UNACKNOWLEDGED: Duration = Duration::from_secs(15);
/// Where none is, the first probe goes out after this, and after three more without an answer, 25 s in all, it is dead.
const QUIET: Duration = Duration::from_secs(10);
const PROBE_EVERY: Duration = Duration::from_secs(5);
const PROBES: u32 = 3;

/// The hosts of a URL.
pub(super) struct Hosts {
    /// One configuration for each.
    pub(super) hosts: Vec<Config>,
    /// Whether TLS is spoken with them.
    pub(super) tls: bool,
}

impl Hosts {
    /// Those that `url` names. TLS is required unless every one is this machine, and where the URL says so.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let config: Config = url.parse().map_err(|error| no_address(&error))?;
        let tls = !is_this_machine(&config) || config.get_ssl_mode() == SslMode::Require;
        Ok(Self { hosts: hosts(&config, tls)?, tls })
    }
}

/// One configuration for each host, so that each has a time limit of its own; the driver would wait for a mute one forever.
fn hosts(config: &Config, tls: bool) -> Result<Vec<Config>> {
    let (names, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let count = names.len().max(addresses.len());
    if count == 0 {
        return Err(unavailable("database_url names no host".to_owned()));
    }
    let fits = |listed: usize| listed == 0 || listed == count;
    if !fits(names.len()) || !fits(addresses.len()) || !(ports.len() <= 1 || ports.len() == count) {
        return Err(unavailable("database_url must have as many ports and hostaddr as hosts".to_owned()));
    }
    let one = |index: usize| {
        let mut one = settings(config, count);
        // Never "prefer": whoever sits in between could take TLS away.
        one.ssl_mode(if tls { SslMode::Require } else { SslMode::Disable });
        match names.get(index) {
            Some(Host::Tcp(name)) => one.host(name),
            #[cfg(unix)]
            Some(Host::Unix(path)) => one.host_path(path),
            None => &mut one,
        };
        if let Some(address) = addresses.get(index) {
            one.hostaddr(*address);
        }
        if let Some(port) = ports.get(index).or(ports.first()) {
            one.port(*port);
        }
        one
    };
    Ok((0..count).map(one).collect())
}

/// All that a URL says but its hosts, and what it leaves open.
fn settings(config: &Config, hosts: usize) -> Config {
    let mut one = Config::new();
    config.get_user().map(|user| one.user(user));
    config.get_password().map(|password| one.password(password));
    config.get_dbname().map(|name| one.dbname(name));
    config.get_options().map(|options| one.options(options));
    // A standby takes connections and no writes: with several hosts that would be a matter of luck.
    let wanted = match config.get_target_session_attrs() {
        TargetSessionAttrs::Any if hosts > 1 => TargetSessionAttrs::ReadWrite,
        stated => stated,
    };
    let standard = Config::new().get_keepalives_idle();
    let idle = Some(config.get_keepalives_idle()).filter(|idle| *idle != standard);
    one.application_name(config.get_application_name().unwrap_or("fedlink"))
        .ssl_negotiation(config.get_ssl_negotiation())
        .channel_binding(config.get_channel_binding())
        .load_balance_hosts(config.get_load_balance_hosts())
        .target_session_attrs(wanted)
        .connect_timeout(config.get_connect_timeout().copied().unwrap_or(ACCEPTING))
        .tcp_user_timeout(config.get_tcp_user_timeout().copied().unwrap_or(UNACKNOWLEDGED))
        .keepalives(config.get_keepalives())
        .keepalives_idle(idle.unwrap_or(QUIET))
        .keepalives_interval(config.get_keepalives_interval().unwrap_or(PROBE_EVERY))
        .keepalives_retries(config.get_keepalives_retries().unwrap_or(PROBES));
    one
}

/// Whether no byte leaves this machine, whichever host it is.
fn is_this_machine(config: &Config) -> bool {
    let here = |host: &Host| match host {
        #[cfg(unix)]
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        }
    };
    config.get_hosts().iter().all(here) && config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
}

/// A host as messages name it.
pub(super) fn name(host: &Config) -> String {
    let name = match (host.get_hosts().first(), host.get_hostaddrs().first()) {
        (Some(Host::Tcp(name)), _) => name.clone(),
        #[cfg(unix)]
        (Some(Host::Unix(path)), _) => return path.display().to_string(),
        (None, address) => address.map(ToString::to_string).unwrap_or_default(),
    };
    host.get_ports().first().map_or(name.clone(), |port| format!("{name}:{port}"))
}

/// What is wrong with an address, and not a word of the address itself, which may hold a password.
fn no_address(error: &tokio_postgres::Error) -> Error {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let known = cause.filter(|cause| cause.starts_with("invalid value for option "));
    unavailable(format!("database_url is no Postgres address: {}", known.unwrap_or_else(|| error.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(url: &str) -> Result<(bool, Vec<Config>)> {
        Hosts::parse(url).map(|Hosts { hosts, tls }| (tls, hosts))
    }

    #[test]
    fn only_what_stays_on_this_machine_goes_without_tls() {
        for url in [
            "postgres://u@localhost/db",
            "postgres://u@127.0.0.1:5433/db",
            "postgres://u@[::1]/db",
            "postgres:///db?host=/run/postgresql",
            "postgres://u@localhost,127.0.0.1:5433/db",
            "postgres:///db?hostaddr=127.0.0.1",
            "postgres://u@localhost/db?sslmode=disable",
        ] {
            let (tls, hosts) = reach(url).unwrap();
            assert!(!tls && hosts.iter().all(|host| host.get_ssl_mode() == SslMode::Disable), "{url}");
        }
        for url in [
            "postgres://u@db.example/db",
            "postgres://u@db.example/db?sslmode=disable",
            "postgres://u@db.example/db?sslmode=prefer",
            "postgres://u@192.0.2.1/db",
            "postgres://u@localhost,db.example/db",
            "postgres://u@localhost/db?sslmode=require",
            // Where a connection goes is what counts, and under which name.
            "postgres:///db?hostaddr=192.0.2.1",
            "postgres://u@localhost/db?hostaddr=192.0.2.1",
            "postgres://u@db.example/db?hostaddr=127.0.0.1",
        ] {
            let (tls, hosts) = reach(url).unwrap();
            assert!(tls && hosts.iter().all(|host| host.get_ssl_mode() == SslMode::Require), "{url}");
        }
    }

    #[test]
    fn each_host_keeps_what_the_url_says_of_it_and_of_all() {
        let url = "postgres://me:pa55@one.example:1,two.example:2/db?hostaddr=192.0.2.1,192.0.2.2&connect_timeout=3\
                   &keepalives_idle=60&channel_binding=require&application_name=app&options=-c%20geqo%3Doff";
        let (_, hosts) = reach(url).unwrap();
        assert_eq!(hosts.iter().map(name).collect::<Vec<_>>(), ["one.example:1", "two.example:2"]);
        for (host, address) in hosts.iter().zip(["192.0.2.1", "192.0.2.2"]) {
            assert_eq!(host.get_hostaddrs(), [address.parse::<std::net::IpAddr>().unwrap()]);
            assert_eq!((host.get_user(), host.get_password()), (Some("me"), Some(b"pa55".as_slice())));
            assert_eq!((host.get_dbname(), host.get_application_name()), (Some("db"), Some("app")));
            assert_eq!(host.get_options(), Some("-c geqo=off"));
            assert_eq!(host.get_channel_binding(), tokio_postgres::config::ChannelBinding::Require);
            assert_eq!(host.get_connect_timeout(), Some(&Duration::from_secs(3)));
            assert_eq!(host.get_keepalives_idle(), Duration::from_mins(1));
            assert_eq!(host.get_tcp_user_timeout(), Some(&UNACKNOWLEDGED));
            assert_eq!(host.get_target_session_attrs(), TargetSessionAttrs::ReadWrite, "fedlink writes");
        }
        let (_, one) = reach("postgres://u@db.example/db").unwrap();
        assert_eq!(one[0].get_connect_timeout(), Some(&ACCEPTING));
        assert_eq!(one[0].get_target_session_attrs(), TargetSessionAttrs::Any);
        assert_eq!((one[0].get_keepalives_idle(), one[0].get_keepalives_retries()), (QUIET, Some(PROBES)));
        let (_, same_port) = reach("postgres:///db?host=one&host=two&port=7").unwrap();
        assert_eq!(same_port.iter().map(name).collect::<Vec<_>>(), ["one:7", "two:7"]);
    }

    #[test]
    fn a_wrong_address_is_told_without_its_password() {
        for (url, words) in [
            ("postgres:///db", "names no host"),
            ("postgres://one,two/db?hostaddr=192.0.2.1", "as many ports and hostaddr"),
            ("postgres://one:1,two:2/db?port=3", "as many ports and hostaddr"),
            ("postgres://me:pa55@one/db?target_session_attrs=primary", "`target_session_attrs`"),
            ("postgres://me:pa55@one/db?pa55=1", "no Postgres address"),
        ] {
            let told = format!("{:?}", reach(url).unwrap_err());
            assert!(told.contains(words) && !told.contains("pa55"), "{url}: {told}");
        }
    }
}
