//! Our own sign-in and sign-out pages. They work without JavaScript, and lead nowhere but to pages of ours.

pub(super) mod phone;

use actix_web::cookie::Cookie;
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use secrecy::{ExposeSecret as _, SecretString};

use crate::app::App;
use crate::http::fields::once;
use crate::http::limits::{Kind, body};
use crate::http::own_form::{self, Binding};
use crate::http::words::{self, Words};
use crate::http::{address, cookies, nul, page};
use domain::Result;
use domain::session::Session;
use service::onward::Onward;
use service::sessions::{self, SessionCookie};
use service::sign_in::{self, SignIn, Try};
use service::sign_in_code::{self, Asked};
use settings::Subjects;

/// What the forms' tokens are for.
const SIGN_IN: &str = "sign-in";
const SIGN_OUT: &str = "sign-out";

/// What every page here is made with.
struct Desk<'r> {
    app: &'r App,
    request: &'r HttpRequest,
    words: &'static Words,
}

/// `GET /sign-in`
pub(super) async fn show(app: App, request: HttpRequest) -> HttpResponse {
    let desk = Desk { app: &app, request: &request, words: words::of(&app, &request) };
    if let Err(error) = nul::refuse(&request) {
        return page::failure(desk.words, &error);
    }
    let Some(query) = once(request.query_string().as_bytes()) else {
        return page::bad_request(desk.words, desk.words.parameter_twice);
    };
    if app.parts.settings.subjects == Subjects::Any {
        return page::nobody_signs_in(desk.words);
    }
    let onward = Onward::parse(&app.parts.settings, query.get("to").map_or("", String::as_str));
    match desk.session().await {
        Ok(Some(session)) if !query.contains_key("switch") => desk.signed_in(&onward, &session),
        Ok(_) => desk.form(StatusCode::OK, &onward, "", None),
        Err(error) => page::failure(desk.words, &error),
    }
}

/// `POST /sign-in`
pub(super) async fn submit(app: App, request: HttpRequest, payload: Payload) -> HttpResponse {
    let desk = Desk { app: &app, request: &request, words: words::of(&app, &request) };
    let form = match body(&request, payload, Kind::Form).await {
        Ok(form) => form,
        Err(unread) => return page::failure(desk.words, &unread.into()),
    };
    let Some(mut form) = once(&form) else {
        return page::bad_request(desk.words, desk.words.parameter_twice);
    };
    if app.parts.settings.subjects == Subjects::Any {
        return page::nobody_signs_in(desk.words);
    }
    let onward = Onward::parse(&app.parts.settings, form.get("to").map_or("", String::as_str));
    if !own_form::is_ours(&app, &request, form.get("csrf"), SIGN_IN) {
        return desk.form(StatusCode::FORBIDDEN, &onward, "", Some(desk.words.form_stale));
    }
    let attempt = Try {
        login: form.remove("login").unwrap_or_default(),
        password: form.remove("password").unwrap_or_default().into(),
        origin: address::origin(&app, &request),
        old: cookies::session(&app, &request),
        locale: desk.words.locale,
    };
    let login = attempt.login.clone();
    match sign_in::sign_in(&app.parts, attempt).await {
        Ok(SignIn::In(cookie)) => desk.let_in(&onward, &cookie),
        Ok(SignIn::Code(Asked::Sent(sent))) => desk.code(StatusCode::OK, &onward, &sent, None),
        Ok(SignIn::Code(Asked::NotSent)) => {
            let problem = Some(desk.words.code_not_sent);
            desk.form(StatusCode::SERVICE_UNAVAILABLE, &onward, &login, problem)
        }
        Ok(SignIn::Code(Asked::NoPhone)) => {
            desk.form(StatusCode::UNPROCESSABLE_ENTITY, &onward, &login, Some(desk.words.no_second_factor))
        }
        Ok(SignIn::Refused | SignIn::Code(Asked::Gone)) => {
            let problem = Some(desk.words.sign_in_refused);
            desk.form(StatusCode::UNPROCESSABLE_ENTITY, &onward, &login, problem)
        }
        Err(error) => page::failure(desk.words, &error),
    }
}

/// `GET /sign-out`
pub(super) async fn ask(app: App, request: HttpRequest) -> HttpResponse {
    let desk = Desk { app: &app, request: &request, words: words::of(&app, &request) };
    match desk.session().await {
        Ok(Some(session)) => desk.signed_in(&Onward::Home, &session),
        Ok(None) => desk.signed_out(),
        Err(error) => page::failure(desk.words, &error),
    }
}

/// `POST /sign-out`
pub(super) async fn sign_out(app: App, request: HttpRequest, payload: Payload) -> HttpResponse {
    let desk = Desk { app: &app, request: &request, words: words::of(&app, &request) };
    let form = match body(&request, payload, Kind::Form).await {
        Ok(form) => once(&form).unwrap_or_default(),
        Err(unread) => return page::failure(desk.words, &unread.into()),
    };
    let Some(cookie) = cookies::session(&app, &request) else { return desk.signed_out() };
    if !own_form::is_of_session(&app, &request, form.get("csrf"), &cookie, SIGN_OUT) {
        return match desk.session().await {
            // Another site may want it signed out; whoever sits there is asked.
            Ok(Some(session)) => desk.still_signed_in(&session),
            Ok(None) => desk.signed_out(),
            Err(error) => page::failure(desk.words, &error),
        };
    }
    match sign_in::sign_out(&app.parts, cookie, address::origin(&app, &request)).await {
        Ok(()) => {
            let name = sessions::cookie_name(&app.parts.settings);
            with(desk.signed_out(), &cookies::forget(name, app.parts.settings.is_secure()))
        }
        Err(error) => page::failure(desk.words, &error),
    }
}

#[derive(Template)]
#[template(path = "sign_in/form.html", config = ".config/askama.toml")]
struct FormPage<'a> {
    words: &'a Words,
    nonce: &'a str,
    host: &'a str,
    action: &'a str,
    csrf: &'a str,
    /// Where to go afterwards; empty if nowhere.
    to: &'a str,
    login: &'a str,
    /// Where a code to a phone does instead; empty where none can be sent.
    by_phone: &'a str,
    problem: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "sign_in/signed_in.html", config = ".config/askama.toml")]
struct SignedInPage<'a> {
    words: &'a Words,
    nonce: &'a str,
    name: &'a str,
    /// Where to go on to, and to the form for somebody else; none if they only wanted to sign in.
    onward: Option<(&'a str, &'a str)>,
    sign_out: &'a str,
    csrf: &'a str,
    problem: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "sign_in/onward.html", config = ".config/askama.toml")]
struct OnwardPage<'a> {
    words: &'a Words,
    nonce: &'a str,
    to: &'a str,
}

#[derive(Template)]
#[template(path = "sign_in/signed_out.html", config = ".config/askama.toml")]
struct SignedOutPage<'a> {
    words: &'a Words,
    nonce: &'a str,
    sign_in: &'a str,
}

impl Desk<'_> {
    async fn session(&self) -> Result<Option<Session>> {
        sessions::find(&self.app.parts, cookies::session(self.app, self.request).as_ref()).await
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.app.parts.settings.base_path)
    }

    fn host(&self) -> &str {
        self.app.parts.settings.public_url.host_str().unwrap_or_default()
    }

    /// What a form brings back to go on by; empty if it leads nowhere.
    fn to(&self, onward: &Onward) -> String {
        if *onward == Onward::Home { String::new() } else { onward.path(&self.app.parts.settings) }
    }

    /// The form, with what was typed as login before, and what was wrong with it.
    fn form(&self, status: StatusCode, onward: &Onward, login: &str, problem: Option<&str>) -> HttpResponse {
        let (nonce, binding) = (page::nonce(), Binding::of(self.app, self.request));
        let csrf = binding.token(SIGN_IN);
        let by_phone = match onward.sign_in_by_phone_url(&self.app.parts.settings) {
            Ok(url) if sign_in_code::is_there(&self.app.parts) => url.to_string(),
            Ok(_) => String::new(),
            Err(error) => return page::failure(self.words, &error),
        };
        let template = FormPage {
            words: self.words,
            nonce: &nonce,
            host: self.host(),
            action: &self.path("sign-in"),
            csrf: csrf.expose_secret(),
            to: &self.to(onward),
            login,
            by_phone: &by_phone,
            problem,
        };
        with(self.page(status, &template, &nonce), &binding.cookie(self.app))
    }

    /// Who is signed in, and the ways from here.
    fn signed_in(&self, onward: &Onward, session: &Session) -> HttpResponse {
        self.who(StatusCode::OK, onward, None, session)
    }

    fn still_signed_in(&self, session: &Session) -> HttpResponse {
        self.who(StatusCode::FORBIDDEN, &Onward::Home, Some(self.words.form_stale), session)
    }

    fn who(&self, status: StatusCode, onward: &Onward, problem: Option<&str>, session: &Session) -> HttpResponse {
        let settings = &self.app.parts.settings;
        let nonce = page::nonce();
        let cookie: SecretString = cookies::session(self.app, self.request).unwrap_or_default();
        let csrf = service::forms::token(&cookie, SIGN_OUT);
        let ways = match (onward, onward.sign_in_again_url(settings)) {
            (Onward::Home, _) => None,
            (_, Ok(again)) => Some((onward.path(settings), again.to_string())),
            (_, Err(error)) => return page::failure(self.words, &error),
        };
        let template = SignedInPage {
            words: self.words,
            nonce: &nonce,
            name: session.name.as_deref().unwrap_or(session.subject.as_str()),
            onward: ways.as_ref().map(|(to, again)| (to.as_str(), again.as_str())),
            sign_out: &self.path("sign-out"),
            csrf: csrf.expose_secret(),
            problem,
        };
        self.page(status, &template, &nonce)
    }

    /// On from the form. A page rather than a redirect where it goes on to a provider or an application: Chromium holds
    /// every redirect that follows a form against the `form-action` of the form's page, and the provider's own are not ours
    /// to know.
    fn let_in(&self, onward: &Onward, session: &SessionCookie) -> HttpResponse {
        let settings = &self.app.parts.settings;
        let response = if *onward == Onward::Home {
            let home = match onward.sign_in_url(settings) {
                Ok(home) => home,
                Err(error) => return page::failure(self.words, &error),
            };
            let mut response = page::private(HttpResponse::SeeOther());
            response.insert_header((LOCATION, home.as_str())).finish()
        } else {
            let (nonce, to) = (page::nonce(), onward.path(settings));
            let template = OnwardPage { words: self.words, nonce: &nonce, to: &to };
            page::page(StatusCode::OK, &template, &nonce, None)
        };
        let name = sessions::cookie_name(settings);
        let cookie = cookies::keep(name, session.value.expose_secret(), session.max_age, settings.is_secure());
        let response = with(response, &cookie);
        match &session.device {
            Some(device) => with(response, &cookies::keep_device(settings, device)),
            None => response,
        }
    }

    fn signed_out(&self) -> HttpResponse {
        let nonce = page::nonce();
        let template = SignedOutPage { words: self.words, nonce: &nonce, sign_in: &self.path("sign-in") };
        page::page(StatusCode::OK, &template, &nonce, None)
    }

    /// A page with a form that ends here.
    fn page(&self, status: StatusCode, template: &impl Template, nonce: &str) -> HttpResponse {
        page::page(status, template, nonce, Some(self.app.parts.settings.public_url.as_str()))
    }
}

/// The response with a cookie.
fn with(mut response: HttpResponse, cookie: &Cookie<'_>) -> HttpResponse {
    match response.add_cookie(cookie) {
        Ok(()) => response,
        // Without its cookie the page leads nowhere.
        Err(_no_header) => HttpResponse::InternalServerError().finish(),
    }
}
