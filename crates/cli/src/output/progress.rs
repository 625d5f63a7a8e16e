//! Live progress on standard error: bars on a terminal, plain lines elsewhere.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use pgverse::Event;

use super::units::{megabytes, significant, speed_up};

/// Shows events until the stream ends.
pub(crate) async fn show(events: impl Stream<Item = Event> + Send) {
    let mut view = if std::io::stderr().is_terminal() { View::Bars(Bars::default()) } else { View::Lines };
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        match &mut view {
            View::Bars(bars) => bars.update(&event),
            View::Lines => {
                if let Some(line) = line(&event) {
                    super::note(&line);
                }
            }
        }
    }
}

enum View {
    Bars(Bars),
    Lines,
}

/// One bar for each agent, and one line for what concerns all.
#[derive(Default)]
struct Bars {
    all: MultiProgress,
    general: Option<ProgressBar>,
    agents: HashMap<String, ProgressBar>,
    authors: HashMap<String, String>,
}

impl Bars {
    fn update(&mut self, event: &Event) {
        match event {
            Event::Preparing { what } => self.general().set_message(what.clone()),
            Event::UniverseSpawned { agent, mechanism, seconds, .. } => {
                self.clear_general();
                let ms = significant(seconds * 1e3);
                self.agent(agent.as_str())
                    .set_message(format!("forked by {mechanism} in {ms} ms; reading plans"));
            }
            Event::Proposed { agent, candidate, title } => {
                self.authors.insert(candidate.to_string(), agent.to_string());
                self.agent(agent.as_str()).set_message(format!("proposes {title}"));
            }
            Event::Applied { candidate, seconds, .. } => {
                let message = format!("built {candidate} in {} s", significant(*seconds));
                self.of_candidate(candidate.as_str(), message);
            }
            Event::Measured { agent, round, rounds, live } => {
                let bar = self.agent(agent.as_str());
                bar.set_length(u64::from(*rounds));
                bar.set_position(u64::from(*round));
                bar.set_message(format!("{live} in the race"));
            }
            Event::Eliminated { candidate, reason } => {
                self.of_candidate(candidate.as_str(), format!("{candidate} is out: {reason}"));
            }
            Event::Failed { agent, error } => self.agent(agent.as_str()).abandon_with_message(error.clone()),
            Event::Crowned { .. } | Event::NoWinner { .. } | Event::Finished { .. } => {
                // The table that follows says it all.
                self.clear_general();
                for bar in self.agents.values() {
                    bar.finish_and_clear();
                }
            }
            _ => {}
        }
    }

    fn general(&mut self) -> &ProgressBar {
        self.general.get_or_insert_with(|| spinner(&self.all, "{spinner} {wide_msg} {elapsed}"))
    }

    fn clear_general(&mut self) {
        if let Some(bar) = self.general.take() {
            bar.finish_and_clear();
        }
    }

    fn agent(&mut self, name: &str) -> &ProgressBar {
        self.agents.entry(name.to_owned()).or_insert_with(|| {
            let bar = spinner(&self.all, "{spinner} {prefix:10} {bar:20} {wide_msg}");
            bar.set_prefix(name.to_owned());
            bar
        })
    }

    fn of_candidate(&mut self, candidate: &str, message: String) {
        if let Some(author) = self.authors.get(candidate).cloned() {
            self.agent(&author).set_message(message);
        }
    }
}

fn spinner(all: &MultiProgress, template: &str) -> ProgressBar {
    let bar = all.add(ProgressBar::new(1));
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// One event as one line; none for the rounds in between, of which there are hundreds.
fn line(event: &Event) -> Option<String> {
    Some(match event {
        Event::Started { id, agents, statements } => {
            let agents: Vec<&str> = agents.iter().map(pgverse::types::AgentName::as_str).collect();
            format!(
                "competition {id}: {} on {}",
                agents.join(", "),
                super::units::count(*statements, "statement")
            )
        }
        Event::Preparing { what } => what.clone(),
        Event::UniverseSpawned { agent, mechanism, seconds, .. } => {
            format!("{agent}: universe forked by {mechanism} in {} ms", significant(seconds * 1e3))
        }
        Event::Proposed { candidate, title, .. } => format!("{candidate}: {title}"),
        Event::Applied { candidate, seconds, bytes } => {
            format!("{candidate}: built in {} s, {} MB", significant(*seconds), megabytes(*bytes))
        }
        Event::Measured { agent, round, rounds, live } if round == rounds => {
            format!("{agent}: measured {rounds} rounds, {live} in the race")
        }
        Event::Eliminated { candidate, reason } => format!("{candidate}: out, {reason}"),
        Event::Failed { agent, error } => format!("{agent}: failed, {error}"),
        Event::Crowned { candidate, ratio } => {
            format!("{candidate}: crowned, {} as fast", speed_up(ratio.estimate))
        }
        Event::NoWinner { reason } => format!("no winner: {reason}"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use pgverse::types::Interval;

    use super::*;

    #[test]
    fn lines_say_what_happened_and_leave_out_the_rounds_between() {
        let crowned = Event::Crowned {
            candidate: "index-1".into(),
            ratio: Interval { estimate: 0.25, low: 0.2, high: 0.3 },
        };
        assert_eq!(line(&crowned).unwrap(), "index-1: crowned, 4.00x as fast");
        let round = |round| Event::Measured { agent: "index".into(), round, rounds: 30, live: 2 };
        assert_eq!(line(&round(3)), None);
        assert_eq!(line(&round(30)).unwrap(), "index: measured 30 rounds, 2 in the race");
    }
}
