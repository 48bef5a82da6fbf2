//! Jail status: a thousand tasks ask at once, one of them asks the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tux_cache::managers::JailStatusCache;

#[tokio::main]
async fn main() -> Result<(), tux_cache::Error> {
    let jails = JailStatusCache::in_memory();
    let (guild, user) = (1_u64, 2_u64);
    let queries = Arc::new(AtomicU32::new(0));
    let tasks: Vec<_> = (0..1_000)
        .map(|_| {
            let (jails, queries) = (jails.clone(), Arc::clone(&queries));
            tokio::spawn(async move {
                let load = async move || {
                    queries.fetch_add(1, Ordering::Relaxed);
                    Ok::<_, std::io::Error>(true)
                };
                jails.get_or_fetch(guild, user, load).await
            })
        })
        .collect();
    for task in tasks {
        assert!(task.await.expect("no task panics")?);
    }
    println!(
        "1,000 tasks, {} database query",
        queries.load(Ordering::Relaxed)
    );
    jails.set(guild, user, false).await?;
    println!("unjailed: {:?}", jails.get(guild, user).await?);
    println!("{:?}", jails.stats());
    Ok(())
}
