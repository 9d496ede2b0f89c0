//! The floors of the house (DESIGN 1): the source is parsed, and an arrow that points back up is refused by file and line.

use std::path::{Path, PathBuf};

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Attribute, ItemMod, ItemUse, Macro, Meta, UseTree};

/// What each floor may use of the crate, itself aside. `lib` only declares the others.
const FLOORS: [(&str, &[&str]); 14] = [
    ("lib", &[]),
    ("main", &["cli"]),
    ("domain", &[]),
    ("telemetry", &[]),
    ("clock", &["domain"]),
    ("entropy", &["domain"]),
    ("threads", &[]),
    ("settings", &["domain"]),
    ("sandbox", &["clock", "entropy"]),
    ("vault", &GROUND),
    ("store", &GROUND),
    ("upstream", &GROUND),
    ("service", &["domain", "clock", "entropy", "threads", "settings", "vault", "store", "upstream"]),
    ("http", &["app", "service", "domain", "settings", "clock", "entropy"]),
];

const GROUND: [&str; 5] = ["domain", "clock", "entropy", "threads", "settings"];

/// The floors that use all but a few.
const NEARLY_ALL: [(&str, &[&str]); 2] = [("app", &["http", "cli"]), ("cli", &[])];

/// Floors of which the command line may name types, and nothing inside.
const SHUT: [&str; 2] = ["store", "vault"];

/// Foreign paths that have one door, and the folders and files behind it.
const DOORS: [(&[&str], &[&str]); 17] = [
    (&["diesel"], &["store"]),
    (&["diesel_async"], &["store"]),
    (&["diesel_migrations"], &["store"]),
    (&["tokio_postgres"], &["store"]),
    (&["actix_web"], &["http", "sandbox", "cli/serve.rs"]),
    (&["async_graphql"], &["http"]),
    (&["async_graphql_value"], &["http"]),
    (&["oauth2"], &["upstream"]),
    (&["openidconnect"], &["sandbox/tests"]),
    // The demo's walk is an app and a browser, not a floor: it calls us from outside.
    (&["reqwest"], &["upstream", "sandbox/tests", "cli/demo/walk.rs"]),
    (&["aes_gcm"], &["vault"]),
    (&["getrandom"], &["entropy.rs"]),
    (&["clap"], &["cli"]),
    (&["std", "env", "var"], &["settings"]),
    (&["std", "env", "var_os"], &["settings"]),
    (&["std", "env", "vars"], &["settings"]),
    (&["std", "time", "SystemTime"], &["clock.rs"]),
];

/// A path that a file names.
#[derive(Debug)]
struct Named {
    line: usize,
    segments: Vec<String>,
    /// Whether it starts at the crate's root; else it is foreign, or local and of no interest.
    ours: bool,
}

/// Collects every path of a file: in `use`, in types and expressions, in attributes, and in the tokens of macros.
struct Reader {
    module: Vec<String>,
    named: Vec<Named>,
}

impl Reader {
    /// The paths of the file at `path`, which is relative to `src`.
    fn read(path: &Path, text: &str) -> Vec<Named> {
        let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut module: Vec<String> =
            path.with_extension("").iter().map(|part| part.to_str().unwrap().into()).collect();
        if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
            module.pop();
        }
        let mut reader = Self { module, named: Vec::new() };
        reader.visit_file(&file);
        reader.named
    }

    fn name(&mut self, span: Span, path: &[String]) {
        let mut base = self.module.clone();
        let mut rest = path;
        let mut ours = true;
        match rest.first().map(String::as_str) {
            Some("crate" | "fedlink") => (base, rest) = (Vec::new(), &rest[1..]),
            Some("self") => rest = &rest[1..],
            Some("super") => {}
            // In the root, a floor's name is a path to it.
            Some(first) if self.module.is_empty() && is_floor(first) => {}
            _ => (base, ours) = (Vec::new(), false),
        }
        while ours && rest.first().is_some_and(|word| word == "super") {
            base.pop();
            rest = &rest[1..];
        }
        base.extend_from_slice(rest);
        self.named.push(Named { line: span.start().line, segments: base, ours });
    }

    fn name_tree(&mut self, prefix: &[String], tree: &UseTree) {
        let with = |word: String| prefix.iter().cloned().chain([word]).collect::<Vec<_>>();
        match tree {
            UseTree::Path(path) => self.name_tree(&with(path.ident.unraw().to_string()), &path.tree),
            UseTree::Name(name) if name.ident == "self" => self.name(name.span(), prefix),
            UseTree::Name(name) => self.name(name.span(), &with(name.ident.unraw().to_string())),
            UseTree::Rename(rename) if rename.ident == "self" => self.name(rename.span(), prefix),
            UseTree::Rename(rename) => self.name(rename.span(), &with(rename.ident.unraw().to_string())),
            UseTree::Glob(glob) => self.name(glob.span(), &with("*".to_owned())),
            UseTree::Group(group) => group.items.iter().for_each(|item| self.name_tree(prefix, item)),
        }
    }

    /// A macro's tokens are no syntax yet, but a path is a path: words joined by `::`.
    fn name_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut start = Span::call_site();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(word) => {
                    if colons != 2 {
                        self.end_path(start, &mut path);
                    }
                    if path.is_empty() {
                        start = word.span();
                    }
                    path.push(word.unraw().to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.end_path(start, &mut path);
                    self.name_tokens(group.stream());
                    colons = 0;
                }
                _ => {
                    self.end_path(start, &mut path);
                    colons = 0;
                }
            }
        }
        self.end_path(start, &mut path);
    }

    fn end_path(&mut self, start: Span, path: &mut Vec<String>) {
        if path.len() > 1 {
            self.name(start, path);
        }
        path.clear();
    }
}

impl<'a> Visit<'a> for Reader {
    fn visit_item_mod(&mut self, item: &'a ItemMod) {
        self.module.push(item.ident.unraw().to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'a ItemUse) {
        self.name_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.unraw().to_string()).collect();
        // One word alone is a local name, or was named by a `use`.
        if segments.len() > 1 {
            self.name(path.span(), &segments);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'a Macro) {
        self.name_tokens(item.tokens.clone());
        visit::visit_macro(self, item);
    }

    fn visit_attribute(&mut self, attribute: &'a Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.name_tokens(list.tokens.clone());
        }
        visit::visit_attribute(self, attribute);
    }
}

fn is_floor(word: &str) -> bool {
    FLOORS.iter().map(|(floor, _)| *floor).chain(NEARLY_ALL.map(|(floor, _)| floor)).any(|floor| floor == word)
}

fn may_use(floor: &str, other: &str) -> bool {
    if floor == other {
        return true;
    }
    match NEARLY_ALL.iter().find(|(name, _)| *name == floor) {
        Some((_, refused)) => is_floor(other) && !refused.contains(&other),
        None => FLOORS.iter().any(|(name, allowed)| *name == floor && allowed.contains(&other)),
    }
}

/// What is wrong with a file, whose `path` is relative to `src`: `file:line: reason`.
fn offences(path: &str, text: &str) -> Vec<String> {
    let first = path.split('/').next().unwrap();
    let floor = first.strip_suffix(".rs").unwrap_or(first);
    if !is_floor(floor) {
        return vec![format!("{path}:1: belongs to no floor of DESIGN 1")];
    }
    let mut found = Vec::new();
    for Named { line, segments, ours } in Reader::read(Path::new(path), text) {
        let shown = segments.join("::");
        let Some(other) = segments.first() else { continue };
        if ours {
            let inside = segments.get(1).is_some_and(|item| !item.starts_with(char::is_uppercase));
            if !may_use(floor, other) {
                found.push(format!("{path}:{line}: {floor} may not use {shown}"));
            } else if floor != "store" && other == "store" && segments.last().is_some_and(|item| item.ends_with("Row"))
            {
                found.push(format!("{path}:{line}: rows stop at the store: {shown}"));
            } else if floor == "cli" && SHUT.contains(&other.as_str()) && inside {
                found.push(format!("{path}:{line}: {floor} may not reach inside {other}: {shown}"));
            }
            continue;
        }
        for (door, behind) in DOORS {
            if segments.iter().zip(door).filter(|(word, wanted)| word == *wanted).count() == door.len()
                && !behind.iter().any(|place| Path::new(path).starts_with(place))
            {
                found.push(format!("{path}:{line}: {shown} belongs to {}", behind.join(", ")));
            }
        }
    }
    found
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder of the source") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[test]
fn no_arrow_of_the_source_points_back_up() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = sources(&src);
    assert!(files.len() > 80, "the source is larger than these {} files", files.len());
    let mut found = Vec::new();
    for file in files {
        let path = file.strip_prefix(&src).unwrap().to_str().unwrap();
        found.extend(offences(path, &std::fs::read_to_string(&file).unwrap()));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn an_arrow_is_found_however_it_is_written() {
    let back = [
        ("domain/link.rs", "\nuse crate::store::Store;"),
        ("service/links.rs", "\nuse crate::{domain, http::path};"),
        ("service/bind/open.rs", "\nuse super::super::super::http;"),
        ("service/mod.rs", "\nuse super::app;"),
        ("service/mod.rs", "\nuse crate::app as application;"),
        ("store/mod.rs", "\nfn open(vault: &crate::vault::Vault) {}"),
        ("vault/mod.rs", "mod inside {\nfn open() -> super::super::store::Store { loop {} } }"),
        ("http/path.rs", "fn f() { tracing::info!(\nat = %crate::store::now()); }"),
        ("store/conn.rs", "macro_rules! m { () => {\n$crate::http::f() }; }"),
        ("upstream/mod.rs", "#[derive(\ncrate::sandbox::Made)] struct A;"),
        ("clock.rs", "\nuse crate::entropy::Entropy;"),
        ("sandbox/mod.rs", "\nuse crate::domain::Error;"),
        ("telemetry.rs", "\nuse crate::domain::Error;"),
        ("app.rs", "\nuse crate::cli::run;"),
        ("main.rs", "\nuse fedlink::service::links;"),
        ("lib.rs", "\npub use store::Store;"),
        ("settings/mod.rs", "\nuse crate::*;"),
        ("cli/migrate.rs", "\nuse crate::store::links;"),
        ("cli/migrate.rs", "\nfn f() { crate::vault::flow_place(); }"),
        ("service/links.rs", "\nuse crate::store::links::{find, LinkRow};"),
        ("service/tokens.rs", "fn f(row: &\ncrate::store::token_sets::TokenRow) {}"),
        ("service/links.rs", "\nuse diesel::prelude::*;"),
        ("domain/link.rs", "#[derive(\ndiesel::Queryable)] struct A;"),
        ("cli/check.rs", "\nuse actix_web::HttpServer;"),
        ("service/links.rs", "\nuse async_graphql::Result;"),
        ("service/tokens.rs", "\nuse reqwest;"),
        ("sandbox/token.rs", "fn f() {\nreqwest::get(\"\"); }"),
        ("http/caller.rs", "fn f() -> Option<\nopenidconnect::Nonce> { None }"),
        ("cli/mod.rs", "fn f() {\nstd::env::var(\"HOME\"); }"),
        ("cli/mod.rs", "\nuse std::env::var_os;"),
        ("sandbox/mod.rs", "fn f() {\nstd::time::SystemTime::now(); }"),
    ];
    for (path, text) in back {
        let found = offences(path, text);
        assert_eq!(found.len(), 1, "{path}: {text}: {found:?}");
        assert!(found[0].starts_with(&format!("{path}:2: ")), "{found:?}");
    }
    assert_eq!(offences("utils/mod.rs", ""), ["utils/mod.rs:1: belongs to no floor of DESIGN 1"]);
}

#[test]
fn an_arrow_that_points_down_is_let_be() {
    let down = [
        ("service/links.rs", "use crate::store::links::{self, insert}; use super::audit; use self::inner::X;"),
        ("service/bind/open.rs", "use super::super::refresh; fn f(store: &crate::store::Store) {}"),
        ("http/fa.rs", "use crate::app::App; fn f() { let store = app.parts.store; store::x; }"),
        ("app.rs", "use crate::{store::Store, sandbox, telemetry};"),
        ("cli/serve.rs", "use actix_web::dev::Server; use crate::store::Store; use crate::http::server;"),
        ("store/mod.rs", "use diesel::prelude::*; mod diesel {}"),
        ("sandbox/tests/flow.rs", "use reqwest::StatusCode;"),
        ("settings/mod.rs", "fn f() { std::env::var(\"HOME\"); }"),
        ("main.rs", "fn main() { fedlink::cli::run(); }"),
        ("lib.rs", "pub mod app; pub mod http;"),
        ("domain/link.rs", "// crate::http is prose\nconst A: &str = \"crate::http::x\";"),
    ];
    for (path, text) in down {
        assert_eq!(offences(path, text), Vec::<String>::new(), "{path}: {text}");
    }
}
