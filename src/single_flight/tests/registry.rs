//! The registry over papaya: its loom stand-in is used by the models, so this one has its own test.

use crate::single_flight::flight::Flight;
use crate::single_flight::registry::Registry;
use crate::sync::StdArc;

#[test]
fn only_the_flight_meant_is_replaced_or_removed() {
    let registry: Registry<u8, (), ()> = Registry::new();
    let [first, second, third] = [(); 3].map(|()| StdArc::new(Flight::new(1)));
    assert!(registry.get(&1).is_none());
    assert!(registry.enter(&first, None).is_ok());
    let present = registry.enter(&second, None).unwrap_err();
    assert!(StdArc::ptr_eq(&present, &first));

    assert!(registry.enter(&second, Some(&first)).is_ok());
    let present = registry.enter(&third, Some(&first)).unwrap_err();
    assert!(StdArc::ptr_eq(&present, &second), "replaced a fresh flight");

    registry.remove(&first);
    assert_eq!(registry.len(), 1, "removed its successor");
    registry.remove(&second);
    assert_eq!(registry.len(), 0);
    assert!(
        registry.enter(&third, Some(&second)).is_ok(),
        "the stale one is gone"
    );
}
