//! People with passwords at our own sign-in page.

use domain::account::{AccountType, Email, Phone};
use domain::ids::Subject;
use service::accounts::{self, Claimed, New};

use super::browser::{Browser, field};
use super::call::{Answer, Body};
use super::world::World;

/// The password of whoever has one, unless a test says another.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// An account with [`PASSWORD`], to be changed before it is made.
pub(crate) fn person(subject: &str) -> New {
    let subject = Subject::parse(subject).expect("a subject");
    New { password: Some(PASSWORD.into()), ..New::bare(subject, AccountType::Resident) }
}

/// An e-mail address.
pub(crate) fn email(address: &str, verified: bool) -> Claimed<Email> {
    Claimed { address: Email::parse(address).expect("an address"), verified }
}

/// A phone number.
pub(crate) fn phone(number: &str, verified: bool) -> Claimed<Phone> {
    Claimed { address: Phone::parse(number).expect("a number"), verified }
}

impl World {
    /// Makes an account.
    pub(crate) async fn person(&self, new: New) {
        accounts::create(&self.app.parts, new).await.expect("an account");
    }

    /// The sign-in page, as people reach it.
    pub(crate) fn sign_in_page(&self) -> String {
        format!("{}/blitz/sign-in", self.base)
    }
}

impl Browser {
    /// Opens the sign-in page at `url`; gives the token of its form.
    pub(crate) async fn open_sign_in(&mut self, world: &World, url: &str) -> String {
        let page = self.go(world, "GET", url, Body::None).await;
        assert_eq!(page.status, 200, "{}", page.text());
        field(&page.text(), "csrf")
    }

    /// Opens the sign-in page, types, and sends the form, with more headers.
    pub(crate) async fn try_sign_in(
        &mut self,
        world: &World,
        (login, password): (&str, &str),
        headers: &[(&str, &str)],
    ) -> Answer {
        let csrf = self.open_sign_in(world, &format!("{}?switch=1", world.sign_in_page())).await;
        self.send_sign_in(world, &csrf, (login, password), headers).await
    }

    /// Sends the form of a page that is open.
    pub(crate) async fn send_sign_in(
        &mut self,
        world: &World,
        csrf: &str,
        (login, password): (&str, &str),
        headers: &[(&str, &str)],
    ) -> Answer {
        let form = vec![("csrf", csrf.to_owned()), ("login", login.to_owned()), ("password", password.to_owned())];
        self.go_with(world, ("POST", &world.sign_in_page()), Body::Form(form), headers).await
    }

    /// Whether somebody is signed in, as the page says: their name.
    pub(crate) async fn signed_in_as(&mut self, world: &World) -> Option<String> {
        let page = self.go(world, "GET", &world.sign_in_page(), Body::None).await.text();
        let (_, rest) = page.split_once("<dt>Signed in as</dt><dd><bdi>")?;
        rest.split_once("</bdi>").map(|(name, _)| name.to_owned())
    }
}
