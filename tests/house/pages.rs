//! README and docs: their links lead somewhere, and what the source cites is there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub(super) const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// The first ten minutes are no longer than this, in bytes.
const README_AT_MOST: usize = 8 * 1024;

/// README and every page of docs, in whatever folder, by its path.
pub(super) fn pages() -> BTreeMap<PathBuf, String> {
    let docs = files(&Path::new(ROOT).join("docs"), &["md"]);
    let paths = docs.into_iter().chain([Path::new(ROOT).join("README.md")]);
    paths.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// The lines of a page but for fences, each with whether it is code.
fn lines(text: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut in_code = false;
    text.lines().filter_map(move |line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        (!fence).then_some((in_code, line))
    })
}

/// The lines that are no code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    lines(text).filter_map(|(is_code, line)| (!is_code).then_some(line))
}

/// The lines that are.
pub(super) fn code(text: &str) -> impl Iterator<Item = &str> {
    lines(text).filter_map(|(is_code, line)| is_code.then_some(line))
}

/// Code within prose.
pub(super) fn spans(text: &str) -> impl Iterator<Item = &str> {
    prose(text).flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// What a heading's anchor is: small letters, hyphens for spaces, and no other punctuation.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

fn anchors(text: &str) -> BTreeSet<String> {
    prose(text).filter(|line| line.starts_with('#')).map(|line| anchor(line.trim_start_matches('#'))).collect()
}

/// Where the links of a text lead, but for other sites.
fn links(text: &str) -> Vec<String> {
    let targets = prose(text).flat_map(|line| line.split("](").skip(1).filter_map(|rest| rest.split(')').next()));
    targets.filter(|target| !target.contains("://")).map(str::to_owned).collect()
}

/// What is wrong with the links of `pages`.
fn dead(pages: &BTreeMap<PathBuf, String>) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in pages {
        for link in links(text) {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let target = target.canonicalize().unwrap_or(target);
            let leads_on = anchor.is_empty() || pages.get(&target).is_some_and(|page| anchors(page).contains(anchor));
            if !target.exists() || !leads_on {
                found.push(format!("{}: {link}", path.display()));
            }
        }
    }
    found
}

/// The pages that a text of the source cites, such as `docs/bind.md`.
fn cited(text: &str) -> BTreeSet<&str> {
    let end = |rest: &str| rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '/' | '.'));
    let words = text.match_indices("docs/").map(|(at, _)| {
        let rest = text.get(at..).unwrap_or_default();
        rest.get(..end(rest).unwrap_or(rest.len())).unwrap_or_default().trim_end_matches('.')
    });
    words.filter(|word| word.len() > "docs/".len()).collect()
}

/// The files with one of these extensions in a folder and all within it.
pub(super) fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path, extensions));
        } else if path.extension().is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted)) {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    assert!(pages.len() > 15, "there are more pages than {}", pages.len());
    assert_eq!(dead(&pages), Vec::<String>::new());
}

#[test]
fn a_dead_link_is_found() {
    let here = Path::new(ROOT).canonicalize().unwrap().join("README.md");
    let of = |text: &str| dead(&BTreeMap::from([(here.clone(), text.to_owned())])).len();
    for (text, expected) in [
        ("[a](docs/nowhere.md)", 1),
        ("[a](docs/bind.md#nowhere) and [b](docs/none.md)", 2),
        ("# A title, with `code`\n[a](#a-title-with-code)", 0),
        ("[a](#nowhere)", 1),
        ("[a](https://example.com/nowhere) [b](LICENSE-MIT)", 0),
        ("```\n[a](nowhere)\n```", 0),
    ] {
        assert_eq!(of(text), expected, "{text}");
    }
}

#[test]
fn what_the_source_cites_is_there() {
    let folders =
        ["src", "crates", "tests", "benches"].map(|folder| files(&Path::new(ROOT).join(folder), &["rs", "toml"]));
    let mut cites = 0;
    for file in folders.into_iter().flatten().filter(|file| !file.ends_with("tests/house/pages.rs")) {
        let text = std::fs::read_to_string(&file).unwrap();
        for page in cited(&text) {
            // An address of some other site has a host before it.
            let is_address = text.match_indices(page).all(|(at, _)| {
                let before = text.get(..at).unwrap_or_default();
                let word = before.rsplit(|c: char| c.is_whitespace() || c == '"').next().unwrap_or_default();
                before.ends_with('/') || word.starts_with("https://")
            });
            assert!(is_address || Path::new(ROOT).join(page).exists(), "{} cites {page}", file.display());
            cites += usize::from(!is_address);
        }
    }
    assert!(cites > 30, "there are more citations than {cites}");
}

#[test]
fn what_the_pages_point_at_is_there() {
    let mut seen = 0;
    for (page, text) in pages() {
        let is_path = |path: &&str| ["crates/", "src/", "tests/", "scripts/"].iter().any(|at| path.starts_with(at));
        for path in spans(&text).filter(is_path) {
            // A name that stands for others, and a command with what follows it.
            let path = path.split_whitespace().next().unwrap_or_default();
            if path.contains('*') || path.chars().any(char::is_uppercase) {
                continue;
            }
            assert!(Path::new(ROOT).join(path).exists(), "{}: {path}", page.display());
            seen += 1;
        }
    }
    assert!(seen > 30, "the pages point at more than {seen} files");
}

#[test]
fn every_folder_of_tests_says_what_belongs_there() {
    for folder in std::fs::read_dir(Path::new(ROOT).join("tests")).unwrap().map(|entry| entry.unwrap().path()) {
        if folder.is_dir() {
            let says = std::fs::read_to_string(folder.join("mod.rs")).unwrap_or_default();
            assert!(says.starts_with("//! "), "{}/mod.rs says nothing", folder.display());
        }
    }
}

#[test]
fn the_readme_is_read_in_ten_minutes() {
    let length = std::fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap().len();
    assert!(length <= README_AT_MOST, "{length} bytes");
}
