//! What a query costs to be looked at, measured before anybody looks: fragments that spread fragments grow without end, and
//! brackets in brackets use up the stack.

use std::collections::HashMap;

use async_graphql::PathSegment;
use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, OperationType, Selection, SelectionSet};
use async_graphql::parser::{Error as Mistake, parse_query};

use domain::json;

/// The longest query, in characters, as in the source.
pub const TEXT_LIMIT: usize = 8192;
/// How deep brackets of any kind may stand in each other. Lists of filters in filters take some ten.
const BRACKETS: usize = 64;
/// How deep selections may stand in each other, fragments opened up.
pub(super) const NESTING: usize = 32;
/// How many selections there may be, fragments opened up, operations that are not run included.
const SELECTIONS: usize = 1000;

/// Why a query is not even looked at.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It has more than [`TEXT_LIMIT`] characters.
    TooLong,
    /// It is nested deeper than any sensible one, or its fragments spread each other in a circle.
    TooDeep,
    /// It comes to more than [`SELECTIONS`].
    TooMany,
    /// It asks what there is to ask.
    Introspection,
    /// A text in it stands for one with U+0000.
    Nul,
    /// It is no GraphQL.
    Mistake(Mistake),
}

/// The query's text as a document that is cheap enough to be validated, and asks for the schema only if it may.
pub(super) fn parse(text: &str, may_ask_for_schema: bool) -> Result<ExecutableDocument, Unfit> {
    if text.chars().count() > TEXT_LIMIT {
        return Err(Unfit::TooLong);
    }
    if brackets(text) > BRACKETS {
        return Err(Unfit::TooDeep);
    }
    if has_nul(text) {
        return Err(Unfit::Nul);
    }
    let document = parse_query(text).map_err(Unfit::Mistake)?;
    let mut survey = Survey { document: &document, known: HashMap::new() };
    let sets = document.operations.iter().map(|(_, operation)| &operation.node.selection_set.node);
    let mut selections = 0_usize;
    for set in sets.chain(document.fragments.values().map(|fragment| &fragment.node.selection_set.node)) {
        selections = selections.saturating_add(survey.size(set, 0)?.selections);
    }
    if selections > SELECTIONS {
        return Err(Unfit::TooMany);
    }
    if asks_for_schema(&document) && !may_ask_for_schema {
        return Err(Unfit::Introspection);
    }
    Ok(document)
}

/// How deep brackets stand in each other, those in texts and remarks left out.
fn brackets(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        match c {
            '{' | '[' | '(' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            '}' | ']' | ')' => depth = depth.saturating_sub(1),
            '#' => rest = rest.find(['\n', '\r']).and_then(|end| rest.get(end..)).unwrap_or_default(),
            '"' => rest = after_text(rest),
            _ => {}
        }
    }
    deepest
}

/// Whether a text stands for one with U+0000, by an escape, as in JSON. In a block nothing stands for anything else.
fn has_nul(text: &str) -> bool {
    let mut rest = text;
    while let Some(place) = rest.find(['"', '#']) {
        let is_text = rest.get(place..).is_some_and(|rest| rest.starts_with('"'));
        let inside = rest.get(place + 1..).unwrap_or_default();
        rest = if is_text {
            after_text(inside)
        } else {
            inside.find(['\n', '\r']).and_then(|end| inside.get(end..)).unwrap_or_default()
        };
        let read = inside.get(..inside.len() - rest.len()).unwrap_or_default();
        if is_text && !read.starts_with("\"\"") && json::has_nul(read.as_bytes()) {
            return true;
        }
    }
    false
}

/// What follows a text whose first quotation mark was just read.
fn after_text(rest: &str) -> &str {
    let Some(block) = rest.strip_prefix("\"\"") else { return after_mark(rest, "\"", "\\") };
    after_mark(block, "\"\"\"", "\\\"\"")
}

/// What follows the next `mark` that no `escape` stands before; an escape hides the character after it.
fn after_mark<'t>(mut rest: &'t str, mark: &str, escape: &str) -> &'t str {
    loop {
        if let Some(after) = rest.strip_prefix(mark) {
            return after;
        }
        rest = rest.strip_prefix(escape).unwrap_or(rest);
        let mut chars = rest.chars();
        if chars.next().is_none() {
            return "";
        }
        rest = chars.as_str();
    }
}

/// What a selection set comes to, its fragments opened up.
#[derive(Clone, Copy, Default)]
struct Size {
    selections: usize,
    nesting: usize,
}

struct Survey<'d> {
    document: &'d ExecutableDocument,
    /// Fragments that were measured: each is measured once, however often it is spread.
    known: HashMap<&'d str, Size>,
}

impl<'d> Survey<'d> {
    fn size(&mut self, set: &'d SelectionSet, depth: usize) -> Result<Size, Unfit> {
        if depth > NESTING {
            return Err(Unfit::TooDeep);
        }
        let mut size = Size::default();
        for selection in &set.items {
            let inner = match &selection.node {
                Selection::Field(field) => self.size(&field.node.selection_set.node, depth + 1)?,
                Selection::InlineFragment(inline) => self.size(&inline.node.selection_set.node, depth + 1)?,
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node, depth + 1)?,
            };
            size.selections = size.selections.saturating_add(inner.selections).saturating_add(1);
            size.nesting = size.nesting.max(inner.nesting + 1);
        }
        Ok(size)
    }

    fn fragment(&mut self, name: &'d str, depth: usize) -> Result<Size, Unfit> {
        if let Some(size) = self.known.get(name) {
            return if depth + size.nesting > NESTING { Err(Unfit::TooDeep) } else { Ok(*size) };
        }
        // One that isn't there is for the validation to name.
        let Some(fragment) = self.document.fragments.get(name) else { return Ok(Size::default()) };
        // In a circle the depth ends it.
        let size = self.size(&fragment.node.selection_set.node, depth)?;
        self.known.insert(name, size);
        Ok(size)
    }
}

/// Whether it asks what there is to ask.
fn asks_for_schema(document: &ExecutableDocument) -> bool {
    asks_for(document, |field| matches!(field, "__schema" | "__type"))
}

/// Whether it asks for a list, or how many records one has: what that takes is up to who asks.
pub(super) fn asks_for_lists(document: &ExecutableDocument) -> bool {
    asks_for(document, |field| field.starts_with("all") || field.starts_with("_all"))
}

/// Whether it asks for such a field at the top: beneath it no type has one.
fn asks_for(document: &ExecutableDocument, is_such: fn(&str) -> bool) -> bool {
    fn asks(set: &SelectionSet, is_such: fn(&str) -> bool) -> bool {
        set.items.iter().any(|selection| match &selection.node {
            Selection::Field(field) => is_such(field.node.name.node.as_str()),
            Selection::InlineFragment(inline) => asks(&inline.node.selection_set.node, is_such),
            // Each is looked at by itself.
            Selection::FragmentSpread(_) => false,
        })
    }
    let operations = document.operations.iter().map(|(_, operation)| &operation.node.selection_set.node);
    let mut sets = operations.chain(document.fragments.values().map(|fragment| &fragment.node.selection_set.node));
    sets.any(|set| asks(set, is_such))
}

/// Whether its one operation has no name. Some clients send a name all the same, and the source takes no offence.
pub(super) fn is_anonymous(document: &ExecutableDocument) -> bool {
    matches!(document.operations, DocumentOperations::Single(_))
}

/// Whether the operation that is run changes anything; `None` if it isn't there, or can't be told.
pub(super) fn kind(document: &ExecutableDocument, operation: Option<&str>) -> Option<OperationType> {
    selected(document, operation).map(|(ty, _)| ty)
}

fn selected<'d>(
    document: &'d ExecutableDocument,
    operation: Option<&str>,
) -> Option<(OperationType, &'d SelectionSet)> {
    let found = match (&document.operations, operation) {
        (DocumentOperations::Single(only), _) => Some(only),
        (DocumentOperations::Multiple(named), Some(name)) => named.get(name),
        (DocumentOperations::Multiple(named), None) => named.values().next().filter(|_| named.len() == 1),
    };
    found.map(|found| (found.node.ty, &found.node.selection_set.node))
}

/// The names of the fields along the path of an answer, which has their aliases.
pub(super) fn fields(document: &ExecutableDocument, operation: Option<&str>, path: &[PathSegment]) -> Vec<String> {
    let mut names = Vec::new();
    let mut set = selected(document, operation).map(|(_, set)| set);
    for segment in path {
        let PathSegment::Field(key) = segment else { continue };
        let Some(field) = set.and_then(|set| field(document, set, key)) else { break };
        names.push(field.name.node.to_string());
        set = Some(&field.selection_set.node);
    }
    names
}

fn field<'d>(
    document: &'d ExecutableDocument,
    set: &'d SelectionSet,
    key: &str,
) -> Option<&'d async_graphql::parser::types::Field> {
    set.items.iter().find_map(|selection| match &selection.node {
        Selection::Field(field) => Some(&field.node).filter(|field| field.response_key().node == key),
        Selection::InlineFragment(inline) => self::field(document, &inline.node.selection_set.node, key),
        Selection::FragmentSpread(spread) => {
            let fragment = document.fragments.get(&spread.node.fragment_name.node)?;
            self::field(document, &fragment.node.selection_set.node, key)
        }
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn judged(text: &str) -> Result<(), Unfit> {
        parse(text, false).map(|_document| ())
    }

    #[test]
    fn a_query_that_grows_is_not_looked_at() {
        let mut bomb = "{ ...f0 }".to_owned();
        for level in 0..20 {
            write!(bomb, " fragment f{level} on Query {{ a {{ {} }} }}", format!("...f{} ", level + 1).repeat(10))
                .unwrap();
        }
        bomb.push_str(" fragment f20 on Query { a }");
        assert!(bomb.len() < TEXT_LIMIT, "{}", bomb.len());
        assert_eq!(judged(&bomb), Err(Unfit::TooDeep));
        let mut wide = "{ ...f0 }".to_owned();
        for level in 0..4 {
            write!(wide, " fragment f{level} on Query {{ {} }}", format!("...f{} ", level + 1).repeat(10)).unwrap();
        }
        wide.push_str(" fragment f4 on Query { a }");
        assert_eq!(judged(&wide), Err(Unfit::TooMany));
        for circle in [
            "{ ...f } fragment f on Query { ...f }",
            "{ ...f } fragment f on Query { ...g ...g } fragment g on Query { ...f ...f }",
            "{ a } fragment f on Query { ...f }",
        ] {
            assert_eq!(judged(circle), Err(Unfit::TooDeep), "{circle}");
        }
    }

    #[test]
    fn a_text_with_u0000_is_not_looked_at() {
        for query in [
            r#"{ a(b: "\u0000") }"#,
            r#"{ a(b: "x", c: ["\\\u0000"]) }"#,
            r#"query ($a: String = "\u0000") { a(b: $a) }"#,
            r#"{ a(b: "", c: "\u0000") }"#,
            r#"{ a(b: """x""", c: "\u0000") }"#,
            "{ # \" \n a(b: \"\\u0000\") }",
        ] {
            assert_eq!(judged(query), Err(Unfit::Nul), "{query}");
        }
        for query in
            [r#"{ a(b: "\\u0000") }"#, r#"{ a(b: """\u0000""") }"#, "{ a } # \"\\u0000\"", r#"{ a(b: "\u0001") }"#]
        {
            assert_eq!(judged(query), Ok(()), "{query}");
        }
    }

    #[test]
    fn brackets_do_not_use_up_the_stack() {
        for (open, close) in [("{a", "}"), ("[", "]"), ("{a:", "}")] {
            let nested = |depth| format!("{}1{}", open.repeat(depth), close.repeat(depth));
            let query = |depth| format!("{{ a(b: {}) }}", nested(depth));
            assert_eq!(judged(&query(BRACKETS - 1)), Err(Unfit::TooDeep), "{open}");
            assert_eq!(judged(&query(2000)), Err(Unfit::TooDeep), "{open}");
        }
        assert_eq!(judged(&format!("{{ a(b: {}1{}) }}", "[".repeat(62), "]".repeat(62))), Ok(()));
        assert_eq!(judged(&"{a".repeat(2000)), Err(Unfit::TooDeep));
        assert_eq!(judged(&format!("{}a{}", "{a".repeat(31), "}".repeat(31))), Ok(()));
        assert_eq!(judged(&format!("{}a{}", "{a".repeat(34), "}".repeat(34))), Err(Unfit::TooDeep));
    }

    #[test]
    fn brackets_in_texts_and_remarks_do_not_count() {
        let many = "([{".repeat(40);
        for text in [
            format!("{{ a(b: \"{many}\") }}"),
            format!("{{ a(b: \"\\\"{many}\\\\\") }}"),
            format!("{{ a(b: \"\"\"\n{many}\\\"\"\" {many}\"\"\") }}"),
            format!("{{ # {many}\n a }}"),
        ] {
            assert_eq!(judged(&text), Ok(()), "{text}");
        }
        // What closes in a text doesn't make up for what opens outside.
        let hidden = "[\"]\" ".repeat(100);
        for text in
            [format!("{{ a(b: {hidden}"), format!("{{ a(b: {}", "[\"\"\"]\"\"\" ".repeat(100)), "[#]\n".repeat(100)]
        {
            assert_eq!(judged(&text), Err(Unfit::TooDeep), "{text}");
        }
    }

    #[test]
    fn a_list_is_found_wherever_it_is_asked_for() {
        for (query, expected) in [
            ("{ allUsers { id } }", true),
            ("{ a: _allUsersMeta { count } }", true),
            ("query a { authenticatedUser { id } } query b { ... on Query { allOrganizations { id } } }", true),
            ("{ ...f } fragment f on Query { ...g } fragment g on Query { allUserRightsSets { id } }", true),
            ("{ all: authenticatedUser { allUsers: id } }", false),
            ("mutation { unauthenticateUser { success } }", false),
        ] {
            assert_eq!(asks_for_lists(&parse(query, false).unwrap()), expected, "{query}");
        }
    }

    #[test]
    fn the_schema_is_asked_for_by_name_alone() {
        for query in [
            "{ __schema { types { name } } }",
            "{ a: __type(name: \"User\") { name } }",
            "query a { b } query c { ... { ... on Query { __schema { types { name } } } } }",
            "{ ...f } fragment f on Query { __type(name: \"User\") { name } }",
        ] {
            assert_eq!(judged(query), Err(Unfit::Introspection), "{query}");
            assert!(parse(query, true).is_ok(), "{query}");
        }
        assert_eq!(judged("{ __typename a { __typename } }"), Ok(()));
    }

    #[test]
    fn a_query_has_8192_characters_at_most() {
        let of = |length: usize| format!("{{ a }}#{}", "я".repeat(length - 6));
        assert_eq!(judged(&of(8192)), Ok(()));
        assert_eq!(judged(&of(8193)), Err(Unfit::TooLong));
    }

    #[test]
    fn a_path_of_aliases_is_a_path_of_fields() {
        let document =
            parse("mutation a { x: f { ...p } } query b { y: g { ... on T { z: h } } } fragment p on T { q: r }", true)
                .unwrap();
        let path = |keys: &[&str]| -> Vec<PathSegment> {
            keys.iter().map(|key| PathSegment::Field((*key).to_owned())).collect()
        };
        assert_eq!(fields(&document, Some("a"), &path(&["x", "q"])), ["f", "r"]);
        let mut with_index = path(&["y", "z"]);
        with_index.insert(1, PathSegment::Index(3));
        assert_eq!(fields(&document, Some("b"), &with_index), ["g", "h"]);
        assert_eq!(fields(&document, Some("b"), &path(&["x"])), [""; 0]);
        assert_eq!(fields(&document, None, &path(&["x"])), [""; 0]);
        assert_eq!(kind(&document, Some("a")), Some(OperationType::Mutation));
        assert_eq!(kind(&document, None), None);
    }
}
