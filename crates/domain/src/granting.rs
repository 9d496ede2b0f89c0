//! Who may grant what to whom. Administrators aside, nobody widens what they may do themselves, and nobody grants what they
//! lack: what somebody was given to hand on is not more in others' hands than in theirs.

use super::organization::Granted;

/// What support staff may do without a rights set.
pub const OF_SUPPORT: [&str; 4] = [
    "canReadOrganizations",
    "canReadOrganizationEmployees",
    "canManageOrganizationEmployees",
    "canReadOrganizationEmployeeRoles",
];

/// What somebody has to hand on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Own {
    /// Whatever there is.
    Everything,
    /// These.
    These(Granted),
}

impl Own {
    /// Nothing.
    pub fn nothing() -> Self {
        Self::These(Granted::default())
    }

    /// Whether a change from what was granted to what is to be grants nothing that is lacking. Taking back, and leaving as it
    /// is, is no granting.
    pub fn covers(&self, before: &Granted, after: &Granted) -> bool {
        match self {
            Self::Everything => true,
            Self::These(own) => after.names().all(|name| before.has(name) || own.has(name)),
        }
    }
}

/// What somebody has to hand on of rights: an administrator everything, everybody else what is granted to them, which of
/// support staff is a little more than their rights set says.
pub fn rights(is_admin: bool, is_support: bool, granted: &Granted) -> Own {
    if is_admin {
        return Own::Everything;
    }
    let mut own = granted.clone();
    for right in OF_SUPPORT.into_iter().filter(|_| is_support) {
        own.set(right, true);
    }
    Own::These(own)
}

/// How somebody stands to a role, or to an employee, of an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hand {
    /// They are an administrator.
    pub is_admin: bool,
    /// They manage those of every organization, by what an administrator granted.
    pub manages_all: bool,
    /// It is the role they have, or they are the employee.
    pub is_own: bool,
    /// What their own role in the organization lets them do; nothing if they have none.
    pub role: Granted,
}

impl Hand {
    /// What they may let the employees of a role do.
    pub fn permissions(self) -> Own {
        if self.is_admin || (self.manages_all && !self.is_own) { Own::Everything } else { Own::These(self.role) }
    }

    /// Whether they may give the employee a role that grants this.
    pub fn may_appoint(self, role: &Granted) -> bool {
        self.is_admin || (!self.is_own && self.permissions().covers(&Granted::default(), role))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_grants_what_they_lack() {
        let granted = |text: &str| Granted::parse(text);
        let rows = [
            ("", "", "", true),
            ("", "", "a", false),
            ("", "a", "a", true),
            ("", "a b", "a", true),
            ("a", "", "a", true),
            ("a", "b", "a b", true),
            ("a", "b", "b c", false),
        ];
        for (own, before, after, expected) in rows {
            let own_to_give = Own::These(granted(own));
            assert_eq!(
                own_to_give.covers(&granted(before), &granted(after)),
                expected,
                "{own:?}: {before:?} {after:?}"
            );
            assert!(Own::Everything.covers(&granted(before), &granted(after)));
        }
        assert_eq!(rights(true, false, &granted("")), Own::Everything);
        assert_eq!(rights(false, false, &granted("a")), Own::These(granted("a")));
        let Own::These(of_support) = rights(false, true, &granted("a")) else { panic!("support has its limits") };
        assert!(of_support.has("a") && of_support.has("canReadOrganizations") && !of_support.has("canReadUsers"));
    }

    #[test]
    fn nobody_widens_their_own_role() {
        let hand = |is_admin, manages_all, is_own| Hand { is_admin, manages_all, is_own, role: Granted::parse("a") };
        let (less, more) = (Granted::parse("a"), Granted::parse("a b"));
        // Administrator, manages all, own; may grant more, may appoint to the like of theirs, to more.
        let rows = [
            ((true, false, false), (true, true, true)),
            ((true, false, true), (true, true, true)),
            ((false, true, false), (true, true, true)),
            ((false, true, true), (false, false, false)),
            ((false, false, false), (false, true, false)),
            ((false, false, true), (false, false, false)),
        ];
        for ((is_admin, manages_all, is_own), (grants, like, over)) in rows {
            let hand = || hand(is_admin, manages_all, is_own);
            assert_eq!(hand().permissions().covers(&less, &more), grants, "{:?}", hand());
            assert_eq!(hand().may_appoint(&less), like, "{:?}", hand());
            assert_eq!(hand().may_appoint(&more), over, "{:?}", hand());
        }
    }
}
