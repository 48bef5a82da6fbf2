//! Sets `cfg(tux_loom)` for this crate alone, so that no other crate ever sees a loom cfg.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(tux_loom)");
    println!("cargo::rustc-cfg=tux_loom");
    println!("cargo::rerun-if-changed=build.rs");
}
