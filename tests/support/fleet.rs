//! Several instances of the built program on one Postgres, one keyring and one provider, as they run side by side; each can
//! be killed and started again.

use domain::clock::SystemClock;
use sandbox::{IssuedTokens, Sandbox};
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::call::Answer;
use super::database::execute;
use super::program::Running;
use super::site::{CONSOLE_SECRET, Site, provider};
use super::world::Engine;

/// A fleet of `fedlink serve`.
pub(crate) struct Fleet {
    /// What all of them run on.
    pub(crate) site: Site,
    /// Their provider.
    pub(crate) sandbox: Sandbox,
    instances: Vec<Running>,
    client: reqwest::Client,
    bearer: String,
}

impl Fleet {
    /// So many instances, all ready, started at once.
    pub(crate) async fn start(count: usize) -> Self {
        Self::start_with(count, |_| {}).await
    }

    /// As [`Fleet::start`], on a site that is changed first.
    pub(crate) async fn start_with(count: usize, change: impl FnOnce(&mut Site)) -> Self {
        Self::start_on(Engine::Postgres, count, change).await
    }

    /// As [`Fleet::start_with`], on an engine; on SQLite there is only one instance at a time.
    pub(crate) async fn start_on(engine: Engine, count: usize, change: impl FnOnce(&mut Site)) -> Self {
        let sandbox = provider();
        let mut site = Site::new(engine, &sandbox.issuer());
        change(&mut site);
        site.make_keyring(engine);
        let instances = tokio::task::block_in_place(|| {
            std::thread::scope(|scope| {
                let starting: Vec<_> = (0..count).map(|_| scope.spawn(|| site.serve())).collect();
                starting.into_iter().map(|instance| instance.join().expect("it becomes ready")).collect()
            })
        });
        let client = reqwest::Client::builder().build().expect("a client");
        let mut fleet = Self { site, sandbox, instances, client, bearer: String::new() };
        fleet.bearer = fleet.token().await;
        fleet
    }

    /// One of the instances.
    pub(crate) fn instance(&self, index: usize) -> &Running {
        &self.instances[index]
    }

    /// Ends an instance as a power cut does: it gets to do nothing more.
    pub(crate) fn kill(&mut self, index: usize) {
        self.instances[index].kill();
    }

    /// Starts an instance in the place of one that was killed, and waits until it is ready.
    pub(crate) fn restart(&mut self, index: usize) {
        self.instances[index] = tokio::task::block_in_place(|| self.site.serve());
    }

    /// Takes in links of subjects that need no account yet, and their sets of tokens, which have just expired.
    pub(crate) fn expired<'a>(&self, links: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<IssuedTokens> {
        let now = SystemClock::shared().now().timestamp();
        let mut import = String::new();
        let mut issued = Vec::new();
        for (subject, sid) in links {
            let tokens = self.sandbox.issue(sid, "fedlink", "openid offline_access profile");
            let line = json!({
                "subject": subject, "fpType": "tcs", "fpName": "tcs_1", "sid": sid,
                "accessToken": tokens.access_token.expose_secret(),
                "refreshToken": tokens.refresh_token.expose_secret(),
                "expiresOn": now,
            });
            import = import + &line.to_string() + "\n";
            issued.push(tokens);
        }
        self.site.feed(&["import", "--register", "-"], &import).good();
        issued
    }

    /// Asks an instance for a subject's tokens; `query` is empty or starts with `?`. An instance that dies instead of
    /// answering is an error.
    pub(crate) fn fed_token(
        &self,
        index: usize,
        subject: &str,
        query: &str,
    ) -> impl Future<Output = reqwest::Result<Answer>> + use<> {
        self.get(index, &format!("/{subject}/fedToken/tcs/tcs_1{query}"))
    }

    /// The health of a subject's one link, by the detailed list of an instance.
    pub(crate) async fn health(&self, index: usize, subject: &str) -> String {
        let list = self.get(index, &format!("/{subject}/fa?detail=true")).await.expect("an answer").json();
        list[0]["health"].as_str().unwrap_or_else(|| panic!("no health in {list}")).to_owned()
    }

    /// Moves on the time that leases go by, on Postgres: it is the database's, and of nothing else.
    pub(crate) async fn advance_database(&self, seconds: u64) {
        let function = format!(
            "CREATE OR REPLACE FUNCTION fedlink_now() RETURNS timestamptz LANGUAGE sql STABLE
             AS 'SELECT clock_timestamp() + interval ''{seconds} s'''"
        );
        execute(&self.site.database_url(), &function).await;
    }

    /// The call is not tied to this fleet, so that an instance can be killed meanwhile.
    fn get(&self, index: usize, path: &str) -> impl Future<Output = reqwest::Result<Answer>> + use<> {
        let url = format!("{}/blitz/api/v3/users{path}", self.instances[index].base_url);
        answer(self.client.get(url).bearer_auth(&self.bearer))
    }

    async fn token(&self) -> String {
        let url = format!("{}/blitz/oauth/te", self.instances[0].base_url);
        let request = self.client.post(url).basic_auth("console", Some(CONSOLE_SECRET));
        let issued = answer(request.form(&[("grant_type", "client_credentials")])).await.expect("an answer");
        issued.json()["access_token"].as_str().unwrap_or_else(|| panic!("no token in {}", issued.text())).to_owned()
    }
}

async fn answer(request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let headers = response.headers().iter();
    let headers = headers
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let status = response.status().as_u16();
    Ok(Answer { status, headers, body: response.bytes().await?.to_vec() })
}
