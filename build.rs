//! The planner page is embedded by a macro, which does not notice new files: this does.

fn main() {
    println!("cargo::rerun-if-changed=web/dist");
}
