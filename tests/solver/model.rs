//! Random graphs and jobs: the solver against a model that does one thing after the other.
//!
//! `PROPTEST_CASES` sets how many of each are played.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use perennial::solver::{BuildError, Edge, OperationError, Output, RunContext, Vertex};
use proptest::prelude::*;
use proptest::sample::select;
use tokio::sync::oneshot;

use crate::kit::{Counts, Kit, after, by_content, cases, pass, play};

/// How many values there are: few, so that different inputs become the same.
const VALUES: u64 = 3;

/// A graph: each node has inputs among those before it.
#[derive(Clone, Debug)]
struct Graph(Vec<Node>);

#[derive(Clone, Debug)]
struct Node {
    inputs: Vec<(usize, By)>,
    /// More than that of each input.
    level: usize,
    /// Among the nodes of one level, those of one kin may have one key.
    kin: usize,
    keyed: Keyed,
    /// How long it takes to say its key, to run, and to stop.
    takes: [u64; 3],
}

/// How a node counts an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum By {
    Definition,
    Content,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keyed {
    BySeed,
    Never,
}

/// What is built at once: some nodes, each by a job, with seeds as they are now.
#[derive(Clone, Debug)]
struct Round {
    salts: Vec<u64>,
    fresh: Vec<bool>,
    roots: Vec<usize>,
}

/// Which nodes may share a key.
#[derive(Clone, Copy, Debug)]
enum Kin {
    /// None.
    Alone,
    /// Those of a kin.
    Shared,
}

impl Graph {
    fn seed(&self, at: usize, round: &Round, kin: Kin) -> String {
        let (node, salt) = (&self.0[at], round.salts[at]);
        match kin {
            Kin::Alone => format!("{at}: {salt}"),
            Kin::Shared => format!("{} of {}: {salt}", node.kin, node.level),
        }
    }

    /// All that a node is made of, and itself.
    fn below(&self, at: usize) -> HashSet<usize> {
        let mut all = HashSet::from([at]);
        for (input, _) in &self.0[at].inputs {
            all.extend(self.below(*input));
        }
        all
    }
}

/// What a node is worth.
fn value_of(seed: &str, inputs: impl IntoIterator<Item = u64>) -> u64 {
    let own: u64 = seed.bytes().map(u64::from).sum();
    (own + inputs.into_iter().sum::<u64>()) % VALUES
}

/// What a result may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Uses {
    Both,
    Keeps,
    Nothing,
}

/// What is part of a key: a seed, and what each input is known by.
type Named = (String, Vec<(By, u64)>);

/// What is kept between rounds.
#[derive(Debug, Default)]
struct Kept {
    /// Each key has a number.
    keys: HashMap<Named, u64>,
    results: HashMap<u64, u64>,
    contents: HashMap<(u64, String, usize), u64>,
}

/// The rules, played for one round.
struct Model<'a> {
    graph: &'a Graph,
    round: &'a Round,
    kin: Kin,
    kept: &'a mut Kept,
    known: HashMap<usize, (u64, Uses)>,
    done: HashMap<u64, u64>,
    /// The seeds of those that run.
    runs: Vec<String>,
    loads: usize,
}

impl Model<'_> {
    fn number(&mut self, named: Named) -> u64 {
        let next = self.kept.keys.len() as u64;
        *self.kept.keys.entry(named).or_insert(next)
    }

    fn key(&mut self, at: usize) -> (u64, Uses) {
        if let Some(known) = self.known.get(&at) {
            return *known;
        }
        let key = self.work_out(at);
        self.known.insert(at, key);
        key
    }

    fn work_out(&mut self, at: usize) -> (u64, Uses) {
        let node = &self.graph.0[at];
        let seed = self.graph.seed(at, self.round, self.kin);
        let mut uses = match node.keyed {
            Keyed::Never => Uses::Nothing,
            Keyed::BySeed if self.round.fresh[at] => Uses::Keeps,
            Keyed::BySeed => Uses::Both,
        };
        let mut parts = Vec::new();
        if node.keyed == Keyed::BySeed {
            for (place, (input, by)) in node.inputs.iter().enumerate() {
                let (key, uses_of_input) = self.key(*input);
                match by {
                    By::Definition => {
                        uses = uses.max(uses_of_input);
                        parts.push((*by, key));
                    }
                    By::Content => {
                        let name = (key, seed.clone(), place);
                        parts.push((*by, self.content(*input, name, uses_of_input)));
                    }
                }
            }
        }
        match uses {
            Uses::Nothing => (self.number((format!("unnamed {at}"), Vec::new())), uses),
            _ => (self.number((seed, parts)), uses),
        }
    }

    fn content(&mut self, input: usize, name: (u64, String, usize), uses: Uses) -> u64 {
        let remembered = self.kept.contents.get(&name);
        if let (Some(content), Uses::Both) = (remembered, uses) {
            return *content;
        }
        let content = self.build(input);
        if uses != Uses::Nothing {
            self.kept.contents.insert(name, content);
        }
        content
    }

    fn build(&mut self, at: usize) -> u64 {
        let (key, uses) = self.key(at);
        if let Some(value) = self.done.get(&key) {
            return *value;
        }
        let stored = self.kept.results.get(&key);
        let value = match (stored, uses) {
            (Some(value), Uses::Both) => {
                self.loads += 1;
                *value
            }
            _ => self.run(at),
        };
        if uses != Uses::Nothing {
            self.kept.results.insert(key, value);
        }
        self.done.insert(key, value);
        value
    }

    fn run(&mut self, at: usize) -> u64 {
        let graph = self.graph;
        let inputs = graph.0[at].inputs.iter();
        let inputs: Vec<_> = inputs.map(|(input, _)| self.build(*input)).collect();
        let seed = graph.seed(at, self.round, self.kin);
        let value = value_of(&seed, inputs);
        self.runs.push(seed);
        value
    }
}

/// What the operations of a test note.
type Ran = Arc<Mutex<Vec<String>>>;

/// The vertices of a graph, as they are in a round.
fn vertices(kit: &Kit, graph: &Graph, round: &Round, kin: Kin, ran: &Ran) -> Vec<Vertex<u64>> {
    let mut all = Vec::<Vertex<u64>>::new();
    for (at, node) in graph.0.iter().enumerate() {
        let (seed, ran) = (graph.seed(at, round, kin), ran.clone());
        let op = kit.op(&format!("n{at}"), &seed.clone(), move |_, inputs| {
            ran.lock()
                .expect("nobody panics with it")
                .push(seed.clone());
            let value = value_of(&seed, inputs);
            async move { Ok(vec![value]) }
        });
        let op = op
            .before_key(after(node.takes[0]))
            .before_run(after(node.takes[1]));
        let op = match node.keyed {
            Keyed::BySeed => op,
            Keyed::Never => op.without_key(),
        };
        let mut vertex = op.vertex();
        for (input, by) in &node.inputs {
            let edge = all[*input].output(0);
            vertex = match by {
                By::Definition => vertex.input(edge),
                By::Content => vertex.input(by_content(edge)),
            };
        }
        let vertex = if round.fresh[at] {
            vertex.fresh()
        } else {
            vertex
        };
        all.push(vertex.build());
    }
    all
}

/// Builds these in a job each, at once.
async fn build_all(kit: &Kit, roots: &[Edge<u64>]) -> Vec<Result<Output<u64>, BuildError>> {
    let jobs: Vec<_> = (0..roots.len())
        .map(|id| kit.job(&format!("{id}")))
        .collect();
    let builds = jobs.iter().zip(roots).map(|(job, root)| job.build(root));
    let built = kit.h.wait(join_all(builds)).await;
    kit.h
        .wait(join_all(jobs.into_iter().map(|job| job.finish())))
        .await;
    kit.expect_empty();
    built
}

/// Plays rounds one after the other, and compares each with the model.
fn compare(graph: &Graph, rounds: &[Round], kin: Kin) {
    play(|kit| async move {
        let mut kept = Kept::default();
        for round in rounds {
            let mut model = Model {
                graph,
                round,
                kin,
                kept: &mut kept,
                known: HashMap::new(),
                done: HashMap::new(),
                runs: Vec::new(),
                loads: 0,
            };
            let roots = round.roots.iter();
            let expected: Vec<_> = roots.map(|root| model.build(*root)).collect();
            model.runs.sort();
            let ran = Ran::default();
            let vertices = vertices(&kit, graph, round, kin, &ran);
            let roots = round.roots.iter().map(|root| vertices[*root].output(0));
            let built = build_all(&kit, &roots.collect::<Vec<_>>()).await;
            let built: Vec<_> = built
                .iter()
                .map(|built| **built.as_ref().expect("nothing fails"))
                .collect();
            assert_eq!(built, expected, "values");
            let mut ran = ran.lock().expect("nobody panics with it").clone();
            ran.sort();
            assert_eq!(ran, model.runs, "what runs");
            let counts = Counts {
                keys: model.known.len(),
                runs: model.runs.len(),
                loads: model.loads,
            };
            assert_eq!(kit.counts(), counts, "R1: each once");
            kit.forget_counts();
        }
    });
}

/// Graphs of so many nodes, of which some are as told.
fn graphs(
    by: impl Strategy<Value = By> + Clone + 'static,
    keyed: impl Strategy<Value = Keyed> + Clone + 'static,
) -> impl Strategy<Value = Graph> {
    let inputs = proptest::collection::vec((any::<usize>(), by), 0..4);
    let node = (
        inputs,
        0..2_usize,
        keyed,
        proptest::array::uniform3(0..4_u64),
    );
    proptest::collection::vec(node, 1..12).prop_map(|nodes| {
        let mut graph = Graph(Vec::new());
        for (inputs, kin, keyed, takes) in nodes {
            let at = graph.0.len();
            let inputs = inputs.into_iter().filter(|_| at > 0);
            let inputs: Vec<_> = inputs.map(|(input, by)| (input % at, by)).collect();
            let levels = inputs.iter().map(|(input, _)| graph.0[*input].level + 1);
            let level = levels.max().unwrap_or(0);
            graph.0.push(Node {
                inputs,
                level,
                kin,
                keyed,
                takes,
            });
        }
        graph
    })
}

fn by() -> impl Strategy<Value = By> + Clone {
    prop_oneof![2 => Just(By::Definition), 1 => Just(By::Content)]
}

/// Some rounds with a graph: in each, some seeds are other ones than in the first.
fn rounds(nodes: usize, fresh: f64) -> impl Strategy<Value = Vec<Round>> {
    let salt = prop_oneof![4 => Just(0_u64), 1 => 1..3_u64];
    let salts = proptest::collection::vec(salt, nodes);
    let fresh = proptest::collection::vec(proptest::bool::weighted(fresh), nodes);
    let roots = proptest::collection::vec(0..nodes, 1..4);
    let round = (salts, fresh, roots).prop_map(|(salts, fresh, roots)| Round {
        salts,
        fresh,
        roots,
    });
    proptest::collection::vec(round, 1..6)
}

fn with_rounds(
    graph: impl Strategy<Value = Graph>,
    fresh: f64,
) -> impl Strategy<Value = (Graph, Vec<Round>)> {
    graph.prop_flat_map(move |graph| {
        let rounds = rounds(graph.0.len(), fresh);
        (Just(graph), rounds)
    })
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn jobs_have_the_values_and_the_runs_of_a_model(
        (graph, rounds) in with_rounds(
            graphs(by(), prop_oneof![9 => Just(Keyed::BySeed), 1 => Just(Keyed::Never)]),
            0.1,
        ),
    ) {
        // Rules 1, 4, 5, 6. Some vertices are fresh, and some have no key.
        compare(&graph, &rounds, Kin::Alone);
    }

    #[test]
    fn jobs_have_the_runs_of_a_model_if_vertices_share_keys(
        (graph, rounds) in with_rounds(graphs(by(), Just(Keyed::BySeed)), 0.0),
    ) {
        // Rules 1, 4, 5. Each key runs once, whichever of its vertices begins.
        compare(&graph, &rounds, Kin::Shared);
    }

    #[test]
    fn a_failure_fails_what_is_made_of_it_and_nothing_else(
        graph in graphs(Just(By::Definition), Just(Keyed::BySeed)),
        failing in proptest::collection::vec(proptest::bool::weighted(0.2), 12),
    ) {
        // Rule 3. Each node is built by a job of its own, all at once.
        fail(&graph, &failing);
    }

    #[test]
    fn nothing_is_left_however_jobs_come_and_go(
        graph in graphs(Just(By::Definition), Just(Keyed::BySeed)),
        steps in proptest::collection::vec(step(), 1..24),
    ) {
        // Rule 2. Who stays has its value, and no vertex runs twice at a time.
        come_and_go(&graph, &steps);
    }
}

type Work = dyn Fn(RunContext<u64>, Vec<u64>) -> Made + Send + Sync;
type Made = BoxFuture<'static, Result<Vec<u64>, OperationError>>;

/// The vertices of a graph whose operations are made by this.
fn plain_vertices(kit: &Kit, graph: &Graph, work: impl Fn(usize) -> Box<Work>) -> Vec<Vertex<u64>> {
    let mut all = Vec::<Vertex<u64>>::new();
    for (at, node) in graph.0.iter().enumerate() {
        let name = format!("n{at}");
        let op = kit
            .op(&name, &name, work(at))
            .before_key(after(node.takes[0]));
        let inputs = node.inputs.iter().map(|(input, _)| all[*input].output(0));
        let vertex = op.vertex().inputs(inputs).build();
        all.push(vertex);
    }
    all
}

/// The values of a graph whose seeds are the names of its nodes.
fn plain_values(graph: &Graph) -> Vec<u64> {
    let mut values = Vec::new();
    for (at, node) in graph.0.iter().enumerate() {
        let inputs = node.inputs.iter().map(|(input, _)| values[*input]);
        let value = value_of(&format!("n{at}"), inputs.collect::<Vec<_>>());
        values.push(value);
    }
    values
}

/// Which of the failing nodes a node can fail of: those below it that have no other below them.
fn culprits(graph: &Graph, failing: &[bool], at: usize) -> HashSet<String> {
    let fails = |at: &usize| failing[*at];
    let first = |at: &usize| graph.below(*at).iter().filter(|one| fails(one)).count() == 1;
    let below = graph.below(at).into_iter();
    let first = below.filter(fails).filter(first);
    first.map(|at| format!("n{at}")).collect()
}

fn fail(graph: &Graph, failing: &[bool]) {
    play(|kit| async move {
        let vertices = plain_vertices(&kit, graph, |at| {
            let (takes, fails) = (graph.0[at].takes[1], failing[at]);
            Box::new(move |_, inputs| {
                let work = async move {
                    pass(takes).await;
                    if fails {
                        return Err(OperationError::permanent("it is broken"));
                    }
                    Ok(vec![value_of(&format!("n{at}"), inputs)])
                };
                work.boxed()
            })
        });
        let roots: Vec<_> = vertices.iter().map(|vertex| vertex.output(0)).collect();
        let built = build_all(&kit, &roots).await;
        let values = plain_values(graph);
        for (at, built) in built.into_iter().enumerate() {
            let culprits = culprits(graph, failing, at);
            match built {
                Ok(value) => {
                    assert!(culprits.is_empty(), "E8: n{at} hides {culprits:?}");
                    assert_eq!(*value, values[at]);
                }
                Err(BuildError::Failed(failure)) => {
                    let vertex = failure.vertex.to_string();
                    assert!(culprits.contains(&vertex), "E8: n{at} fails of {vertex}");
                }
                Err(other) => panic!("n{at}: {other}"),
            }
        }
    });
}

/// What happens next to the jobs.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A job begins, for one of the nodes.
    Begin(usize),
    /// One of the jobs ends.
    End(usize, How),
    Wait(u64),
}

/// How a job ends.
#[derive(Clone, Copy, Debug)]
enum How {
    Finished,
    Cancelled,
    Dropped,
}

fn step() -> impl Strategy<Value = Step> {
    let how = select(&[How::Finished, How::Cancelled, How::Dropped][..]);
    prop_oneof![
        3 => any::<usize>().prop_map(Step::Begin),
        2 => (any::<usize>(), how).prop_map(|(which, how)| Step::End(which, how)),
        2 => (0..8_u64).prop_map(Step::Wait),
    ]
}

/// How many runs of each node live.
#[derive(Clone, Debug, Default)]
struct Live(Arc<Mutex<BTreeMap<usize, usize>>>);

impl Live {
    fn begin(&self, at: usize) -> Ended {
        let mut live = self.0.lock().expect("nobody panics with it");
        let count = live.entry(at).or_default();
        *count += 1;
        assert_eq!(*count, 1, "E5: n{at} runs twice at a time");
        drop(live);
        Ended(self.clone(), at)
    }
}

/// That a run lives, until this is dropped.
struct Ended(Live, usize);

impl Drop for Ended {
    fn drop(&mut self) {
        *self
            .0
            .0
            .lock()
            .expect("nobody panics with it")
            .get_mut(&self.1)
            .expect("it lives") -= 1;
    }
}

/// A job from its beginning to its end: what it had when it was told to end.
async fn live(
    kit: Kit,
    id: usize,
    edge: Edge<u64>,
    mut told: oneshot::Receiver<How>,
) -> Option<u64> {
    let job = kit.job(&format!("{id}"));
    let mut had = None;
    let how = {
        let build = job.build(&edge);
        tokio::pin!(build);
        tokio::select! {
            built = &mut build => {
                had = Some(*built.expect("nothing fails"));
                told.await
            }
            how = &mut told => {
                if let Ok(How::Cancelled) = how {
                    job.cancel();
                    let built = build.await;
                    assert!(matches!(built, Err(BuildError::Cancelled)), "{built:?}");
                }
                how
            }
        }
    };
    match how.expect("it is told") {
        How::Finished | How::Cancelled => {
            job.finish().await;
        }
        How::Dropped => drop(job),
    }
    had
}

fn come_and_go(graph: &Graph, steps: &[Step]) {
    play(|kit| async move {
        let live_runs = Live::default();
        let vertices = plain_vertices(&kit, graph, |at| {
            let ([_, runs, stops], live) = (graph.0[at].takes, live_runs.clone());
            Box::new(move |ctx: RunContext<u64>, inputs: Vec<u64>| {
                let lives = live.begin(at);
                let work = async move {
                    let _lives = lives;
                    let run = pass(runs);
                    if ctx.context().until_cancelled(run).await.is_none() {
                        pass(stops).await;
                        return Err(OperationError::permanent("it was told to stop"));
                    }
                    Ok(vec![value_of(&format!("n{at}"), inputs)])
                };
                work.boxed()
            })
        });
        let values = plain_values(graph);
        let mut open = Vec::new();
        let mut jobs = Vec::new();
        for step in steps {
            match *step {
                Step::Begin(which) => {
                    let at = which % values.len();
                    let (tell, told) = oneshot::channel();
                    let edge = vertices[at].output(0);
                    let job = tokio::spawn(live(kit.clone(), jobs.len(), edge, told));
                    jobs.push((at, job));
                    open.push(tell);
                }
                Step::End(which, how) if !open.is_empty() => {
                    let tell: oneshot::Sender<How> = open.remove(which % open.len());
                    tell.send(how).expect("it waits for that");
                }
                Step::End(..) => {}
                Step::Wait(milliseconds) => {
                    kit.h.advance(Duration::from_millis(milliseconds)).await
                }
            }
        }
        // Those that are left have time to end.
        let longest = Duration::from_millis(12 * values.len() as u64 + 12);
        kit.h.advance(longest).await;
        let stay = open.len();
        for tell in open {
            tell.send(How::Finished).expect("it waits for that");
        }
        let mut had = 0;
        for (at, job) in jobs {
            if let Some(value) = kit.h.wait(job).await.expect("no panic") {
                assert_eq!(value, values[at]);
                had += 1;
            }
        }
        assert!(had >= stay, "E7: who stays has its value");
        kit.h.settled().await;
        assert_eq!(kit.running(), 0, "E7: what nobody wants runs");
    });
}
