//! What a partner that says nothing of an address is taken to mean: that it is verified, as in the source, unless the operator
//! says otherwise; and the operator is told where that opens accounts.

use serde_json::{Value, json};

use crate::support::database::texts;
use crate::support::partner::trusting;
use crate::support::person::{email, person, phone};
use crate::support::site::{Site, provider};
use crate::support::world::{World, both_engines};

use service::accounts::New;

const STRICT: &str = "absent_means_verified = false\n";

/// Whose the link of this identity is.
async fn owner(world: &World, sid: &str) -> String {
    texts(&world.database_url, &format!("SELECT subject AS value FROM links WHERE sid = '{sid}'")).await.concat()
}

/// A partner's table, trusted for these, with more lines.
fn partner(name: &str, (of_partner, of_client): (&str, &str), more: &str) -> String {
    format!(
        "[[partners]]\nname = \"{name}\"\n{of_partner}\n[partners.clients.app]\nidentity_type = \"{name}\"\n\
         user_info_url = \"https://{name}.example/me\"\naudience = \"us\"\n{of_client}\n{more}\n"
    )
}

both_engines! {
    async fn an_absent_flag_means_what_the_operator_says(engine: Engine) {
        for (setting, links) in [("", true), ("absent_means_verified = true\n", true), (STRICT, false)] {
            let world = World::start_with(engine, |settings| trusting(&settings) + setting).await;
            for (claim, flag, address) in [
                ("email", "email_verified", "victim@example.com"), ("phone_number", "phone_number_verified", "+79990001234"),
            ] {
                let victim = format!("victim-{claim}");
                let mut new = person(&victim);
                if claim == "email" {
                    new = New { email: Some(email(address, true)), ..new };
                } else {
                    new = New { phone: Some(phone(address, true)), ..new };
                }
                world.person(new).await;
                // What is said counts, whatever silence means.
                for (told, takes) in [(None, links), (Some(false), false), (Some(true), true)] {
                    let sid = format!("{claim}-{told:?}");
                    let mut userinfo = json!({"sub": sid, claim: address});
                    if let Some(told) = told {
                        userinfo[flag] = json!(told);
                    }
                    world.userinfo(&userinfo);
                    let answer = world.arrive().await;
                    assert_eq!(answer.status, 302, "{setting:?} {sid}: {}", answer.text());
                    assert_eq!(owner(&world, &sid).await == victim, takes, "{setting:?} {userinfo}");
                }
            }
        }
    }

    async fn a_flag_in_quotes_counts_where_the_operator_says_so(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings) + "text_booleans = true\n").await;
        world.person(New { email: Some(email("victim@example.com", true)), ..person("victim") }).await;
        for (flag, status, takes) in [(json!("false"), 302, false), (json!("yes"), 500, false), (json!("true"), 302, true)] {
            let sid = format!("told-{flag}");
            world.userinfo(&json!({"sub": sid, "email": "victim@example.com", "email_verified": flag}));
            assert_eq!(world.arrive().await.status, status, "{flag}");
            assert_eq!(owner(&world, &sid).await == "victim", takes, "{flag}");
        }
    }

    async fn a_flag_of_another_form_stays_wrong(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings) + STRICT).await;
        for flag in [json!(null), json!("true"), json!(1), json!([]), json!({})] {
            world.userinfo(&json!({"sub": "1", "email": "a@example.com", "email_verified": flag}));
            assert_eq!(world.arrive().await.status, 500, "{flag}");
        }
    }
}

/// Where silence opens accounts, and where it doesn't: partners by name, with what is said of each.
fn partners() -> (String, Vec<(&'static str, Option<&'static str>)>) {
    let both = "trust_email = true\ntrust_phone = true";
    let rows = [
        ("mails", ("trust_email = true", "trust_email = true"), "", Some("email_verified")),
        ("calls", ("trust_phone = true", "trust_phone = true"), "", Some("phone_verified")),
        ("strict", (both, both), STRICT, None),
        ("half", (both, ""), "", None),
        ("other-half", ("", both), "", None),
        ("neither", ("", ""), "", None),
    ];
    let text = rows.iter().map(|(name, trust, more, _)| partner(name, *trust, more)).collect::<Vec<_>>().concat();
    (text, rows.iter().map(|(name, .., told)| (*name, *told)).collect())
}

#[test]
fn the_operator_is_told_where_silence_opens_accounts() {
    let sandbox = provider();
    let mut site = Site::new(crate::support::world::Engine::Sqlite, &sandbox.issuer());
    let (sections, told) = partners();
    site.settings =
        site.settings.replace("[[clients]]", "[session]\nsecret = { env = \"SESSION_SECRET\" }\n[[clients]]")
            + &sections;
    site.env.push(("SESSION_SECRET", "a-secret-of-sixteen-bytes-or-more".to_owned()));
    let check = site.run(&["check"]);
    let lines: Vec<&str> = check.good().lines().collect();
    let running = site.serve();
    let logs = running.logs();
    for (name, flag) in told {
        let in_check: Vec<_> = lines.iter().filter(|line| line.contains(&format!("partner {name} "))).collect();
        let in_logs: Vec<_> = logs
            .lines()
            .filter(|line| line.contains("absent_means_verified") && line.contains(&format!("\"{name}\"")))
            .collect();
        match flag {
            Some(flag) => {
                assert!(
                    in_check.len() == 1 && in_check[0].contains(flag) && in_check[0].starts_with("WARNING"),
                    "{name}: {check:?}"
                );
                assert!(in_check[0].contains("absent_means_verified = false"), "{name}: {check:?}");
                assert!(
                    in_logs.len() == 1 && in_logs[0].contains(flag) && in_logs[0].contains("WARN"),
                    "{name}: {logs}"
                );
            }
            None => assert!(in_check.is_empty() && in_logs.is_empty(), "{name}: {check:?}\n{logs}"),
        }
    }
    // Machines read the same.
    let check = site.run(&["check", "--json"]);
    let told: Vec<Value> = check.good().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let warnings: Vec<_> = told.iter().filter(|line| line["warning"] == true).collect();
    assert_eq!(warnings.len(), 2, "{told:?}");
    assert!(warnings.iter().all(|line| line["ok"] == true), "{told:?}");
}
