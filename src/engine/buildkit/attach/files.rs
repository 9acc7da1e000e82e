//! Files of the host, on their way to the daemon.
//!
//! The protocol is fsutil's: this side lists everything, the daemon asks for what it lacks, this side sends it. An
//! entry's number in the listing is its name from then on. Sources: `fsutil/send.go` and BuildKit's
//! `session/filesync`.
//!
//! Three parts work at once and never wait for each other in a circle: the listing, the sending of what was asked for,
//! and the reading of requests, which go into a queue without limit: h2 breaks a connection on which small frames wait
//! unread.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read},
    ops::ControlFlow,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    pin::Pin,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use bollard_buildkit_proto::{
    fsutil::types::{Packet, Stat, packet::PacketType},
    moby::filesync::packet::file_sync_server::FileSync,
};
use futures_util::StreamExt;
use tokio::sync::mpsc::{self, error::TryRecvError};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::{gomode, trouble::Trouble};
use crate::{
    engine::context::{self, Entry},
    llb::Local,
};

/// What is sent in one message.
const CHUNK: usize = 256 << 10;
/// Packets that are handed over at once.
const BATCH: usize = 256;

/// The directories that the definitions of a build name, and nothing else.
#[derive(Debug, Default)]
pub struct Contexts {
    by_name: RwLock<HashMap<String, Arc<Local>>>,
    sent: AtomicU64,
}

impl Contexts {
    /// Allows a directory to be read.
    pub fn allow(&self, name: &str, files: &Local) {
        let mut by_name = self.by_name.write().expect("no holder of this lock panics");
        by_name
            .entry(name.to_owned())
            .or_insert_with(|| Arc::new(files.clone()));
    }

    /// How many files were asked for so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    fn get(&self, name: &str) -> Option<Arc<Local>> {
        let by_name = self.by_name.read().expect("no holder of this lock panics");
        by_name.get(name).cloned()
    }
}

/// The service.
#[derive(Clone)]
pub struct Files {
    /// What may be read.
    pub contexts: Arc<Contexts>,
    /// Where errors go.
    pub trouble: Trouble,
}

type Packets = Pin<Box<dyn Stream<Item = Result<Packet, Status>> + Send>>;
type Out = mpsc::Sender<Vec<Packet>>;

/// What the daemon asks for.
enum Wish {
    File(u32),
    End,
}

/// Regular files by their numbers.
type Index = Arc<Mutex<Vec<Option<PathBuf>>>>;

#[async_trait]
impl FileSync for Files {
    type DiffCopyStream = Packets;
    type TarStreamStream = Packets;

    async fn diff_copy(
        &self,
        request: Request<Streaming<Packet>>,
    ) -> Result<Response<Packets>, Status> {
        let name = request.metadata().get("dir-name");
        let name = name.and_then(|n| n.to_str().ok()).unwrap_or_default();
        let name = &name.to_owned();
        let local = self
            .contexts
            .get(name)
            .ok_or_else(|| Status::not_found(format!("no directory is called {name}")))?;
        // What went wrong the last time may be right now.
        self.trouble.take(name);
        let (out, packets) = mpsc::channel(32);
        let (wishes, queue) = mpsc::unbounded_channel();
        let index = Index::default();

        let mut inbound = request.into_inner();
        tokio::spawn(async move {
            while let Ok(Some(packet)) = inbound.message().await {
                let wish = match packet.r#type() {
                    PacketType::PacketReq => Wish::File(packet.id),
                    PacketType::PacketFin => Wish::End,
                    _ => break,
                };
                let last = matches!(wish, Wish::End);
                if wishes.send(wish).is_err() || last {
                    break;
                }
            }
        });
        let listing = Listing {
            out: out.clone(),
            index: Arc::clone(&index),
            trouble: Reporter::new(name, &self.trouble),
        };
        let sending = Sending {
            out,
            queue,
            index,
            contexts: Arc::clone(&self.contexts),
            trouble: Reporter::new(name, &self.trouble),
        };
        tokio::task::spawn_blocking(move || listing.run(&local));
        tokio::task::spawn_blocking(move || sending.run());
        let packets = ReceiverStream::new(packets)
            .flat_map(|batch| tokio_stream::iter(batch.into_iter().map(Ok)));
        Ok(Response::new(Box::pin(packets)))
    }

    async fn tar_stream(&self, _: Request<Streaming<Packet>>) -> Result<Response<Packets>, Status> {
        Err(Status::unimplemented("files are sent one by one"))
    }
}

fn packet(kind: PacketType, id: u32, data: Vec<u8>) -> Packet {
    Packet {
        r#type: kind.into(),
        id,
        data,
        ..Packet::default()
    }
}

fn stat_packet(stat: Option<Stat>) -> Packet {
    Packet {
        r#type: PacketType::PacketStat.into(),
        stat,
        ..Packet::default()
    }
}

/// Tells both the daemon and the user. The daemon's report alone would lose the path.
struct Reporter {
    name: String,
    trouble: Trouble,
}

impl Reporter {
    fn new(name: &str, trouble: &Trouble) -> Self {
        Self {
            name: name.to_owned(),
            trouble: trouble.clone(),
        }
    }

    fn fail(&self, out: &Out, text: &str) {
        self.trouble.note(&self.name, text);
        let error = packet(PacketType::PacketErr, 0, text.as_bytes().to_vec());
        let _ = out.blocking_send(vec![error]);
    }
}

struct Listing {
    out: Out,
    index: Index,
    trouble: Reporter,
}

impl Listing {
    fn run(self, local: &Local) {
        let mut stats = Vec::with_capacity(BATCH);
        let mut paths = Vec::with_capacity(BATCH);
        let result = context::walk(local, &mut |entry| {
            let Some(stat) = stat(&entry) else {
                return ControlFlow::Continue(());
            };
            let regular = stat.mode & gomode::TYPE == 0;
            paths.push(regular.then(|| local.dir.join(&entry.path)));
            stats.push(stat_packet(Some(stat)));
            if stats.len() == BATCH && !self.hand_over(&mut stats, &mut paths) {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        if let Err(error) = result {
            self.trouble.fail(&self.out, &error.to_string());
            return;
        }
        stats.push(stat_packet(None));
        self.hand_over(&mut stats, &mut paths);
    }

    /// The paths first: the daemon may ask for a file as soon as it has seen its name.
    fn hand_over(&self, stats: &mut Vec<Packet>, paths: &mut Vec<Option<PathBuf>>) -> bool {
        let mut index = self.index.lock().expect("no holder of this lock panics");
        index.append(paths);
        drop(index);
        let batch = std::mem::replace(stats, Vec::with_capacity(BATCH));
        self.out.blocking_send(batch).is_ok()
    }
}

/// None for what cannot be sent: sockets, pipes and devices.
fn stat(entry: &Entry) -> Option<Stat> {
    let meta = &entry.metadata;
    let mode = gomode::from_unix(meta.mode());
    if mode & (gomode::SOCKET | gomode::FIFO | gomode::DEVICE) != 0 {
        return None;
    }
    let link = mode & gomode::SYMLINK != 0;
    Some(Stat {
        path: entry.path.clone(),
        // Equal files give equal results whatever the umask of the machine; a link has no mode of its own.
        mode: if link { mode } else { mode & !0o022 },
        size: if meta.is_file() {
            i64::try_from(meta.size()).unwrap_or(i64::MAX)
        } else {
            0
        },
        mod_time: meta
            .mtime()
            .saturating_mul(1_000_000_000)
            .saturating_add(meta.mtime_nsec()),
        linkname: entry.link.clone().unwrap_or_default(),
        ..Stat::default()
    })
}

struct Sending {
    out: Out,
    queue: mpsc::UnboundedReceiver<Wish>,
    index: Index,
    contexts: Arc<Contexts>,
    trouble: Reporter,
}

impl Sending {
    fn run(mut self) {
        let mut batch = Batch::default();
        loop {
            // What is ready goes out before this side waits.
            let wish = match self.queue.try_recv() {
                Ok(wish) => Some(wish),
                Err(TryRecvError::Disconnected) => None,
                Err(TryRecvError::Empty) => {
                    if !batch.flush(&self.out) {
                        return;
                    }
                    self.queue.blocking_recv()
                }
            };
            match wish {
                None => return,
                Some(Wish::End) => {
                    batch.push(packet(PacketType::PacketFin, 0, Vec::new()));
                    batch.flush(&self.out);
                    return;
                }
                Some(Wish::File(id)) => {
                    self.contexts.sent.fetch_add(1, Ordering::Relaxed);
                    let path = {
                        let index = self.index.lock().expect("no holder of this lock panics");
                        index.get(id as usize).cloned().flatten()
                    };
                    let Some(path) = path else {
                        let text = format!("the daemon asked for file {id}, which is none");
                        self.trouble.fail(&self.out, &text);
                        return;
                    };
                    match send_file(&path, id, &mut batch, &self.out) {
                        Ok(true) => {}
                        Ok(false) => return,
                        Err(error) => {
                            let text = format!("cannot read `{}`: {error}", path.display());
                            self.trouble.fail(&self.out, &text);
                            return;
                        }
                    }
                }
            }
        }
    }
}

/// Whether somebody is still listening.
fn send_file(path: &PathBuf, id: u32, batch: &mut Batch, out: &Out) -> io::Result<bool> {
    let mut file = File::open(path)?;
    loop {
        let mut data = Vec::new();
        (&mut file).take(CHUNK as u64).read_to_end(&mut data)?;
        let last = data.len() < CHUNK;
        if !data.is_empty() {
            batch.push(packet(PacketType::PacketData, id, data));
        }
        if last {
            batch.push(packet(PacketType::PacketData, id, Vec::new()));
        }
        if batch.full() && !batch.flush(out) {
            return Ok(false);
        }
        if last {
            return Ok(true);
        }
    }
}

/// Packets that wait for company.
#[derive(Default)]
struct Batch {
    packets: Vec<Packet>,
    bytes: usize,
}

impl Batch {
    fn push(&mut self, packet: Packet) {
        self.bytes += packet.data.len();
        self.packets.push(packet);
    }

    fn full(&self) -> bool {
        self.packets.len() >= BATCH || self.bytes >= CHUNK
    }

    fn flush(&mut self, out: &Out) -> bool {
        self.bytes = 0;
        self.packets.is_empty() || out.blocking_send(std::mem::take(&mut self.packets)).is_ok()
    }
}
