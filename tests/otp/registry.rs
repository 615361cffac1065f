//! Names to find each other by: what a registry is there, a published value is here.

use futures::FutureExt;
use parking_lot::Mutex;
use perennial::testing::Harness;
use perennial::{PublishError, Published, Strategy};

use crate::ctl::{Ctl, Member, ctls};
use crate::sup::{Sup, incarnation};
use crate::trace::Trace;

const A: &str = "root.sup.a";

/// A member that publishes its incarnation as soon as it starts.
fn registered(ctl: &Ctl, name: &'static str, key: &Published<u64>) -> Member {
    let (code, own) = (ctl.member(), key.clone());
    let member = Member::new(name, move |ctx: perennial::Context| {
        let published = own.publish(&ctx, ctx.incarnation());
        published.expect("it is the publisher");
        code.call(ctx)
    });
    let key = key.clone();
    member.with(move |run| run.publishes(&key))
}

#[test]
fn otp_122_a_key_goes_with_its_owner_and_comes_back_with_it() {
    // L1, L10. Nobody finds an owner that is dead; who asks meanwhile waits.
    let trace = Trace::default();
    let (a, key) = (Ctl::new("a", &trace), Published::new());
    let sup = Sup::new(Strategy::OneForOne).run(registered(&a, "a", &key));
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        let (mut owners, first) = (key.watch(), incarnation(&h, A).await);
        assert_eq!(owners.next().await.expect("it is registered"), first);
        a.crash().await;
        let second = owners.next().await.expect("it is started again");
        assert!(second > first);
        h.settled().await;
        assert_eq!(second, incarnation(&h, A).await);
        assert_eq!(key.peek(), Some(second));
    });
}

#[test]
fn otp_122_a_listener_sees_each_registration_and_its_end() {
    // L10. Of what comes and goes faster than it looks, it sees the newest.
    let trace = Trace::default();
    let (a, key) = (Ctl::new("a", &trace), Published::new());
    let sup = Sup::new(Strategy::OneForOne).run(registered(&a, "a", &key));
    Harness::run(None, |h| async move {
        h.start(sup.root());
        let mut owners = key.watch();
        h.settled().await;
        for _ in 0..3 {
            let owner = owners.next().await.expect("it is registered");
            assert_eq!(owner, incarnation(&h, A).await);
            assert!(owners.outdated().now_or_never().is_none());
            a.crash().await;
            owners.outdated().await;
            h.settled().await;
        }
        drop(h.tree().node(A).terminate());
        h.settled().await;
        let gone = owners.next().await.expect_err("it is down");
        assert_eq!(gone.to_string(), "root.sup.a publishes nothing any more");
    });
}

#[test]
fn otp_122_a_key_has_one_owner_which_is_declared_last() {
    // L10. Whoever else publishes is refused.
    let trace = Trace::default();
    let ([a, b], key) = (ctls(["a", "b"], &trace), Published::new());
    let refused = std::sync::Arc::new(Mutex::new(Vec::new()));
    let (noted, own, code) = (refused.clone(), key.clone(), a.member());
    let first = Member::new("a", move |ctx: perennial::Context| {
        noted.lock().extend(own.publish(&ctx, 0).err());
        code.call(ctx)
    });
    let shared = key.clone();
    let first = first.with(move |run| run.publishes(&shared));
    let sup = Sup::new(Strategy::OneForOne).run(first);
    let sup = sup.run(registered(&b, "b", &key));
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        assert_eq!(key.peek(), Some(incarnation(&h, "root.sup.b").await));
        let refused = std::mem::take(&mut *refused.lock());
        assert!(matches!(&refused[..], [PublishError::NotPublisher { path }] if *path == A));
    });
}

#[test]
fn otp_122_the_key_of_a_dead_owner_can_be_taken_at_once() {
    // L10, R16. By other code in its place, say.
    let trace = Trace::default();
    let ([a, b], key) = (ctls(["a", "b"], &trace), Published::new());
    let sup = Sup::new(Strategy::OneForOne).run(registered(&a, "a", &key));
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        let child = sup.children().remove(0);
        h.wait(child.terminate()).await.expect("it stands");
        assert!(key.get().await.is_err());
        let other = registered(&b, "a", &key).runnable();
        child.replace(other).await.expect("it stands");
        child.start().await.expect("it is down");
        let owner = key.get().await.expect("it has a new owner");
        assert_eq!(owner, incarnation(&h, A).await);
        h.settled().await;
    });
}
