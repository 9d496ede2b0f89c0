//! The paths that a file of the source names, however it names them.

use std::path::Path;

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Attribute, ItemMod, ItemUse, Macro, Meta, UseTree, Visibility};

/// A path that a file names.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) line: usize,
    /// Where it stands: the file's module, and those inside it.
    pub(crate) module: Vec<String>,
    /// As it is written.
    pub(crate) words: Vec<String>,
    /// The name under which a `pub use` hands it on.
    pub(crate) handed_on: Option<String>,
}

impl Named {
    /// Its words from the crate's root on, if it starts with `crate`, `fedlink`, `self` or `super`.
    pub(crate) fn absolute(&self) -> Option<Vec<String>> {
        let (mut base, mut rest) = match self.words.first().map(String::as_str) {
            Some("crate" | "fedlink") => (Vec::new(), &self.words[1..]),
            Some("self") => (self.module.clone(), &self.words[1..]),
            Some("super") => (self.module.clone(), &self.words[..]),
            _ => return None,
        };
        while rest.first().is_some_and(|word| word == "super") {
            base.pop();
            rest = &rest[1..];
        }
        base.extend_from_slice(rest);
        Some(base)
    }
}

/// The module that the file at `path` is; `path` is relative to its crate's source.
pub(crate) fn module_of(path: &Path) -> Vec<String> {
    let mut module: Vec<String> = path.with_extension("").iter().map(|part| part.to_str().unwrap().into()).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        module.pop();
    }
    module
}

/// Every path of a file: in `use`, in types and expressions, in attributes, and in the tokens of macros.
pub(crate) fn paths(path: &Path, text: &str) -> Vec<Named> {
    read(path, text, false)
}

/// The same without what stands in inline modules for tests.
pub(crate) fn paths_of_code(path: &Path, text: &str) -> Vec<Named> {
    read(path, text, true)
}

fn read(path: &Path, text: &str, skips_tests: bool) -> Vec<Named> {
    let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut reader = Reader { module: module_of(path), named: Vec::new(), is_handed_on: false, skips_tests };
    reader.visit_file(&file);
    reader.named
}

struct Reader {
    module: Vec<String>,
    named: Vec<Named>,
    is_handed_on: bool,
    skips_tests: bool,
}

impl Reader {
    fn name(&mut self, span: Span, words: &[String], alias: Option<String>) {
        let handed_on = alias.or_else(|| words.last().cloned()).filter(|_| self.is_handed_on);
        self.named.push(Named {
            line: span.start().line,
            module: self.module.clone(),
            words: words.to_vec(),
            handed_on,
        });
    }

    fn name_tree(&mut self, prefix: &[String], tree: &UseTree) {
        let with = |word: String| prefix.iter().cloned().chain([word]).collect::<Vec<_>>();
        match tree {
            UseTree::Path(path) => self.name_tree(&with(path.ident.unraw().to_string()), &path.tree),
            UseTree::Name(name) if name.ident == "self" => self.name(name.span(), prefix, None),
            UseTree::Name(name) => self.name(name.span(), &with(name.ident.unraw().to_string()), None),
            UseTree::Rename(rename) if rename.ident == "self" => {
                self.name(rename.span(), prefix, Some(rename.rename.unraw().to_string()));
            }
            UseTree::Rename(rename) => {
                let alias = Some(rename.rename.unraw().to_string());
                self.name(rename.span(), &with(rename.ident.unraw().to_string()), alias);
            }
            UseTree::Glob(glob) => self.name(glob.span(), &with("*".to_owned()), None),
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
                // `pub(in …)`: see `visit_visibility`.
                TokenTree::Group(group) if starts_with_in(&group) => self.end_path(start, &mut path),
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
            self.name(start, path, None);
        }
        path.clear();
    }
}

impl<'a> Visit<'a> for Reader {
    fn visit_item_mod(&mut self, item: &'a ItemMod) {
        if self.skips_tests && item.content.is_some() && item.attrs.iter().any(is_for_tests) {
            return;
        }
        self.module.push(item.ident.unraw().to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    /// `pub(in …)` says who may see it, and uses nothing.
    fn visit_visibility(&mut self, _: &'a Visibility) {}

    fn visit_item_use(&mut self, item: &'a ItemUse) {
        self.is_handed_on = !matches!(item.vis, Visibility::Inherited);
        self.name_tree(&[], &item.tree);
        self.is_handed_on = false;
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.unraw().to_string()).collect();
        // One word alone is a local name, or was named by a `use`.
        if segments.len() > 1 {
            self.name(path.span(), &segments, None);
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

/// Whether it is `#[cfg(test)]`.
fn is_for_tests(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string() == "test")
}

fn starts_with_in(group: &Group) -> bool {
    matches!(group.stream().into_iter().next(), Some(TokenTree::Ident(word)) if word == "in")
}
