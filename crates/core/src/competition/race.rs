//! Rounds in which the baseline, its control and every live candidate run once, in random order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use tokio::sync::Semaphore;

use super::RaceOptions;
use super::litter::Litter;
use super::screen::{Cell, Impact, text};
use super::universe::closed;
use super::work;
use crate::bench::{Arm, Lab, Round, Shot};
use crate::context::{Context, Phase};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::judge::{Progress, progress};
use crate::stats::median;
use crate::traits::{Benchmarker, Sample};
use crate::types::{AgentName, Brief, Candidate, PairedSamples, Problem, StatementKind, Trial, TrialState};

const BASELINE: usize = 0;
const CONTROL: usize = 1;
const FIRST_CANDIDATE: usize = 2;
/// Milliseconds that a shot should last, so that it is long against the clock and the round trip.
const SHOT_MS: f64 = 4.0;
const MAX_REPETITIONS: f64 = 9.0;
/// A statement that takes longer is not run once more only to know how long it takes, milliseconds.
const LONG_MS: f64 = 2000.0;
/// A candidate that takes this many times as long as the baseline, and this much longer, is cut off.
const CUT_OFF: (f64, f64) = (3.0, 100.0);
/// How often a statement that is not raced is run, so that its share of the workload is no accident.
const CONSTANT_ROUNDS: usize = 3;
/// Rounds that only warm up, at the most.
const MOST_WARM_UP_ROUNDS: u32 = 5;
/// The later runs of a warm round take more than this share of what the earlier ones take.
const WARM: f64 = 0.95;
/// Switching on an arm by statements slower than this is done once in a round, not once for each cell.
const DEAR_SWITCH: Duration = Duration::from_millis(20);

/// A candidate in the race.
#[derive(Debug)]
pub(super) struct Runner<'a> {
    pub(super) candidate: Candidate,
    pub(super) impact: Impact,
    pub(super) arm: Arm,
    pub(super) trial: Trial,
    /// Runs in the same rounds, for a union that must beat it.
    pub(super) rival: Option<Rival>,
    /// The fork that has its change for good, where the change cannot be switched inside a transaction.
    pub(super) fork: Option<&'a Lab>,
}

impl<'a> Runner<'a> {
    /// Where it runs.
    pub(super) fn lab(&self, track: &Track<'a>) -> &'a Lab {
        self.fork.unwrap_or(track.lab)
    }

    /// What is still raced: what was cut off is decided, and too dear to be run again.
    fn raced(&self) -> impl Iterator<Item = usize> {
        self.impact.measured.iter().copied().filter(|&cell| !self.trial.samples[cell].cut_off())
    }
}

/// The best single candidate beside a union.
#[derive(Debug)]
pub(super) struct Rival {
    pub(super) candidate: Candidate,
    pub(super) arm: Arm,
}

/// What a race needs.
#[derive(Debug)]
pub(super) struct Track<'a> {
    pub(super) lab: &'a Lab,
    pub(super) benchmarker: &'a dyn Benchmarker,
    pub(super) slot: &'a Arc<Semaphore>,
    pub(super) cells: &'a [Cell<'a>],
    pub(super) brief: &'a Brief,
    pub(super) baseline: Arm,
    pub(super) control: Arm,
    /// Where the control runs: beside a candidate on a fork of its own, on a third one, so that the A/A deviation
    /// holds the difference between forks.
    pub(super) control_lab: &'a Lab,
    pub(super) problem: &'a Problem,
    pub(super) options: &'a RaceOptions,
    pub(super) agent: AgentName,
    /// Error rate of one candidate, corrected for many.
    pub(super) error_rate: f64,
}

impl Track<'_> {
    /// Tables to which the raced writes of the workload go, by schema and name.
    pub(super) fn written(&self, runner: &Runner<'_>) -> BTreeSet<(String, String)> {
        let cells = runner.impact.measured.iter().map(|&cell| self.cells[cell]);
        let named = cells
            .filter(|cell| cell.statement.kind == StatementKind::Write)
            .flat_map(|cell| self.brief.plans_of(&cell.statement.id))
            .flat_map(|planned| planned.plan.nodes())
            .filter(|node| node.node_type == "ModifyTable")
            .filter_map(|node| Some((node.schema.clone()?, node.relation_name.clone()?)));
        let mut written: BTreeSet<(String, String)> = named.collect();
        // What goes to the whole goes to its partitions.
        for table in &self.brief.catalog.tables {
            let above = self.brief.catalog.upwards(table);
            if above.into_iter().any(|t| written.contains(&(t.schema.clone(), t.name.clone()))) {
                written.insert((table.schema.clone(), table.name.clone()));
            }
        }
        written
    }
}

/// Measures all runners until each is decided or the time is up; fills in their trials.
pub(super) async fn race(
    cx: &Context,
    track: &Track<'_>,
    runners: &mut [Runner<'_>],
    rng: &mut ChaCha8Rng,
) -> Result<()> {
    let mut live: BTreeSet<usize> = (0..runners.len()).collect();
    if live.is_empty() {
        return Ok(());
    }
    let arms: Vec<Arm> = [track.baseline.clone(), track.control.clone()]
        .into_iter()
        .chain(runners.iter().map(|r| r.arm.clone()))
        // The rival of runner i is the arm after all runners' arms; a runner without one leaves its place empty.
        .chain(
            runners
                .iter()
                .map(|r| r.rival.as_ref().map_or_else(|| track.baseline.clone(), |rival| rival.arm.clone())),
        )
        .collect();
    let raced: BTreeSet<usize> = runners.iter().flat_map(|r| r.impact.measured.iter().copied()).collect();
    let grounds = Grounds { labs: labs(track, runners), arms };
    let raced: Vec<Cell<'_>> = raced.into_iter().map(|cell| track.cells[cell]).collect();
    let mut litter = Vec::new();
    for lab in grounds.distinct() {
        let tables = Litter::of(cx, lab, track.brief, raced.iter().copied()).await?;
        if !tables.is_empty() {
            lab.checkpoint(cx).await?;
        }
        litter.push((lab, tables));
    }
    constants(cx, track, &grounds, runners).await?;
    let mut pace = Pace { dear: dear(cx, &grounds).await?, ..Pace::default() };
    // These warm caches and find how often each statement must run; their samples are not kept.
    let mut warm_up_rounds = 0;
    let mut before = f64::INFINITY;
    loop {
        let shots = schedule(track, runners, &live, &pace, rng);
        let samples = fire(cx, track, &grounds, &shots).await?;
        pace.learn(&shots, &samples);
        clear(cx, track, &mut litter).await?;
        warm_up_rounds += 1;
        // A fork of one's own has caches of its own, in which no other arm reads.
        let own = shots.iter().zip(&samples).filter(|((_, s), _)| grounds.is_apart(s.arm));
        let now: f64 = own.map(|((cell, _), sample)| track.cells[*cell].weight() * unqueued(sample)).sum();
        let cold = now < before * WARM && now > 0.0;
        before = now;
        if warm_up_rounds >= MOST_WARM_UP_ROUNDS || !(cold || still_warming(track, &shots, &samples)) {
            break;
        }
    }
    for runner in runners.iter_mut() {
        runner.trial.warm_up_rounds = warm_up_rounds;
        runner.trial.error_rate = Some(track.error_rate);
    }
    work::count(cx, track, runners).await?;

    let begin = Instant::now();
    for round in 1..=track.options.max_rounds {
        let shots = schedule(track, runners, &live, &pace, rng);
        let samples = fire(cx, track, &grounds, &shots).await?;
        record(track, runners, &live, &shots, &samples, &pace);
        pace.learn(&shots, &samples);
        clear(cx, track, &mut litter).await?;
        retire(cx, track, runners, &mut live, round);
        cx.emit(Event::Measured {
            agent: track.agent.clone(),
            round,
            rounds: track.options.max_rounds,
            live: live.len(),
        });
        let out_of_time = begin.elapsed().as_secs_f64() > track.options.measuring_seconds
            || cx.time_left().is_some_and(|left| left < begin.elapsed() / round * 2);
        if live.is_empty() || (out_of_time && round >= track.options.min_rounds) {
            break;
        }
    }
    Ok(())
}

/// The arms, and the fork on which each runs.
struct Grounds<'a> {
    arms: Vec<Arm>,
    labs: Vec<&'a Lab>,
}

impl<'a> Grounds<'a> {
    /// Whether an arm runs on another fork than the baseline.
    fn is_apart(&self, arm: usize) -> bool {
        !std::ptr::eq(self.labs[arm], self.labs[BASELINE])
    }

    /// Each fork once.
    fn distinct(&self) -> Vec<&'a Lab> {
        let mut distinct: Vec<&Lab> = Vec::new();
        for lab in &self.labs {
            if distinct.iter().all(|known| !std::ptr::eq(*known, *lab)) {
                distinct.push(lab);
            }
        }
        distinct
    }
}

/// The fork of each arm; a rival is no change that needs a fork of its own.
fn labs<'a>(track: &Track<'a>, runners: &[Runner<'a>]) -> Vec<&'a Lab> {
    [track.lab, track.control_lab]
        .into_iter()
        .chain(runners.iter().map(|r| r.lab(track)))
        .chain(runners.iter().map(|_| track.lab))
        .collect()
}

async fn clear(cx: &Context, track: &Track<'_>, litter: &mut [(&Lab, Litter)]) -> Result<()> {
    for (lab, tables) in litter {
        tables.clear(cx, lab, track.slot).await?;
    }
    Ok(())
}

/// Milliseconds without waits for a processor, where they are known.
fn unqueued(sample: &Sample) -> f64 {
    sample.unqueued_ms.unwrap_or(sample.wall_ms)
}

/// Whether caches are not warm yet: of the two runs of the baseline that each statement had in this round, the
/// later ones still took less, in the objective's own measure.
fn still_warming(track: &Track<'_>, shots: &[(usize, Shot)], samples: &[Sample]) -> bool {
    let mut first: BTreeMap<usize, f64> = BTreeMap::new();
    let (mut earlier, mut later) = (0.0, 0.0);
    for ((cell, _), sample) in shots.iter().zip(samples).filter(|((_, s), _)| s.arm < FIRST_CANDIDATE) {
        let ms = track.cells[*cell].weight() * unqueued(sample);
        match first.remove(cell) {
            None => {
                first.insert(*cell, ms);
            }
            Some(before) => {
                earlier += before;
                later += ms;
            }
        }
    }
    later < earlier * WARM
}

/// What the baseline takes for the cells that some runner does not race, warm and by the clock of the race. The
/// inspection saw each once, perhaps from disk, and with the cost of watching each plan node.
async fn constants(
    cx: &Context,
    track: &Track<'_>,
    grounds: &Grounds<'_>,
    runners: &mut [Runner<'_>],
) -> Result<()> {
    let mut pace = Pace::default();
    let mut shots = Vec::new();
    for (cell, seen) in track.cells.iter().enumerate().filter_map(|(i, c)| Some((i, c.seen_ms?))) {
        if seen < LONG_MS && runners.iter().any(|r| !r.impact.measured.contains(&cell)) {
            pace.milliseconds.insert((BASELINE, cell), vec![seen]);
            shots.push((cell, shot(track, runners, BASELINE, cell, &pace)));
        }
    }
    let mut seen: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for _ in 0..CONSTANT_ROUNDS {
        let samples = fire(cx, track, grounds, &shots).await?;
        for ((cell, _), sample) in shots.iter().zip(&samples).filter(|(_, sample)| !sample.timed_out) {
            seen.entry(*cell).or_default().push(unqueued(sample));
        }
    }
    for (cell, ms) in seen {
        for runner in runners.iter_mut().filter(|r| !r.impact.measured.contains(&cell)) {
            runner.trial.samples[cell].baseline_ms.clone_from(&ms);
        }
    }
    Ok(())
}

/// What earlier shots taught: how long each cell takes under each arm.
#[derive(Debug, Default)]
struct Pace {
    milliseconds: BTreeMap<(usize, usize), Vec<f64>>,
    dear: BTreeSet<usize>,
}

impl Pace {
    fn learn(&mut self, shots: &[(usize, Shot)], samples: &[Sample]) {
        for ((cell, shot), sample) in shots.iter().zip(samples) {
            self.milliseconds.entry((shot.arm, *cell)).or_default().push(sample.wall_ms);
        }
    }

    fn typical(&self, arm: usize, cell: usize) -> Option<f64> {
        self.milliseconds.get(&(arm, cell)).map(|ms| median(ms))
    }

    /// How often a cell runs in one shot: the same under every arm, since the second run of a statement is faster
    /// than the first, and what runs more often would look faster. Only an arm that is far slower anyway runs less.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Between 1 and MAX_REPETITIONS.
    fn repetitions(&self, arm: usize, cell: usize) -> u32 {
        let Some(baseline) = self.typical(BASELINE, cell) else { return 1 };
        let own = self.typical(arm, cell).unwrap_or(baseline);
        let ms = if own > baseline * CUT_OFF.0 { own } else { baseline };
        // An odd number has a median that was measured, and not the slower of two.
        (SHOT_MS / ms.max(1e-3)).ceil().clamp(1.0, MAX_REPETITIONS) as u32 | 1
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    fn timeout_ms(&self, arm: usize, cell: usize, track: &Track<'_>) -> u64 {
        let first = track.cells[cell].first_timeout_ms as f64;
        let longest = track.options.statement_timeout_seconds * 1e3;
        let bound = match self.typical(BASELINE, cell) {
            _ if arm < FIRST_CANDIDATE => longest,
            Some(ms) => (ms * CUT_OFF.0).max(ms + CUT_OFF.1),
            None => first,
        };
        bound.min(longest).ceil() as u64
    }
}

/// The shots of one round, each with its cell: cells in random order, arms in random order within a cell.
/// An arm that is dear to switch on has all its cells in one block at a random place.
fn schedule(
    track: &Track<'_>,
    runners: &[Runner<'_>],
    live: &BTreeSet<usize>,
    pace: &Pace,
    rng: &mut ChaCha8Rng,
) -> Vec<(usize, Shot)> {
    let mut wanted: Vec<usize> = live.iter().flat_map(|&r| runners[r].raced()).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut blocks: Vec<Vec<(usize, Shot)>> = Vec::new();
    for &cell in &wanted {
        let mut arms = vec![BASELINE, CONTROL];
        arms.extend(
            live.iter()
                .filter(|&&r| {
                    runners[r].raced().any(|own| own == cell) && !pace.dear.contains(&(r + FIRST_CANDIDATE))
                })
                .map(|r| r + FIRST_CANDIDATE),
        );
        arms.extend(
            live.iter()
                .filter(|&&r| runners[r].rival.is_some() && runners[r].raced().any(|own| own == cell))
                .map(|r| rival_arm(runners, *r)),
        );
        arms.shuffle(rng);
        blocks.push(arms.into_iter().map(|arm| (cell, shot(track, runners, arm, cell, pace))).collect());
    }
    for &runner in live.iter().filter(|&&r| pace.dear.contains(&(r + FIRST_CANDIDATE))) {
        let arm = runner + FIRST_CANDIDATE;
        let cells = runners[runner].raced();
        blocks.push(cells.map(|cell| (cell, shot(track, runners, arm, cell, pace))).collect());
    }
    blocks.shuffle(rng);
    blocks.into_iter().flatten().collect()
}

fn shot(track: &Track<'_>, runners: &[Runner<'_>], arm: usize, cell: usize, pace: &Pace) -> Shot {
    let Cell { statement, set, .. } = track.cells[cell];
    let sql = match arm.checked_sub(FIRST_CANDIDATE) {
        None => &statement.sql,
        Some(place) => match (runners.get(place), runners.get(place.saturating_sub(runners.len()))) {
            (Some(runner), _) => text(track.cells[cell], &runner.candidate),
            (None, Some(Runner { rival: Some(rival), .. })) => text(track.cells[cell], &rival.candidate),
            _ => &statement.sql,
        },
    };
    Shot {
        arm,
        statement: statement.id.clone(),
        parameter_set: set.id.clone(),
        sql: sql.to_owned(),
        values: set.values.clone(),
        kind: statement.kind,
        repetitions: pace.repetitions(arm, cell),
        timeout_ms: pace.timeout_ms(arm, cell, track),
    }
}

fn rival_arm(runners: &[Runner<'_>], runner: usize) -> usize {
    FIRST_CANDIDATE + runners.len() + runner
}

/// The arms that are dear to switch on.
async fn dear(cx: &Context, grounds: &Grounds<'_>) -> Result<BTreeSet<usize>> {
    let mut dear = BTreeSet::new();
    for (arm, (switch, lab)) in grounds.arms.iter().zip(&grounds.labs).enumerate().skip(FIRST_CANDIDATE) {
        if !switch.enter.is_empty() {
            let begin = Instant::now();
            lab.enter(cx, switch).await?;
            let took = begin.elapsed();
            lab.leave(cx).await?;
            if took > DEAR_SWITCH {
                dear.insert(arm);
            }
        }
    }
    Ok(dear)
}

/// Runs the shots while holding the timing slot.
async fn fire(
    cx: &Context,
    track: &Track<'_>,
    grounds: &Grounds<'_>,
    shots: &[(usize, Shot)],
) -> Result<Vec<Sample>> {
    let permit = track.slot.acquire().await.map_err(closed)?;
    let _measuring = cx.meter().enter(Phase::Measuring);
    let mut samples = Vec::with_capacity(shots.len());
    for same in shots.chunk_by(|(_, a), (_, b)| std::ptr::eq(grounds.labs[a.arm], grounds.labs[b.arm])) {
        let Some((_, first)) = same.first() else { continue };
        let round =
            Round { arms: grounds.arms.clone(), shots: same.iter().map(|(_, s)| s.clone()).collect() };
        samples.extend(track.benchmarker.measure(cx, grounds.labs[first.arm], &round).await?);
    }
    drop(permit);
    if samples.len() != shots.len() {
        return Err(Error::internal("the benchmarker did not return one sample for each shot")
            .with("shots", shots.len())
            .with("samples", samples.len()));
    }
    Ok(samples)
}

/// Adds the samples of a round to the trials of the live runners.
fn record(
    track: &Track<'_>,
    runners: &mut [Runner<'_>],
    live: &BTreeSet<usize>,
    shots: &[(usize, Shot)],
    samples: &[Sample],
    pace: &Pace,
) {
    let by_place: BTreeMap<(usize, usize), &Sample> =
        shots.iter().zip(samples).map(|((cell, shot), sample)| ((shot.arm, *cell), sample)).collect();
    for &r in live {
        let arm = r + FIRST_CANDIDATE;
        let rival = rival_arm(runners, r);
        let runner = &mut runners[r];
        for &cell in &runner.impact.measured {
            let (Some(baseline), Some(control), Some(candidate)) =
                (by_place.get(&(BASELINE, cell)), by_place.get(&(CONTROL, cell)), by_place.get(&(arm, cell)))
            else {
                continue;
            };
            let Cell { statement, set, .. } = track.cells[cell];
            let Some(paired) = runner
                .trial
                .samples
                .iter_mut()
                .find(|s| s.statement == statement.id && s.parameter_set == set.id)
            else {
                continue;
            };
            push(paired, baseline, candidate, control, by_place.get(&(rival, cell)).copied());
            #[allow(clippy::cast_precision_loss)] // Milliseconds.
            if candidate.timed_out {
                paired.timeout_ms = pace.timeout_ms(arm, cell, track) as f64;
                paired.cut_offs += 1;
            }
            // One slow run may be the machine's fault.
            if candidate.timed_out && paired.cut_off() {
                runner.trial.state = TrialState::Rejected {
                    reason: format!(
                        "makes {} with {} slower: stopped after {:.0} ms; the baseline takes {:.1} ms",
                        statement.id,
                        set.id,
                        paired.timeout_ms,
                        median(paired.baseline())
                    ),
                };
            }
        }
    }
}

fn push(
    paired: &mut PairedSamples,
    baseline: &Sample,
    candidate: &Sample,
    control: &Sample,
    rival: Option<&Sample>,
) {
    paired.baseline_ms.push(baseline.wall_ms);
    paired.candidate_ms.push(candidate.wall_ms);
    paired.control_ms.push(control.wall_ms);
    paired.rival_ms.extend(rival.map(|r| r.wall_ms));
    paired.unqueued.baseline_ms.extend(baseline.unqueued_ms);
    paired.unqueued.candidate_ms.extend(candidate.unqueued_ms);
    paired.unqueued.control_ms.extend(control.unqueued_ms);
    paired.unqueued.rival_ms.extend(rival.and_then(|r| r.unqueued_ms));
    if let (Some(before), Some(after)) = (baseline.cpu_ms, candidate.cpu_ms) {
        paired.baseline_cpu_ms.push(before);
        paired.candidate_cpu_ms.push(after);
    }
}

/// Takes the runners out that have nothing left to learn.
fn retire(
    cx: &Context,
    track: &Track<'_>,
    runners: &mut [Runner<'_>],
    live: &mut BTreeSet<usize>,
    round: u32,
) {
    live.retain(|&r| {
        let trial = &runners[r].trial;
        let out = match &trial.state {
            // A candidate that was cut off on one statement still shows what it does to the others.
            _ if round < track.options.min_rounds && runners[r].raced().next().is_some() => return true,
            TrialState::Rejected { reason } => Some(reason.clone()),
            _ => match progress(trial, track.problem, track.error_rate) {
                Progress::Open => return true,
                Progress::Certified => None,
                Progress::Hopeless(reason) | Progress::Broken(reason) => Some(reason),
            },
        };
        if let Some(reason) = out {
            cx.emit(Event::Eliminated { candidate: trial.candidate.clone(), reason });
        }
        false
    });
}
