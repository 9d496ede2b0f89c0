//! Our pages in English.

use super::Words;

pub(super) static WORDS: Words = Words {
    lang: "en",

    gone: "This link is no longer valid",
    gone_text: "It has been used, has run out, or was opened in another browser. Go back to the application and start again.",
    bad_request: "This request can't be understood",
    prefetched: "This address is opened by a person, not ahead of one.",
    parameter_twice: "A parameter stands more than once.",
    state_missing: "The parameter state is missing.",
    decision_missing: "The form must have csrf and decision, once each.",
    unknown_application: "The application that sent you here is not known.",
    unknown_redirect_uri: "You would be sent on to an address that the application has not named as its own.",
    not_a_form: "The body must be a form.",
    too_large: "That was too much",
    too_large_text: "The form is larger than any that is read here.",
    unavailable: "Not available right now",
    unavailable_text: |request_id| format!("Nothing is lost. Try again in a moment. Request {request_id}."),
    internal: "Something went wrong",
    internal_text: |request_id| format!("The fault is ours. If you report it, name request {request_id}."),

    too_many: "Too many attempts",
    too_many_text: |minutes| format!("Try again in {minutes} min."),

    problem: "Error",
    sign_in: "Sign in",
    sign_in_login: "User ID, e-mail or phone",
    sign_in_password: "Password",
    sign_in_button: "Sign in",
    sign_in_refused: "No account has this login and password. Check both and try again.",
    form_stale: "This page was open for too long, or your browser refuses cookies. Please try again.",
    sign_in_switch: "Sign in as somebody else",
    nobody_signs_in: "Nobody signs in here",
    nobody_signs_in_text: "The users of this service have their accounts elsewhere. Go back to the application that sent you.",
    signed_in: "You are signed in",
    signed_in_as: "Signed in as",
    go_on: "Continue",
    sign_out: "Sign out",
    signed_out: "You are signed out",
    signed_out_text: "Nobody is signed in here in this browser.",

    confirm_title: |provider| format!("Connect {provider}?"),
    confirm: |provider, client| format!("Connect this {provider} account to {client}?"),
    confirm_account: "Account",
    confirm_provider: "At",
    confirm_client: "For",
    confirm_person: |provider| format!("Connect this {provider} account to yours?"),
    confirm_yours: "Your account",
    confirm_nameless: "your account here, which has no name",
    confirm_asked_by: "Asked by",
    confirm_yes: "Connect",
    cancel: "Cancel",
    confirm_warning: |client| {
        format!("Only continue if you started this yourself in {client}. If somebody sent you here, cancel.")
    },

    posted: "One moment",
    posted_text: "You go on by yourself. If nothing happens, press the button.",
    posted_go: "Continue",

    popup: "You can close this window",
    popup_back: "Back to the application",
};
