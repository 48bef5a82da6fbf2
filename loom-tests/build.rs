//! Sets `cfg(tux_loom)` for this crate alone, so that no other crate ever sees a loom cfg; and with `TUX_LOOM_ADVICE=1` the
//! cfg that lets loom branch on the eviction clock's words too.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(tux_loom)");
    println!("cargo::rustc-cfg=tux_loom");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=TUX_LOOM_ADVICE");
    if std::env::var_os("TUX_LOOM_ADVICE").is_some_and(|value| value == "1") {
        println!("cargo::rustc-cfg=tux_loom_advice");
    }
}
