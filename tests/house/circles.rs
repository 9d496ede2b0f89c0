//! No file leads back to itself, in any crate: what a file uses can be read before it. `mod.rs` and `lib.rs` are doors: what they
//! hand on (`pub use`) counts as its own file's, not as theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::support::paths::{module_of, paths_of_code};

/// A module, by its names from the crate's root on; the root itself is empty.
type Module = Vec<String>;

/// A crate's files: which module each is, and the paths that it names from the root on.
struct House {
    /// What each file uses, but for what its door hands on.
    uses: BTreeMap<Module, Vec<Module>>,
    /// What each file hands on, by name, and where it has it from.
    doors: BTreeMap<Module, BTreeMap<String, Module>>,
}

impl House {
    fn new(files: &[(PathBuf, String)]) -> Self {
        let modules: BTreeSet<Module> = files.iter().map(|(path, _)| module_of(path)).collect();
        let mut house = Self { uses: BTreeMap::new(), doors: BTreeMap::new() };
        for (path, text) in files {
            let module = module_of(path);
            let is_door = path.ends_with("mod.rs") || path.ends_with("lib.rs");
            let (mut uses, mut doors) = (Vec::new(), BTreeMap::new());
            for named in paths_of_code(path, text) {
                let child = || -> Option<Module> {
                    let path = [module.as_slice(), named.words.as_slice()].concat();
                    path.get(..=module.len()).filter(|child| modules.contains(*child)).map(|_| path.clone())
                };
                let Some(from_root) = named.absolute().or_else(child) else { continue };
                if let Some(name) = &named.handed_on {
                    doors.insert(name.clone(), from_root.clone());
                }
                if named.handed_on.is_none() || !is_door {
                    uses.push(from_root);
                }
            }
            house.uses.insert(module.clone(), uses);
            house.doors.insert(module, doors);
        }
        house
    }

    /// The file that a path leads to, through however many doors, for who stands in `from`.
    fn lead(&self, from: &Module, path: &[String], doors_left: usize) -> Option<Module> {
        let mut at = Module::new();
        for (place, word) in path.iter().enumerate() {
            let further = [at.as_slice(), std::slice::from_ref(word)].concat();
            if self.uses.contains_key(&further) {
                at = further;
                continue;
            }
            if let Some(behind) = self.doors.get(&at).and_then(|doors| doors.get(word))
                && at != *from
                && doors_left > 0
            {
                let path = [behind.as_slice(), path.get(place + 1..).unwrap_or_default()].concat();
                return self.lead(from, &path, doors_left - 1);
            }
            break;
        }
        self.uses.contains_key(&at).then_some(at)
    }

    /// The arrows of those files that lead back to themselves.
    fn circles(&self) -> BTreeMap<Module, BTreeSet<Module>> {
        let mut arrows: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
        for (module, uses) in &self.uses {
            let to = uses.iter().filter_map(|path| self.lead(module, path, 8)).filter(|to| to != module);
            arrows.insert(module.clone(), to.collect());
        }
        // Whoever uses nothing that is left, or is used by nobody who is left, is on no circle.
        loop {
            let before = arrows.len();
            let left: BTreeSet<Module> = arrows.keys().cloned().collect();
            for to in arrows.values_mut() {
                to.retain(|module| left.contains(module));
            }
            arrows.retain(|_, to| !to.is_empty());
            let used: BTreeSet<Module> = arrows.values().flatten().cloned().collect();
            arrows.retain(|module, _| used.contains(module));
            if arrows.len() == before {
                return arrows;
            }
        }
    }
}

/// The files below `folder` that are no tests, each by its path there.
fn files(root: &Path, folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder of the source") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("tests") {
            found.extend(files(root, &path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            found.push((path.strip_prefix(root).unwrap().to_owned(), std::fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

fn shown(circles: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<String> {
    let line = |(from, to): (&Module, &BTreeSet<Module>)| {
        let to: Vec<String> = to.iter().map(|module| module.join("::")).collect();
        format!("{} -> {}", from.join("::"), to.join(", "))
    };
    circles.iter().map(line).collect()
}

#[test]
fn no_file_leads_back_to_itself() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = std::fs::read_dir(root.join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let mut seen = 0;
    for folder in crates.chain([root.to_owned()]).map(|folder| folder.join("src")) {
        let house = House::new(&files(&folder, &folder));
        seen += house.uses.values().map(Vec::len).sum::<usize>();
        let circles = house.circles();
        assert!(circles.is_empty(), "{}\n{}", folder.display(), shown(&circles).join("\n"));
    }
    assert!(seen > 1_000, "the source names more than {seen} paths of its own");
}

#[test]
fn a_circle_is_found_and_a_door_is_none() {
    let circles = |files: &[(&str, &str)]| {
        let files: Vec<_> = files.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect();
        House::new(&files).circles().len()
    };
    for (what, files, expected) in [
        ("two files", vec![("lib.rs", "mod a; mod b;"), ("a.rs", "use crate::b::B;"), ("b.rs", "use super::a::A;")], 2),
        ("one way", vec![("lib.rs", "mod a; mod b;"), ("a.rs", "use crate::b::B;"), ("b.rs", "")], 0),
        (
            "by a macro",
            vec![("lib.rs", "mod a; mod b;"), ("a.rs", "fn f() { x!(crate::b::g()); }"), ("b.rs", "use crate::a::A;")],
            2,
        ),
        ("a door", vec![("lib.rs", "mod a; mod b; pub use a::A;"), ("a.rs", ""), ("b.rs", "use crate::A;")], 0),
        (
            "through a door",
            vec![
                ("lib.rs", "mod a; mod b; pub use a::A as C;"),
                ("a.rs", "use crate::b::B;"),
                ("b.rs", "use crate::C;"),
            ],
            2,
        ),
        ("a drawer", vec![("lib.rs", "mod a; fn f() { a::g(); } pub struct S;"), ("a.rs", "use super::S;")], 2),
        (
            "a test's",
            vec![("lib.rs", "mod a; fn f() { a::g(); }"), ("a.rs", "#[cfg(test)] mod tests { use crate::S; }")],
            0,
        ),
        (
            "three, and two that lead there",
            vec![
                ("lib.rs", "mod a; mod b; mod c; mod d; mod e;"),
                ("a.rs", "use crate::b::B;"),
                ("b.rs", "use crate::c::C;"),
                ("c.rs", "use crate::a::A; use crate::e::E;"),
                ("d.rs", "use crate::a::A;"),
                ("e.rs", ""),
            ],
            3,
        ),
        ("who may see it", vec![("lib.rs", "mod a; fn f() { a::g(); }"), ("a.rs", "pub(in crate) fn g() {}")], 0),
    ] {
        assert_eq!(circles(&files), expected, "{what}");
    }
}
