//! What there is to say.

use domain::account::AccountType;
use settings::Locale;

/// Everything that a page says in one language. A function where a name goes into the sentence: languages place it differently.
#[derive(Debug)]
pub(in crate::http) struct Words {
    /// The language, as `lang` names it.
    pub(in crate::http) lang: &'static str,
    /// The same, as settings name it.
    pub(in crate::http) locale: Locale,

    pub(in crate::http) gone: &'static str,
    pub(in crate::http) gone_text: &'static str,
    pub(in crate::http) bad_request: &'static str,
    pub(in crate::http) prefetched: &'static str,
    pub(in crate::http) parameter_twice: &'static str,
    pub(in crate::http) state_missing: &'static str,
    pub(in crate::http) decision_missing: &'static str,
    pub(in crate::http) unknown_application: &'static str,
    pub(in crate::http) unknown_redirect_uri: &'static str,
    pub(in crate::http) too_many_parameters: &'static str,
    pub(in crate::http) not_a_form: &'static str,
    pub(in crate::http) too_large: &'static str,
    pub(in crate::http) too_large_text: &'static str,
    pub(in crate::http) too_slow: &'static str,
    pub(in crate::http) too_slow_text: &'static str,
    pub(in crate::http) unavailable: &'static str,
    /// Of the request's id.
    pub(in crate::http) unavailable_text: fn(&str) -> String,
    pub(in crate::http) internal: &'static str,
    /// Of the request's id.
    pub(in crate::http) internal_text: fn(&str) -> String,

    pub(in crate::http) too_many: &'static str,
    /// Of the minutes to wait.
    pub(in crate::http) too_many_text: fn(u64) -> String,

    /// Before the title of a page that says what went wrong.
    pub(in crate::http) problem: &'static str,
    pub(in crate::http) sign_in: &'static str,
    pub(in crate::http) sign_in_login: &'static str,
    pub(in crate::http) sign_in_password: &'static str,
    pub(in crate::http) sign_in_button: &'static str,
    pub(in crate::http) sign_in_refused: &'static str,
    pub(in crate::http) sign_in_by_phone: &'static str,
    pub(in crate::http) no_second_factor: &'static str,
    pub(in crate::http) no_codes: &'static str,
    pub(in crate::http) no_codes_text: &'static str,
    pub(in crate::http) phone: &'static str,
    pub(in crate::http) phone_number: &'static str,
    pub(in crate::http) phone_button: &'static str,
    pub(in crate::http) phone_password: &'static str,
    pub(in crate::http) phone_wrong: &'static str,
    pub(in crate::http) phone_nobody: &'static str,
    pub(in crate::http) code: &'static str,
    /// Of the masked number.
    pub(in crate::http) code_sent: fn(&str) -> String,
    pub(in crate::http) code_digits: &'static str,
    pub(in crate::http) code_again: &'static str,
    pub(in crate::http) code_wrong: &'static str,
    pub(in crate::http) code_late: &'static str,
    pub(in crate::http) code_gone: &'static str,
    pub(in crate::http) code_not_sent: &'static str,
    pub(in crate::http) choice: &'static str,
    pub(in crate::http) choice_staff: &'static str,
    pub(in crate::http) choice_resident: &'static str,
    pub(in crate::http) choice_service: &'static str,
    pub(in crate::http) form_stale: &'static str,
    pub(in crate::http) sign_in_switch: &'static str,
    pub(in crate::http) nobody_signs_in: &'static str,
    pub(in crate::http) nobody_signs_in_text: &'static str,
    pub(in crate::http) signed_in: &'static str,
    pub(in crate::http) signed_in_as: &'static str,
    pub(in crate::http) go_on: &'static str,
    pub(in crate::http) sign_out: &'static str,
    pub(in crate::http) signed_out: &'static str,
    pub(in crate::http) signed_out_text: &'static str,
    pub(in crate::http) signed_in_back: &'static str,

    /// Of the provider.
    pub(in crate::http) confirm_title: fn(&str) -> String,
    /// Of the provider and the application.
    pub(in crate::http) confirm: fn(&str, &str) -> String,
    pub(in crate::http) confirm_account: &'static str,
    pub(in crate::http) confirm_provider: &'static str,
    pub(in crate::http) confirm_client: &'static str,
    /// Of the provider: the account becomes one of the person's who is signed in.
    pub(in crate::http) confirm_person: fn(&str) -> String,
    pub(in crate::http) confirm_yours: &'static str,
    /// Instead of a name, where the account here has none.
    pub(in crate::http) confirm_nameless: &'static str,
    pub(in crate::http) confirm_asked_by: &'static str,
    pub(in crate::http) confirm_yes: &'static str,
    pub(in crate::http) cancel: &'static str,
    /// Of the application.
    pub(in crate::http) confirm_warning: fn(&str) -> String,

    pub(in crate::http) posted: &'static str,
    pub(in crate::http) posted_text: &'static str,
    pub(in crate::http) posted_go: &'static str,

    pub(in crate::http) popup: &'static str,
    pub(in crate::http) popup_back: &'static str,
}

impl Words {
    /// What people call themselves who have an account of this type.
    pub(in crate::http) fn account_type(&self, kind: AccountType) -> &'static str {
        match kind {
            AccountType::Staff => self.choice_staff,
            AccountType::Resident => self.choice_resident,
            AccountType::Service => self.choice_service,
        }
    }
}
