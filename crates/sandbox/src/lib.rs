//! A small OpenID provider that enforces the protocol and can play every peculiar one: for `fedlink demo` and the tests.
//!
//! Somebody consents without a browser by posting the form of the consent page: `POST` to the authorization URL as it
//! is, query included, with the field `sub=<user's sub>` to approve as that user, or `cancel=yes` to decline. The
//! answer is the 303 back to the client. It uses the clock and the randomness of [`domain`], and is no part of what is served.
//!
//! ```
//! use std::net::TcpListener;
//!
//! use domain::clock::SystemClock;
//! use domain::entropy::SystemEntropy;
//! use fedlink_sandbox::{Options, Refusal, Sandbox};
//! use secrecy::ExposeSecret as _;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let sandbox = Sandbox::start(Options::new(listener, SystemClock::shared(), SystemEntropy::shared()))?;
//! // The next refresh is refused, whatever is sent.
//! sandbox.script().set(|settings| settings.refuse_refresh = Some(Refusal::new(400, "invalid_grant")));
//! let tokens = sandbox.issue("1000347601", "fedlink", "openid offline_access");
//! assert!(sandbox.is_active(tokens.access_token.expose_secret()));
//! sandbox.stop();
//! # Ok(())
//! # }
//! ```

mod access_token;
mod answer;
mod asking;
mod assertion;
mod authenticate;
mod authorize;
mod client_key;
mod clients;
mod core;
mod form;
mod gate;
mod grants;
mod id_token;
mod keys;
mod lock;
mod metadata;
mod odd;
mod options;
mod pages;
mod peculiar;
mod pushed;
mod pushed_requests;
mod resource;
mod script;
mod token;
mod wording;
mod written;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::dev::{ServerHandle, Service as _};
use actix_web::http::header::DATE;
use actix_web::{App, HttpServer, web};
use secrecy::SecretString;

pub use self::access_token::AccessJwt;
pub use self::asking::{Offline, Pkce, UserinfoCall};
pub use self::client_key::ClientKey;
pub use self::clients::{ClientAuth, SandboxClient};
pub use self::core::Counts;
pub use self::gate::Hold;
pub use self::odd::{Break, Coding, Odd};
pub use self::options::{IssuedTokens, Options, SandboxUser};
pub use self::peculiar::{
    Answer, ExpiresIn, IdTokenForm, IssParameter, Refusal, Rotation, ScriptedScope, Settings, Signing, Userinfo,
};
pub use self::script::Script;
pub use self::wording::{ANY, ONCE, Signed, Wording};

use self::core::Core;
use self::lock::lock;

/// The longest request body we take: room for a 64 KiB refresh token, percent-encoded.
const BODY_LIMIT: usize = 1024 * 1024;

/// The longest a stop waits for the workers, which end at once.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// A running sandbox provider; clones are the same one. It stops with [`Sandbox::stop`] or its last clone.
#[derive(Debug, Clone)]
pub struct Sandbox {
    core: Arc<Core>,
    running: Arc<Running>,
}

#[derive(Debug)]
struct Running {
    handle: ServerHandle,
    thread: Mutex<Option<Serving>>,
}

#[derive(Debug)]
struct Serving {
    thread: JoinHandle<io::Result<()>>,
    /// Its senders live in the workers and send nothing: it ends when the last worker has.
    workers: mpsc::Receiver<Infallible>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // The order to stop is sent by the call; its future only waits for the end.
        drop(self.handle.stop(false));
    }
}

impl Sandbox {
    /// Starts a provider on a thread and a runtime of its own, so any caller may start it, in a runtime or not.
    /// Fails if the socket cannot be served or no thread can be started.
    pub fn start(options: Options) -> io::Result<Self> {
        let (listener, core) = Core::new(options)?;
        let core = Arc::new(core);
        let (report, started) = mpsc::channel();
        let (alive, workers) = mpsc::channel::<Infallible>();
        let shared = Arc::clone(&core);
        let thread = std::thread::Builder::new().name("sandbox".to_owned()).spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let data = web::Data::from(shared);
                let app = move || {
                    let core = data.clone();
                    App::new()
                        .app_data(data.clone())
                        .app_data(alive.clone())
                        // By its own time, as a server of the world has it.
                        .wrap_fn(move |request, service| {
                            let (core, answer) = (core.clone(), service.call(request));
                            async move {
                                let mut answer = answer.await?;
                                let moment = core.now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
                                answer.headers_mut().insert(DATE, moment.try_into()?);
                                Ok(answer)
                            }
                        })
                        .configure(routes)
                };
                let server = HttpServer::new(app).workers(1).disable_signals().listen(listener)?.run();
                // Nobody listens any more only if `start` itself has gone.
                report.send(server.handle()).ok();
                server.await
            })
        })?;
        match started.recv() {
            Ok(handle) => {
                let thread = Mutex::new(Some(Serving { thread, workers }));
                Ok(Self { core, running: Arc::new(Running { handle, thread }) })
            }
            // The thread ended before it could report: its own result says why.
            Err(mpsc::RecvError) => match thread.join() {
                Ok(Err(error)) => Err(error),
                Ok(Ok(())) | Err(_) => Err(io::Error::other("the sandbox provider did not start")),
            },
        }
    }

    /// Stops serving and waits until the socket is closed and no connection is served. Calls that hang are cut off.
    pub fn stop(&self) {
        drop(self.running.handle.stop(false));
        let serving = lock(&self.running.thread).take();
        if let Some(Serving { thread, workers }) = serving {
            // What the server's thread ended with no longer matters.
            thread.join().ok();
            // A forced stop does not wait for the workers, and one could still answer on a connection kept alive.
            workers.recv_timeout(STOP_LIMIT).ok();
        }
    }

    /// The issuer: `http://` and the address, without a path; with a final slash if the script says so.
    pub fn issuer(&self) -> String {
        self.core.issuer(&self.core.script.settings())
    }

    /// The provider's peculiarities, to be changed at any time.
    pub fn script(&self) -> Script {
        self.core.script.clone()
    }

    /// What has been asked of the provider so far.
    pub fn counts(&self) -> Counts {
        *lock(&self.core.counts)
    }

    /// Whether an access or refresh token would be accepted now.
    pub fn is_active(&self, token: &str) -> bool {
        lock(&self.core.grants).is_active(token, self.core.now())
    }

    /// Revokes a token as its user does at the provider.
    pub fn revoke(&self, token: &str, client_id: &str) {
        lock(&self.core.grants).revoke(token, client_id, false);
    }

    /// How many grants were revoked whole: by reuse of a code or a refresh token, or at the revocation endpoint.
    pub fn revoked_families(&self) -> usize {
        lock(&self.core.grants).revoked_families()
    }

    /// Issues tokens as if `sub` had consented to `scope` for `client_id`; none of them needs to be registered.
    pub fn issue(&self, sub: &str, client_id: &str, scope: &str) -> IssuedTokens {
        token::seed(&self.core, sub, client_id, scope)
    }

    /// An access token for some other API that is a JWT (RFC 9068), as if `sub` had signed in to an application of its.
    /// An error says that no key could be made.
    pub fn access_jwt(&self, wanted: AccessJwt<'_>) -> io::Result<SecretString> {
        access_token::make(&self.core, wanted)
    }

    /// Replaces the signing keys: tokens are signed by a new one, and the old ones are no longer published.
    /// An error says that no key could be made.
    pub fn rotate_keys(&self) -> io::Result<()> {
        lock(&self.core.keys).rotate()
    }

    /// Adds a signing key: tokens are signed by it, and the older ones stay published.
    /// An error says that no key could be made.
    pub fn add_key(&self) -> io::Result<()> {
        lock(&self.core.keys).add()
    }
}

fn routes(config: &mut web::ServiceConfig) {
    config
        .app_data(web::PayloadConfig::new(BODY_LIMIT))
        .route("/.well-known/openid-configuration", web::get().to(metadata::openid))
        .route("/.well-known/oauth-authorization-server", web::get().to(metadata::oauth))
        .route("/jwks", web::get().to(metadata::jwks))
        .route("/authorize", web::get().to(authorize::ask))
        .route("/authorize", web::post().to(authorize::answer))
        .route("/par", web::post().to(pushed::push))
        .route("/token", web::post().to(token::token))
        .route("/moved", web::route().to(answer::moved))
        .route("/userinfo", web::get().to(resource::userinfo))
        .route("/userinfo", web::post().to(resource::userinfo))
        .route("/introspect", web::post().to(resource::introspect))
        .route("/revoke", web::post().to(resource::revoke))
        .route("/app/callback", web::get().to(pages::app_callback));
}
