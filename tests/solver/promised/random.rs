//! What the public documentation promises, on random graphs. The harness prints their seeds.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::{join_all, try_join_all};
use perennial::Backoff;
use perennial::solver::{
    BuildError, Edge, Identity, JobEventKind, Operation, OperationError, Output, RunContext,
    Vertex, Watched,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::kit::{Kit, pass, play, play_with, text};

/// What each vertex is made of, and what it builds on its way.
struct Graph {
    /// What keeps its vertices apart from those of other graphs.
    number: usize,
    inputs: Vec<Vec<usize>>,
    asks: Vec<Vec<usize>>,
    /// How each fails, if it does.
    fails: Vec<Option<Fails>>,
    runs: Vec<AtomicUsize>,
}

#[derive(Clone, Copy, Debug)]
enum Fails {
    ForGood,
    InPassing,
    Panics,
}

impl Graph {
    fn new(number: usize, vertices: usize) -> Self {
        Self {
            number,
            inputs: vec![Vec::new(); vertices],
            asks: vec![Vec::new(); vertices],
            fails: vec![None; vertices],
            runs: (0..vertices).map(|_| AtomicUsize::new(0)).collect(),
        }
    }

    /// A graph in which inputs come before what is made of them.
    fn with_inputs(rng: &mut StdRng, number: usize, vertices: usize, reach: usize) -> Self {
        let mut graph = Self::new(number, vertices);
        for at in 1..vertices {
            let count = rng.random_range(0..=3);
            let from = at.saturating_sub(reach);
            graph.inputs[at] = (0..count).map(|_| rng.random_range(from..at)).collect();
        }
        graph
    }

    fn needs(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        self.inputs[at].iter().chain(&self.asks[at]).copied()
    }

    /// All that a vertex needs, and itself.
    fn closure(&self, of: usize) -> HashSet<usize> {
        let (mut found, mut open) = (HashSet::from([of]), vec![of]);
        while let Some(at) = open.pop() {
            open.extend(self.needs(at).filter(|below| found.insert(*below)));
        }
        found
    }

    /// Whether a vertex needs one that needs itself.
    fn has_cycle(&self, root: usize) -> bool {
        let needs_itself = |at: usize| {
            self.needs(at)
                .any(|below| self.closure(below).contains(&at))
        };
        self.closure(root).into_iter().any(needs_itself)
    }

    /// What a vertex gives, of which no cycle is needed.
    fn value(&self, at: usize, known: &mut HashMap<usize, u64>) -> u64 {
        if let Some(value) = known.get(&at) {
            return *value;
        }
        let sum = self
            .needs(at)
            .fold(1_u64, |sum, below| sum + self.value(below, known));
        known.insert(at, value_of(sum));
        value_of(sum)
    }

    fn vertices(self: &Arc<Self>) -> Vec<Vertex<u64>> {
        let mut vertices: Vec<Vertex<u64>> = Vec::with_capacity(self.inputs.len());
        for at in 0..self.inputs.len() {
            let inputs: Vec<_> = self.inputs[at]
                .iter()
                .map(|at| vertices[*at].output(0))
                .collect();
            let vertex = Vertex::builder(format!("n{at}"), Node(self.clone(), at));
            vertices.push(vertex.inputs(inputs).build());
        }
        vertices
    }
}

/// What comes of a sum of what is needed. It stays small.
const fn value_of(sum: u64) -> u64 {
    sum % 1_000_003
}

/// A vertex of a graph.
struct Node(Arc<Graph>, usize);

impl Operation for Node {
    type Value = u64;

    fn identity(&self) -> Identity {
        Identity::new(&format!("{} n{}", self.0.number, self.1))
    }

    async fn run(
        &self,
        ctx: RunContext<u64>,
        inputs: Vec<Output<u64>>,
    ) -> Result<Vec<Output<u64>>, OperationError> {
        let Self(graph, at) = self;
        graph.runs[*at].fetch_add(1, Ordering::Relaxed);
        let mut sum = inputs.iter().fold(1_u64, |sum, input| sum + **input);
        if !graph.asks[*at].is_empty() {
            pass(*at as u64 % 3).await;
            let all = graph.vertices();
            let asked: Vec<Edge<u64>> = graph.asks[*at]
                .iter()
                .map(|at| all[*at].output(0))
                .collect();
            if at % 2 == 0 {
                let built = try_join_all(asked.iter().map(|edge| ctx.build(edge))).await?;
                sum = built.iter().fold(sum, |sum, value| sum + **value);
            } else {
                for edge in &asked {
                    sum += *ctx.build(edge).await?;
                }
            }
        }
        match graph.fails[*at] {
            None => Ok(vec![value_of(sum).into()]),
            Some(Fails::ForGood) => Err(OperationError::permanent("for good")),
            Some(Fails::InPassing) => Err(OperationError::transient("in passing")),
            Some(Fails::Panics) => panic!("a panic"),
        }
    }
}

/// Builds these at the same time, each in a job of its own, and finishes the jobs.
async fn build_each(
    kit: &Kit,
    graph: &Arc<Graph>,
    roots: &[usize],
) -> Vec<Result<u64, BuildError>> {
    let vertices = graph.vertices();
    let builds = roots.iter().enumerate().map(|(number, root)| {
        let (job, edge) = (kit.job(&format!("job {number}")), vertices[*root].output(0));
        async move {
            let built = job.build(&edge).await.map(|value| *value);
            (job, built)
        }
    });
    let (jobs, built): (Vec<_>, Vec<_>) = kit.h.wait(join_all(builds)).await.into_iter().unzip();
    kit.h
        .wait(join_all(jobs.into_iter().map(|job| job.finish())))
        .await;
    built
}

#[test]
fn rel_e5_each_of_ten_thousand_runs_once_for_all_who_ask() {
    // E5. A graph of 10 000 vertices, and eight jobs that ask for parts of it at the same time.
    play(|kit| async move {
        let mut rng = StdRng::seed_from_u64(kit.h.seed());
        let graph = Arc::new(Graph::with_inputs(&mut rng, 0, 10_000, 500));
        let roots: Vec<_> = (0..8).map(|_| rng.random_range(9_000..10_000)).collect();
        let mut known = HashMap::new();
        let wanted = roots.iter().flat_map(|root| graph.closure(*root));
        let wanted: HashSet<_> = wanted.collect();
        for (root, built) in roots.iter().zip(build_each(&kit, &graph, &roots).await) {
            assert_eq!(built.expect("it builds"), graph.value(*root, &mut known));
        }
        for (at, runs) in graph.runs.iter().enumerate() {
            let expected = usize::from(wanted.contains(&at));
            assert_eq!(runs.load(Ordering::Relaxed), expected, "n{at}");
        }
    });
}

#[test]
fn rel_e6_a_cycle_is_told_where_there_is_one_and_nowhere_else() {
    // E6. Random sub-builds, also of oneself: who needs a cycle fails by one, and nobody else.
    play(|kit| async move {
        let mut rng = StdRng::seed_from_u64(kit.h.seed());
        let (mut with, mut without) = (0, 0);
        for number in 0..40 {
            let vertices = rng.random_range(1..12);
            let mut graph = Graph::with_inputs(&mut rng, number, vertices, 12);
            for _ in 0..rng.random_range(0..vertices + 2) {
                let at = rng.random_range(0..vertices);
                graph.asks[at].push(rng.random_range(0..vertices));
            }
            let graph = Arc::new(graph);
            let roots: Vec<_> = (0..4).map(|_| rng.random_range(0..vertices)).collect();
            for (root, built) in roots.iter().zip(build_each(&kit, &graph, &roots).await) {
                match built {
                    Ok(value) => {
                        assert!(!graph.has_cycle(*root), "n{root} needs a cycle");
                        assert_eq!(value, graph.value(*root, &mut HashMap::new()));
                        without += 1;
                    }
                    Err(error) => {
                        expect_cycle(&graph, *root, &text(&error));
                        with += 1;
                    }
                }
            }
            kit.h.settled().await;
        }
        assert!(
            with > 10 && without > 10,
            "{with} with a cycle, {without} without"
        );
    });
}

/// An error names a cycle that there is below the root.
#[track_caller]
fn expect_cycle(graph: &Graph, root: usize, error: &str) {
    let (_, path) = error.rsplit_once("a cycle: ").expect(error);
    let number = |name: &str| name[1..].parse().expect("a number");
    let path: Vec<usize> = path.split(" -> ").map(number).collect();
    assert!(path.len() > 1 && path.first() == path.last(), "{error}");
    for step in path.windows(2) {
        assert!(
            graph.needs(step[0]).any(|below| below == step[1]),
            "{error}"
        );
    }
    assert!(graph.closure(root).contains(&path[0]), "{error}");
}

#[test]
fn rel_e8_what_fails_is_what_needs_a_failure() {
    // E8. Vertices fail at random, in each way: who needs one fails by it, and nobody else.
    let again = |solver: perennial::solver::SolverBuilder<u64>| {
        solver.retry(1, Backoff::constant(Duration::from_millis(5)))
    };
    play_with(again, |kit| async move {
        let mut rng = StdRng::seed_from_u64(kit.h.seed());
        for number in 0..10 {
            let mut graph = Graph::with_inputs(&mut rng, number, 30, 10);
            for at in 1..30 {
                if rng.random_bool(0.2) {
                    graph.asks[at].push(rng.random_range(0..at));
                }
                if rng.random_bool(0.1) {
                    let ways = [Fails::ForGood, Fails::InPassing, Fails::Panics];
                    graph.fails[at] = Some(ways[rng.random_range(0..3)]);
                }
            }
            let graph = Arc::new(graph);
            let mut known = HashMap::new();
            let roots: Vec<_> = (0..30).collect();
            for (root, built) in build_each(&kit, &graph, &roots)
                .await
                .into_iter()
                .enumerate()
            {
                let mut culprits = graph.closure(root);
                culprits.retain(|at| graph.fails[*at].is_some());
                match built {
                    Ok(value) => {
                        assert!(culprits.is_empty(), "n{root} needs {culprits:?}");
                        assert_eq!(value, graph.value(root, &mut known));
                    }
                    Err(error) => expect_culprit(&culprits, &text(&error)),
                }
            }
            kit.h.settled().await;
        }
    });
}

/// An error names one of these as the last vertex that has failed.
#[track_caller]
fn expect_culprit(culprits: &HashSet<usize>, error: &str) {
    let (before, _) = error.rsplit_once(" has failed").expect(error);
    let name = before.rsplit(' ').next().expect("a name");
    let number: usize = name[1..].parse().expect("a number");
    assert!(culprits.contains(&number), "{error}, of {culprits:?}");
}

#[test]
fn every_story_has_a_beginning_and_one_end() {
    // Each job has the whole story of its vertices, and its summary counts each vertex once.
    play(|kit| async move {
        let mut rng = StdRng::seed_from_u64(kit.h.seed());
        let mut graph = Graph::with_inputs(&mut rng, 0, 60, 20);
        for at in [7, 23, 41] {
            graph.fails[at] = Some(Fails::ForGood);
        }
        let graph = Arc::new(graph);
        let vertices = graph.vertices();
        for round in 0..30 {
            let job = kit.job(&format!("job {round}"));
            let mut watch = job.watch();
            let roots: Vec<_> = (0..3).map(|_| rng.random_range(0..60)).collect();
            let edges: Vec<_> = roots.iter().map(|root| vertices[*root].output(0)).collect();
            join_all(edges.iter().map(|edge| job.build(edge))).await;
            let summary = job.finish().await;
            let held: HashSet<_> = roots.iter().flat_map(|root| graph.closure(*root)).collect();
            let counted = [
                summary.completed,
                summary.cached,
                summary.failed,
                summary.cancelled,
                summary.unneeded,
            ];
            assert_eq!(counted.iter().sum::<usize>(), held.len(), "{summary:?}");
            let mut stories = HashMap::<_, String>::new();
            let mut number = 0;
            while let Some(watched) = watch.next().await {
                let Watched::Event(event) = watched else {
                    panic!("{watched:?}");
                };
                assert_eq!(event.number, number);
                number += 1;
                if let JobEventKind::Declared { inputs, .. } = &event.kind {
                    assert!(inputs.iter().all(|input| stories.contains_key(input)));
                }
                stories
                    .entry(event.vertex)
                    .or_default()
                    .push(match event.kind {
                        JobEventKind::Declared { .. } => 'd',
                        JobEventKind::Started { .. } => 's',
                        JobEventKind::Cached { .. } => 'h',
                        JobEventKind::Completed { .. } => 'c',
                        JobEventKind::Failed { .. } => 'f',
                        JobEventKind::Cancelled => 'x',
                        other => panic!("{other:?}"),
                    });
            }
            assert_eq!(stories.len(), held.len());
            for story in stories.values() {
                // What was told to stop runs again for who still wants it.
                let rest = story.replace("sx", "").replace("sf", "");
                assert!(["d", "dh", "dsc"].contains(&&*rest), "{story}");
            }
        }
    });
}
