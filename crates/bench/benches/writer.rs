//! Group commit against one transaction for each message, on SQLite with `synchronous=FULL`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "a benchmark")]

use criterion::{Criterion, Throughput};
use parlor_bench::figures::Times;
use parlor_bench::writer::{Load, Shape};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const CALLERS: u64 = 64;
/// Name, and over how many conversations the callers spread.
const CASES: [(&str, usize); 2] = [("hot", 1), ("spread", 1_000)];
const SHAPES: [(&str, Shape); 2] = [("group commit", Shape::GroupCommit), ("one by one", Shape::OneByOne)];

fn open(runtime: &Runtime, shape: Shape, conversations: usize) -> (TempDir, Arc<Load>) {
    let folder = tempfile::tempdir().unwrap();
    let load = runtime
        .block_on(Load::on_sqlite(&folder.path().join("bench.db"), shape, conversations))
        .unwrap();
    (folder, Arc::new(load))
}

fn benchmark(criterion: &mut Criterion, runtime: &Runtime) {
    for (case, conversations) in CASES {
        let mut group = criterion.benchmark_group(format!("writer/{case}"));
        group
            .throughput(Throughput::Elements(1))
            .sample_size(10)
            .measurement_time(Duration::from_secs(3));
        for (name, shape) in SHAPES {
            let (_folder, load) = open(runtime, shape, conversations);
            group.bench_function(name, |bencher| {
                bencher.iter_custom(|messages| runtime.block_on(load.send(CALLERS, messages)).unwrap())
            });
        }
        group.finish();
    }
}

/// The ratio inside one run is what counts, since the machine's speed moves: rounds alternate, and the middle one speaks.
fn side_by_side(runtime: &Runtime) {
    const ROUNDS: usize = 3;
    const MESSAGES: u64 = 10_000;
    println!("\nside by side: {ROUNDS} alternating rounds of {MESSAGES} messages by {CALLERS} callers, medians");
    for (case, conversations) in CASES {
        let loads = SHAPES.map(|(_, shape)| open(runtime, shape, conversations));
        let mut times = [Vec::new(), Vec::new()];
        let mut ratios = Vec::new();
        for _ in 0..ROUNDS {
            let round = [0, 1].map(|place| runtime.block_on(loads[place].1.send(CALLERS, MESSAGES)).unwrap());
            ratios.push(round[1].as_secs_f64() / round[0].as_secs_f64());
            times[0].push(round[0]);
            times[1].push(round[1]);
        }
        ratios.sort_by(f64::total_cmp);
        let [group, single] = times.map(|times| MESSAGES as f64 / Times::new(times).median().as_secs_f64());
        println!(
            "{case:>8}: group commit {group:>7.0}/s   one by one {single:>7.0}/s   ratio {:.1} ({:.1}–{:.1})",
            ratios[ROUNDS / 2],
            ratios[0],
            ratios[ROUNDS - 1]
        );
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut criterion = Criterion::default().configure_from_args();
    benchmark(&mut criterion, &runtime);
    criterion.final_summary();
    // Without it a test merely looks whether the benchmark runs.
    if std::env::args().any(|argument| argument == "--bench") {
        side_by_side(&runtime);
    }
}
