//! No function takes a tuple: what belongs together has a name, and what doesn't is arguments of its own.

use std::path::Path;

use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{FnArg, ItemMod, Pat, Signature, Type};

/// The functions of a file that take a tuple, by line.
#[derive(Default)]
struct Tuples(Vec<(usize, String)>);

impl<'a> Visit<'a> for Tuples {
    fn visit_item_mod(&mut self, item: &'a ItemMod) {
        // Inline modules are for tests.
        if item.content.is_none() {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_signature(&mut self, signature: &'a Signature) {
        let is_tuple = |input: &FnArg| match input {
            FnArg::Typed(typed) => {
                matches!(*typed.pat, Pat::Tuple(_))
                    || matches!(&*typed.ty, Type::Tuple(tuple) if !tuple.elems.is_empty())
            }
            FnArg::Receiver(_) => false,
        };
        if signature.inputs.iter().any(is_tuple) {
            self.0.push((signature.span().start().line, signature.ident.to_string()));
        }
        visit::visit_signature(self, signature);
    }
}

fn tuples(text: &str) -> Vec<(usize, String)> {
    let mut found = Tuples::default();
    found.visit_file(&syn::parse_file(text).expect("Rust"));
    found.0
}

fn look(folder: &Path, found: &mut Vec<String>) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(folder).expect("a folder of the source") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("tests") {
            files += look(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.extend(tuples(&text).into_iter().map(|(line, name)| format!("{}:{line}: {name}", path.display())));
            files += 1;
        }
    }
    files
}

#[test]
fn no_function_takes_a_tuple() {
    let mut found = Vec::new();
    let files: usize = ["src", "crates"]
        .map(|folder| look(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found))
        .iter()
        .sum();
    assert!(files > 300, "there are more files than {files}");
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn a_tuple_is_found_however_it_is_taken() {
    for (text, expected) in [
        ("fn f((a, b): (u8, u8)) {}", 1),
        ("fn f(pair: (u8, u8)) {}", 1),
        ("struct S; impl S { fn f(&self, (a, b): Pair) {} }", 1),
        ("trait T { fn f(pair: (u8, u8)); }", 1),
        ("fn f(a: u8, unit: (), pairs: &[(u8, u8)], read: impl Fn((u8, u8))) -> (u8, u8) { (a, a) }", 0),
        ("fn f() { [(1, 2)].map(|(a, b)| a + b); }", 0),
        ("#[cfg(test)] mod tests { fn f((a, b): (u8, u8)) {} }", 0),
    ] {
        assert_eq!(tuples(text).len(), expected, "{text}");
    }
}
