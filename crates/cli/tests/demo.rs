//! The demo, on the smallest shop: what it prints, its report, and that every command reads that report.

#![allow(clippy::unwrap_used)]

mod support;

use pgverse::types::CandidateStatus;
use support::{Home, valid_report};

#[test]
fn a_small_demo_ends_with_a_verdict_and_a_report() {
    let home = Home::new();
    let file = home.file("report.json");
    let json = file.to_str().unwrap();
    let said = home.run(["demo", "--scale", "0.02", "--seed", "7", "--json", json]);
    assert!(matches!(said.code, Some(0 | 3)), "{said:#?}");
    home.assert_nothing_left("after the demo");

    let report = valid_report(&file);
    assert_eq!(report.seed, 7);
    let agents: Vec<&str> = report.universes.iter().map(|u| u.agent.as_str()).collect();
    assert_eq!(agents.len(), 4, "{agents:?}");
    for universe in &report.universes {
        assert_eq!(universe.error, None, "{}", universe.agent);
        assert!(universe.fork.seconds > 0.0 && !universe.fork.mechanism.is_empty());
        // On so few rows, freshly analyzed, the settings are right as they are.
        assert!(universe.agent.as_str() == "schema" || !universe.candidates.is_empty(), "{}", universe.agent);
    }
    let candidates = || report.universes.iter().flat_map(|u| &u.candidates);
    assert_eq!(said.code == Some(0), report.verdict.winner.is_some());
    assert_eq!(
        candidates().filter(|c| c.status == CandidateStatus::Crowned).count(),
        usize::from(said.code == Some(0))
    );
    for candidate in candidates().filter(|c| c.status != CandidateStatus::Failed) {
        assert!(!candidate.reason.is_empty(), "{}", candidate.id);
    }
    let opening = if said.code == Some(0) { "Winner: " } else { "No winner: " };
    assert!(said.stdout.starts_with(opening), "{}", said.stdout);
    for candidate in candidates() {
        assert!(said.stdout.contains(candidate.id.as_str()), "{} is in the table", candidate.id);
    }

    // The recorded trials give the same verdict again, and the plan carries the recorded hash.
    let code = said.code.unwrap();
    let again = home.file("again.json");
    home.run(["judge", json, "--json", again.to_str().unwrap()]).ended(code);
    assert_eq!(valid_report(&again), report);
    let plan = home.run(["plan", json]);
    plan.ended(code);
    assert!(plan.stdout.contains(&report.promotion.hash), "{}", plan.stdout);
}

#[test]
fn json_on_standard_output_stands_alone() {
    let home = Home::new();
    let said = home.run(["demo", "--scale", "0.02", "--agents", "index", "--sequential", "--json", "-"]);
    assert!(matches!(said.code, Some(0 | 3)), "{said:#?}");
    let report: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(report["format"], 1);
    assert_eq!(report["universes"].as_array().unwrap().len(), 1);
    assert!(said.stderr.contains("index: universe forked by "), "{}", said.stderr);
    home.assert_nothing_left("after the demo");
}
