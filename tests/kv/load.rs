//! Clients that write, remember what was acknowledged, and hold the daemon to it.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Client, Reply, request};

/// What one client has asked for and been told, over all of its connections.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    number: usize,
    /// Keys that were written once: the numbers of those that were acknowledged.
    once: Vec<u64>,
    /// Keys that are written again and again, each with greater values.
    slots: [Range; SLOTS],
    /// The key that it alone counts up, and the one that all do.
    own: Range,
    shared: Range,
    /// The greatest number that it was told of its own count.
    told: i64,
    /// The source of all values.
    next: u64,
    /// Writes that were acknowledged.
    pub(crate) acks: u64,
    /// Requests that were answered with an error.
    pub(crate) refused: u64,
    /// Connections that broke.
    pub(crate) broken: u64,
}

/// The least and the most that a key may hold.
#[derive(Clone, Copy, Debug, Default)]
struct Range {
    acknowledged: u64,
    attempted: u64,
}

/// One request of a batch.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Writes a key that nobody has written.
    Once(u64),
    /// Writes a greater value.
    Slot(usize, u64),
    /// Reads what the step before has written.
    Read(u64),
    CountOwn,
    CountShared,
}

/// Lets clients write for so long.
pub(crate) fn run(address: SocketAddr, time: Duration) -> Vec<Writer> {
    let end = Instant::now() + time;
    let writers = (0..CLIENTS).map(|number| {
        thread::spawn(move || {
            let mut writer = Writer {
                number,
                ..Writer::default()
            };
            while Instant::now() < end {
                writer.connect_and_write(address, end);
            }
            writer
        })
    });
    let writers: Vec<_> = writers.collect();
    let writers = writers.into_iter().map(|writer| writer.join());
    writers
        .map(|writer| writer.expect("it was told nothing wrong"))
        .collect()
}

/// How many acknowledged writes are lost, checked one by one.
pub(crate) fn lost(address: SocketAddr, writers: &[Writer]) -> u64 {
    let mut reader = Reader {
        address,
        client: None,
    };
    let own: u64 = writers.iter().map(|writer| writer.lost(&mut reader)).sum();
    let shared = writers.iter().map(|writer| writer.shared);
    let shared = shared.reduce(|all, one| Range {
        acknowledged: all.acknowledged + one.acknowledged,
        attempted: all.attempted + one.attempted,
    });
    let shared = shared.expect("there are writers");
    own + shared.lost(reader.numbers(&["shared".to_owned()])[0])
}

impl Writer {
    /// Writes over one connection until it breaks.
    fn connect_and_write(&mut self, address: SocketAddr, end: Instant) {
        // The socket outlives the listener: a client may have to wait, but is never refused.
        let mut client = Client::connect(address).expect("the socket is bound");
        while Instant::now() < end {
            let steps = self.batch();
            let requests: Vec<_> = steps.iter().flat_map(|step| self.attempt(*step)).collect();
            if client.send(requests).is_err() || !self.hear(&mut client, &steps) {
                self.broken += 1;
                return;
            }
        }
    }

    /// The next things to do.
    fn batch(&mut self) -> Vec<Step> {
        let mut steps = vec![Step::Once(self.next), Step::CountOwn, Step::CountShared];
        for _ in 0..WRITES_PER_BATCH {
            self.next += 1;
            let slot = (self.next % SLOTS as u64) as usize;
            steps.extend([Step::Slot(slot, self.next), Step::Read(self.next)]);
        }
        steps
    }

    /// The request of a step, which from here on may have happened.
    fn attempt(&mut self, step: Step) -> Vec<u8> {
        match step {
            Step::Once(value) => set(&self.once_key(value), value),
            Step::Slot(slot, value) => {
                self.slots[slot].attempted = value;
                set(&self.slot_key(slot), value)
            }
            Step::Read(value) => {
                let slot = (value % SLOTS as u64) as usize;
                request(&["GET", &self.slot_key(slot)])
            }
            Step::CountOwn => {
                self.own.attempted += 1;
                request(&["INCR", &self.own_key()])
            }
            Step::CountShared => {
                self.shared.attempted += 1;
                request(&["INCR", "shared"])
            }
        }
    }

    /// Hears the replies to a batch. Returns whether the connection is still of use.
    fn hear(&mut self, client: &mut Client, steps: &[Step]) -> bool {
        for step in steps {
            match client.reply() {
                Ok(Reply::Error(text)) => {
                    assert!(text.starts_with("TRYAGAIN store"), "{text}");
                    self.refused += 1;
                    return false;
                }
                Ok(reply) => self.acknowledge(*step, &reply),
                Err(_) => return false,
            }
        }
        true
    }

    fn acknowledge(&mut self, step: Step, reply: &Reply) {
        match step {
            Step::Once(value) => {
                assert_eq!(*reply, Reply::ok());
                self.once.push(value);
            }
            Step::Slot(slot, value) => {
                assert_eq!(*reply, Reply::ok());
                self.slots[slot].acknowledged = value;
            }
            Step::Read(value) => {
                assert_eq!(
                    *reply,
                    Reply::bulk(value.to_string()),
                    "what was just written"
                );
                return;
            }
            Step::CountOwn => {
                assert!(reply.integer() > self.told, "{reply:?} after {}", self.told);
                self.told = reply.integer();
                self.own.acknowledged += 1;
            }
            Step::CountShared => {
                assert!(reply.integer() > 0);
                self.shared.acknowledged += 1;
            }
        }
        self.acks += 1;
    }

    /// How many of its keys do not hold what they must.
    fn lost(&self, reader: &mut Reader) -> u64 {
        let mut lost = 0;
        for values in self.once.chunks(KEYS_PER_READ) {
            let keys: Vec<_> = values.iter().map(|value| self.once_key(*value)).collect();
            let found = reader.numbers(&keys);
            let wrong = values
                .iter()
                .zip(found)
                .filter(|(value, found)| *found != Some(**value));
            lost += wrong.count() as u64;
        }
        let mut keys: Vec<_> = (0..SLOTS).map(|slot| self.slot_key(slot)).collect();
        keys.push(self.own_key());
        let ranges = self.slots.iter().chain([&self.own]);
        let found = reader.numbers(&keys);
        lost + ranges
            .zip(found)
            .map(|(range, found)| range.lost(found))
            .sum::<u64>()
    }

    fn once_key(&self, value: u64) -> String {
        format!("once:{}:{value}", self.number)
    }

    fn slot_key(&self, slot: usize) -> String {
        format!("slot:{}:{slot}", self.number)
    }

    fn own_key(&self) -> String {
        format!("own:{}", self.number)
    }
}

impl Range {
    /// 1 if `found` is less than was acknowledged, or more than was ever asked for.
    fn lost(self, found: Option<u64>) -> u64 {
        let found = found.unwrap_or(0);
        u64::from(!(self.acknowledged..=self.attempted).contains(&found))
    }
}

/// Reads from a daemon that may close the connection at any time.
struct Reader {
    address: SocketAddr,
    client: Option<Client>,
}

impl Reader {
    /// The numbers that keys hold; asked again until all are answered.
    fn numbers(&mut self, keys: &[String]) -> Vec<Option<u64>> {
        for _ in 0..READS_MAX {
            if let Some(numbers) = self.try_numbers(keys) {
                return numbers;
            }
            self.client = None;
        }
        panic!(
            "{READS_MAX} connections broke while {} keys were read",
            keys.len()
        );
    }

    fn try_numbers(&mut self, keys: &[String]) -> Option<Vec<Option<u64>>> {
        let client = match &mut self.client {
            Some(client) => client,
            none => none.insert(Client::connect(self.address).expect("the socket is bound")),
        };
        let gets = keys.iter().flat_map(|key| request(&["GET", key]));
        client.send(gets.collect::<Vec<_>>()).ok()?;
        keys.iter().map(|_| number(client)).collect()
    }
}

/// The number in the next reply, or `None` if there is no reply but the end.
fn number(client: &mut Client) -> Option<Option<u64>> {
    match client.reply().ok()? {
        Reply::Bulk(bytes) => Some(Some(String::from_utf8(bytes).ok()?.parse().ok()?)),
        Reply::Null => Some(None),
        _ => None,
    }
}

fn set(key: &str, value: u64) -> Vec<u8> {
    request(&["SET", key, &value.to_string()])
}

const CLIENTS: usize = 8;
const SLOTS: usize = 16;
const WRITES_PER_BATCH: usize = 6;
const KEYS_PER_READ: usize = 200;
/// How often a read is tried. Of a hundred connections in a row, one lives long enough.
const READS_MAX: usize = 100;
