//! The workloads, on any peer. Each sees that as many children started and ended as it says.

use std::time::{Duration, Instant};

use crate::beside::{Figure, Job, Workload, resident, watch};
use crate::peer::Peer;
use crate::stage::Stage;

/// How long idle children are watched, as on the floor.
const IDLE: Duration = Duration::from_secs(10);

/// After how long a workload is not repeated any more, so that a slow peer ends, too.
const ENOUGH: Duration = Duration::from_secs(2);

pub(crate) fn block_on<P: Peer>(job: Job) -> Result<Figure, String> {
    job.flavour.block_on(measure::<P>(job))
}

async fn measure<P: Peer>(job: Job) -> Result<Figure, String> {
    let (size, names) = (job.size, names(job, 0));
    match job.workload {
        Workload::Start => start::<P>(job).await,
        Workload::Stop => stop::<P>(job).await,
        Workload::Idle => idle::<P>(job).await,
        Workload::Storm => {
            let stage = Stage::new(size);
            fail(job, stage.clone(), P::flat(stage, names), [size, size]).await
        }
        Workload::Restart => {
            let stage = Stage::new(1);
            fail(job, stage.clone(), P::flat(stage, names), [size, 1]).await
        }
        Workload::Group => {
            let stage = Stage::new(1);
            fail(job, stage.clone(), P::group(stage, names), [size, size]).await
        }
        Workload::Chain => {
            let (stage, entering) = (Stage::new(1), P::entering(size));
            let tree = P::chain(stage.clone(), names);
            fail(job, stage, tree, [entering, entering]).await
        }
    }
}

/// Names that no other tree of this process has: for some peers they hold in the whole process.
fn names(job: Job, time: usize) -> Vec<String> {
    let names = (0..job.size).map(|index| format!("child-{time}-{index}"));
    names.collect()
}

/// Lets what fails fail, so often: so many have started at first, and so many start each time.
async fn fail<P: Peer>(
    job: Job,
    stage: Stage,
    tree: impl Future<Output = Result<P, String>>,
    [first, again]: [usize; 2],
) -> Result<Figure, String> {
    stage.started.expect(first);
    let tree = tree.await?;
    stage.started.reached().await;
    let (began, mut times) = (Instant::now(), 0);
    while times < job.times() && began.elapsed() < ENOUGH {
        stage.started.expect(again);
        stage.ended.expect(again);
        tree.fail()?;
        stage.started.reached().await;
        times += 1;
    }
    let time = began.elapsed();
    stage.ended.check("ended").await?;
    stage.started.check("started").await?;
    let among = match job.workload {
        Workload::Restart => 1,
        _ => job.size,
    };
    Ok(Figure::shared(time, among * times))
}

async fn start<P: Peer>(job: Job) -> Result<Figure, String> {
    let (mut sum, mut bytes) = (Duration::ZERO, None);
    for time in 1.. {
        let (stage, names) = (Stage::new(0), names(job, time));
        stage.started.expect(job.size);
        let before = resident();
        let began = Instant::now();
        let tree = P::flat(stage.clone(), names).await?;
        stage.started.reached().await;
        sum += began.elapsed();
        // Of the first time: later ones take what was freed.
        let bytes = *bytes.get_or_insert(resident() - before);
        stage.started.check("started").await?;
        if time == job.times() || sum > ENOUGH {
            return Ok(Figure {
                bytes: bytes / job.size as f64,
                ..Figure::shared(sum, job.size * time)
            });
        }
        stage.ended.expect(job.size);
        tree.stop().await;
        stage.ended.check("ended").await?;
    }
    unreachable!("one time is the last")
}

async fn stop<P: Peer>(job: Job) -> Result<Figure, String> {
    let (mut sum, mut times) = (Duration::ZERO, 0);
    while times < job.times() && sum < ENOUGH {
        times += 1;
        let (stage, names) = (Stage::new(0), names(job, times));
        stage.started.expect(job.size);
        let tree = P::flat(stage.clone(), names).await?;
        stage.started.reached().await;
        stage.ended.expect(job.size);
        let began = Instant::now();
        tree.stop().await;
        stage.ended.reached().await;
        sum += began.elapsed();
        stage.ended.check("ended").await?;
        stage.started.check("started").await?;
    }
    Ok(Figure::shared(sum, job.size * times))
}

async fn idle<P: Peer>(job: Job) -> Result<Figure, String> {
    let stage = Stage::new(0);
    stage.started.expect(job.size);
    // Kept, for some peers stop when it is dropped.
    let _tree = P::flat(stage.clone(), names(job, 0)).await?;
    stage.started.reached().await;
    let figure = watch(IDLE).await;
    stage.started.check("started").await?;
    stage.ended.check("ended").await?;
    Ok(figure)
}
