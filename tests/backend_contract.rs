//! One contract, every backend: what a manager or a bot may rely on whichever store stands behind it.

use tux_cache::backend::{Backend, Json, KeyRef};

/// Every operation can be awaited in a spawned task.
#[allow(dead_code)]
fn futures_are_send(backend: &'static Backend) {
    fn send<T: Send>(_: T) {}
    let key = KeyRef::Prefix { guild: 1 };
    send(backend.get("k"));
    send(backend.set("k", Json::Null, None));
    send(backend.delete("k"));
    send(backend.exists("k"));
    send(backend.get_many(&["k"]));
    send(backend.set_many(&[("k", Json::Null, None)]));
    send(backend.delete_prefix("k"));
    send(backend.get_as::<Json>(key));
    send(backend.get_many_as::<Json>(&[]));
    send(backend.put(key, Json::Null, None));
    send(backend.remove(key));
    send(backend.put_leased(backend.lease(key), key, Json::Null.into(), None));
    send(backend.put_many_leased(Vec::new(), None));
    send(backend.update(key, None, |old| old.cloned().unwrap_or(Json::Null.into())));
}
