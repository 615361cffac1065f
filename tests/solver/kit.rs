//! A tree with a solver, and vertices that count what is asked of them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use perennial::solver::{
    BoxError, BuildError, CacheKey, Edge, Identity, Input, Job, Keying, MemoryStore, Operation,
    OperationContext, OperationError, Output, ResultStore, RunContext, Solver, SolverBuilder,
    Vertex, VertexBuilder,
};
use perennial::store::Digest;
use perennial::testing::Harness;
use perennial::{Context, Pool, RunError, State};
use proptest::test_runner::Config as ProptestConfig;
use tokio::sync::Barrier;

/// What has been asked so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) keys: usize,
    pub(crate) runs: usize,
    pub(crate) loads: usize,
}

/// A test's tree, which runs, with a solver, and the counters of all that it makes.
#[derive(Clone)]
pub(crate) struct Kit {
    pub(crate) h: Harness,
    pub(crate) solver: Solver<u64>,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    keys: AtomicUsize,
    runs: AtomicUsize,
    loads: AtomicUsize,
    running: AtomicUsize,
    running_most: AtomicUsize,
    fails_to_load: std::sync::atomic::AtomicBool,
}

/// What waits before an operation says its key, or runs.
pub(crate) type Gate = Arc<dyn Fn(Context) -> BoxFuture<'static, ()> + Send + Sync>;

type Made = BoxFuture<'static, Result<Vec<u64>, OperationError>>;

type Work = dyn Fn(RunContext<u64>, Vec<u64>) -> Made + Send + Sync;

/// An operation that is what its name says, and is found by its seeds.
pub(crate) struct Op {
    name: String,
    seeds: Vec<Seed>,
    work: Arc<Work>,
    before_key: Option<Gate>,
    before_run: Option<Gate>,
    needs: Vec<(String, u32)>,
    counters: Arc<Counters>,
}

/// One name of an operation.
#[derive(Clone)]
enum Seed {
    Is(String),
    Counted(String, Arc<AtomicUsize>),
    Fails(String),
    Never,
}

impl Op {
    pub(crate) fn before_key(mut self, gate: Gate) -> Self {
        self.before_key = Some(gate);
        self
    }

    pub(crate) fn before_run(mut self, gate: Gate) -> Self {
        self.before_run = Some(gate);
        self
    }

    pub(crate) fn needs(mut self, limit: &str, permits: u32) -> Self {
        self.needs.push((limit.into(), permits));
        self
    }

    /// Another name, asked for when those before it are not known.
    pub(crate) fn or_seed(mut self, seed: &str) -> Self {
        self.seeds.push(Seed::Is(seed.into()));
        self
    }

    /// The same, and how often it is asked for.
    pub(crate) fn or_counted(mut self, seed: &str, asked: &Arc<AtomicUsize>) -> Self {
        self.seeds.push(Seed::Counted(seed.into(), asked.clone()));
        self
    }

    pub(crate) fn key_fails(mut self, why: &str) -> Self {
        self.seeds = vec![Seed::Fails(why.into())];
        self
    }

    pub(crate) fn without_key(mut self) -> Self {
        self.seeds = vec![Seed::Never];
        self
    }

    pub(crate) fn vertex(self) -> VertexBuilder<u64> {
        Vertex::builder(self.name.clone(), self)
    }
}

impl Operation for Op {
    type Value = u64;

    fn identity(&self) -> Identity {
        Identity::new(&self.name)
    }

    fn keying(&self) -> Keying {
        Keying::Asked
    }

    async fn key(&self, ctx: OperationContext, step: usize) -> Result<CacheKey, OperationError> {
        if step == 0 {
            self.counters.keys.fetch_add(1, Ordering::Relaxed);
            if let Some(gate) = &self.before_key {
                gate(ctx.context().clone()).await;
            }
        }
        let digest = match &self.seeds[step] {
            Seed::Is(seed) => Digest::of(seed.as_bytes()),
            Seed::Counted(seed, asked) => {
                asked.fetch_add(1, Ordering::Relaxed);
                Digest::of(seed.as_bytes())
            }
            Seed::Fails(why) => return Err(OperationError::permanent(why.as_str())),
            Seed::Never => return Ok(CacheKey::Never),
        };
        if step + 1 == self.seeds.len() {
            Ok(CacheKey::Last(digest))
        } else {
            Ok(CacheKey::More(digest))
        }
    }

    async fn run(
        &self,
        ctx: RunContext<u64>,
        inputs: Vec<Output<u64>>,
    ) -> Result<Vec<Output<u64>>, OperationError> {
        self.counters.runs.fetch_add(1, Ordering::Relaxed);
        let running = Running::new(&self.counters);
        if let Some(gate) = &self.before_run {
            gate(ctx.context().clone()).await;
        }
        let inputs = inputs.iter().map(|input| **input).collect();
        let made = (self.work)(ctx, inputs).await;
        drop(running);
        Ok(made?.into_iter().map(Output::new).collect())
    }

    fn needs(&self) -> Vec<(String, u32)> {
        self.needs.clone()
    }
}

/// That an operation runs.
struct Running<'a>(&'a Counters);

impl<'a> Running<'a> {
    fn new(counters: &'a Counters) -> Self {
        let running = counters.running.fetch_add(1, Ordering::Relaxed) + 1;
        counters.running_most.fetch_max(running, Ordering::Relaxed);
        Self(counters)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Kit {
    pub(crate) fn counts(&self) -> Counts {
        let read = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        Counts {
            keys: read(&self.counters.keys),
            runs: read(&self.counters.runs),
            loads: read(&self.counters.loads),
        }
    }

    /// What has been asked since it was last looked at.
    #[track_caller]
    pub(crate) fn expect(&self, keys: usize, runs: usize, loads: usize) {
        let expected = Counts { keys, runs, loads };
        assert_eq!(self.counts(), expected);
        self.forget_counts();
    }

    pub(crate) fn forget_counts(&self) {
        for counter in [
            &self.counters.keys,
            &self.counters.runs,
            &self.counters.loads,
        ] {
            counter.store(0, Ordering::Relaxed);
        }
    }

    /// How many operations have run at the same time, at most.
    pub(crate) fn running_most(&self) -> usize {
        self.counters.running_most.load(Ordering::Relaxed)
    }

    /// How many operations run now.
    pub(crate) fn running(&self) -> usize {
        self.counters.running.load(Ordering::Relaxed)
    }

    /// Has all loads fail from now on.
    pub(crate) fn loads_fail(&self) {
        self.counters.fails_to_load.store(true, Ordering::Relaxed);
    }

    pub(crate) fn job(&self, id: &str) -> Job<u64> {
        self.solver.job(id).expect("no such job yet")
    }

    /// An operation that does this.
    pub(crate) fn op<F, Fut>(&self, name: &str, seed: &str, work: F) -> Op
    where
        F: Fn(RunContext<u64>, Vec<u64>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<u64>, OperationError>> + Send + 'static,
    {
        Op {
            name: name.into(),
            seeds: vec![Seed::Is(seed.into())],
            work: Arc::new(move |ctx, inputs| work(ctx, inputs).boxed()),
            before_key: None,
            before_run: None,
            needs: Vec::new(),
            counters: self.counters.clone(),
        }
    }

    /// An operation that gives this value.
    pub(crate) fn leaf(&self, name: &str, seed: &str, value: u64) -> Op {
        self.op(name, seed, move |_, _| async move { Ok(vec![value]) })
    }

    /// A vertex of this value, with inputs that it does not use.
    pub(crate) fn node(
        &self,
        name: &str,
        seed: &str,
        value: u64,
        inputs: impl IntoIterator<Item = impl Into<Input<u64>>>,
    ) -> Vertex<u64> {
        self.leaf(name, seed, value).vertex().inputs(inputs).build()
    }

    pub(crate) fn constant(&self, value: u64) -> Vertex<u64> {
        let name = self.fresh_name();
        self.leaf(&name, &format!("const-{value}"), value)
            .vertex()
            .build()
    }

    /// The sum of a number and of the inputs.
    pub(crate) fn sum(&self, n: u64, inputs: impl IntoIterator<Item = Edge<u64>>) -> Vertex<u64> {
        let inputs: Vec<_> = inputs.into_iter().collect();
        let seed = format!("sum-{n}-{}", inputs.len());
        let work =
            move |_, inputs: Vec<u64>| async move { Ok(vec![n + inputs.iter().sum::<u64>()]) };
        let op = self.op(&self.fresh_name(), &seed, work);
        op.vertex().inputs(inputs).build()
    }

    /// One output for each input, which is that and a number.
    pub(crate) fn add_to_each(
        &self,
        n: u64,
        inputs: impl IntoIterator<Item = Edge<u64>>,
    ) -> Vertex<u64> {
        let inputs: Vec<_> = inputs.into_iter().collect();
        let seed = format!("addn-{n}-{}", inputs.len());
        let work = move |_, inputs: Vec<u64>| async move {
            Ok(inputs.iter().map(|input| input + n).collect())
        };
        let op = self.op(&self.fresh_name(), &seed, work);
        op.vertex().inputs(inputs).build()
    }

    /// An operation that builds another, and gives what comes of that.
    pub(crate) fn sub_build(&self, name: &str, seed: &str, edge: Edge<u64>) -> Op {
        self.op(name, seed, move |ctx, _| {
            let edge = edge.clone();
            async move { Ok(vec![*ctx.build(&edge).await?]) }
        })
    }

    /// A name that nothing else has.
    pub(crate) fn fresh_name(&self) -> String {
        static NAMES: AtomicUsize = AtomicUsize::new(0);
        format!("v{}", NAMES.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether nothing of any job is left.
    #[track_caller]
    pub(crate) fn expect_empty(&self) {
        let snapshot = self.solver.snapshot();
        assert_eq!(snapshot.vertices, [], "vertices are left");
        assert_eq!((snapshot.jobs, snapshot.executions), (0, 0));
    }
}

/// The digest of a value: what an input has become.
pub(crate) fn by_content(edge: Edge<u64>) -> Input<u64> {
    Input::from(edge).content(|value: Output<u64>| async move { Ok(digest_of(*value)) })
}

pub(crate) fn digest_of(value: u64) -> Digest {
    Digest::of(&value.to_le_bytes())
}

/// Lets time pass, which is the harness's.
pub(crate) async fn pass(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

/// A gate that opens after a time.
pub(crate) fn after(milliseconds: u64) -> Gate {
    Arc::new(move |_| pass(milliseconds).boxed())
}

/// A gate that opens when so many have come.
pub(crate) fn barrier(of: usize) -> Gate {
    let barrier = Arc::new(Barrier::new(of));
    Arc::new(move |_| {
        let barrier = barrier.clone();
        async move {
            barrier.wait().await;
        }
        .boxed()
    })
}

/// A gate that opens when the operation is told to stop.
pub(crate) fn when_cancelled() -> Gate {
    Arc::new(|ctx| async move { ctx.cancelled().await }.boxed())
}

/// A store in memory that counts loads, and may fail them.
#[derive(Debug)]
pub(crate) struct CountingStore {
    counters: Arc<Counters>,
    inner: MemoryStore<u64>,
}

impl ResultStore<u64> for CountingStore {
    fn name(&self) -> &str {
        "counting"
    }

    fn find(&self, key: Digest) -> BoxFuture<'_, Result<bool, BoxError>> {
        self.inner.find(key)
    }

    fn load(&self, key: Digest) -> BoxFuture<'_, Result<Option<Vec<Output<u64>>>, BoxError>> {
        async move {
            if !self.inner.find(key).await? {
                return Ok(None);
            }
            self.counters.loads.fetch_add(1, Ordering::Relaxed);
            if self.counters.fails_to_load.load(Ordering::Relaxed) {
                return Err("the store is broken".into());
            }
            self.inner.load(key).await
        }
        .boxed()
    }

    fn save<'a>(
        &'a self,
        key: Digest,
        outputs: &'a [Output<u64>],
    ) -> BoxFuture<'a, Result<(), BoxError>> {
        self.inner.save(key, outputs)
    }

    fn alias(&self, of: Digest) -> BoxFuture<'_, Result<Option<Digest>, BoxError>> {
        self.inner.alias(of)
    }

    fn set_alias(&self, of: Digest, to: Digest) -> BoxFuture<'_, Result<(), BoxError>> {
        self.inner.set_alias(of, to)
    }
}

/// Starts a tree with a pool, and waits until that runs.
pub(crate) async fn start_pool(h: &Harness, pool: &Pool) {
    let node = pool.clone();
    h.start(move |ctx: Context| {
        let declared = ctx.run("pool", node.clone());
        async move {
            declared?;
            ctx.done();
            Ok::<_, RunError>(())
        }
    });
    h.settled().await;
}

/// Starts a tree with the node of a solver, and waits until that runs.
pub(crate) async fn start<V: Send + Sync + 'static>(h: &Harness, solver: &Solver<V>) {
    let node = solver.node();
    h.start(move |ctx: Context| {
        let declared = ctx.run("solver", node.clone());
        async move {
            declared?;
            ctx.done();
            Ok::<_, RunError>(())
        }
    });
    h.until("root.solver", State::Healthy).await;
}

/// Plays a test in a tree with a solver, and sees that nothing is left.
pub(crate) fn play<Fut: Future<Output = ()>>(test: impl FnOnce(Kit) -> Fut) {
    play_with(|builder| builder, test);
}

/// The same, with options for the solver.
pub(crate) fn play_with<Fut: Future<Output = ()>>(
    options: impl FnOnce(SolverBuilder<u64>) -> SolverBuilder<u64>,
    test: impl FnOnce(Kit) -> Fut,
) {
    Harness::run(None, |h| async move {
        let counters = Arc::<Counters>::default();
        let store = CountingStore {
            counters: counters.clone(),
            inner: MemoryStore::new(),
        };
        let solver = options(Solver::builder().store(store)).build();
        start(&h, &solver).await;
        let kit = Kit {
            h: h.clone(),
            solver,
            counters,
        };
        let after = kit.clone();
        test(kit).await;
        h.settled().await;
        after.expect_empty();
        after.solver.releaser().all_released().expect("a leak");
    });
}

/// How many random cases are played, unless `PROPTEST_CASES` says otherwise.
pub(crate) fn cases(few: u32) -> ProptestConfig {
    let config = ProptestConfig::default();
    let is_set = std::env::var_os("PROPTEST_CASES").is_some();
    let cases = if is_set { config.cases } else { few };
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..config
    }
}

/// The text of an error with all its causes.
pub(crate) fn text(error: &BuildError) -> String {
    let mut texts = vec![error.to_string()];
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        texts.push(cause.to_string());
        source = cause.source();
    }
    texts.join(": ")
}

/// Keeps what is seen in a test, in order.
pub(crate) type Seen = Arc<Mutex<Vec<String>>>;
