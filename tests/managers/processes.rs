//! Two processes on one Valkey: this test binary starts itself as the second.

use std::convert::Infallible;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tux_cache::managers::{GuildConfigUpdate, Managers};

use crate::stores::{connect, valkey};

const URL: &str = "TUX_TEST_SECOND_PROCESS_URL";
const ROLE: &str = "TUX_TEST_SECOND_PROCESS_ROLE";
const GUILD: u64 = 1;
const ROUNDS: u64 = 300;

fn second_process(url: &str, role: &str) -> Child {
    Command::new(std::env::current_exe().expect("this binary"))
        .args([
            "--exact",
            "processes::second_process_main",
            "--ignored",
            "--nocapture",
        ])
        .env(URL, url)
        .env(ROLE, role)
        .spawn()
        .expect("a second process")
}

fn succeeds(mut child: Child) {
    let status = child.wait().expect("the second process ends");
    assert!(status.success(), "the second process failed: {status}");
}

/// What the second process does; it fails by a panic.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the second process of the tests in this file, which start it"]
async fn second_process_main() {
    // Run by hand with `--ignored`, there is no first process.
    let (Ok(url), Ok(role)) = (std::env::var(URL), std::env::var(ROLE)) else {
        return;
    };
    let managers = Managers::new(connect(&url).await);
    match role.as_str() {
        "update" => update_rounds(&managers, 1).await,
        "fetch" => fetch_once(&managers).await,
        "see" => {
            until_prefix(&managers, Some("!")).await;
            managers.prefix.set(GUILD, "?").await.unwrap();
            until_prefix(&managers, None).await;
            assert!(
                managers
                    .jail_status
                    .get(GUILD, 2_u64)
                    .await
                    .unwrap()
                    .is_none()
            );
        }
        other => panic!("no role {other:?}"),
    }
}

/// Writes one field over and over; nobody else writes it, so it must never fall back.
async fn update_rounds(managers: &Managers, field: u64) {
    let mine = |config: &tux_cache::managers::GuildConfig| match field {
        0 => config.audit_log_id,
        _ => config.mod_log_id,
    };
    for round in 1..=ROUNDS {
        let update = match field {
            0 => GuildConfigUpdate::new().audit_log_id(Some(round)),
            _ => GuildConfigUpdate::new().mod_log_id(Some(round)),
        };
        managers.guild_config.set(GUILD, update).await.unwrap();
        let config = managers
            .guild_config
            .get(GUILD)
            .await
            .unwrap()
            .expect("just written");
        assert_eq!(
            mine(&config),
            Some(round),
            "an update was lost in round {round}"
        );
    }
}

/// However many tasks ask, one process loads at most once.
async fn fetch_once(managers: &Managers) {
    let loads = Arc::new(AtomicU32::new(0));
    let tasks: Vec<_> = (0..1_000)
        .map(|_| {
            let (jails, loads) = (managers.jail_status.clone(), Arc::clone(&loads));
            tokio::spawn(async move {
                let load = async move || {
                    loads.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    Ok::<_, Infallible>(true)
                };
                jails.get_or_fetch(GUILD, 2_u64, load).await
            })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap().unwrap());
    }
    let loads = loads.load(Ordering::SeqCst);
    assert!(loads <= 1, "{loads} loads in one process");
}

async fn until_prefix(managers: &Managers, expected: Option<&str>) {
    let seen = async {
        while managers.prefix.get(GUILD).await.unwrap().as_deref() != expected {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let limit = Duration::from_secs(20);
    let waited = tokio::time::timeout(limit, seen).await;
    assert!(waited.is_ok(), "the prefix never became {expected:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t39_two_processes_lose_no_update() {
    let (server, backend) = valkey().await;
    let managers = Managers::new(backend);
    let child = second_process(&server.url(), "update");
    update_rounds(&managers, 0).await;
    tokio::task::spawn_blocking(|| succeeds(child))
        .await
        .unwrap();
    let config = managers
        .guild_config
        .get(GUILD)
        .await
        .unwrap()
        .expect("written");
    assert_eq!(
        (config.audit_log_id, config.mod_log_id),
        (Some(ROUNDS), Some(ROUNDS))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t18_two_processes_fetch_at_most_once_each() {
    let (server, backend) = valkey().await;
    let child = second_process(&server.url(), "fetch");
    fetch_once(&Managers::new(backend)).await;
    tokio::task::spawn_blocking(|| succeeds(child))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_writes_or_removes_the_other_sees() {
    let (server, backend) = valkey().await;
    let managers = Managers::new(backend);
    managers.jail_status.set(GUILD, 2_u64, true).await.unwrap();
    managers.prefix.set(GUILD, "!").await.unwrap();
    let child = second_process(&server.url(), "see");
    until_prefix(&managers, Some("?")).await;
    // Prefix last: when it is gone, the jail status must be gone too.
    managers.jail_status.clear_all().await.unwrap();
    managers.prefix.clear_all().await.unwrap();
    tokio::task::spawn_blocking(|| succeeds(child))
        .await
        .unwrap();
}
