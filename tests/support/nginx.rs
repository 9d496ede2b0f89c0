//! Debian's nginx before fedlink, configured as docs/operating.md says.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, Stdio};

use chrono::{DateTime, Utc};
use tempfile::TempDir;

use super::certificate::Authority;

const INSTALL: &str = "nginx is needed by the tests: apt-get install nginx";

/// Runs nginx until this process is gone, however it ends: the system then closes its end of the pipe. nginx goes to the
/// background when it listens, so it can be called from then on. It is told to stop until it has: what comes before it
/// waits for signals it forgets, and it would see open connections through if it were to quit.
const KEEPER: &str = r#"
set -eu
PATH=$PATH:/usr/sbin
nginx -p "$1" -c nginx.conf -e stderr >"$1/said" 2>&1 </dev/null || { cat "$1/said" >&2; exit 1; }
echo ready
while read -r _; do :; done
while [ -e "$1/nginx.pid" ]; do
    nginx -p "$1" -c nginx.conf -e stderr -s stop >/dev/null 2>&1 || true
    sleep 0.02
done
"#;

/// What stands around that file on a machine: here all in one folder, and of one user.
const AROUND: &str = "user root;
worker_processes 1;
pid nginx.pid;
events {}
http {
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    access_log off;
    include fedlink.conf;
}
";

/// A running nginx; it goes with this.
#[derive(Debug)]
pub(crate) struct Nginx {
    /// Where it listens on 127.0.0.1, for https.
    pub(crate) port: u16,
    /// Its certificate's authority, in PEM.
    pub(crate) authority: String,
    folder: TempDir,
    orders: Option<ChildStdin>,
    keeper: Child,
}

/// The file for nginx that docs/operating.md shows.
pub(crate) fn example() -> String {
    let page = include_str!("../../docs/operating.md");
    let (_, rest) = page.split_once("```nginx\n").expect("the page shows it");
    rest.split_once("```").expect("to its end").0.to_owned()
}

impl Nginx {
    /// Before fedlink at `upstream`, with a certificate for `name`.
    ///
    /// Panics with the command that installs nginx if there is none.
    pub(crate) fn start(name: &str, upstream: &str) -> Self {
        Self::with(upstream, "", |authority| authority.certify(name))
    }

    /// The same before anything, to which only clients come that this authority, in PEM, has certified.
    pub(crate) fn demanding(name: &str, upstream: &str, clients: &str) -> Self {
        Self::with(upstream, clients, |authority| authority.certify(name))
    }

    /// The same before anything, with a certificate that ends at this moment.
    pub(crate) fn until(name: &str, upstream: &str, ends: DateTime<Utc>) -> Self {
        Self::with(upstream, "", |authority| authority.certify_until(name, ends))
    }

    fn with(upstream: &str, clients: &str, certify: impl Fn(&Authority) -> (String, String)) -> Self {
        let mut complaints = String::new();
        // The port is free when it is asked for, not necessarily when it is used.
        for _ in 0..3 {
            match Self::start_on(free_port(), upstream, clients, &certify) {
                Ok(nginx) => return nginx,
                Err(complaint) => complaints = complaint,
            }
        }
        panic!("{INSTALL}\nnginx does not start: {complaints}");
    }

    fn start_on(
        port: u16,
        upstream: &str,
        clients: &str,
        certify: impl Fn(&Authority) -> (String, String),
    ) -> Result<Self, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, content: &str| fs::write(folder.path().join(name), content).expect("room");
        let authority = Authority::new("the tests");
        let (certificate, key) = certify(&authority);
        write("site.crt", &certificate);
        write("site.key", &key);
        write("nginx.conf", AROUND);
        let mut text = example();
        // Nothing but addresses and paths.
        for (from, to) in [
            ("127.0.0.1:8080;", format!("{upstream};")),
            ("443 ssl;", format!("127.0.0.1:{port} ssl;")),
            ("/etc/nginx/login.company.com.crt;", "site.crt;".to_owned()),
            ("/etc/nginx/login.company.com.key;", "site.key;".to_owned()),
            ("/var/log/nginx/fedlink.log ", "access.log ".to_owned()),
            ("/var/log/nginx/fedlink.error.log ", "error.log ".to_owned()),
        ] {
            assert_eq!(text.matches(from).count(), 1, "{from} in\n{text}");
            text = text.replace(from, &to);
        }
        if !clients.is_empty() {
            write("clients.crt", clients);
            let key = "ssl_certificate_key site.key;";
            assert_eq!(text.matches(key).count(), 1, "{text}");
            text = text.replace(key, &format!("{key}\nssl_client_certificate clients.crt;\nssl_verify_client on;"));
        }
        write("fedlink.conf", &text);
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "fedlink-test-nginx"])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own: Ctrl-C in the terminal ends the tests, and their end ends nginx, in that order.
            .process_group(0)
            .spawn()
            .expect("there is a shell");
        let mut nginx = Self { port, authority: authority.pem(), folder, orders: None, keeper };
        nginx.orders = nginx.keeper.stdin.take();
        let mut ready = String::new();
        BufReader::new(nginx.keeper.stdout.take().expect("it is piped")).read_line(&mut ready).expect("text");
        if ready == "ready\n" {
            return Ok(nginx);
        }
        let mut complaint = String::new();
        nginx.keeper.stderr.take().expect("it is piped").read_to_string(&mut complaint).expect("text");
        Err(complaint)
    }

    /// Ends it when it has answered what it was asked; gives its logs: of calls, and of errors.
    pub(crate) fn stop(mut self) -> (String, String) {
        self.quit();
        let read = |name: &str| fs::read_to_string(self.folder.path().join(name)).expect("a log");
        (read("access.log"), read("error.log"))
    }

    fn quit(&mut self) {
        drop(self.orders.take());
        drop(self.keeper.wait());
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.quit();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}
