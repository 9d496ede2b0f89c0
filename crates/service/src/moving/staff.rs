//! Organizations, rights and employees as the lines of an export tell them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use domain::ids::Subject;
use domain::organization::{Employment, Granted, History, Organization, RightsSet, Role};
use domain::{Error, Result, name};

/// What has a name and a history: rights sets, organizations and roles.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Named {
    id: Uuid,
    name: String,
    /// Whose, of a role.
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<Uuid>,
    /// What a rights set or a role grants.
    #[serde(skip_serializing_if = "Option::is_none")]
    granted: Option<Vec<String>>,
    created: DateTime<Utc>,
    updated: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted: Option<DateTime<Utc>>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Employee {
    id: Uuid,
    organization: Uuid,
    subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    is_accepted: bool,
    is_rejected: bool,
    is_blocked: bool,
    created: DateTime<Utc>,
    updated: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted: Option<DateTime<Utc>>,
}

fn names(granted: &Granted) -> Vec<String> {
    granted.names().map(str::to_owned).collect()
}

fn granted(names: Option<&Vec<String>>) -> Result<Granted> {
    let names = names.ok_or_else(|| Error::input("granted", "is missing"))?;
    if names.iter().any(|name| name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
        return Err(Error::input("granted", "must be a list of names of rights, such as canReadUsers"));
    }
    Ok(Granted::parse(&names.join(" ")))
}

impl From<&RightsSet> for Named {
    fn from(set: &RightsSet) -> Self {
        Self::new(set.id, &set.name, &set.history, None, Some(names(&set.granted)))
    }
}

impl From<&Organization> for Named {
    fn from(organization: &Organization) -> Self {
        Self::new(organization.id, &organization.name, &organization.history, None, None)
    }
}

impl From<&Role> for Named {
    fn from(role: &Role) -> Self {
        Self::new(role.id, &role.name, &role.history, Some(role.organization), Some(names(&role.granted)))
    }
}

impl Named {
    fn new(id: Uuid, name: &str, history: &History, organization: Option<Uuid>, granted: Option<Vec<String>>) -> Self {
        let History { created, updated, deleted } = *history;
        Self { id, name: name.to_owned(), organization, granted, created, updated, deleted }
    }

    fn name(&self) -> Result<String> {
        name::sent("name", Some(&self.name))?.ok_or_else(|| Error::input("name", "is empty"))
    }

    fn history(&self) -> History {
        History { created: self.created, updated: self.updated, deleted: self.deleted }
    }

    pub(super) fn rights_set(&self) -> Result<RightsSet> {
        let granted = granted(self.granted.as_ref())?;
        Ok(RightsSet { id: self.id, name: self.name()?, granted, history: self.history() })
    }

    pub(super) fn organization(&self) -> Result<Organization> {
        Ok(Organization { id: self.id, name: self.name()?, history: self.history() })
    }

    pub(super) fn role(&self) -> Result<Role> {
        let organization = self.organization.ok_or_else(|| Error::input("organization", "is missing"))?;
        let granted = granted(self.granted.as_ref())?;
        Ok(Role { id: self.id, organization, name: self.name()?, granted, history: self.history() })
    }
}

impl From<&Employment> for Employee {
    fn from(of: &Employment) -> Self {
        let History { created, updated, deleted } = of.history;
        Self {
            id: of.id,
            organization: of.organization,
            subject: of.subject.as_str().to_owned(),
            role: of.role,
            name: of.name.clone(),
            email: of.email.clone(),
            phone: of.phone.clone(),
            is_accepted: of.is_accepted,
            is_rejected: of.is_rejected,
            is_blocked: of.is_blocked,
            created,
            updated,
            deleted,
        }
    }
}

impl Employee {
    pub(super) fn employment(self) -> Result<Employment> {
        Ok(Employment {
            id: self.id,
            organization: self.organization,
            subject: Subject::parse(self.subject)?,
            role: self.role,
            name: name::sent("name", self.name.as_deref())?,
            email: self.email,
            phone: self.phone,
            is_accepted: self.is_accepted,
            is_rejected: self.is_rejected,
            is_blocked: self.is_blocked,
            history: History { created: self.created, updated: self.updated, deleted: self.deleted },
        })
    }
}
