//! What roles and rights sets grant, each name a field: `true` grants it, `false` takes it back.

use async_graphql::{InputObject, SimpleObject};

use domain::organization::Granted;

macro_rules! grants {
    ($(#[$doc:meta])* $Shown:ident, $Change:ident: $($field:ident = $name:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(SimpleObject)]
        pub(super) struct $Shown {
            $(#[graphql(name = $name)] $field: bool,)+
        }

        impl From<&Granted> for $Shown {
            fn from(granted: &Granted) -> Self {
                Self { $($field: granted.has($name),)+ }
            }
        }

        $(#[$doc])*
        #[derive(Clone, Debug, Default, InputObject)]
        pub(super) struct $Change {
            $(#[graphql(name = $name)] $field: Option<bool>,)+
        }

        impl $Change {
            /// What is said of each name.
            pub(super) fn told(&self) -> Vec<(&'static str, bool)> {
                [$(($name, self.$field),)+].into_iter().filter_map(|(name, told)| Some((name, told?))).collect()
            }

            #[cfg(test)]
            fn names() -> Vec<&'static str> {
                vec![$($name,)+]
            }
        }
    };
}

grants! {
    /// What a role lets its employees do.
    Permissions, PermissionChanges:
    manage_organization = "canManageOrganization",
    manage_employees = "canManageEmployees",
    manage_roles = "canManageRoles",
    manage_integrations = "canManageIntegrations",
    manage_properties = "canManageProperties",
    manage_documents = "canManageDocuments",
    manage_tickets = "canManageTickets",
    manage_contacts = "canManageContacts",
    read_employees = "canReadEmployees",
    read_properties = "canReadProperties",
    read_documents = "canReadDocuments",
    read_tickets = "canReadTickets",
    read_contacts = "canReadContacts",
    manage_meters = "canManageMeters",
    manage_meter_readings = "canManageMeterReadings",
    manage_ticket_comments = "canManageTicketComments",
    share_tickets = "canShareTickets",
    be_assigned_as_responsible = "canBeAssignedAsResponsible",
    be_assigned_as_executor = "canBeAssignedAsExecutor",
}

grants! {
    /// What a rights set grants.
    Rights, RightChanges:
    read_users = "canReadUsers",
    read_organizations = "canReadOrganizations",
    manage_organizations = "canManageOrganizations",
    read_organization_employees = "canReadOrganizationEmployees",
    manage_organization_employees = "canManageOrganizationEmployees",
    read_organization_employee_roles = "canReadOrganizationEmployeeRoles",
    manage_organization_employee_roles = "canManageOrganizationEmployeeRoles",
    manage_user_rights_set_field = "canManageUserRightsSetField",
    execute_register_new_service_user = "canExecuteRegisterNewServiceUser",
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::organization::{PERMISSIONS, RIGHTS};

    #[test]
    fn every_name_has_its_field() {
        assert_eq!(PermissionChanges::names(), PERMISSIONS.map(|(name, _)| name));
        assert_eq!(RightChanges::names(), RIGHTS);
    }
}
