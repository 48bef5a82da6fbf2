//! Sets `cfg(tux_loom)` for this crate alone, so that no other crate ever sees a loom cfg; and with the
//! environment variable `TUX_FAULT=name` the seeded fault of that name (see `faults.tsv`); and with
//! `TUX_LOOM_ADVICE=1` the cfg that lets loom branch on the eviction clock's words too.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(tux_loom)");
    println!("cargo::rustc-cfg=tux_loom");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=TUX_FAULT");
    println!("cargo::rerun-if-env-changed=TUX_LOOM_ADVICE");
    if let Ok(fault) = std::env::var("TUX_FAULT")
        && !fault.is_empty()
    {
        println!("cargo::rustc-cfg=tux_fault=\"{fault}\"");
    }
    if std::env::var_os("TUX_LOOM_ADVICE").is_some_and(|value| value == "1") {
        println!("cargo::rustc-cfg=tux_loom_advice");
    }
}
