//! Each example is run as a user would run it.

use std::process::Command;

#[test]
fn the_custom_agent_proposes_and_is_measured() {
    let home = pgverse_testkit::home();
    let output =
        Command::new(env!("CARGO_BIN_EXE_custom_agent")).env("PGVERSE_HOME", home.path()).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}{}", String::from_utf8_lossy(&output.stderr));
    let line = shown.lines().find(|line| line.contains("partial index on orders where")).expect(&shown);
    assert!(line.contains("'pending'"), "{line}");
    assert!(!line.contains("not measured"), "{line}");
}

#[test]
fn the_custom_judge_has_the_last_word() {
    let home = pgverse_testkit::home();
    let output =
        Command::new(env!("CARGO_BIN_EXE_custom_judge")).env("PGVERSE_HOME", home.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("the smallest near the fastest") || text.starts_with("no candidate"), "{text}");
}
