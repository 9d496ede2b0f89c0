//! Users, organizations, employees, roles and rights sets as the Condo dialect lists and changes them.

mod changes;
mod granting;
mod lists;
mod users;

pub use changes::{
    Change, Editor, EmployeeChange, OrganizationChange, RightsSetChange, RoleChange, change_employee,
    change_organization, change_rights_set, change_role, create_employee, create_organization, create_rights_set,
    create_role,
};
pub use lists::{Wanted, count, employees, organizations, rights_set, rights_sets, roles, users};
pub use users::{UserChange, change_user, create_user};
