//! Users, organizations, employees, roles and rights sets as the Condo dialect lists and changes them.

mod changes;
mod employees;
mod granting;
mod lists;
mod users;

pub use changes::{
    Change, Editor, OrganizationChange, RightsSetChange, RoleChange, change_organization, change_rights_set,
    change_role, create_organization, create_rights_set, create_role,
};
pub use employees::{EmployeeChange, change_employee, create_employee};
pub use lists::{Wanted, count, employees, organizations, rights_set, rights_sets, roles, users};
pub use users::{UserChange, change_user, create_user};
