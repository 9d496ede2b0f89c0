//! The arguments of lists, as Keystone names them: `where` with `AND`, `OR`, nested records and suffixes such as `_not` and
//! `_in`; `sortBy` with `createdAt_DESC` and its like.

use std::borrow::Cow;
use std::marker::PhantomData;

use async_graphql::indexmap::IndexMap;
use async_graphql::registry::{Deprecation, MetaEnumValue, MetaInputValue, MetaType, MetaTypeId, Registry};
use async_graphql::{InputType, InputValueError, InputValueResult, Value};
use chrono::DateTime;
use uuid::Uuid;

use super::objects::OrganizationType;
use super::spec::{Field, Kind, Listing, Spec};
use crate::input::UserType;
use domain::access;
use domain::filter::{Comparison, Filter, Value as Given};

/// What a list is to show.
pub(super) struct Where<L>(pub(super) Filter, PhantomData<L>);

/// One column to order by.
pub(super) struct SortBy<L>(pub(super) (&'static str, bool), PhantomData<L>);

/// What stands behind a field's name, and what is compared how.
const OF_IDS: [&str; 4] = ["", "_not", "_in", "_not_in"];
const OF_TEXTS: [&str; 5] = ["", "_not", "_in", "_not_in", "_contains"];
const OF_BOOLS: [&str; 2] = ["", "_not"];
const OF_MOMENTS: [&str; 6] = ["", "_not", "_lt", "_lte", "_gt", "_gte"];
const OF_RELATED: [&str; 2] = ["", "_is_null"];

impl Kind {
    fn suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Id | Self::Subject | Self::UserType | Self::Always(..) => &OF_IDS,
            Self::Text => &OF_TEXTS,
            Self::Bool => &OF_BOOLS,
            Self::Moment => &OF_MOMENTS,
            Self::Related(..) => &OF_RELATED,
        }
    }

    fn type_name(self, suffix: &str) -> Cow<'static, str> {
        let one = match self {
            Self::Id | Self::Subject => "ID",
            Self::Text | Self::Moment => "String",
            Self::UserType => "UserTypeType",
            Self::Always(of, _) => of,
            Self::Bool => "Boolean",
            Self::Related(..) if suffix == "_is_null" => "Boolean",
            Self::Related(spec, ..) => return where_name(spec).into(),
        };
        if suffix.ends_with("_in") { format!("[{one}!]").into() } else { one.into() }
    }
}

fn where_name(spec: &Spec) -> String {
    format!("{}WhereInput", spec.name)
}

/// Puts the type of a list's `where` into the schema, and of those of the records it names.
fn register(registry: &mut Registry, spec: &'static Spec) {
    let name = where_name(spec);
    if registry.types.contains_key(&name) {
        return;
    }
    let mut fields = IndexMap::new();
    for both in ["AND", "OR"] {
        fields.insert(both.to_owned(), argument(both.to_owned(), format!("[{name}!]")));
    }
    for field in spec.fields {
        for suffix in field.kind.suffixes() {
            let full = format!("{}{suffix}", field.name);
            fields.insert(full.clone(), argument(full, field.kind.type_name(suffix).into_owned()));
        }
    }
    let object = MetaType::InputObject {
        name: name.clone(),
        description: None,
        input_fields: fields,
        visible: None,
        inaccessible: false,
        tags: Vec::new(),
        rust_typename: None,
        oneof: false,
        directive_invocations: Vec::new(),
    };
    registry.types.insert(name, object);
    for field in spec.fields {
        if let Kind::Related(related, ..) = field.kind {
            register(registry, related);
        }
    }
}

fn argument(name: String, ty: String) -> MetaInputValue {
    MetaInputValue {
        name,
        description: None,
        ty,
        deprecation: Deprecation::NoDeprecated,
        default_value: None,
        visible: None,
        inaccessible: false,
        tags: Vec::new(),
        is_secret: false,
        directive_invocations: Vec::new(),
    }
}

impl<L: Listing> InputType for Where<L> {
    type RawValueType = Self;

    fn type_name() -> Cow<'static, str> {
        where_name(L::SPEC).into()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        // The scalars that the fields are of.
        String::create_type_info(registry);
        bool::create_type_info(registry);
        async_graphql::ID::create_type_info(registry);
        UserType::create_type_info(registry);
        OrganizationType::create_type_info(registry);
        register(registry, L::SPEC);
        Self::qualified_type_name()
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        let value = value.unwrap_or_default();
        if is_beyond(&value, &mut { MOST_ENTRIES }) {
            return Err(InputValueError::custom(format!("where {}", access::too_many_conditions())));
        }
        let filter = filter(L::SPEC, value).map_err(InputValueError::custom)?;
        Ok(Self(filter, PhantomData))
    }

    fn to_value(&self) -> Value {
        // Asked for default values alone, of which there are none.
        Value::Null
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
}

/// More fields and elements than any filter has that is run: one with more is not even read, since each list of a request would
/// read it again.
const MOST_ENTRIES: usize = 2_500;

/// Whether there are more fields and elements in a value than are left.
fn is_beyond(value: &Value, left: &mut usize) -> bool {
    let mut is_one_more = |value: &Value| {
        let Some(less) = left.checked_sub(1) else { return true };
        *left = less;
        is_beyond(value, left)
    };
    match value {
        Value::Object(object) => object.values().any(&mut is_one_more),
        Value::List(list) => list.iter().any(&mut is_one_more),
        _ => false,
    }
}

/// All that an object says must hold.
fn filter(spec: &'static Spec, value: Value) -> Result<Filter, String> {
    let Value::Object(object) = value else { return Ok(Filter::everything()) };
    let parts = object.into_iter().map(|(name, value)| condition(spec, name.as_str(), value));
    Ok(Filter::All(parts.collect::<Result<_, _>>()?))
}

fn condition(spec: &'static Spec, name: &str, value: Value) -> Result<Filter, String> {
    let several = |value| match value {
        Value::List(list) => list.into_iter().map(|value| filter(spec, value)).collect(),
        // One stands for a list of it (GraphQL, June 2018, §3.11).
        other => Ok(vec![filter(spec, other)?]),
    };
    match name {
        // Nothing is asked.
        "AND" | "OR" if value == Value::Null => Ok(Filter::everything()),
        "AND" => Ok(Filter::All(several(value)?)),
        "OR" => Ok(Filter::Any(several(value)?)),
        _ => {
            let known = spec.fields.iter().filter_map(|field| Some((field, name.strip_prefix(field.name)?)));
            let (field, suffix) = known
                .filter(|(field, suffix)| field.kind.suffixes().contains(suffix))
                .max_by_key(|(field, _)| field.name.len())
                .ok_or_else(|| format!("Field \"{name}\" is not defined by type \"{}\".", where_name(spec)))?;
            compared(field, suffix, value)
        }
    }
}

fn compared(field: &Field, suffix: &str, value: Value) -> Result<Filter, String> {
    let column = field.column;
    if let Kind::Related(spec, theirs, ours) = field.kind {
        return Ok(match (suffix, value) {
            ("_is_null", Value::Boolean(true)) | ("", Value::Null) => Filter::Absent(column),
            ("_is_null", Value::Boolean(false)) => Filter::Not(Box::new(Filter::Absent(column))),
            ("_is_null", _) => Filter::everything(),
            (_, value) => Filter::related(spec.table, theirs, ours, filter(spec, value)?),
        });
    }
    if let Kind::Always(_, one) = field.kind {
        return always(field, one, suffix, value);
    }
    if suffix.ends_with("_in") {
        let list = match value {
            Value::List(list) => list,
            Value::Null => return Ok(Filter::everything()),
            one => vec![one],
        };
        let mut values = Vec::with_capacity(list.len());
        for value in list {
            values.extend(given(field, value)?);
        }
        let one_of = Filter::OneOf(column, values);
        // What is not there is none of them.
        return Ok(match suffix {
            "_not_in" => Filter::Any(vec![Filter::Absent(column), Filter::Not(Box::new(one_of))]),
            _ => one_of,
        });
    }
    let comparison = match suffix {
        "" => Comparison::Is,
        "_not" => Comparison::IsNot,
        "_lt" => Comparison::Under,
        "_lte" => Comparison::AtMost,
        "_gt" => Comparison::Over,
        "_gte" => Comparison::AtLeast,
        _ => Comparison::Contains,
    };
    Ok(match (value, comparison) {
        (Value::Null, Comparison::Is) => Filter::Absent(column),
        (Value::Null, Comparison::IsNot) => Filter::Not(Box::new(Filter::Absent(column))),
        (Value::Null, _) => Filter::everything(),
        (value, comparison) => match given(field, value)? {
            Some(given) => Filter::Column(column, comparison, given),
            None if comparison == Comparison::IsNot => Filter::everything(),
            None => Filter::nothing(),
        },
    })
}

/// What is the same for all records is judged here: it shows all of them, or none.
fn always(field: &Field, one: &str, suffix: &str, value: Value) -> Result<Filter, String> {
    let is_one = |value: Value| match value {
        Value::Enum(name) => Ok(name == one),
        Value::String(name) => Ok(name == one),
        Value::Null => Ok(false),
        _ => Err(wrong(field)),
    };
    let is_among = match value {
        Value::Null if suffix.ends_with("_in") => return Ok(Filter::everything()),
        Value::List(list) if suffix.ends_with("_in") => {
            list.into_iter().map(is_one).collect::<Result<Vec<_>, _>>()?.contains(&true)
        }
        value => is_one(value)?,
    };
    Ok(if is_among == suffix.starts_with("_not") { Filter::nothing() } else { Filter::everything() })
}

fn wrong(field: &Field) -> String {
    format!("\"{}\" has a value of another type.", field.name)
}

/// What a column is compared with; none if no record can have it: an id that is no UUID.
fn given(field: &Field, value: Value) -> Result<Option<Given>, String> {
    Ok(match (field.kind, value) {
        (Kind::Id, Value::String(text)) => Uuid::parse_str(&text).ok().map(Given::Id),
        // A literal id may be a number.
        (Kind::Id, Value::Number(_)) => None,
        (Kind::Subject, Value::Number(number)) => Some(Given::Text(number.to_string())),
        (Kind::Subject | Kind::Text, Value::String(text)) => Some(Given::Text(text)),
        (Kind::UserType, Value::Enum(name)) => Some(Given::Text(name.to_string())),
        (Kind::UserType, Value::String(name)) => Some(Given::Text(name)),
        (Kind::Bool, Value::Boolean(value)) => Some(Given::Bool(value)),
        (Kind::Moment, Value::String(text)) => {
            let moment = DateTime::parse_from_rfc3339(&text);
            let told = |_| format!("\"{}\" must be a moment such as 2026-01-31T12:00:00.000Z.", field.name);
            Some(Given::At(moment.map_err(told)?.to_utc()))
        }
        _ => return Err(wrong(field)),
    })
}

impl<L: Listing> SortBy<L> {
    /// The names there are.
    fn all() -> impl Iterator<Item = String> {
        let sortable = L::SPEC.fields.iter().filter(|field| field.kind.is_ordered());
        sortable.flat_map(|field| ["ASC", "DESC"].map(|word| format!("{}_{word}", field.name)))
    }

    /// The one of this name, such as `createdAt_DESC`.
    pub(super) fn named(name: &str) -> Option<Self> {
        let (field, word) = name.rsplit_once('_')?;
        let field = L::SPEC.fields.iter().find(|known| known.name == field && known.kind.is_ordered())?;
        matches!(word, "ASC" | "DESC").then_some(Self((field.column, word == "DESC"), PhantomData))
    }
}

impl<L: Listing> InputType for SortBy<L> {
    type RawValueType = Self;

    fn type_name() -> Cow<'static, str> {
        format!("Sort{}sBy", L::SPEC.name).into()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        registry.create_input_type::<Self, _>(MetaTypeId::Enum, |_| MetaType::Enum {
            name: Self::type_name().into_owned(),
            description: None,
            enum_values: Self::all().map(|name| (name.clone(), item(name))).collect(),
            visible: None,
            inaccessible: false,
            tags: Vec::new(),
            rust_typename: Some(std::any::type_name::<Self>()),
            directive_invocations: Vec::new(),
            requires_scopes: Vec::new(),
        })
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        let name = match value.unwrap_or_default() {
            Value::Enum(name) => name.to_string(),
            Value::String(name) => name,
            other => return Err(InputValueError::expected_type(other)),
        };
        Self::named(&name).ok_or_else(|| {
            InputValueError::custom(format!("Value \"{name}\" does not exist in \"{}\" enum.", Self::type_name()))
        })
    }

    fn to_value(&self) -> Value {
        Value::Null
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
}

fn item(name: String) -> MetaEnumValue {
    MetaEnumValue {
        name,
        description: None,
        deprecation: Deprecation::NoDeprecated,
        visible: None,
        inaccessible: false,
        tags: Vec::new(),
        directive_invocations: Vec::new(),
    }
}
