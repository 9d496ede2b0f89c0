//! README and docs: what they name in code is there. Commands and their options are the manual's, addresses openapi.yaml's, which
//! `scripts/test` sees walked; codes, settings and members stand in openapi.yaml or in the source.

use std::collections::BTreeSet;
use std::path::Path;

use super::pages::{ROOT, code, files, pages, spans};
use crate::support::contract::{commands, operations};

/// What other systems and the examples call things.
const THEIRS: [&str; 26] = [
    "AUTHLIB_INSECURE_TRANSPORT",
    "LINK_FOR_STAFF_VERIFICATION",
    "ORDERS_SECRET",
    "OWN_TOKEN",
    "USER_TOKEN",
    "access_token_response",
    "base_url",
    "both_engines",
    "display_name",
    "ec_paramgen_curve",
    "fetch_token",
    "get_well_known_url",
    "introspect_token",
    "lc_messages",
    "max_connections",
    "open_id",
    "pg_is_in_recovery",
    "pg_wal",
    "register_client_auth_method",
    "revocation_endpoint_auth_method",
    "secrets_name",
    "secrets_tcs",
    "sync_detailed",
    "synchronous_standby_names",
    "token_endpoint_auth_method",
    "userinfo_signed_response_alg",
];

/// Pages that are about other systems, or made of the catalogue.
const OTHERS: [&str; 3] = ["condo-contract.md", "moving-from.md", "providers.md"];

/// Pages about the source itself.
const INSIDE: [&str; 2] = ["adding.md", "architecture.md"];

/// Our pages, by their file names; those of `issuers` are about other systems, too.
fn ours() -> Vec<(String, String)> {
    let ours = pages().into_iter().filter(|(path, _)| !path.parent().unwrap().ends_with("issuers"));
    let named = ours.map(|(path, text)| (path.file_name().unwrap().to_string_lossy().into_owned(), text));
    named.filter(|(name, _)| !OTHERS.contains(&name.as_str())).collect()
}

/// What a shell runs of a page's code.
fn commands_of(text: &str) -> impl Iterator<Item = &str> {
    code(text).map(|line| line.split('#').next().unwrap_or_default())
}

/// The commands of the manual, each with its options, and the words that only group some.
struct Manual {
    lines: BTreeSet<String>,
}

impl Manual {
    fn knows(&self, command: &str) -> bool {
        self.lines
            .iter()
            .any(|line| line.strip_prefix(command).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')))
    }

    /// What is wrong with a use of the program in a piece of code, if it is used there.
    fn refuses(&self, code: &str) -> Option<String> {
        let begins = code.starts_with("fedlink ");
        code.split(['|', ';', '&', '(', ')']).find_map(|part| {
            let words: Vec<&str> = part.split_whitespace().collect();
            let program = words.iter().rposition(|word| *word == "fedlink" || word.ends_with("/fedlink"))?;
            let mut rest = words.get(program + 1..)?;
            while let [option @ ("--config" | "--json"), more @ ..] = rest {
                rest = more.get(usize::from(*option == "--config")..)?;
            }
            self.misses(rest, begins && program == 0)
        })
    }

    /// What is missing of these words after the program's name; a first word that is no command's is one where `is_used` is sure.
    fn misses(&self, words: &[&str], is_used: bool) -> Option<String> {
        let mut command = "fedlink".to_owned();
        let mut left = words;
        while let [word, more @ ..] = left {
            let longer = format!("{command} {word}");
            if word.starts_with('-') || !self.knows(&longer) {
                break;
            }
            (command, left) = (longer, more);
        }
        let is_word = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        if command == "fedlink" {
            return words.first().filter(|word| is_used && is_word(word)).map(|word| format!("{command} {word}"));
        }
        let options = left.iter().filter(|word| word.starts_with("--") && word.len() > 2);
        let option = options.map(|word| word.split('=').next().unwrap_or_default());
        let unknown = |option: &&str| {
            !commands::EVERYWHERE.contains(option) && !self.lines.contains(&format!("{command} {option}"))
        };
        option.clone().find(unknown).map(|option| format!("{command} {option}"))
    }
}

#[test]
fn every_command_that_a_page_shows_is_in_the_manual() {
    let manual = Manual { lines: commands::promised() };
    for (page, text) in ours() {
        for code in spans(&text).chain(commands_of(&text)) {
            assert_eq!(manual.refuses(code), None, "{page}: {code}");
        }
    }
    for (code, refused) in [
        ("fedlink keys rewrap", None),
        ("fedlink --config a.toml keys add", None),
        ("fedlink keys", None),
        ("sudo -u fedlink fedlink account create --id 42", None),
        ("docker run --name fedlink --read-only", None),
        ("sudo -u fedlink tee /a", None),
        ("fedlink keys add --forse", Some("fedlink keys add --forse")),
        ("fedlink key add", Some("fedlink key")),
        ("cat a | fedlink --config a.toml import --pass=x -", Some("fedlink import --pass")),
    ] {
        assert_eq!(manual.refuses(code).as_deref(), refused, "{code}");
    }
}

/// Whether an address, as a page writes it, is one of a template's.
fn is_of(address: &str, template: &str) -> bool {
    let is_any = |segment: &str| {
        segment.starts_with(['{', '…']) || !segment.is_empty() && segment.chars().all(char::is_uppercase)
    };
    let (address, template): (Vec<&str>, Vec<&str>) = (address.split('/').collect(), template.split('/').collect());
    let each = || address.iter().zip(&template).all(|(one, other)| is_any(one) || is_any(other) || one == other);
    let left_out = address.iter().position(|segment| *segment == "…").filter(|_| address.len() < template.len());
    match left_out {
        // `…` stands for any number of them.
        Some(at) => {
            let (before, after) = (address.get(..at).unwrap_or_default(), address.get(at + 1..).unwrap_or_default());
            let fits = |given: &[&str], other: &[&str]| {
                given.iter().zip(other).all(|(one, other)| is_any(other) || one == other)
            };
            fits(before, &template) && fits(after, template.get(template.len() - after.len()..).unwrap_or_default())
        }
        None => address.len() == template.len() && each(),
    }
}

#[test]
fn every_address_that_a_page_names_is_in_the_contract() {
    let templates: BTreeSet<String> = operations().into_iter().map(|operation| operation.template).collect();
    let (mut seen, mut nowhere) = (0, Vec::new());
    for (page, text) in ours() {
        for span in spans(&text) {
            let words: Vec<&str> = span.split(' ').collect();
            let address = match words.as_slice() {
                [address] | ["GET" | "POST" | "DELETE" | "OPTIONS", address] => *address,
                _ => continue,
            };
            let address = address
                .trim_start_matches("{base}")
                .trim_start_matches("/blitz")
                .trim_start_matches("/sps")
                .replace("{base_path}", "/{basePath}");
            let address = address.split('?').next().unwrap_or_default();
            let is_file = ["/etc/", "/usr/", "/var/", "/tmp"].iter().any(|at| address.starts_with(at));
            if !address.starts_with('/') || address.len() < 2 || is_file {
                continue;
            }
            if !templates.iter().any(|template| is_of(address, template)) {
                nowhere.push(format!("{page}: {span}"));
            }
            seen += 1;
        }
    }
    assert!(nowhere.is_empty(), "{nowhere:#?}");
    assert!(seen > 40, "the pages name more than {seen} addresses");
    assert!(!templates.iter().any(|template| is_of("/api/v3/users/{id}/fas", template)));
}

/// The words of several parts in a text: `wrong_values`, `INVALID_PARAMETER`.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let is_of_one_case = |word: &&str| {
        let mut letters = word.chars().filter(|c| c.is_alphabetic());
        letters.clone().all(char::is_lowercase) || letters.all(char::is_uppercase)
    };
    // One that ends so stands for several.
    let is_whole = |word: &&str| word.starts_with(char::is_alphabetic) && !word.ends_with('_');
    words.filter(|word| word.contains('_')).filter(is_whole).filter(is_of_one_case)
}

#[test]
fn every_code_and_setting_that_a_page_names_is_in_the_contract_or_the_source() {
    let root = Path::new(ROOT);
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    let rust: Vec<String> =
        ["src", "crates"].iter().flat_map(|at| files(&root.join(at), &["rs"])).map(|path| read(&path)).collect();
    let mut others = files(&root.join("crates"), &["toml"]);
    others.push(root.join("openapi.yaml"));
    let others: Vec<String> = others.iter().map(|path| read(path)).collect();
    // What the source calls its own variables is nobody's to see.
    let texts = rust.iter().flat_map(|text| text.lines().flat_map(|line| line.split('"').skip(1).step_by(2)));
    let known: BTreeSet<&str> = texts.chain(others.iter().map(String::as_str)).flat_map(names).collect();
    let inside: BTreeSet<&str> = rust.iter().flat_map(|text| names(text)).collect();
    let (mut seen, mut unknown) = (BTreeSet::new(), Vec::new());
    for (page, text) in ours() {
        // Metrics have a test of their own.
        for name in spans(&text).flat_map(names).filter(|name| !name.starts_with("fedlink_")) {
            let is_inside = INSIDE.contains(&page.as_str()) && inside.contains(name);
            if !known.contains(name) && !is_inside && !THEIRS.contains(&name) {
                unknown.push(format!("{page}: {name}"));
            }
            seen.insert(name.to_owned());
        }
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
    assert!(seen.len() > 200, "the pages name more than {}", seen.len());
    let idle: Vec<_> = THEIRS.iter().filter(|name| !seen.contains(**name)).collect();
    assert!(idle.is_empty(), "no page names {idle:?}");
}
