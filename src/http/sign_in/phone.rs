//! Signing in by a code to a phone: the page that asks for the number, the one that asks for the code, and, where several
//! accounts have the number, the one that asks which.

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Desk, SIGN_IN, with};
use crate::app::App;
use crate::http::failure::retry_after;
use crate::http::fields::once;
use crate::http::limits::{Kind, body};
use crate::http::own_form::{self, Binding};
use crate::http::words::{self, Words};
use crate::http::{address, cookies, nul, page};
use domain::account::AccountType;
use domain::{Error, Result};
use service::confirmations::Asking;
use service::onward::Onward;
use service::sign_in_code::{self, Asked, CodeTry, Judged, Sent};

/// `GET /sign-in/phone`
pub(in crate::http) async fn show(app: App, request: HttpRequest) -> HttpResponse {
    let desk = Desk { app: &app, request: &request, words: words::of(&app, &request) };
    if let Err(error) = nul::refuse(&request) {
        return page::failure(desk.words, &error);
    }
    let Some(query) = once(request.query_string().as_bytes()) else {
        return page::bad_request(desk.words, desk.words.parameter_twice);
    };
    if !sign_in_code::is_there(&app.parts) {
        return page::no_codes(desk.words);
    }
    let onward = Onward::parse(&app.parts.settings, query.get("to").map_or("", String::as_str));
    desk.number(StatusCode::OK, &onward, "", None)
}

/// `POST /sign-in/phone`: a number, the code that was sent to it, or the wish for another.
pub(in crate::http) async fn submit(app: App, request: HttpRequest, payload: Payload) -> HttpResponse {
    let desk = Desk { app: &app, request: &request, words: words::of(&app, &request) };
    let form = match body(&request, payload, Kind::Form).await {
        Ok(form) => form,
        Err(unread) => return page::failure(desk.words, &unread.into()),
    };
    let Some(mut form) = once(&form) else {
        return page::bad_request(desk.words, desk.words.parameter_twice);
    };
    if !sign_in_code::is_there(&app.parts) {
        return page::no_codes(desk.words);
    }
    let onward = Onward::parse(&app.parts.settings, form.get("to").map_or("", String::as_str));
    if !own_form::is_ours(&app, &request, form.get("csrf"), SIGN_IN) {
        return desk.number(StatusCode::FORBIDDEN, &onward, "", Some(desk.words.form_stale));
    }
    let asking = Asking { ip: address::origin(&app, &request).ip, locale: desk.words.locale };
    let Some(token) = form.remove("token").map(SecretString::from) else {
        let typed = form.remove("phone").unwrap_or_default();
        let asked = sign_in_code::ask(&app.parts, &typed, asking).await;
        return desk.asked(&onward, asked, &typed);
    };
    if form.contains_key("again") {
        return match sign_in_code::ask_again(&app.parts, token.clone(), asking).await {
            Ok(Asked::Sent(sent)) => desk.code(StatusCode::OK, &onward, &sent, None),
            // The code before may still be good.
            Ok(Asked::NotSent) => {
                desk.again(StatusCode::SERVICE_UNAVAILABLE, &onward, token, desk.words.code_not_sent).await
            }
            Ok(Asked::Gone | Asked::NoPhone) => desk.over(&onward, &token),
            Err(error @ Error::TooManyAttempts { .. }) => desk.too_early(&onward, token, &error).await,
            Err(error) => page::failure(desk.words, &error),
        };
    }
    let attempt = CodeTry {
        token: token.clone(),
        code: form.remove("code").unwrap_or_default(),
        account: form.get("account").and_then(|account| AccountType::parse(account)),
        origin: address::origin(&app, &request),
        old: cookies::session(&app, &request),
    };
    match sign_in_code::sign_in(&app.parts, attempt).await {
        Ok(judged) => desk.judged(&onward, judged, token).await,
        Err(error @ Error::TooManyAttempts { .. }) => desk.too_early(&onward, token, &error).await,
        Err(error) => page::failure(desk.words, &error),
    }
}

#[derive(Template)]
#[template(path = "sign_in/phone.html", config = ".config/askama.toml")]
struct NumberPage<'a> {
    words: &'a Words,
    nonce: &'a str,
    host: &'a str,
    action: &'a str,
    csrf: &'a str,
    /// Where to go afterwards; empty if nowhere.
    to: &'a str,
    phone: &'a str,
    /// Where a password does instead.
    password: &'a str,
    problem: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "sign_in/code.html", config = ".config/askama.toml")]
struct CodePage<'a> {
    words: &'a Words,
    nonce: &'a str,
    host: &'a str,
    action: &'a str,
    csrf: &'a str,
    /// Where to go afterwards; empty if nowhere.
    to: &'a str,
    token: &'a str,
    /// Where the code went.
    sent: &'a str,
    problem: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "sign_in/choice.html", config = ".config/askama.toml")]
struct ChoicePage<'a> {
    words: &'a Words,
    nonce: &'a str,
    host: &'a str,
    action: &'a str,
    csrf: &'a str,
    /// Where to go afterwards; empty if nowhere.
    to: &'a str,
    token: &'a str,
    /// What each button says, and to whom.
    accounts: &'a [(&'a str, &'a str)],
}

impl Desk<'_> {
    /// What came of asking for a code to the number that was typed.
    fn asked(&self, onward: &Onward, asked: Result<Asked>, typed: &str) -> HttpResponse {
        let again = |status, problem| self.number(status, onward, typed, Some(problem));
        match asked {
            Ok(Asked::Sent(sent)) => self.code(StatusCode::OK, onward, &sent, None),
            Ok(Asked::NoPhone) => again(StatusCode::UNPROCESSABLE_ENTITY, self.words.phone_wrong),
            Ok(Asked::NotSent) => again(StatusCode::SERVICE_UNAVAILABLE, self.words.code_not_sent),
            Ok(Asked::Gone) => again(StatusCode::UNPROCESSABLE_ENTITY, self.words.code_gone),
            Err(error) => page::failure(self.words, &error),
        }
    }

    async fn judged(&self, onward: &Onward, judged: Judged, token: SecretString) -> HttpResponse {
        let wrong = StatusCode::UNPROCESSABLE_ENTITY;
        match judged {
            Judged::In(cookie) => self.let_in(onward, &cookie),
            Judged::Several(types) => self.choice(onward, &token, &types),
            Judged::Gone => self.over(onward, &token),
            Judged::Nobody => self.number(wrong, onward, "", Some(self.words.phone_nobody)),
            Judged::Wrong => self.again(wrong, onward, token, self.words.code_wrong).await,
            Judged::Late => self.again(wrong, onward, token, self.words.code_late).await,
        }
    }

    /// The form for the code once more, with what was wrong.
    async fn again(&self, status: StatusCode, onward: &Onward, token: SecretString, problem: &str) -> HttpResponse {
        match sign_in_code::phone_of(&self.app.parts, &token).await {
            Ok(Some(phone)) => self.code(status, onward, &Sent { token, phone }, Some(problem)),
            Ok(None) => self.over(onward, &token),
            Err(error) => page::failure(self.words, &error),
        }
    }

    /// As [`Desk::again`], where another code may not be sent yet.
    async fn too_early(&self, onward: &Onward, token: SecretString, error: &Error) -> HttpResponse {
        let seconds = retry_after(error).unwrap_or(1);
        let problem = (self.words.too_many_text)(seconds.div_ceil(60));
        let mut response = self.again(StatusCode::TOO_MANY_REQUESTS, onward, token, &problem).await;
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
        response
    }

    /// It begins anew: with the password, where that came first.
    fn over(&self, onward: &Onward, token: &SecretString) -> HttpResponse {
        let (wrong, problem) = (StatusCode::UNPROCESSABLE_ENTITY, Some(self.words.code_gone));
        if sign_in_code::is_after_password(token) {
            self.form(wrong, onward, "", problem)
        } else {
            self.number(wrong, onward, "", problem)
        }
    }

    fn number(&self, status: StatusCode, onward: &Onward, phone: &str, problem: Option<&str>) -> HttpResponse {
        let (nonce, binding) = (page::nonce(), Binding::of(self.app, self.request));
        let csrf = binding.token(SIGN_IN);
        let password = match onward.sign_in_again_url(&self.app.parts.settings) {
            Ok(password) => password,
            Err(error) => return page::failure(self.words, &error),
        };
        let template = NumberPage {
            words: self.words,
            nonce: &nonce,
            host: self.host(),
            action: &self.path("sign-in/phone"),
            csrf: csrf.expose_secret(),
            to: &self.to(onward),
            phone,
            password: password.as_str(),
            problem,
        };
        with(self.page(status, &template, &nonce), &binding.cookie(self.app))
    }

    /// The form for the code.
    pub(super) fn code(&self, status: StatusCode, onward: &Onward, sent: &Sent, problem: Option<&str>) -> HttpResponse {
        let (nonce, binding) = (page::nonce(), Binding::of(self.app, self.request));
        let csrf = binding.token(SIGN_IN);
        let template = CodePage {
            words: self.words,
            nonce: &nonce,
            host: self.host(),
            action: &self.path("sign-in/phone"),
            csrf: csrf.expose_secret(),
            to: &self.to(onward),
            token: sent.token.expose_secret(),
            sent: &(self.words.code_sent)(&sent.phone),
            problem,
        };
        with(self.page(status, &template, &nonce), &binding.cookie(self.app))
    }

    fn choice(&self, onward: &Onward, token: &SecretString, types: &[AccountType]) -> HttpResponse {
        let (nonce, binding) = (page::nonce(), Binding::of(self.app, self.request));
        let csrf = binding.token(SIGN_IN);
        let accounts: Vec<_> = types.iter().map(|kind| (kind.as_str(), self.words.account_type(*kind))).collect();
        let template = ChoicePage {
            words: self.words,
            nonce: &nonce,
            host: self.host(),
            action: &self.path("sign-in/phone"),
            csrf: csrf.expose_secret(),
            to: &self.to(onward),
            token: token.expose_secret(),
            accounts: &accounts,
        };
        with(self.page(StatusCode::OK, &template, &nonce), &binding.cookie(self.app))
    }
}
