//! Making and changing organizations, roles, employees and rights sets; names and arguments are Keystone's.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, Result};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::lists::access;
use super::objects::{Employee, Organization, Role};
use super::related::{
    OrganizationEmployeeRoleRelateToOneInput, OrganizationRelateToOneInput, UserRelateToOneInput, connected, needed,
    uuid,
};
use crate::grants::{PermissionChanges, RightChanges};
use crate::input::{Sender, check_record};
use crate::user::RightsSet;
use crate::visit::Visit;
use domain::Error;
use domain::access::denied;
use service::people::{self, Change, Editor, EmployeeChange, OrganizationChange, RightsSetChange, RoleChange};

/// A field that can't be null: null says nothing.
pub(super) fn value<T>(told: Option<T>) -> Change<T> {
    told.map_or(Change::Keep, Change::To)
}

/// A field that can be null.
pub(super) fn nullable<T>(told: MaybeUndefined<T>) -> Change<Option<T>> {
    match told {
        MaybeUndefined::Undefined => Change::Keep,
        MaybeUndefined::Null => Change::To(None),
        MaybeUndefined::Value(value) => Change::To(Some(value)),
    }
}

/// When something was deleted: any moment that is told, as the source has it, or null.
pub(super) fn moment(told: MaybeUndefined<String>) -> domain::Result<Change<Option<DateTime<Utc>>>> {
    let read = |text: String| {
        let moment = DateTime::parse_from_rfc3339(&text);
        moment.map(|moment| moment.to_utc()).map_err(|_no_moment| {
            Error::input("deletedAt", "must be a moment such as 2026-01-31T12:00:00.000Z, or null")
        })
    };
    Ok(match nullable(told) {
        Change::Keep => Change::Keep,
        Change::To(text) => Change::To(text.map(read).transpose()?),
    })
}

/// Who changes something, and may.
pub(super) async fn editor(visit: &Visit) -> domain::Result<Editor> {
    let session = visit.session.as_ref().map(|session| session.sid_hash.clone());
    Ok(Editor { access: access(visit).await?, origin: visit.origin.clone(), session })
}

/// What is to be written: Keystone's type lets it be left out.
pub(super) fn said<T>(data: Option<T>) -> domain::Result<T> {
    data.ok_or_else(|| Error::input("data", "is missing"))
}

/// The id that a change names: one that can't be is not there.
fn named(id: &str) -> domain::Result<Uuid> {
    Uuid::parse_str(id).map_err(|_not_a_uuid| denied())
}

/// An organization to make.
#[derive(InputObject)]
struct OrganizationCreateInput {
    dv: i32,
    sender: Sender,
    name: String,
}

/// What becomes of an organization.
#[derive(InputObject)]
struct OrganizationUpdateInput {
    dv: i32,
    sender: Sender,
    name: Option<String>,
    deleted_at: MaybeUndefined<String>,
}

/// A role to make.
#[derive(InputObject)]
struct OrganizationEmployeeRoleCreateInput {
    dv: i32,
    sender: Sender,
    organization: OrganizationRelateToOneInput,
    name: String,
    #[graphql(flatten)]
    permissions: PermissionChanges,
}

/// What becomes of a role.
#[derive(InputObject)]
struct OrganizationEmployeeRoleUpdateInput {
    dv: i32,
    sender: Sender,
    name: Option<String>,
    #[graphql(flatten)]
    permissions: PermissionChanges,
    deleted_at: MaybeUndefined<String>,
}

/// An employee to make.
#[derive(InputObject)]
struct OrganizationEmployeeCreateInput {
    dv: i32,
    sender: Sender,
    organization: OrganizationRelateToOneInput,
    user: UserRelateToOneInput,
    role: Option<OrganizationEmployeeRoleRelateToOneInput>,
    name: MaybeUndefined<String>,
    email: MaybeUndefined<String>,
    phone: MaybeUndefined<String>,
    is_accepted: Option<bool>,
    is_rejected: Option<bool>,
    is_blocked: Option<bool>,
}

/// What becomes of an employee.
#[derive(InputObject)]
struct OrganizationEmployeeUpdateInput {
    dv: i32,
    sender: Sender,
    role: Option<OrganizationEmployeeRoleRelateToOneInput>,
    name: MaybeUndefined<String>,
    email: MaybeUndefined<String>,
    phone: MaybeUndefined<String>,
    is_accepted: Option<bool>,
    is_rejected: Option<bool>,
    is_blocked: Option<bool>,
    deleted_at: MaybeUndefined<String>,
}

/// A rights set to make.
#[derive(InputObject)]
struct UserRightsSetCreateInput {
    dv: i32,
    sender: Sender,
    name: String,
    #[graphql(flatten)]
    rights: RightChanges,
}

/// What becomes of a rights set.
#[derive(InputObject)]
struct UserRightsSetUpdateInput {
    dv: i32,
    sender: Sender,
    name: Option<String>,
    #[graphql(flatten)]
    rights: RightChanges,
    deleted_at: MaybeUndefined<String>,
}

/// What administrators, and whom their role or rights set lets, change.
#[derive(Default)]
pub(super) struct OrganizationMutation;

#[Object]
impl OrganizationMutation {
    /// Makes an organization: for administrators, and by the right `canManageOrganizations`.
    async fn create_organization(
        &self,
        ctx: &Context<'_>,
        data: Option<OrganizationCreateInput>,
    ) -> Result<Option<Organization>> {
        let visit = ctx.data::<Visit>()?;
        let by = editor(visit).await?;
        let data = said(data)?;
        check_record(data.dv, &data.sender)?;
        let change = OrganizationChange { name: Change::To(data.name), deleted: Change::Keep };
        Ok(Some(people::create_organization(&visit.parts, by, change).await?.into()))
    }

    /// Changes an organization: also for employees whose role has `canManageOrganization`.
    async fn update_organization(
        &self,
        ctx: &Context<'_>,
        id: ID,
        data: Option<OrganizationUpdateInput>,
    ) -> Result<Option<Organization>> {
        let visit = ctx.data::<Visit>()?;
        let by = editor(visit).await?;
        let data = said(data)?;
        check_record(data.dv, &data.sender)?;
        let change = OrganizationChange { name: value(data.name), deleted: moment(data.deleted_at)? };
        Ok(Some(people::change_organization(&visit.parts, by, named(&id)?, change).await?.into()))
    }

    /// Makes a role of an organization: for administrators, by the right `canManageOrganizationEmployeeRoles`, and for
    /// employees whose role has `canManageRoles`.
    async fn create_organization_employee_role(
        &self,
        ctx: &Context<'_>,
        data: Option<OrganizationEmployeeRoleCreateInput>,
    ) -> Result<Option<Role>> {
        let visit = ctx.data::<Visit>()?;
        let by = editor(visit).await?;
        let data = said(data)?;
        check_record(data.dv, &data.sender)?;
        let organization = uuid(&needed(data.organization, "organization")?, "organization")?;
        let change = RoleChange { name: Change::To(data.name), grants: data.permissions.told(), deleted: Change::Keep };
        Ok(Some(people::create_role(&visit.parts, by, organization, change).await?.into()))
    }

    /// Changes a role; for the same.
    async fn update_organization_employee_role(
        &self,
        ctx: &Context<'_>,
        id: ID,
        data: Option<OrganizationEmployeeRoleUpdateInput>,
    ) -> Result<Option<Role>> {
        let visit = ctx.data::<Visit>()?;
        let by = editor(visit).await?;
        let data = said(data)?;
        check_record(data.dv, &data.sender)?;
        let change =
            RoleChange { name: value(data.name), grants: data.permissions.told(), deleted: moment(data.deleted_at)? };
        Ok(Some(people::change_role(&visit.parts, by, named(&id)?, change).await?.into()))
    }

    /// Makes a user an employee: for administrators.
    async fn create_organization_employee(
        &self,
        ctx: &Context<'_>,
        data: Option<OrganizationEmployeeCreateInput>,
    ) -> Result<Option<Employee>> {
        let visit = ctx.data::<Visit>()?;
        let by = editor(visit).await?;
        let data = said(data)?;
        let access = by.access.clone();
        check_record(data.dv, &data.sender)?;
        let organization = uuid(&needed(data.organization, "organization")?, "organization")?;
        let user = needed(data.user, "user")?;
        let change = EmployeeChange {
            role: connected(data.role, "role")?,
            name: nullable(data.name),
            email: nullable(data.email),
            phone: nullable(data.phone),
            is_accepted: value(data.is_accepted),
            is_rejected: value(data.is_rejected),
            is_blocked: value(data.is_blocked),
            deleted: Change::Keep,
        };
        let made = people::create_employee(&visit.parts, by, organization, user, change).await?;
        Ok(Some(Employee::seen(made, &access)))
    }

    /// Changes an employee: for administrators and support, by the right `canManageOrganizationEmployees`, and for employees
    /// whose role has `canManageEmployees`; whether an invitation is taken, for administrators alone.
    async fn update_organization_employee(
        &self,
        ctx: &Context<'_>,
        id: ID,
        data: Option<OrganizationEmployeeUpdateInput>,
    ) -> Result<Option<Employee>> {
        let visit = ctx.data::<Visit>()?;
        let by = editor(visit).await?;
        let data = said(data)?;
        let access = by.access.clone();
        check_record(data.dv, &data.sender)?;
        let change = EmployeeChange {
            role: connected(data.role, "role")?,
            name: nullable(data.name),
            email: nullable(data.email),
            phone: nullable(data.phone),
            is_accepted: value(data.is_accepted),
            is_rejected: value(data.is_rejected),
            is_blocked: value(data.is_blocked),
            deleted: moment(data.deleted_at)?,
        };
        let changed = people::change_employee(&visit.parts, by, named(&id)?, change).await?;
        Ok(Some(Employee::seen(changed, &access)))
    }

    /// Makes a rights set: for administrators and support.
    async fn create_user_rights_set(
        &self,
        ctx: &Context<'_>,
        data: Option<UserRightsSetCreateInput>,
    ) -> Result<Option<RightsSet>> {
        let visit = ctx.data::<Visit>()?;
        let by = editor(visit).await?;
        let data = said(data)?;
        check_record(data.dv, &data.sender)?;
        let change = RightsSetChange { name: Change::To(data.name), grants: data.rights.told(), deleted: Change::Keep };
        Ok(Some(people::create_rights_set(&visit.parts, by, change).await?.into()))
    }

    /// Changes a rights set; one that is deleted is taken from everybody who has it.
    async fn update_user_rights_set(
        &self,
        ctx: &Context<'_>,
        id: ID,
        data: Option<UserRightsSetUpdateInput>,
    ) -> Result<Option<RightsSet>> {
        let visit = ctx.data::<Visit>()?;
        let by = editor(visit).await?;
        let data = said(data)?;
        check_record(data.dv, &data.sender)?;
        let change =
            RightsSetChange { name: value(data.name), grants: data.rights.told(), deleted: moment(data.deleted_at)? };
        Ok(Some(people::change_rights_set(&visit.parts, by, named(&id)?, change).await?.into()))
    }
}
