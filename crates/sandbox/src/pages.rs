//! The pages people see: consent, refusal, the way back by form, and the demo application's callback.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::core::Core;
use super::form::Form;
use super::options::SandboxUser;

/// One page for all views: the same head, and no file that a build would have to find.
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{% match view %}{% when View::Callback with { fields: _, command: _ } %}Demo application{% else %}Sandbox provider{% endmatch %}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem; color: #222; }
button { font: inherit; display: block; width: 100%; margin: .5rem 0; padding: .6rem 1rem; text-align: left; }
pre { background: #f3f3f3; padding: 1rem; white-space: pre-wrap; word-break: break-all; }
th { text-align: left; padding-right: 1rem; vertical-align: top; }
td { word-break: break-all; }
.aside { color: #666; }
</style>
</head>
<body>
{% match view %}
{% when View::Consent with { client_id, scopes, users } %}
<h1>Sandbox provider</h1>
<p><strong>{{ client_id }}</strong> asks for access to your account here:
{% for scope in scopes %}<code>{{ scope }}</code>{% if !loop.last %}, {% endif %}{% endfor %}.</p>
<form method="post">
{% for user in users.iter() %}
<button name="sub" value="{{ user.sub }}">Continue as <strong>{{ user.name }}</strong>
<span class="aside">{{ user.email }}</span></button>
{% endfor %}
<button name="cancel" value="yes">Cancel</button>
</form>
{% when View::Refusal with { reason } %}
<h1>This request cannot be served</h1>
<p>{{ reason }}</p>
<p class="aside">You were not sent back, because it is not certain where to.</p>
{% when View::Posting with { target, fields } %}
<form method="post" action="{{ target }}">
{% for (name, value) in fields %}
<input type="hidden" name="{{ name }}" value="{{ value }}">
{% endfor %}
<button>Back to the application</button>
</form>
<script>document.forms[0].submit()</script>
{% when View::Callback with { fields, command } %}
<h1>Demo application</h1>
<p>This is the callback page of the application. It was called with:</p>
<table>
{% for (name, value) in fields %}
<tr><th scope="row">{{ name }}</th><td>{{ value }}</td></tr>
{% endfor %}
</table>
{% if let Some(command) = command %}
<p>The link is stored once the application completes it, within 60 seconds:</p>
<pre>{{ command }}</pre>
{% endif %}
{% endmatch %}
</body>
</html>
"#
)]
struct Page<'page> {
    view: View<'page>,
}

enum View<'page> {
    Consent { client_id: &'page str, scopes: Vec<&'page str>, users: &'page [SandboxUser] },
    Refusal { reason: &'page str },
    Posting { target: &'page str, fields: Vec<(&'page str, &'page str)> },
    Callback { fields: Vec<(String, String)>, command: Option<String> },
}

/// Asks who the person is and whether the client may know: one button per user, and Cancel.
pub(super) fn consent(core: &Core, client_id: &str, scope: &str) -> HttpResponse {
    page(StatusCode::OK, View::Consent { client_id, scopes: scope.split(' ').collect(), users: &core.users })
}

/// Tells a person why nothing can be asked.
pub(super) fn refusal(reason: &str) -> HttpResponse {
    page(StatusCode::BAD_REQUEST, View::Refusal { reason })
}

/// Posts the answer to the client (OAuth 2.0 Form Post Response Mode §2), as from another site as that client is.
pub(super) fn posting(target: &str, fields: Vec<(&str, &str)>) -> HttpResponse {
    page(StatusCode::OK, View::Posting { target, fields })
}

/// The demo application's callback: shows what it was called with, and how to complete a pending bind.
pub(super) async fn app_callback(core: web::Data<Core>, request: HttpRequest) -> HttpResponse {
    let query = request.query_string().as_bytes();
    let fields = url::form_urlencoded::parse(query).into_owned().collect();
    let command = Form::parse(query).filter(|form| form.get("status") == Some("pending")).and_then(|form| {
        // The line is made to be pasted into a shell, and anybody can make this address: only a plain code gets in.
        let bind_code = form.get("bind_code").filter(|text| text.bytes().all(is_plain))?;
        Some(core.complete_command.as_ref()?.replace("{bind_code}", bind_code))
    });
    page(StatusCode::OK, View::Callback { fields, command })
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')
}

fn page(status: StatusCode, view: View<'_>) -> HttpResponse {
    // The one script there is posts the answer by itself.
    let script = if matches!(view, View::Posting { .. }) { "script-src 'unsafe-inline'; " } else { "" };
    match (Page { view }).render() {
        Ok(html) => HttpResponse::build(status)
            .content_type("text/html; charset=utf-8")
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header((header::REFERRER_POLICY, "no-referrer"))
            .insert_header((
                header::CONTENT_SECURITY_POLICY,
                // No form-action: Chromium applies it to the redirects after a form too, and they go to the client.
                format!(
                    "default-src 'none'; {script}style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
                ),
            ))
            .body(html),
        Err(_template) => HttpResponse::InternalServerError().finish(),
    }
}
