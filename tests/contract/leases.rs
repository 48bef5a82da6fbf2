//! The rules of leases, snapshots and updates.

use super::*;

pub(crate) async fn t01_a_lease_is_voided_by_everything_that_touches_the_key(b: &Backend) {
    let key = jail(1, 2);
    let publish = |lease| b.put_leased(lease, key, Value::new(Flag(true)), MINUTE);

    let lease = b.lease(key);
    assert!(b.lease_is_valid(&lease));
    assert!(publish(lease).await.unwrap());
    assert_eq!(b.get_as::<Flag>(key).await.unwrap(), Some(Flag(true)));

    for step in 0..8 {
        b.remove(key).await.unwrap();
        let lease = b.lease(key);
        match step {
            0 => b.put(key, Flag(false), MINUTE).await.unwrap(),
            1 => assert!(!b.remove(key).await.unwrap()),
            2 => b.set("jail_status:1:2", false, MINUTE).await.unwrap(),
            3 => assert!(!b.delete("tux:jail_status:1:2").await.unwrap()),
            4 => assert_eq!(b.delete_prefix("jail_status:").await.unwrap(), 0),
            5 => {
                let set = KeySet::Guild(KeyFamily::JailStatus, 1);
                assert_eq!(b.remove_set(&set).await.unwrap(), 0);
            }
            6 => {
                let entry = ("jail_status:1:2", json!(false), MINUTE);
                b.set_many(&[entry]).await.unwrap();
            }
            _ => {
                let merged = b.update(key, MINUTE, |_| Value::new(Flag(false))).await;
                assert_eq!(merged.unwrap().to_json(), json!(false));
            }
        }
        assert!(!b.lease_is_valid(&lease), "step {step}");
        assert!(!publish(lease).await.unwrap(), "step {step}");
        assert_ne!(
            b.get_as::<Flag>(key).await.unwrap(),
            Some(Flag(true)),
            "step {step}: the stale value was published"
        );
    }
}

pub(crate) async fn t01_of_two_leases_one_publishes(b: &Backend) {
    let key = jail(1, 2);
    let (first, second) = (b.lease(key), b.lease(key));
    assert!(
        b.put_leased(first, key, Value::new(Flag(true)), MINUTE)
            .await
            .unwrap()
    );
    assert!(
        !b.put_leased(second, key, Value::new(Flag(false)), MINUTE)
            .await
            .unwrap()
    );
    assert_eq!(b.get_as::<Flag>(key).await.unwrap(), Some(Flag(true)));
}

pub(crate) async fn a_lease_of_another_backend_is_void(b: &Backend) {
    let key = jail(1, 2);
    let other: Backend = InMemoryBackend::new(Duration::from_secs(1), None).into();
    let lease = other.lease(key);
    assert!(!b.lease_is_valid(&lease));
    assert!(
        !b.put_leased(lease, key, Value::new(Flag(true)), MINUTE)
            .await
            .unwrap()
    );
    let snapshot = other.snapshot(key).await.unwrap();
    assert!(
        !b.commit(key, snapshot, Value::new(Flag(true)), MINUTE)
            .await
            .unwrap()
    );
    assert_eq!(b.get_as::<Flag>(key).await.unwrap(), None);
}

pub(crate) async fn several_leases_publish_each_for_itself(b: &Backend) {
    // Leases of two keys may share a generation stripe and void each other; not twenty times in a row.
    let mut outcomes = Vec::new();
    for guild in 1..=20 {
        let keys = [jail(guild, 1), jail(guild, 2), jail(guild, 3)];
        let entries = keys
            .iter()
            .map(|key| (b.lease(*key), *key, Value::new(Flag(true))))
            .collect();
        b.remove(keys[1]).await.unwrap();
        let published = b.put_many_leased(entries, MINUTE).await.unwrap();
        assert!(!published[1], "a void lease was published");
        let found = b.get_many_as::<Flag>(&keys).await.unwrap();
        let found: Vec<bool> = found.iter().map(Option::is_some).collect();
        assert_eq!(found, published, "stored and said to be stored differ");
        outcomes.push(published);
    }
    assert!(outcomes.contains(&vec![true, false, true]), "{outcomes:?}");
    assert!(
        b.put_many_leased(Vec::new(), MINUTE)
            .await
            .unwrap()
            .is_empty()
    );
}

pub(crate) async fn t35_a_commit_fails_once_the_entry_changed(b: &Backend) {
    let key = KeyRef::GuildConfig { guild: 1 };
    let value = |n: i32| Value::from_json(json!({"n": n}));
    // Nothing there: only the first of two writers gets through.
    let (one, two) = (
        b.snapshot(key).await.unwrap(),
        b.snapshot(key).await.unwrap(),
    );
    assert!(one.value().is_none());
    assert!(b.commit(key, one, value(1), MINUTE).await.unwrap());
    assert!(!b.commit(key, two, value(2), MINUTE).await.unwrap());
    // Changed, and removed, in between.
    let snapshot = b.snapshot(key).await.unwrap();
    assert_eq!(snapshot.value().unwrap().to_json(), json!({"n": 1}));
    b.put_value(key, value(3), MINUTE).await.unwrap();
    assert!(!b.commit(key, snapshot, value(4), MINUTE).await.unwrap());
    let snapshot = b.snapshot(key).await.unwrap();
    b.remove(key).await.unwrap();
    assert!(!b.commit(key, snapshot, value(5), MINUTE).await.unwrap());
    assert_eq!(b.get("guild_config:1").await.unwrap(), None);
}

pub(crate) async fn updates_of_64_writers_are_all_kept(b: &Backend) {
    let tasks: Vec<_> = (0..64)
        .map(|i| {
            let b = b.clone();
            tokio::spawn(async move {
                let key = KeyRef::GuildConfig { guild: 5 };
                b.update(key, MINUTE, |old| {
                    let mut json = old.map_or_else(|| json!({}), Value::to_json);
                    let object = json.as_object_mut().unwrap();
                    object.insert(format!("field{i}"), i);
                    json.into()
                })
                .await
                .unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let stored = b.get("guild_config:5").await.unwrap().unwrap();
    assert_eq!(stored.as_object().unwrap().len(), 64, "an update was lost");
}
