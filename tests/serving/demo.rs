//! `fedlink demo`: it walks itself, and the lines it prints work as printed.

use std::io::{BufRead as _, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use settings::{Configuration, Literals};

use crate::support::browser::{field, query};
use crate::support::program;

#[test]
fn the_demo_walks_itself() {
    let walked = program::run(&["demo", "--check"], &[], "");
    assert!(walked.status.success(), "{}{}", walked.stdout, walked.stderr);
    let steps: Vec<&str> = walked.stdout.lines().filter_map(|line| line.strip_prefix("ok      ")).collect();
    let steps: Vec<&str> = steps.iter().filter_map(|step| step.split(':').next()).collect();
    let blitz = ["list", "bind", "list", "fedToken", "fedToken", "exchange", "unlink", "exchange"];
    let condo = ["partner", "confirm", "partner", "session"];
    assert_eq!(steps, [&blitz[..], &condo[..]].concat());
}

/// A demo that is told to stop at the test's end.
struct Demo {
    child: Child,
    lines: Vec<String>,
    /// What it says from then on.
    more: Lines<BufReader<ChildStdout>>,
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Asked, not killed: it deletes its folder.
        drop(Command::new("kill").arg(self.child.id().to_string()).status());
        drop(self.child.wait());
    }
}

impl Demo {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_fedlink"))
            .arg("demo")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary is built");
        let mut more = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut lines = Vec::new();
        while lines.last().is_none_or(|line: &String| !line.contains("authenticatedUser")) {
            lines.push(more.next().expect("it says more").expect("text"));
        }
        Self { child, lines, more }
    }

    /// The lines to paste, in their order.
    fn pasted(&self) -> Vec<String> {
        let starts = ["TOKEN=", "JWT=", "URL=", "CONFIRM=", "CODE=", "SESSION=", "curl "];
        let is_command = |line: &&str| starts.iter().any(|start| line.starts_with(start));
        self.lines.iter().map(|line| line.trim()).filter(is_command).map(str::to_owned).collect()
    }
}

/// Runs lines in a shell, as a person who pastes them would.
fn shell(lines: &[&str]) -> String {
    let output = Command::new("bash").arg("-c").arg(lines.join("\n")).output().expect("bash");
    assert!(output.status.success(), "{lines:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// Follows the bind in the browser's place; gives the line that the app's callback page says to paste.
fn in_the_browser(redirect_to: &str) -> String {
    let jar = tempfile::NamedTempFile::new().expect("a file");
    let curl = |arguments: &[&str]| {
        let mut command = Command::new("curl");
        command.args(["-s", "-b"]).arg(jar.path()).arg("-c").arg(jar.path()).args(arguments);
        String::from_utf8(command.output().expect("curl").stdout).expect("text")
    };
    let redirected = |arguments: &[&str]| {
        let mut with_location = vec!["-o", "/dev/null", "-w", "%{redirect_url}"];
        with_location.extend_from_slice(arguments);
        curl(&with_location)
    };
    let to_provider = redirected(&[redirect_to]);
    let back = redirected(&["-d", "sub=alice-42", &to_provider]);
    let to_confirm = redirected(&[&back]);
    let csrf = format!("csrf={}", field(&curl(&[&to_confirm]), "csrf"));
    let callback = redirected(&["-d", &csrf, "-d", "decision=yes", &to_confirm]);
    assert_eq!(query(&callback).get("status").map(String::as_str), Some("pending"), "{callback}");
    let page = curl(&[&callback]);
    let line = page.split_once("curl ").unwrap_or_else(|| panic!("no line to paste in {page}")).1;
    let line = line.split("</").next().unwrap_or_default();
    let unescaped = line.replace("&quot;", "\"").replace("&#34;", "\"").replace("&#x27;", "'").replace("&#39;", "'");
    format!("curl {}", unescaped.replace("&amp;", "&"))
}

#[test]
fn the_lines_that_the_demo_prints_work_as_printed() {
    let mut demo = Demo::start();
    let pasted = demo.pasted();
    let [token, list, bind, list_again, fed_token, _refresh, jwt, exchange, unlink, list_at_last, refused, condo @ ..] =
        pasted.as_slice()
    else {
        panic!("{pasted:#?}");
    };
    assert!(shell(&[token, list]).ends_with("[]\n"));
    let instruction: serde_json::Value = serde_json::from_str(&shell(&[bind])).expect("JSON");
    let complete = in_the_browser(instruction["redirectTo"].as_str().expect("an address"));
    let completed = shell(&[&complete]);
    assert!(completed.starts_with("HTTP/1.1 204"), "{completed}");
    assert!(shell(&[token, list_again]).contains(r#""sid":"alice-42""#));
    let tokens = shell(&[token, fed_token]);
    assert!(tokens.contains(r#"{"alice-42":{"expiresOn":"#), "{tokens}");
    assert!(shell(&[jwt, exchange]).contains(r#""token_type":"Bearer""#));
    assert!(shell(&[token, unlink]).contains("HTTP/1.1 204"));
    assert!(shell(&[token, list_at_last]).ends_with("[]\n"));
    assert!(shell(&[jwt, refused]).contains(r#""reason":"not_linked""#));

    let [url, callback, start, code, complete, session, ask] = condo else { panic!("{condo:#?}") };
    assert!(shell(&[url, callback]).contains("PHONE_CONFIRMATION_REQUIRED"));
    let confirm = format!("CONFIRM={}", shell(&[start]));
    // What a person reads below the lines, and puts in.
    let sms = demo.more.find_map(|line| line.expect("text").strip_prefix("SMS to +79990000000: ").map(str::to_owned));
    let sms = sms.expect("an SMS");
    assert_eq!(code, "CODE=1234");
    let code = format!("CODE={}", sms.split(' ').next().unwrap_or_default());
    assert!(shell(&[&confirm, &code, complete]).contains(r#"{"status":"ok"}"#));
    let user = shell(&[url, &confirm, session, ask]);
    assert!(user.contains(r#""name":"Bob at Sandbox","phone":"+79990000000""#), "{user}");
}

#[test]
fn the_provider_alone_is_one_for_the_fedlink_it_is_told_of() {
    let mut provider = program::start(&["demo", "--provider-for", "http://127.0.0.1:8080/blitz"], &[]);
    let lines = std::iter::repeat_with(|| provider.line().trim_end().to_owned()).take(30);
    let said: Vec<String> = lines.take_while(|line| !line.starts_with("user_name")).collect();
    let settings = said.iter().skip_while(|line| *line != "[[providers]]").cloned().collect::<Vec<_>>().join("\n");
    let issuer =
        said.iter().find_map(|line| line.strip_prefix("issuer        = ")).expect("an issuer").trim_matches('"');
    // Its usual port may be taken here.
    let usual = settings.replace(issuer, "http://127.0.0.1:8081");
    assert!(include_str!("../../docs/tutorial.md").contains(&usual), "the tutorial has others than {usual}");
    let settings = settings.replace("{ file = \"secrets/sandbox\" }", "\"sandbox-secret\"");
    let text = format!("public_url = \"http://127.0.0.1:8080\"\n{settings}");
    let read = Configuration::parse(&text, Path::new(""), &|_| None, Literals::Allow);
    let read = read.unwrap_or_else(|wrong| panic!("{wrong}\n{text}"));
    assert_eq!(read.settings.providers.len(), 1);
    let back = "http%3A%2F%2F127.0.0.1%3A8080%2Fblitz%2Flogin%2FexternalIdps%2Fcallback%2Fsandbox%2Fsandbox_1%2Ffalse";
    let asks = format!(
        "{issuer}/authorize?response_type=code&client_id=fedlink&redirect_uri={back}&scope=openid&state=s\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
    );
    let page = shell(&[&format!("curl -s '{asks}'")]);
    assert!(page.contains("Alice at Sandbox") && page.contains("Bob at Sandbox"), "{page}");
    assert!(provider.terminate().success());
}
